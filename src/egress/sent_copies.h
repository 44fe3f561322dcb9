// Sent copies for mailboxes on other servers: takes mta's requests, logs in as the server's master user and files the
// message there (sent_filing.h). Owned by the service; one loop.
#pragma once
#include <functional>
#include <memory>

#include "egress/connector.h"
#include "egress/sent_filing.h"
#include "smtp/reply.h"
#include "wire/schema.h"

namespace bz::egress {

class SentCopies {
 public:
  static constexpr size_t kMax = 200;  // at work
  // All outlive it.
  SentCopies(net::Loop& loop, Connector& connector);
  ~SentCopies();
  void file(wire::FileSent request, int leg, std::shared_ptr<const Settings> settings);  // owns the descriptor
  size_t size() const { return tasks_.size(); }

 private:
  Task<void> run(wire::FileSent request, int leg, std::shared_ptr<const Settings> settings);
  Task<smtp::Reply> work(const wire::FileSent& request, net::Stream& leg, std::shared_ptr<const Settings> settings);
  static Task<Result<void>> turn(SentFiling& filing, const wire::FileSent& request, net::Stream& leg, net::Stream& server);
  static Task<Result<void>> pass_body(uint64_t size, net::Stream& leg, net::Stream& server);
  net::Loop& loop_;
  Connector& connector_;
  net::TaskGroup tasks_;
};

// The plan of a master user who acts for `user`. Denied: the server has none.
Result<LoginPlan> master_plan(const Server& server, const std::string& user);

}  // namespace bz::egress

// The client of Apple's push service: takes orders of the mail store, sends them over one connection of HTTP/2 on a thread
// of its own, tries again later what could not be sent, and tells the mail store which devices are gone. What is waiting
// lives in memory only: a push is a hint (docs/decisions/0027-apple-push.md).
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "apns/outbox.h"
#include "https/session.h"
#include "net/loop.h"
#include "roles/role.h"

namespace bz::roles {

class Pushes {
 public:
  explicit Pushes(RoleHost& host);
  ~Pushes();  // ends the request under way
  void take_settings();
  void take(const wire::ApplePush& order);

 private:
  struct Link;  // what the thread uses: the connection, and where it leads
  Task<void> work();
  void settle(const std::vector<apns::Push>& sent, const std::vector<Result<https::Reply>>& replies);
  void tell_gone(const apns::Push& push, int64_t since);
  void arm();

  RoleHost& host_;
  apns::Outbox outbox_;
  std::shared_ptr<Link> link_;  // null: no certificate
  std::shared_ptr<std::atomic<bool>> stop_;
  std::string trouble_;  // why nothing can be sent now; empty: nothing is wrong
  bool busy_ = false;
  net::BlockingPool pool_;
  net::Loop::Timer timer_;
  net::TaskGroup tasks_;
};

}  // namespace bz::roles

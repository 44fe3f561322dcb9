// Takes back legs of the gateway and runs their sessions. The first bytes of a leg are a Handoff (wire/handoff.h); a
// submission's ticket is checked here, a stranger's session (mx) has none. Owned by the mta role; one loop.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "crypto/ticket.h"
#include "net/stream.h"
#include "smtpd/session.h"

namespace bz::smtpd {

class Service {
 public:
  // `verifier` is asked for each leg and may be null until the public key of auth is known: submissions get 454 then. All
  // references outlive the service.
  Service(net::Loop& loop, std::shared_ptr<const Settings> settings, Services services,
          std::function<crypto::TicketVerifier*()> verifier);
  ~Service();
  void accept(int leg);  // owns the descriptor
  void set(std::shared_ptr<const Settings> settings) { settings_ = std::move(settings); }
  // Ends the sessions of an account (device empty: of all its devices) with 421; how many.
  size_t end_sessions(AccountId account, const std::string& device);
  void stop_soon();  // each session ends with 421: at once when idle, otherwise at its next command
  void stop_now();   // those that are left, in the middle of whatever they do
  size_t sessions() const { return tasks_.size(); }

 private:
  Task<void> serve(int leg);
  Task<Result<std::pair<Facts, std::string>>> take_over(net::Stream& stream);
  net::Loop& loop_;
  std::shared_ptr<const Settings> settings_;
  Services services_;
  std::function<crypto::TicketVerifier*()> verifier_;
  std::map<uint64_t, Session*> running_;
  uint64_t next_ = 0;
  net::TaskGroup tasks_;
};

}  // namespace bz::smtpd

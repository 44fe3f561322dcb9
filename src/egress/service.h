// Takes back legs of the gateway whose mailbox is on another server and runs their sessions: checks the ticket, fetches the
// credential that auth sent, logs in there, gives our client its answer and moves bytes both ways without reading them.
// Owned by the egress role; one loop.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crypto/ticket.h"
#include "egress/connector.h"
#include "egress/credentials.h"
#include "egress/sent_copies.h"
#include "wire/handoff.h"

namespace bz::egress {

class Service {
 public:
  // `verifier` is asked for each leg and may be null until the public key of auth is known. All references outlive the
  // service.
  Service(const Outside& outside, const base::Clock& clock, std::shared_ptr<const Settings> settings,
          std::function<crypto::TicketVerifier*()> verifier);
  ~Service();
  // Owns the descriptor. takes_socket: the gateway is on this host and takes the server's socket in answer; the session
  // then goes on there, where the way to the server is without TLS (docs/decisions/0016).
  void accept(int leg, bool takes_socket = false);
  void credential(wire::ForeignLogin record) { credentials_.put(std::move(record), orders_); }
  void file_sent(wire::FileSent request, int leg) { sent_copies_.file(std::move(request), leg, settings_); }
  void set(std::shared_ptr<const Settings> settings) { settings_ = std::move(settings); }
  // Ends the sessions of an account (device empty: of all its devices), with BYE where the protocol is at rest; what auth
  // sent a credential() for before opens no more, what it sends one for afterwards does. How many.
  size_t end_sessions(AccountId account, const std::string& device, const std::string& reason);
  void end_all(const std::string& reason);
  size_t sessions() const { return tasks_.size(); }
  const Health& health() const { return health_; }

 private:
  struct Session;
  Task<void> serve(int leg, bool takes_socket);
  Task<Result<void>> take_over(Session& session);
  Task<ConnectResult> connect(Session& session);
  static void report(const Session& session, const ConnectResult& result, base::MonoTime::duration took);
  Task<Result<void>> answer(Session& session, const Connected& connected);
  Task<void> relay(Session& session, Connected connected);
  Task<bool> hand_back(Session& session, Connected& connected);
  Task<void> cut_late(std::vector<uint64_t> sessions);
  Task<void> say(Session& session, std::string words);
  Result<Target> target_of(const Session& session) const;

  const Outside& outside_;
  const base::Clock& clock_;
  std::shared_ptr<const Settings> settings_;
  std::function<crypto::TicketVerifier*()> verifier_;
  Health health_;
  Connector connector_;
  SentCopies sent_copies_;
  Credentials credentials_;
  std::map<uint64_t, Session*> running_;
  uint64_t next_ = 0;
  struct Ended {
    uint64_t order;  // credentials from before are void
    int64_t at_ms;   // Unix time
  };
  std::map<AccountId, Ended> ended_;
  uint64_t orders_ = 0;
  net::TaskGroup tasks_, late_;
};

}  // namespace bz::egress

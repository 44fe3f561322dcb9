// One LMTP connection (RFC 2033) from mta on a private leg, or from a stranger's mail transfer on a private address: LHLO,
// MAIL, RCPT, then DATA or BDAT (RFC 3030), and one answer per accepted recipient. What mta and we say beyond LMTP stands
// in smtp/lmtp_ext.h: the account of each recipient, the queue id that makes delivery happen once, the Sent copy. A
// stranger says none of that: his recipients are addresses, which the directory resolves, and what he sends again is
// delivered again. 250 means durable.
//
// A session lives on one thread; the accounts of its recipients may live on others. So it knows them as Accounts and
// Inlets only, which the role implements. Content goes on as it comes, to every recipient's inlet, a piece at a time: a
// message is never held here, and a client faster than the store waits.
//
//   auto session = std::make_unique<lmtpd::Session>(std::move(stream), accounts, config, sid, input);
//   group.spawn(session->run());
//
// A connection that ends, or a session that is destroyed, in the middle of a message has delivered nothing to whom it did
// not answer yet; mta tries again and the queue id keeps that from delivering twice.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "net/stream.h"
#include "smtp/framer.h"
#include "smtp/server_fsm.h"
#include "store/account.h"

namespace bz::lmtpd {

// One message on its way to one recipient. Destroyed without finish(): nothing happened.
class Inlet {
 public:
  virtual ~Inlet() = default;
  virtual Task<Result<void>> write(std::string bytes) = 0;
  virtual Task<Result<store::Appended>> finish(store::Delivery delivery) = 0;  // once; durable when it says so
};

// What is known of a message before it comes.
struct Expected {
  store::Delivery delivery;
  uint64_t size = 0;  // as MAIL announced it; 0: not known
};

class Accounts {
 public:
  virtual ~Accounts() = default;
  // NotFound: no such account. OverQuota: it has no room for the message. Unavailable and the like: try later.
  virtual Task<Result<std::unique_ptr<Inlet>>> open(AccountId account, Expected expected) = 0;
  // To everybody the address stands for. NotFound: nobody here. Denied: the account is disabled.
  virtual Task<Result<std::unique_ptr<Inlet>>> open_address(smtp::Address address, Expected expected) = 0;
};

enum class WhenFull : uint8_t { Reject, Defer };  // 552 5.2.2 or 452 4.2.2; a Sent copy is always deferred

struct SessionConfig {
  std::string hostname;
  bool from_mta = true;              // speaks lmtp_ext.h and has resolved its recipients
  uint64_t max_message = 100 << 20;  // octets
  size_t max_recipients = 1000;      // of one message; each holds an inlet
  WhenFull when_full = WhenFull::Reject;
  unsigned max_errors = 20;  // refused commands before 421
  base::Millis idle_timeout{5 * 60'000};
  base::Millis write_timeout{60'000};
};

class Session {
 public:
  Session(std::unique_ptr<net::Stream> stream, Accounts& accounts, SessionConfig config, SessionId id, std::string input);
  ~Session();
  Session(const Session&) = delete;
  Task<void> run();

 private:
  struct Target {
    std::unique_ptr<Inlet> inlet;
    std::optional<smtp::Reply> failed;  // what the recipient gets at the end; the inlet is gone then
  };
  Task<bool> take(std::string_view input);  // false: the connection ends
  Task<void> handle(smtp::Framer::Event event);
  Task<void> command(smtp::Command command);
  void refuse(smtp::Verb verb, const smtp::Command& command, smtp::Reply why);
  void mail(const smtp::MailFrom& from);
  Task<void> recipient(smtp::RcptTo to);
  Task<void> content(std::string_view bytes);
  Task<void> hand_on();  // what content() gathered, to every target
  Task<void> content_end(smtp::Fault fault);
  Task<void> finish(smtp::Fault fault);
  Task<smtp::Reply> deliver(size_t index);
  store::Delivery delivery_of(const smtp::RcptTo& to) const;
  WhenFull when_full(const smtp::RcptTo& to) const;
  const SessionId& session_of_message() const;
  void drop_targets() {
    targets_.clear();
    gathered_.clear();
  }
  void reply(const smtp::Reply& reply);
  Task<bool> flush();

  std::unique_ptr<net::Stream> stream_;
  Accounts& accounts_;
  const SessionConfig config_;
  const SessionId id_;
  std::string input_;
  smtp::Framer framer_;
  smtp::ServerFsm fsm_;
  std::string out_;
  std::vector<Target> targets_;  // one for each recipient of the transaction
  std::string gathered_;         // content comes line by line; a target may live on another thread
  std::optional<smtp::Reply> bdat_refusal_;
  bool bdat_last_ = false;
  unsigned errors_ = 0;
  bool ended_ = false;
};

// What a recipient's failed delivery is answered with: temporary or permanent is decided here and nowhere else.
smtp::Reply reply_for(const Error& error, WhenFull when_full);

}  // namespace bz::lmtpd

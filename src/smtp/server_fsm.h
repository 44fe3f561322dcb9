// The order of commands (RFC 5321 4.1.4, RFC 2033 for LMTP, RFC 3030 for BDAT) as a table: event, from, to, action. The
// session asks on(event) what to do, does it, and says accept() when it worked; a refused command leaves the state alone.
// A mail transaction is an object: MAIL makes it; RSET, EHLO, STARTTLS and the end of a message destroy it.
//
//   Fresh --EHLO--> Greeted --MAIL--> Sender --RCPT--> Recipients --DATA--> Data --end--> Greeted
//                                                          '--BDAT--> Chunks --BDAT LAST--> Greeted
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "smtp/command.h"
#include "smtp/ehlo.h"

namespace bz::smtp {

enum class ServerState : uint8_t { Fresh, Greeted, Sender, Recipients, Data, Chunks, Closed, Same };
inline constexpr size_t kServerStates = 7;  // Same stands in the table only: "to" is where we are
std::string_view name(ServerState state);

// The verbs, and what happens without one.
enum class ServerEvent : uint8_t {
  Helo,
  Ehlo,
  Lhlo,
  Mail,
  Rcpt,
  Data,
  Bdat,
  Rset,
  Noop,
  Quit,
  Vrfy,
  Expn,
  Help,
  StartTls,
  Auth,
  Unknown,
  MessageEnd,  // the framer's End of DATA or of the last BDAT chunk
};
inline constexpr size_t kServerEvents = 17;
std::string_view name(ServerEvent event);

enum class ServerAction : uint8_t {
  Hello,     // answer with ehlo_reply or the short HELO form
  Mail,      // check the sender
  Rcpt,      // check the recipient
  Data,      // 354, then content
  Bdat,      // content follows at once, whatever the answer will be
  Finish,    // commit the message and answer (LMTP: once per recipient)
  Reset,     // 250
  Noop,      // 250
  Quit,      // 221 and close
  Verify,    // 252
  Help,      // 214
  StartTls,  // 220, then the handshake
  Auth,      // exchange
  Refuse,    // send Step::refusal; for BDAT: read the chunk first
};

struct Transition {
  ServerEvent event;
  uint8_t from;  // bits of ServerState
  ServerState to;
  ServerAction action;
};
std::span<const Transition> server_transitions();

struct Transaction {
  MailFrom mail;
  std::vector<RcptTo> recipients;  // accepted ones
};

struct ServerOptions {
  ServerMode mode = ServerMode::Mx;
  bool greeted = false;        // the gateway has had EHLO already
  bool authenticated = false;  // born so after a hand-over
  bool offers_starttls = false;
  bool offers_auth = false;
};

class ServerFsm {
 public:
  struct Step {
    ServerAction action;
    Reply refusal{};  // for Refuse
  };
  explicit ServerFsm(ServerOptions options);
  Step on(ServerEvent event);
  Step on(Verb verb) { return on(static_cast<ServerEvent>(verb)); }
  // The last step worked. The forms with an argument make or extend the transaction. A Finish is always accepted, whatever
  // its answer was: the transaction is over.
  void accept();
  void accept(MailFrom mail);
  void accept(RcptTo rcpt);
  void bdat_refused();  // RFC 3030 2: the transaction is over, later chunks get 503 until RSET or MAIL
  void authenticated() { options_.authenticated = true; }

  ServerState state() const { return state_; }
  const Transaction* transaction() const { return transaction_.get(); }
  Transaction* transaction() { return transaction_.get(); }

 private:
  const FixedReply* guard(ServerEvent event) const;
  const FixedReply& out_of_order(ServerEvent event) const;
  void move_on(ServerAction expected);
  ServerOptions options_;
  ServerState state_;
  ServerState next_;
  ServerAction action_ = ServerAction::Refuse;  // of the last step
  std::unique_ptr<Transaction> transaction_;
};

}  // namespace bz::smtp

// POP3 before login: CAPA, STLS, USER, PASS, APOP, AUTH, UTF8, LANG, QUIT (RFC 1939, 2449, 2595, 5034, 6856). The hand-over
// follows a good login; the back end sends its +OK.
#pragma once
#include <string>

#include "login/sasl_exchange.h"
#include "pop3/command.h"
#include "pop3/framer.h"

namespace bz::login {

class Pop3Front : private Prompter {
 public:
  explicit Pop3Front(Client& client);
  // From the greeting to the hand-over or the end.
  Task<FrontEnd> run();

 private:
  enum class Next : uint8_t { Go, HandedOver, End };
  void greet();
  Task<Result<Next>> step();
  Task<Result<Next>> command(std::string_view line);
  Task<Result<Next>> start_tls();
  Task<Result<Next>> pass(std::string_view password);
  Task<Result<Next>> apop(std::string_view user, std::string_view digest);
  Task<Result<Next>> auth(const pop3::Command& command);
  Task<Result<Next>> conclude(wire::SaslStart start);
  Task<Result<Next>> pass_on(SaslOutcome outcome, std::string mechanism);
  Next user(std::string_view name);
  Next refuse(const SaslOutcome& outcome);
  Next ok(std::string_view text);
  Next err(std::string_view text, std::string_view code = {});
  Next bad(std::string_view text);
  Next not_offered();
  Next capabilities();
  Next list_mechanisms();
  bool listed(std::string_view mechanism) const;  // by the door, now or after STLS
  bool offers(std::string_view mechanism) const { return client_.may_log_in() && listed(mechanism); }
  Task<Result<std::string>> ask(std::string_view challenge) override;
  Task<Result<void>> read_more();

  Client& client_;
  pop3::Framer framer_;
  std::string input_;        // what was read last
  std::string_view unread_;  // of it
  std::string timestamp_;    // of the greeting, with its brackets; empty: APOP is not offered
  std::string user_;         // of USER
  bool utf8_ = false;        // UTF8 was given
  std::unique_ptr<net::Stream> leg_;
  std::string end_ = "quit";
};

}  // namespace bz::login

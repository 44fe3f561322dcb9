// Login at an IMAP server (RFC 3501 sections 6.1 and 6.2): CAPABILITY, STARTTLS, ID, AUTHENTICATE (with an initial response
// where offered, RFC 4959) or LOGIN, whose strings become literals where they cannot be quoted (RFC 7888 where offered),
// and CAPABILITY again when the server did not say after the login what it can do.
#pragma once
#include "egress/login_machine.h"

namespace bz::egress {

class ImapLogin : public LoginMachine {
 public:
  using LoginMachine::LoginMachine;
  // What the server can do after the login, for the tagged OK to our client: atoms only, without what is over (STARTTLS,
  // LOGINDISABLED, AUTH=, SASL-IR). At most 4 KiB.
  std::string capabilities() const;

 private:
  enum class State : uint8_t { Greeting, Capability, StartTls, Id, Authenticate, Login, After };
  void parse() override;
  void on_tls() override;
  void send_response(std::string_view bytes) override;
  void on_line(std::string_view line);
  void on_greeting(std::string_view line);
  void on_untagged(std::string_view rest);
  void on_continuation(std::string_view rest);
  void on_tagged(std::string_view rest);
  void next_step();
  void send(State state, std::string_view command);
  void log_in();
  void send_login();
  void begin_authenticate();
  void logged_in(std::string_view rest);
  void refused(std::string_view rest);
  void take_capabilities(std::string_view words);
  bool take_code(std::string_view rest);
  bool can(std::string_view capability) const;

  State state_ = State::Greeting;
  unsigned number_ = 0;
  std::string tag_;
  std::vector<std::string> capabilities_;
  std::vector<std::string> pieces_;  // of LOGIN, each sent when the server asked for it
  size_t skip_ = 0;                  // octets of a literal in a response that we do not read
  bool within_ = false;              // the line goes on behind such a literal
  bool id_sent_ = false;
};

}  // namespace bz::egress

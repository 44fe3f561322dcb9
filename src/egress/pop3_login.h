// Login at a POP3 server: CAPA (RFC 2449), STLS (RFC 2595), XCLIENT where offered, AUTH (RFC 5034) or USER and PASS.
#pragma once
#include "egress/login_machine.h"

namespace bz::egress {

class Pop3Login : public LoginMachine {
 public:
  using LoginMachine::LoginMachine;

 private:
  enum class State : uint8_t { Greeting, Capa, CapaList, Stls, Xclient, Auth, User, Pass };
  void parse() override;
  void on_tls() override;
  void send_response(std::string_view bytes) override { out_ += text64(bytes) + "\r\n"; }
  static std::string text64(std::string_view bytes);
  void on_line(std::string_view line);
  void on_capability(std::string_view line);
  void next_step();
  void log_in();
  void send(State state, std::string_view command);
  void refused(std::string_view text);

  State state_ = State::Greeting;
  bool asked_ = false, xclient_ = false, user_ = false;
  std::vector<std::string> mechanisms_;
};

}  // namespace bz::egress

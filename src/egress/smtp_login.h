// Login at a submission server: EHLO, STARTTLS (RFC 3207), XCLIENT where offered, EHLO again, AUTH (RFC 4954).
#pragma once
#include "egress/login_machine.h"
#include "smtp/reply.h"

namespace bz::egress {

class SmtpLogin : public LoginMachine {
 public:
  using LoginMachine::LoginMachine;

 private:
  enum class State : uint8_t { Greeting, Ehlo, StartTls, Xclient, Auth };
  void parse() override;
  void on_tls() override;
  void send_response(std::string_view bytes) override;
  void on_reply(const smtp::Reply& reply);
  void on_ehlo(const smtp::Reply& reply);
  void on_auth(const smtp::Reply& reply);
  void send(State state, std::string_view command);

  State state_ = State::Greeting;
  smtp::ReplyParser parser_;
  bool starttls_ = false, xclient_ = false, xclient_sent_ = false;
  std::vector<std::string> mechanisms_;
};

}  // namespace bz::egress

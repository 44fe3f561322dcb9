// SMTP before login: EHLO, HELO, STARTTLS, AUTH, NOOP, RSET, QUIT (RFC 5321, 3207, 4954). The hand-over follows a good
// AUTH, on mx doors too, for phones that know port 25 only. There the first command of a mail transaction is handed over
// unread instead, and strangers stay strangers.
#pragma once
#include <string>

#include "login/sasl_exchange.h"
#include "smtp/command.h"
#include "smtp/framer.h"
#include "smtp/reply.h"

namespace bz::login {

class SmtpFront : private Prompter {
 public:
  explicit SmtpFront(Client& client);
  Task<FrontEnd> run();

 private:
  enum class Next : uint8_t { Go, HandedOver, End };
  Task<Result<void>> greet();
  Task<Result<Next>> step();
  Task<Result<Next>> command(std::string_view line);
  Task<Result<Next>> start_tls(const smtp::Command& command);
  Task<Result<Next>> auth(const smtp::Command& command);
  Task<Result<Next>> pass_on(wire::Handoff header, std::string unread, std::string role);
  Next other(const smtp::Command& command);
  Next hello(const smtp::Command& command);
  Next refuse(const SaslOutcome& outcome);
  Next say(const smtp::Reply& reply);
  Next bad(const smtp::Reply& reply);
  bool mx() const { return client_.door->service == wire::Service::Mx; }
  Task<Result<std::string>> ask(std::string_view challenge) override;
  Task<Result<void>> read_more();

  Client& client_;
  smtp::Framer framer_;
  std::string input_;        // what was read last
  std::string_view unread_;  // of it
  std::string ehlo_;
  bool esmtp_ = false;
  std::unique_ptr<net::Stream> leg_;
  std::string end_ = "quit";
};

}  // namespace bz::login

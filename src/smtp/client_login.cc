// ClientFsm from greeting to login: EHLO, STARTTLS (RFC 3207), AUTH (RFC 4954).
#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "smtp/client_fsm.h"

namespace bz::smtp {

void ClientFsm::say_hello(Phase phase) {
  const char* verb = config_.lmtp ? "LHLO " : phase == Phase::Helo ? "HELO " : "EHLO ";
  out_ += verb + config_.hello_name + "\r\n";
  become(phase, Want::Input);
}

void ClientFsm::on_ehlo(const Reply& reply) {
  if (reply.positive()) {
    offer_ = phase_ == Phase::Ehlo ? read_offer(reply) : ServerOffer{};
    return after_hello();
  }
  // RFC 5321 3.2: an old server
  if (phase_ == Phase::Ehlo && reply.permanent() && !config_.lmtp) return say_hello(Phase::Helo);
  session_failed(reply);
}

void ClientFsm::after_hello() {
  if (config_.tls_active || config_.tls == TlsDuty::Never) return start_auth();
  if (offer_.starttls) {
    out_ += "STARTTLS\r\n";
    return become(Phase::StartTls, Want::Input);
  }
  if (config_.tls == TlsDuty::Required) {
    return session_failed(Reply(450, "4.7.4", "TLS is required here and the server does not offer it"));
  }
  start_auth();
}

void ClientFsm::tls_started() {
  BZ_CHECK(want_ == Want::Handshake, "no handshake was asked for");
  config_.tls_active = true;
  parser_ = {};
  say_hello(Phase::Ehlo);  // RFC 3207 4.2: all that was offered before is forgotten
}

// Best first: SCRAM shows nobody the password and proves that the server knows it.
static constexpr std::string_view kLogins[] = {"SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1",
                                               "PLAIN",         "CRAM-MD5",      "LOGIN"};

void ClientFsm::start_auth() {
  if (!config_.credentials) return become(Phase::Idle, Want::Message);
  if (!config_.tls_active) return session_failed(Reply(450, "4.7.11", "No login without TLS"));
  const auto in = [](const std::vector<std::string>& list, std::string_view mechanism) {
    return std::find(list.begin(), list.end(), mechanism) != list.end();
  };
  for (const auto mechanism : kLogins) {
    if (in(offer_.auth, mechanism) && !in(auth_tried_, mechanism) && begin_auth(mechanism)) return;
  }
  session_failed(login_refusal_ ? *login_refusal_ : Reply(450, "4.7.0", "The server offers no mechanism for our login"));
}

// False: not one that we can do.
bool ClientFsm::begin_auth(std::string_view mechanism) {
  const auto& [user, password] = *config_.credentials;
  std::optional<Secret> initial;
  exchange_.reset();
  if (mechanism == "PLAIN") {
    initial.emplace('\0' + user + '\0' + std::string(password.reveal()));
    auth_step_ = AuthStep::Final;
  } else if (mechanism == "LOGIN") {
    auth_step_ = AuthStep::LoginUser;
  } else {
    if (config_.login) exchange_ = config_.login(mechanism, *config_.credentials);
    if (!exchange_) return false;
    if (auto first = exchange_->initial()) initial.emplace(std::move(*first));
    auth_step_ = AuthStep::Exchange;
  }
  auth_tried_.emplace_back(mechanism);
  out_ += "AUTH " + std::string(mechanism);
  if (initial) out_ += " " + base::base64(initial->reveal());
  out_ += "\r\n";
  become(Phase::Auth, Want::Input);
  return true;
}

void ClientFsm::on_auth(const Reply& reply) {
  if (reply.positive()) {
    if (exchange_ && !exchange_->may_succeed()) {
      return session_failed(Reply(450, "4.7.8", "The server took our login without proof that it knows the password"));
    }
    authenticated_ = true;
    return become(Phase::Idle, Want::Message);
  }
  if (reply.code == 504) return start_auth();  // mechanism not known after all: the next one
  if (!reply.intermediate() || auth_step_ == AuthStep::Final) {
    // Temporary on purpose: a wrong password of ours must not bounce the users' mail.
    Reply refusal(450, "4.7.8", "The server refused our login: " + reply.to_string());
    // A server may offer a mechanism for which it has no secret of this user.
    if (!exchange_ || reply.code != 535) return session_failed(std::move(refusal));
    login_refusal_ = std::move(refusal);
    return start_auth();
  }
  answer_challenge(reply);
}

void ClientFsm::answer_challenge(const Reply& reply) {
  const auto& [user, password] = *config_.credentials;
  switch (auth_step_) {
    case AuthStep::LoginUser:
      out_ += base::base64(user) + "\r\n";
      auth_step_ = AuthStep::LoginPassword;
      return;
    case AuthStep::LoginPassword:
      out_ += base::base64(password.reveal()) + "\r\n";
      auth_step_ = AuthStep::Final;
      return;
    case AuthStep::Exchange: {
      const auto challenge = base::from_base64(base::trim(reply.text));
      const auto answer = challenge ? exchange_->next(*challenge) : Result<std::string>(fail(Errc::Invalid, "no base64"));
      out_ += (answer ? base::base64(*answer) : "*") + "\r\n";  // RFC 4954 section 4: "*" cancels
      if (!answer) auth_step_ = AuthStep::Final;
      return;
    }
    case AuthStep::None:
    case AuthStep::Final:
      return;
  }
}

void ClientFsm::session_failed(Reply reply) {
  if (reply.positive() || reply.intermediate()) reply = Reply(451, "4.5.0", "Unexpected reply: " + reply.to_string());
  failure_ = std::move(reply);
  out_ += "QUIT\r\n";
  close();
}

}  // namespace bz::smtp

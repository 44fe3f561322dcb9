// The life of a session: which answer belongs to what, and how it ends. Opening it: client_login.cc; messages:
// client_message.cc.
#include "smtp/client_fsm.h"

#include <utility>

namespace bz::smtp {

ClientFsm::ClientFsm(ClientConfig config) : config_(std::move(config)) {}

ClientFsm::DeadlineClass ClientFsm::deadline_class() const {
  switch (phase_) {
    case Phase::Greeting:
      return DeadlineClass::Greeting;
    case Phase::Body:
      return DeadlineClass::DataBlock;
    case Phase::BodyReply:
      return DeadlineClass::DataEnd;
    case Phase::Envelope:
      return !expected_.empty() && expected_.front().kind == Expected::Kind::Data ? DeadlineClass::DataStart
                                                                                  : DeadlineClass::Command;
    default:
      return DeadlineClass::Command;
  }
}

void ClientFsm::become(Phase phase, Want want) {
  phase_ = phase;
  want_ = want;
}

void ClientFsm::close() { become(Phase::Closed, Want::Closed); }

void ClientFsm::input(std::string_view bytes) {
  while (!bytes.empty() && want_ != Want::Closed) {
    auto reply = parser_.next(bytes);
    if (!reply) {
      lost(Reply(451, "4.5.0", "The server does not speak SMTP: " + reply.error().text()));
      return;
    }
    if (!*reply) return;
    on_reply(**reply);
    // RFC 3207 6: what comes in clear behind the 220 may be an attacker's.
    if (want_ == Want::Handshake && !bytes.empty()) {
      session_failed(Reply(450, "4.7.0", "The server sent data between STARTTLS and the handshake"));
    }
  }
}

void ClientFsm::on_reply(const Reply& reply) {
  if (reply.code == 421 && phase_ != Phase::Quit) return lost(reply);  // RFC 5321 3.8: the server goes
  switch (phase_) {
    case Phase::Greeting:
      if (!reply.positive()) return session_failed(reply);
      return say_hello(Phase::Ehlo);
    case Phase::Ehlo:
    case Phase::Helo:
      return on_ehlo(reply);
    case Phase::StartTls:
      if (reply.positive()) {
        want_ = Want::Handshake;
      } else if (config_.tls == TlsDuty::Required) {
        session_failed(Reply(450, "4.7.4", "The server refused STARTTLS: " + reply.to_string()));
      } else {
        start_auth();
      }
      return;
    case Phase::Auth:
      return on_auth(reply);
    case Phase::Envelope:
      return on_envelope(reply);
    case Phase::BodyReply:
      return on_body_reply(reply);
    case Phase::Reset:
      if (reply.positive()) return become(Phase::Idle, Want::Message);
      return close();
    case Phase::Body:  // an answer before the end of the message can only be a refusal
      return lost(reply.positive() || reply.intermediate() ? Reply(451, "4.5.0", "Unexpected reply: " + reply.to_string())
                                                           : reply);
    case Phase::Idle:
    case Phase::Result:
    case Phase::Quit:
    case Phase::Closed:
      return close();  // nothing was asked
  }
}

void ClientFsm::quit() {
  if (want_ == Want::Closed) return;
  out_ += "QUIT\r\n";
  become(Phase::Quit, Want::Input);
}

void ClientFsm::lost(Reply reply) {
  if (want_ == Want::Closed) return;
  if (phase_ < Phase::Idle) failure_ = reply;
  settle_open(reply);
  close();
}

}  // namespace bz::smtp

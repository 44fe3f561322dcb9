#include "smtp/client_fsm.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "smtp/lmtp_ext.h"

namespace bz::smtp {
namespace {

ServerOffer read_offer(const Reply& ehlo) {
  ServerOffer offer;
  const auto lines = base::split(ehlo.text, '\n');
  for (size_t i = 1; i < lines.size(); ++i) {
    const auto words = base::split(base::trim(lines[i]), ' ');
    const auto is = [&](std::string_view keyword) { return base::iequals(words[0], keyword); };
    if (is("PIPELINING")) offer.pipelining = true;
    if (is("CHUNKING")) offer.chunking = true;
    if (is("8BITMIME")) offer.eight_bit = true;
    if (is("SMTPUTF8")) offer.smtputf8 = true;
    if (is("DSN")) offer.dsn = true;
    if (is("STARTTLS")) offer.starttls = true;
    if (is("ENHANCEDSTATUSCODES")) offer.enhanced = true;
    if (is(kLmtpExtension)) offer.buzon = true;
    if (is("SIZE")) {
      offer.has_size = true;
      if (words.size() > 1) offer.max_size = base::parse_number<uint64_t>(words[1]).value_or(0);
    }
    if (is("AUTH")) {
      for (size_t w = 1; w < words.size(); ++w) offer.auth.push_back(base::upper(words[w]));
    }
  }
  return offer;
}

Outcome outcome_of(const Reply& reply) {
  if (reply.positive()) return {Outcome::Kind::Done, reply};
  if (reply.permanent()) return {Outcome::Kind::Permanent, reply};
  return {Outcome::Kind::Temporary, reply};
}

}  // namespace

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

// ---- opening the session

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
constexpr std::string_view kLogins[] = {"SCRAM-SHA-256", "PLAIN", "CRAM-MD5", "LOGIN"};

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

// ---- a message

void ClientFsm::start(ClientMessage message) {
  BZ_CHECK(want_ == Want::Message, "start() while not idle");
  message_ = std::move(message);
  outcomes_.assign(message_.recipients.size(), {});
  accepted_.assign(message_.recipients.size(), false);
  to_send_.clear();
  expected_.clear();
  data_reply_.reset();
  mail_accepted_ = needs_reset_ = false;
  bdat_ = offer_.chunking && message_.mail.size.has_value();
  refuse_unsendable();
  send_envelope();
}

// What this server cannot take is refused here, with the reply it would give.
void ClientFsm::refuse_unsendable() {
  const auto& mail = message_.mail;
  if (offer_.max_size > 0 && mail.size && *mail.size > offer_.max_size) {
    return settle_open(Reply(552, "5.3.4", "Message too large for the server"));
  }
  if (mail.smtputf8 && !offer_.smtputf8) {  // RFC 6531 3.2
    return settle_open(Reply(550, "5.6.7", "The server does not take internationalized mail"));
  }
  for (size_t i = 0; i < outcomes_.size(); ++i) refuse_unsendable(i);
}

void ClientFsm::refuse_unsendable(size_t index) {
  const auto& rcpt = message_.recipients[index];
  // Sent as an ordinary delivery it would land in the INBOX.
  if (rcpt.sent_copy && !offer_.buzon) settle(index, Reply(450, "4.3.5", "The mail store does not know XBUZON"));
}

void ClientFsm::send_envelope() {
  to_send_.push_back({Expected::Kind::Mail, 0});
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    if (outcomes_[i].kind == Outcome::Kind::Pending) to_send_.push_back({Expected::Kind::Rcpt, i});
  }
  if (to_send_.size() == 1) return finish_message(false);
  // BDAT waits for the recipients: unlike DATA it brings the message with it.
  if (!bdat_) to_send_.push_back({Expected::Kind::Data, 0});
  become(Phase::Envelope, Want::Input);
  do send_one();
  while (offer_.pipelining && !to_send_.empty());
}

void ClientFsm::send_one() {
  const auto next = to_send_.front();
  to_send_.pop_front();
  expected_.push_back(next);
  switch (next.kind) {
    case Expected::Kind::Mail:
      out_ += mail_line();
      return;
    case Expected::Kind::Rcpt:
      out_ += rcpt_line(next.index);
      return;
    case Expected::Kind::Data:
      out_ += "DATA\r\n";
      return;
  }
}

std::string ClientFsm::mail_line() const {
  MailFrom mail = message_.mail;
  if (!offer_.has_size) mail.size.reset();
  if (!offer_.eight_bit) mail.body.reset();  // the caller has converted the content
  if (!offer_.smtputf8) mail.smtputf8 = false;
  if (!offer_.dsn) {
    mail.ret = Ret::Unset;
    mail.envid.clear();
  }
  if (!authenticated_) mail.auth.reset();
  if (!offer_.buzon) {
    mail.queue_id.clear();
    mail.session.clear();
  }
  return encode(mail);
}

std::string ClientFsm::rcpt_line(size_t index) const {
  RcptTo rcpt = message_.recipients[index];
  if (!offer_.dsn) rcpt.notify = {};
  if (!offer_.dsn || (!offer_.smtputf8 && !base::is_ascii(rcpt.orcpt))) rcpt.orcpt.clear();
  if (!offer_.buzon) {
    rcpt.account = {};
    rcpt.sent_copy = false;
  }
  return encode(rcpt);
}

void ClientFsm::on_envelope(const Reply& reply) {
  const auto asked = expected_.front();
  expected_.pop_front();
  switch (asked.kind) {
    case Expected::Kind::Mail:
      mail_accepted_ = reply.positive();
      if (!mail_accepted_) settle_open(reply);
      break;
    case Expected::Kind::Rcpt:
      if (reply.positive()) {
        accepted_[asked.index] = mail_accepted_;
      } else if (reply.code == 552) {  // RFC 5321 4.5.3.1.10: "too many recipients" of old servers
        settle(asked.index, Reply(452, "4.5.3", reply.text));
      } else {
        settle(asked.index, reply);
      }
      break;
    case Expected::Kind::Data:
      data_reply_ = reply;
      break;
  }
  if (!expected_.empty()) return;
  const bool data_next = !to_send_.empty() && to_send_.front().kind == Expected::Kind::Data;
  if (!mail_accepted_ || (data_next && accepted() == 0)) to_send_.clear();
  if (to_send_.empty()) return envelope_done();
  send_one();
}

void ClientFsm::envelope_done() {
  if (!bdat_ && data_reply_ && data_reply_->intermediate()) {
    if (accepted() > 0) return begin_body();
    // RFC 2920 3.1: DATA was taken without recipients; an empty message ends it. LMTP never answers that (RFC 2033 4.2).
    if (config_.lmtp) return close();
    out_ += ".\r\n";
    return become(Phase::BodyReply, Want::Input);
  }
  if (bdat_ && accepted() > 0) {
    out_ += "BDAT " + std::to_string(*message_.mail.size) + " LAST\r\n";
    return begin_body();
  }
  if (data_reply_) settle_open(data_reply_->positive() ? Reply(451, "4.5.0", "Unexpected reply to DATA") : *data_reply_);
  finish_message(mail_accepted_);
}

void ClientFsm::begin_body() {
  body_left_ = message_.mail.size.value_or(0);
  stuffer_ = {};
  become(Phase::Body, Want::Body);
}

void ClientFsm::body(std::string_view piece) {
  if (phase_ != Phase::Body) return;  // the connection was lost in between
  if (!bdat_) return stuffer_.add(piece, out_);
  if (piece.size() > body_left_) return body_failed();
  body_left_ -= piece.size();
  out_ += piece;
}

void ClientFsm::body_end() {
  if (phase_ != Phase::Body) return;
  if (bdat_ && body_left_ > 0) return body_failed();
  if (!bdat_) stuffer_.finish(out_);
  lmtp_next_ = next_accepted(0);
  become(Phase::BodyReply, Want::Input);
}

void ClientFsm::body_failed() {
  out_.clear();
  lost(Reply(451, "4.3.0", "The message could not be read"));
}

void ClientFsm::on_body_reply(const Reply& reply) {
  if (reply.intermediate()) return lost(Reply(451, "4.5.0", "Unexpected reply: " + reply.to_string()));
  if (!config_.lmtp) {
    settle_open(reply);
    return finish_message(false);
  }
  settle(lmtp_next_, reply);
  lmtp_next_ = next_accepted(lmtp_next_ + 1);
  if (lmtp_next_ == accepted_.size()) finish_message(false);
}

void ClientFsm::settle(size_t index, const Reply& reply) {
  if (outcomes_[index].kind == Outcome::Kind::Pending) outcomes_[index] = outcome_of(reply);
}

void ClientFsm::settle_open(const Reply& reply) {
  for (size_t i = 0; i < outcomes_.size(); ++i) settle(i, reply);
}

void ClientFsm::finish_message(bool transaction_open) {
  needs_reset_ = transaction_open;
  become(Phase::Result, Want::Result);
}

void ClientFsm::next_message() {
  if (want_ != Want::Result) return;
  if (!needs_reset_) return become(Phase::Idle, Want::Message);
  out_ += "RSET\r\n";
  become(Phase::Reset, Want::Input);
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

size_t ClientFsm::accepted() const { return static_cast<size_t>(std::count(accepted_.begin(), accepted_.end(), true)); }

size_t ClientFsm::next_accepted(size_t from) const {
  return static_cast<size_t>(std::find(accepted_.begin() + static_cast<ptrdiff_t>(from), accepted_.end(), true) -
                             accepted_.begin());
}

}  // namespace bz::smtp

// ClientFsm with a message: envelope in one flight where the server pipelines (RFC 2920), DATA or BDAT (RFC 3030), answers.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "smtp/client_fsm.h"

namespace bz::smtp {
namespace {

Outcome outcome_of(const Reply& reply) {
  if (reply.positive()) return {Outcome::Kind::Done, reply};
  if (reply.permanent()) return {Outcome::Kind::Permanent, reply};
  return {Outcome::Kind::Temporary, reply};
}

}  // namespace

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

size_t ClientFsm::accepted() const { return static_cast<size_t>(std::count(accepted_.begin(), accepted_.end(), true)); }

size_t ClientFsm::next_accepted(size_t from) const {
  return static_cast<size_t>(std::find(accepted_.begin() + static_cast<ptrdiff_t>(from), accepted_.end(), true) -
                             accepted_.begin());
}

}  // namespace bz::smtp

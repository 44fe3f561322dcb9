#include "queue/bounce.h"

#include "base/check.h"
#include "base/text.h"
#include "mime/date.h"
#include "smtp/dsn.h"

namespace bz::queue {

std::string rfc5322_date(int64_t millis) { return mime::format_rfc5322_date({millis / 1000, 0}); }

std::vector<size_t> to_report(const Envelope& envelope) {
  std::vector<size_t> out;
  if (envelope.sender.is_null()) return out;
  for (size_t i = 0; i < envelope.recipients.size(); ++i) {
    const auto& r = envelope.recipients[i];
    const bool failure = r.state == RecipientState::Failed && r.rcpt.notify.on_failure();
    const bool success = r.state == RecipientState::Success && r.rcpt.notify.on_success();
    const bool delay = r.waiting() && r.delay == Recipient::Delay::ToTell;
    if (failure || success || delay) out.push_back(i);
  }
  return out;
}

bool wants_full(const Envelope& envelope) { return envelope.ret == smtp::Ret::Full && envelope.size <= kMaxFullReturn; }

Bounce make_bounce(const Envelope& envelope, const std::vector<size_t>& recipients, std::string original,
                   const BounceFacts& facts) {
  BZ_CHECK(!recipients.empty() && !envelope.sender.is_null(), "a bounce needs a sender and something to say");
  smtp::DsnInput in;
  in.reporting_mta = facts.hostname;
  in.message_id = "<" + facts.id + "." + facts.random.substr(0, 8) + "@" + facts.hostname + ">";
  in.date = rfc5322_date(facts.now);
  in.boundary = "bz" + facts.random;
  in.queue_id = envelope.id;
  in.to = envelope.sender;
  in.envid = envelope.envid;
  in.arrival_date = rfc5322_date(envelope.received);
  in.original = std::move(original);
  in.full = wants_full(envelope);
  for (const size_t i : recipients) {
    const auto& r = envelope.recipients[i];
    smtp::DsnRecipient d;
    d.rcpt = r.rcpt;
    d.action = r.state == RecipientState::Failed ? smtp::DsnAction::Failed
               : r.waiting()                     ? smtp::DsnAction::Delayed
               : r.relayed                       ? smtp::DsnAction::Relayed
                                                 : smtp::DsnAction::Delivered;
    d.reply = r.last_reply;
    d.remote_mta = r.remote_mta;
    if (r.last_try > 0) d.last_attempt = rfc5322_date(r.last_try);
    in.recipients.push_back(std::move(d));
  }
  Bounce bounce;
  bounce.content = smtp::make_dsn(in);
  auto& e = bounce.envelope;
  e.id = facts.id;
  e.session = envelope.session;
  e.received = facts.now;
  e.message_id = in.message_id;
  e.size = bounce.content.size();
  e.header_size = bounce.content.find("\r\n\r\n") + 4;
  e.eight_bit = !base::is_ascii(bounce.content);
  e.smtputf8 = envelope.sender.needs_smtputf8();
  Recipient to;
  to.rcpt.recipient = envelope.sender;
  to.rcpt.notify.bits = smtp::Notify::kNever;  // RFC 3461 6.1
  to.next_try = facts.now;
  e.recipients.push_back(std::move(to));
  return bounce;
}

}  // namespace bz::queue

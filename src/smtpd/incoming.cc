#include "smtpd/incoming.h"

#include "base/log.h"
#include "queue/bounce.h"
#include "smtp/replies.h"

namespace bz::smtpd {
namespace {

namespace replies = smtp::replies;
constexpr size_t kPiece = 64 << 10;

smtp::Reply reply_to(const Error& error) {
  switch (error.code()) {
    case Errc::OverQuota:
      return replies::kNoSpace;
    case Errc::Limit:
      return replies::kTooManyRecipients;
    default:
      return replies::kUnavailable;
  }
}

queue::CleanupRules rules(const Settings& settings, const Facts& facts, const smtp::MailFrom& mail, const QueueId& id,
                          int64_t now, const std::vector<smtp::RcptTo>& recipients) {
  queue::ReceivedFacts received;
  received.hello = facts.hello;
  received.peer_address = facts.peer_address;
  received.hostname = settings.host;
  received.esmtp = facts.esmtp;
  received.smtputf8 = mail.smtputf8;
  received.authenticated = facts.account.is_set();
  received.tls_version = facts.tls_version;
  received.tls_cipher = facts.tls_cipher;
  received.id = id;
  if (recipients.size() == 1) received.recipient = recipients[0].recipient.to_string();
  received.date = queue::rfc5322_date(now);
  queue::CleanupRules out;
  out.submission = facts.mode == smtp::ServerMode::Submission;
  out.trace = queue::received_field(received);
  out.date = received.date;
  out.message_id = "<" + id + "@" + settings.host + ">";
  return out;
}

}  // namespace

Incoming::Incoming(const Settings& settings, const Facts& facts, const Services& services, const smtp::MailFrom& mail,
                   const std::vector<smtp::RcptTo>& recipients)
    : settings_(settings),
      facts_(facts),
      services_(services),
      mail_(mail),
      id_(services.queue.new_id()),
      received_(services.clock.unix_millis()),
      cleanup_(rules(settings, facts, mail, id_, received_, recipients)),
      spool_(services.queue.spool()) {}

void Incoming::refuse(smtp::Fault fault) {
  if (fault == smtp::Fault::TooLarge || fault == smtp::Fault::Overrun) refuse(smtp::Reply(replies::kMessageTooLarge));
  if (fault == smtp::Fault::BareNewline) refuse(smtp::Reply(replies::kContentNewline));
  if (fault == smtp::Fault::BadByte) refuse(smtp::Reply(replies::kContentNul));
}

Task<Result<void>> Incoming::add(std::string_view content) {
  if (refusal_) co_return Result<void>();
  const auto cleaned = cleanup_.add(content, staged_);
  if (!cleaned) {
    const bool hops = cleaned.error().text() == "too many Received fields";
    refuse(hops ? smtp::Reply(replies::kHopLimit) : smtp::Reply(replies::kContentHeader));
  }
  if (refusal_ || staged_.size() < kPiece) co_return Result<void>();
  auto writing = write_staged();
  co_return co_await writing;
}

Task<Result<void>> Incoming::write_staged() {
  const auto piece = std::exchange(staged_, {});
  auto writing = spool_.write(piece);
  const auto written = co_await writing;
  if (!written) {
    log::event(log::Err, "spool_failed").field("sid", facts_.session).field("qid", id_).error(written.error());
    refuse(reply_to(written.error()));
  }
  co_return Result<void>();
}

// What the recipients will see as the sender must be the user's, or anybody could write in the name of a colleague.
Task<std::optional<smtp::Reply>> Incoming::check_from() {
  if (facts_.mode != smtp::ServerMode::Submission || facts_.relays || !settings_.check_header_from) co_return std::nullopt;
  bool any = cleanup_.from().empty();
  for (const auto& text : cleanup_.from()) {
    auto address = smtp::parse_address(text);
    if (!address) continue;
    auto asking = services_.directory.may_send_as(facts_.account, std::move(*address));
    const auto may = co_await asking;
    if (!may) co_return smtp::Reply(replies::kUnavailable);
    any = any || *may;
  }
  if (!any) co_return smtp::Reply(550, "5.7.1", "The From address is not yours");
  co_return std::nullopt;
}

queue::Envelope Incoming::envelope(std::vector<queue::Recipient> recipients) const {
  queue::Envelope e;
  e.id = id_;
  e.session = facts_.session;
  e.sender = mail_.sender;
  e.recipients = std::move(recipients);
  e.smtputf8 = mail_.smtputf8;
  e.eight_bit = cleanup_.eight_bit();
  e.ret = mail_.ret;
  e.envid = mail_.envid;
  e.received = received_;
  e.account = facts_.account;
  e.account_name = facts_.account_name;
  e.message_id = cleanup_.message_id();
  e.size = spool_.size();
  e.header_size = cleanup_.header_size();
  e.trace_size = cleanup_.trace_size();
  e.bcc = cleanup_.bcc();
  return e;
}

Task<smtp::Reply> Incoming::finish(std::vector<queue::Recipient> recipients) {
  if (!refusal_) {
    const auto cleaned = cleanup_.finish(staged_);
    if (!cleaned) {
      const bool hops = cleaned.error().text() == "too many Received fields";
      refuse(hops ? smtp::Reply(replies::kHopLimit) : smtp::Reply(replies::kContentHeader));
    }
  }
  if (!refusal_) {
    auto checking = check_from();
    refusal_ = co_await checking;
  }
  if (!refusal_) {
    auto writing = write_staged();
    (void)co_await writing;
  }
  if (!refusal_) {
    auto queueing = services_.queue.enqueue(spool_, envelope(std::move(recipients)));
    const auto queued = co_await queueing;
    if (!queued) {
      log::event(log::Err, "queue_failed").field("sid", facts_.session).field("qid", id_).error(queued.error());
      refuse(reply_to(queued.error()));
    }
  }
  if (refusal_) co_return *refusal_;
  co_return smtp::Reply(250, "2.0.0", "Ok: queued as " + id_);
}

}  // namespace bz::smtpd

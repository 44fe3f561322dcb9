#include "queue/queue.h"

#include <algorithm>
#include <tuple>

#include "base/log.h"
#include "queue/bounce.h"

namespace bz::queue {
namespace {
constexpr int64_t kReportRetry = 60'000;

// A Sent copy for another server is tried whatever was answered, for as long as its own limit says: the message itself has
// gone its way.
bool retries(const ScheduleConfig& config, const Envelope& envelope, const Recipient& r, smtp::Outcome::Kind kind,
             int64_t now) {
  if (r.to_sent_elsewhere()) return now - envelope.received < config.sent_max_age;
  return kind != smtp::Outcome::Kind::Permanent && !expired(config, envelope, now);
}

// The sender is told of no failure, since he has had none; the administrator is.
void give_up_sent_copy(const Envelope& envelope, Recipient& r, int64_t now) {
  r.state = RecipientState::Closed;
  log::event(log::Err, "sent_copy_given_up")
      .field("qid", envelope.id)
      .field("sid", envelope.session)
      .field("account", envelope.account_name)
      .field("msgid", envelope.message_id)
      .field("server", r.server)
      .field("attempts", r.attempts)
      .field("hours", (now - envelope.received) / 3'600'000)
      .field("reply", r.last_reply.to_string());
}
}  // namespace

struct Queue::Item {
  Entry entry;
  size_t running = 0;  // jobs
  bool reporting = false;
};

Queue::Queue(std::unique_ptr<kv::Partition> partition, QueueConfig config, Directory& directory, base::Clock& clock,
             base::Random& random)
    : config_(std::move(config)),
      ledger_(std::move(partition)),
      schedule_(config_.schedule, [this](const Recipient& r) { return destination_of(r, config_.route); }),
      directory_(directory),
      clock_(clock),
      random_(random) {}

Queue::~Queue() = default;

void Queue::work_is_there() const {
  if (on_work_) on_work_();
}

void Queue::note(const Error& error) const {
  const bool ours = error.code() == Errc::Limit || error.code() == Errc::TooLarge;  // refused before it was tried
  if (!ours && on_broken_) on_broken_(error);
}

Task<Result<void>> Queue::start() {
  auto task = ledger_.recover();
  BZ_CO_TRY(auto entries, co_await task);
  for (auto& entry : entries) {
    auto item = std::make_shared<Item>();
    item->entry = std::move(entry);
    const auto& envelope = item->entry.envelope;
    schedule_.add(envelope);
    if (!envelope.any_waiting() || !to_report(envelope).empty()) unreported_.insert(envelope.id);
    items_.emplace(envelope.id, std::move(item));
  }
  if (!items_.empty()) log::event(log::Info, "queue_recovered").field("messages", items_.size());
  work_is_there();
  co_return Result<void>();
}

Task<Result<void>> Queue::enqueue(Ledger::Spool& spool, Envelope envelope) {
  const int64_t now = clock_.unix_millis();
  if (envelope.received == 0) envelope.received = now;
  for (auto& r : envelope.recipients) {
    if (r.next_try == 0) r.next_try = now;
  }
  auto task = spool.commit(envelope);
  auto committed = co_await task;
  if (!committed) {
    note(committed.error());
    co_return std::move(committed).error();
  }
  auto item = std::make_shared<Item>();
  item->entry = {std::move(envelope), *committed};
  const auto& e = item->entry.envelope;
  auto event = log::event(log::Info, "queued");
  event.field("qid", e.id).field("sid", e.session).field("from", e.sender.to_string());
  event.field("recipients", e.recipients.size()).field("size", e.size).field("msgid", e.message_id);
  schedule_.add(e);
  items_.emplace(e.id, std::move(item));
  work_is_there();
  co_return Result<void>();
}

void Queue::set_config(QueueConfig config) {
  const bool rerouted = config.route != config_.route;
  config_ = std::move(config);
  schedule_.set_config(config_.schedule);
  if (rerouted) {
    schedule_.reroute([this](const QueueId& id) -> const Envelope& { return items_.at(id)->entry.envelope; });
  }
  work_is_there();
}

// ---- work

std::optional<Job> Queue::next_job() {
  auto job = schedule_.next(clock_.unix_millis());
  if (job) ++items_.at(job->id)->running;
  return job;
}

std::optional<int64_t> Queue::next_due() const {
  auto due = schedule_.next_due();
  if (!unreported_.empty()) due = std::min(due.value_or(report_at_), report_at_);
  return due;
}

const Entry* Queue::find(const QueueId& id) const {
  const auto it = items_.find(id);
  return it == items_.end() ? nullptr : &it->second->entry;
}

void Queue::apply(Item& item, size_t index, Attempt attempt, int64_t now) {
  auto& envelope = item.entry.envelope;
  auto& r = envelope.recipients[index];
  using Kind = smtp::Outcome::Kind;
  auto kind = attempt.outcome.kind;
  ++r.attempts;
  r.last_try = now;
  r.last_reply = std::move(attempt.outcome.reply);
  r.remote_mta = std::move(attempt.remote_mta);
  std::string_view result = "delivered";
  if (kind == Kind::Done) {
    const bool tell = r.cls != RecipientClass::SentCopy && r.rcpt.notify.on_success() && !attempt.next_knows_dsn;
    r.relayed = r.cls == RecipientClass::Relay;
    r.state = tell ? RecipientState::Success : RecipientState::Done;
  } else if (retries(config_.schedule, envelope, r, kind, now)) {
    r.next_try = retry_at(config_.schedule, r.attempts, now);
    const bool late = config_.schedule.warn_after > 0 && now - envelope.received >= config_.schedule.warn_after;
    if (late && r.delay == Recipient::Delay::Untold && r.rcpt.notify.on_delay() && r.cls == RecipientClass::Relay) {
      r.delay = Recipient::Delay::ToTell;
    }
    result = "deferred";
  } else if (r.to_sent_elsewhere()) {
    return give_up_sent_copy(envelope, r, now);
  } else {
    r.state = RecipientState::Failed;
    result = kind == Kind::Permanent ? "failed" : "expired";
  }
  auto event = log::event(kind == Kind::Done ? log::Info : log::Warn, result);
  event.field("qid", envelope.id).field("to", r.rcpt.recipient.to_string()).field("class", name(r.cls));
  event.field("attempts", r.attempts).field("relay", r.remote_mta);
  if (!attempt.tls_version.empty()) event.field("tls", attempt.tls_version).field("cipher", attempt.tls_cipher);
  event.field("reply", r.last_reply.to_string());
}

void Queue::reroute(const Job& job, const std::vector<MailboxPlace>& to) {
  BZ_CHECK(to.size() == job.recipients.size(), "one place per recipient of the job");
  const auto item = items_.at(job.id);
  for (size_t i = 0; i < to.size(); ++i) {
    auto& r = item->entry.envelope.recipients[job.recipients[i]];
    r.server = to[i].server;
    r.host = to[i].host;
  }
  schedule_.finish(job);
  schedule_.add(item->entry.envelope, job.recipients);
  --item->running;
  work_is_there();
}

Task<Result<void>> Queue::settle(Job job, std::vector<Attempt> attempts) {
  BZ_CHECK(attempts.size() == job.recipients.size(), "one attempt per recipient of the job");
  const auto item = items_.at(job.id);
  const int64_t now = clock_.unix_millis();
  for (size_t i = 0; i < attempts.size(); ++i) apply(*item, job.recipients[i], std::move(attempts[i]), now);
  schedule_.finish(job);
  schedule_.add(item->entry.envelope, job.recipients);
  work_is_there();
  Result<void> result;
  // Marks would be gone with the message at once when this was all of it.
  if (item->entry.envelope.any_waiting() || !to_report(item->entry.envelope).empty()) {
    auto task = ledger_.mark({&item->entry.envelope, job.recipients});
    result = co_await task;
  }
  if (result) {
    auto task = report(item);
    result = co_await task;
  }
  --item->running;
  auto retired = retire(item);
  auto end = co_await retired;
  if (result) result = std::move(end);
  if (!result) note(result.error());
  co_return result;
}

Task<Result<void>> Queue::retire(std::shared_ptr<Item> item) {
  const auto& envelope = item->entry.envelope;
  if (item->running > 0 || item->reporting || envelope.any_waiting() || !to_report(envelope).empty()) {
    co_return Result<void>();
  }
  if (items_.erase(envelope.id) == 0) co_return Result<void>();
  unreported_.erase(envelope.id);
  log::event(log::Info, "removed").field("qid", envelope.id);
  auto task = ledger_.remove(envelope.id, item->entry.content);
  co_return co_await task;
}

// ---- telling the sender

Task<Result<void>> Queue::report(std::shared_ptr<Item> item) {
  if (item->reporting) co_return Result<void>();
  item->reporting = true;
  Result<void> result;
  for (auto who = to_report(item->entry.envelope); result && !who.empty(); who = to_report(item->entry.envelope)) {
    auto task = report_once(item, std::move(who));
    result = co_await task;
  }
  item->reporting = false;
  if (!result) {
    const auto& id = item->entry.envelope.id;
    log::event(log::Warn, "bounce_delayed").field("qid", id).error(result.error());
    unreported_.insert(id);
    report_at_ = clock_.unix_millis() + kReportRetry;
    co_return Result<void>();
  }
  co_return result;
}

Task<Result<std::vector<Recipient>>> Queue::resolve(smtp::Address sender) {
  auto lookup = directory_.lookup_recipient(sender);
  BZ_CO_TRY(const auto verdict, co_await lookup);
  std::vector<Recipient> out;
  Recipient r;
  r.rcpt.recipient = sender;
  r.rcpt.notify.bits = smtp::Notify::kNever;  // RFC 3461 6.1
  if (verdict.kind == RecipientVerdict::Kind::Elsewhere) out.push_back(r);
  for (const auto& target : verdict.targets) {
    r.cls = RecipientClass::Local;
    r.rcpt.recipient = target.address;
    r.rcpt.account = target.account;
    r.server = target.server;
    r.host = target.host;
    out.push_back(r);
  }
  co_return out;  // empty: a sender of ours that does not exist
}

Task<Result<void>> Queue::report_once(std::shared_ptr<Item> item, std::vector<size_t> recipients) {
  auto& entry = item->entry;
  auto& envelope = entry.envelope;
  auto resolving = resolve(envelope.sender);
  BZ_CO_TRY(auto to, co_await resolving);
  std::string original;
  ContentReader content = reader(entry, wants_full(envelope) ? ContentReader::View::Deliver : ContentReader::View::Header);
  for (bool more = !to.empty(); more;) {
    auto reading = content.next();
    BZ_CO_TRY(const auto piece, co_await reading);
    original += piece;
    more = !piece.empty() && original.size() < (1 << 20);
  }
  const int64_t now = clock_.unix_millis();
  auto bounce = make_bounce(envelope, recipients, std::move(original), {config_.hostname, now, new_id(), random_.id(24)});
  std::vector<std::pair<RecipientState, Recipient::Delay>> before;
  for (const size_t i : recipients) {
    auto& r = envelope.recipients[i];
    before.emplace_back(r.state, r.delay);
    r.delay = Recipient::Delay::Told;
    if (!r.waiting()) r.state = r.state == RecipientState::Failed ? RecipientState::Closed : RecipientState::Done;
  }
  const Mark mark{&envelope, recipients};
  if (to.empty()) {
    log::event(log::Warn, "bounce_without_recipient").field("qid", envelope.id).field("to", envelope.sender.to_string());
    auto marking = ledger_.mark(mark);
    co_return co_await marking;
  }
  for (auto& r : to) r.next_try = now;
  bounce.envelope.recipients = std::move(to);
  auto out = spool();
  auto writing = out.write(bounce.content);
  auto written = co_await writing;
  Result<Content> committed = written ? Result<Content>(Content{}) : Result<Content>(std::move(written).error());
  if (committed) {
    // The notification and the end of what it tells about are one commit: told exactly once.
    std::vector<Mark> marks(1, mark);
    auto committing = out.commit(bounce.envelope, std::move(marks));
    committed = co_await committing;
  }
  if (!committed) {
    for (size_t i = 0; i < recipients.size(); ++i) {
      auto& r = envelope.recipients[recipients[i]];
      std::tie(r.state, r.delay) = before[i];
    }
    co_return std::move(committed).error();
  }
  log::event(log::Info, "bounced").field("qid", envelope.id).field("bounce", bounce.envelope.id);
  auto told = std::make_shared<Item>();
  told->entry = {std::move(bounce.envelope), *committed};
  schedule_.add(told->entry.envelope);
  items_.emplace(told->entry.envelope.id, told);
  work_is_there();
  co_return Result<void>();
}

Task<Result<void>> Queue::retry_reports() {
  if (unreported_.empty() || clock_.unix_millis() < report_at_) co_return Result<void>();
  report_at_ = clock_.unix_millis() + kReportRetry;
  const auto ids = std::exchange(unreported_, {});
  for (const auto& id : ids) {
    const auto found = items_.find(id);
    if (found == items_.end()) continue;
    const auto item = found->second;
    auto reporting = report(item);
    BZ_CO_TRY_VOID(co_await reporting);
    auto retiring = retire(item);
    BZ_CO_TRY_VOID(co_await retiring);
  }
  co_return Result<void>();
}

// ---- the administrator

std::vector<const Entry*> Queue::list() const {
  std::vector<const Entry*> out;
  for (const auto& [id, item] : items_) out.push_back(&item->entry);
  return out;
}

void Queue::flush(const std::string& destination) {
  schedule_.flush(destination, clock_.unix_millis());
  work_is_there();
}

Task<Result<void>> Queue::remove(QueueId id) {
  const auto found = items_.find(id);
  if (found == items_.end()) co_return fail(Errc::NotFound, "no such message in the queue");
  const auto item = found->second;
  if (item->running > 0 || item->reporting) co_return fail(Errc::Conflict, "the message is being delivered");
  schedule_.forget(id);
  for (auto& r : item->entry.envelope.recipients) {
    if (r.waiting() || r.to_report()) r.state = RecipientState::Closed;
  }
  auto task = retire(item);
  co_return co_await task;
}

}  // namespace bz::queue

// Messages that come in: APPEND, deliveries, and the one rule of the Sent copy.
#include <algorithm>

#include "base/text.h"
#include "store/account_impl.h"

namespace bz::store {
namespace {

std::string digest_of(std::string_view a, std::string_view b) {
  std::string both(a);
  both += '\0';
  both += b;
  return crypto::sha256(both);
}

// Final delivery adds Return-Path (RFC 5321 4.4). The path was checked as one; here it only must not break the header.
Result<std::string> return_path_field(const std::string& path) {
  for (char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return fail(Errc::Invalid, "a control character in the path");
  return "Return-Path: <" + path + ">\r\n";
}

// The header with its empty line, as far as it lies in the blob; empty if it is too long.
std::string head_of(const mime::ParsedMessage& parsed, std::string_view raw, size_t prefix) {
  const mime::Range header = parsed.parts[0].header;
  const uint64_t end = header.at + header.size;
  if (end <= prefix || end > raw.size() || end - prefix > kHeadBytes) return {};
  return std::string(raw.substr(prefix, end - prefix));
}

}  // namespace

std::unique_ptr<Appender> AccountImpl::begin_append() {
  return std::make_unique<AppenderImpl>(partition_->new_blob(), config_.append_limit);
}

Task<Result<Appended>> AccountImpl::append(MailboxId to, std::unique_ptr<Appender> message, FlagList flags,
                                           std::optional<int64_t> internal_date) {
  if (!state_of(to)) co_return fail(Errc::NotFound, "no such mailbox");
  auto preparing = prepare(std::move(message), "");
  auto prepared = co_await std::move(preparing);
  BZ_CO_TRY(auto ready, std::move(prepared));
  Incoming incoming{std::move(ready), std::move(flags), internal_date.value_or(clock_.unix_seconds()), Origin::Client, ""};
  auto work = take_in(to, std::move(incoming));
  auto taking = serial<Appended>(std::move(work));
  auto taken = co_await std::move(taking);
  co_return std::move(taken);
}

Task<Result<Appended>> AccountImpl::deliver(std::unique_ptr<Appender> message, Delivery delivery) {
  std::string prefix;
  if (!delivery.sent_copy) {
    BZ_CO_TRY(prefix, return_path_field(delivery.return_path));
  }
  auto preparing = prepare(std::move(message), std::move(prefix));
  auto prepared = co_await std::move(preparing);
  BZ_CO_TRY(auto ready, std::move(prepared));
  Incoming incoming{std::move(ready), {}, clock_.unix_seconds(), Origin::Delivery, ""};
  if (delivery.sent_copy) {
    incoming.origin = Origin::SentCopy;
    incoming.flags.system = kSeen;
  }
  if (!delivery.queue_id.empty()) incoming.delivered_key = key::delivered(digest_of(delivery.queue_id, delivery.recipient));
  auto work = take_in(MailboxId(), std::move(incoming));
  auto taking = serial<Appended>(std::move(work));
  auto taken = co_await std::move(taking);
  co_return std::move(taken);
}

// --- outside the queue: octets to a blob, one parse

Task<Result<std::shared_ptr<AccountImpl::Prepared>>> AccountImpl::prepare(std::unique_ptr<Appender> message,
                                                                          std::string prefix) {
  if (broken_) co_return fail(Errc::Unavailable, "the store of the account failed");
  auto* appender = dynamic_cast<AppenderImpl*>(message.get());
  if (!appender) co_return fail(Errc::Invalid, "no message");
  auto finishing = appender->finish();
  auto finished = co_await std::move(finishing);
  auto prepared = std::make_shared<Prepared>();
  BZ_CO_TRY(prepared->record.blob, std::move(finished));
  prepared->record.prefix = std::move(prefix);
  prepared->record.created = clock_.unix_seconds();
  prepared->body_digest = appender->body_digest();
  if (prepared->record.size() > UINT32_MAX) co_return fail(Errc::TooLarge, "the message is larger than 4 GiB");
  std::string raw;
  if (appender->kept_whole()) {
    raw = prepared->record.prefix + appender->kept();
  } else {
    auto reading = read_back(*prepared);
    auto read = co_await std::move(reading);
    BZ_CO_TRY(raw, std::move(read));
  }
  mime::Limits limits;
  auto parsed = mime::parse_message(raw, limits);
  if (parsed) prepared->record.head = head_of(*parsed, raw, prepared->record.prefix.size());
  raw = {};
  if (!parsed) {
    auto dropping = drop(*prepared);
    auto dropped = co_await std::move(dropping);
    BZ_CO_TRY_VOID(std::move(dropped));
    co_return std::move(parsed).error();
  }
  prepared->encoded = parsed->encode();
  auto keeping = keep_parsed(*prepared);
  auto kept = co_await std::move(keeping);
  BZ_CO_TRY_VOID(std::move(kept));
  const MessageRecord& record = prepared->record;
  prepared->message =
      std::make_shared<const StoredMessage>(StoredMessage{record.blob, record.prefix, record.head, std::move(*parsed)});
  co_return prepared;
}

// A long message is not held in memory while it comes. Its blob is linked under a T key, which makes it readable, and
// dropped at the next open if we do not get further.
Task<Result<std::string>> AccountImpl::read_back(Prepared& prepared) {
  prepared.staged = ++staged_;
  kv::Batch batch;
  batch.put(key::staged(*prepared.staged), prepared.record.encode()).link(prepared.record.blob);
  auto committing = partition_->commit(std::move(batch), {}, kv::Durability::Lazy);
  auto committed = co_await committing;
  if (!committed) {
    break_account(committed.error());
    co_return std::move(committed).error();
  }
  auto reading = partition_->read_blob(prepared.record.blob, 0, prepared.record.blob.length);
  auto read = co_await reading;
  BZ_CO_TRY(auto bytes, std::move(read));
  if (bytes.size() != prepared.record.blob.length) co_return fail(Errc::Corrupt, "a blob shorter than its reference says");
  if (prepared.record.prefix.empty()) co_return bytes;
  co_return prepared.record.prefix + bytes;
}

// What a record cannot hold goes: the head, which is only a copy, then the parsed form into a blob of its own.
Task<Result<void>> AccountImpl::keep_parsed(Prepared& prepared) {
  if (prepared.encoded.size() + prepared.record.prefix.size() + prepared.record.head.size() > kRecordBytes)
    prepared.record.head.clear();
  if (prepared.encoded.size() + prepared.record.prefix.size() <= kRecordBytes) {
    prepared.record.parsed = prepared.encoded;
    co_return Result<void>();
  }
  auto blob = partition_->new_blob();
  auto writing = blob->write(prepared.encoded);
  auto written = co_await writing;
  if (!written) co_return std::move(written).error();
  auto finishing = blob->finish();
  auto finished = co_await finishing;
  BZ_CO_TRY(prepared.record.parsed_blob, std::move(finished));
  co_return Result<void>();
}

Task<Result<void>> AccountImpl::drop(const Prepared& prepared) {
  if (!prepared.staged || broken_) co_return Result<void>();
  kv::Batch batch;
  batch.del(key::staged(*prepared.staged)).unlink(prepared.record.blob);
  auto committing = partition_->commit(std::move(batch), {}, kv::Durability::Lazy);
  auto committed = co_await committing;
  if (!committed) {
    break_account(committed.error());
    co_return std::move(committed).error();
  }
  co_return Result<void>();
}

// --- in the queue

Task<Result<Appended>> AccountImpl::take_in(MailboxId to, Incoming incoming) {
  auto placing = to.is_set() ? place(to, incoming) : place_delivery(incoming);
  auto placed = co_await std::move(placing);
  if (!placed || placed->matched_sent_copy) {
    auto dropping = drop(*incoming.message);
    auto dropped = co_await std::move(dropping);
    if (!dropped && placed) co_return std::move(dropped).error();
  }
  co_return std::move(placed);
}

Task<Result<Appended>> AccountImpl::place_delivery(const Incoming& incoming) {
  if (!incoming.delivered_key.empty()) {
    auto getting = partition_->get(incoming.delivered_key);
    auto got = co_await getting;
    BZ_CO_TRY(auto bytes, std::move(got));
    if (bytes) {  // the answer to an earlier try was lost
      BZ_CO_TRY(auto mark, Mark::decode(*bytes));
      State* state = state_of(mark.mailbox);
      co_return Appended{state ? state->info.uid_validity : UidValidity(), mark.uid, EmailId(mark.email), true};
    }
  }
  MailboxId to = names_.at("INBOX");
  if (incoming.origin == Origin::SentCopy) {
    auto finding = sent_mailbox();
    auto found = co_await std::move(finding);
    BZ_CO_TRY(to, std::move(found));
  }
  auto placing = place(to, incoming);
  auto placed = co_await std::move(placing);
  co_return std::move(placed);
}

bool AccountImpl::is_sent(const State& state) const {
  if (state.info.use == SpecialUse::Sent) return true;
  return state.info.name == "Sent" &&
         std::none_of(trees_.begin(), trees_.end(), [](const auto& t) { return t.second.info.use == SpecialUse::Sent; });
}

Task<Result<Appended>> AccountImpl::place(MailboxId to, const Incoming& incoming) {
  State* state = state_of(to);
  if (!state || !state->info.selectable) co_return fail(Errc::NotFound, "no such mailbox");
  std::string mark_key;
  const std::string& message_id = incoming.message->message->parsed.message_id;
  if (!message_id.empty() && incoming.origin != Origin::Delivery && is_sent(*state)) {
    mark_key = key::sent_mark(digest_of(message_id, incoming.message->body_digest));
    auto matching = match_sent(*state, incoming, mark_key);
    auto matched = co_await std::move(matching);
    BZ_CO_TRY(auto twin, std::move(matched));
    if (twin) co_return *twin;
  }
  auto adding = add_message(*state, incoming, mark_key);
  auto added = co_await std::move(adding);
  co_return std::move(added);
}

// The Sent rule: the twin from the other side (ours for an APPEND, the client's for a delivery), younger than the window,
// still there and not matched yet, takes the flags; nothing is added.
Task<Result<std::optional<Appended>>> AccountImpl::match_sent(State& state, const Incoming& incoming,
                                                              std::string mark_key) {
  std::optional<Appended> none;
  auto getting = partition_->get(mark_key);
  auto got = co_await getting;
  BZ_CO_TRY(auto bytes, std::move(got));
  if (!bytes) co_return none;
  BZ_CO_TRY(auto mark, Mark::decode(*bytes));
  const auto other = incoming.origin == Origin::Client ? Mark::By::Delivery : Mark::By::Client;
  const int64_t now = clock_.unix_millis();
  if (mark.by != other || mark.mailbox != state.info.id || now - mark.time_ms >= config_.sent_match_window.count())
    co_return none;
  auto opening = do_open(state.info.id);
  auto opened = co_await std::move(opening);
  BZ_CO_TRY(MailboxPtr mailbox, std::move(opened));
  const Entry* twin = mailbox->find(mark.uid);
  if (!twin || twin->email != mark.email) co_return none;
  const Appended found{state.info.uid_validity, mark.uid, EmailId(mark.email), true};

  std::vector<std::string> keywords = state.keywords;
  BZ_CO_TRY(FlagBits bits, take_keywords(keywords, incoming.flags));
  const FlagPlan plan = plan_flags(mailbox->entries(), UidSet::of({{mark.uid, mark.uid}}), 0, FlagOp::Add, bits, {});
  Tx tx = plan.ranges.empty() ? begin() : begin_change();
  MailboxInfo info = state.info;
  if (!plan.ranges.empty()) {
    Change change;
    change.kind = Change::Kind::Flags;
    change.mailbox = info.id;
    change.ranges = plan.ranges;
    change.op = FlagOp::Add;
    change.bits = bits;
    put_change(tx, change);
    info.unseen = static_cast<uint32_t>(info.unseen + plan.unseen);
    info.deleted = static_cast<uint32_t>(info.deleted + plan.deleted);
    info.highest_modseq = tx.modseq;
    put_mailbox(tx, state, info);
    if (keywords.size() != state.keywords.size()) tx.batch.put(key::keywords(info.id), encode_keywords(keywords));
  }
  tx.batch.del(mark_key);
  mark.time_ms = now;
  if (!incoming.delivered_key.empty()) tx.batch.put(incoming.delivered_key, mark.encode());
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  if (!plan.ranges.empty()) {
    state.keywords = std::move(keywords);
    MailboxWriter(*mailbox).flags(plan.ranges, FlagOp::Add, bits, tx.modseq);
    publish(state, info);
  }
  co_return found;
}

Result<void> AccountImpl::has_room(const State& state, uint64_t messages, uint64_t bytes) const {
  if (state.info.messages + messages > config_.max_messages) return fail(Errc::Limit, "too many messages in the mailbox");
  if (messages > UINT32_MAX - uint64_t{state.info.uid_next}) return fail(Errc::Limit, "the mailbox ran out of UIDs");
  if (config_.quota_bytes == 0) return {};
  uint64_t used = 0;
  for (const auto& [id, other] : trees_) used += other.info.size;
  if (used + bytes > config_.quota_bytes) return fail(Errc::OverQuota, "the account is over its quota");
  return {};
}

Task<Result<Appended>> AccountImpl::add_message(State& state, const Incoming& incoming, std::string mark_key) {
  const Prepared& message = *incoming.message;
  BZ_CO_TRY_VOID(has_room(state, 1, message.record.size()));
  std::vector<std::string> keywords = state.keywords;
  BZ_CO_TRY(FlagBits bits, take_keywords(keywords, incoming.flags));
  Tx tx = begin_change();
  MailboxInfo info = state.info;
  Change change;
  change.kind = Change::Kind::Append;
  change.mailbox = info.id;
  change.entry =
      Entry{info.uid_next++,       static_cast<uint32_t>(message.record.size()), bits, tx.modseq, tx.account.next_email++,
            incoming.internal_date};
  const Entry& entry = change.entry;
  Totals totals;
  totals.add(entry);
  totals.add_to(info);
  info.highest_modseq = tx.modseq;
  put_change(tx, change);
  put_mailbox(tx, state, info);
  if (keywords.size() != state.keywords.size()) tx.batch.put(key::keywords(info.id), encode_keywords(keywords));
  tx.batch.put(key::record(entry.email), message.record.encode());
  if (message.staged)
    tx.batch.del(key::staged(*message.staged));
  else
    tx.batch.link(message.record.blob);
  if (message.record.parsed_blob.id != 0) tx.batch.link(message.record.parsed_blob);
  const Mark mark{incoming.origin == Origin::Client ? Mark::By::Client : Mark::By::Delivery, clock_.unix_millis(), info.id,
                  entry.uid, entry.email};
  if (!mark_key.empty()) tx.batch.put(mark_key, mark.encode());
  if (!incoming.delivered_key.empty()) tx.batch.put(incoming.delivered_key, mark.encode());
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  records_.keep(EmailId(entry.email), message.message, message.encoded.size());
  state.keywords = std::move(keywords);
  if (auto mailbox = state.loaded.lock()) MailboxWriter(*mailbox).append(entry);
  publish(state, info);
  co_return Appended{info.uid_validity, entry.uid, EmailId(entry.email), false};
}

}  // namespace bz::store

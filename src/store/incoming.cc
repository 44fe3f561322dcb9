// Messages that come in, outside the queue of commands: octets to a blob, one parse.
#include <utility>

#include "base/text.h"
#include "mime/nul_parts.h"
#include "store/account_impl.h"

namespace bz::store {
namespace {

constexpr size_t kConvertPiece = 256 << 10;  // octets
constexpr size_t kBatchRecords = 512 << 10;  // octets of the records of one batch (kv::Limits: 1 MiB for everything)

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

AccountImpl::Prepared::~Prepared() {
  auto account = staged ? owner.lock() : nullptr;
  if (!account || account->broken_) return;
  base::Completion<bool> nobody;
  auto work = account->take_back(*staged, record.blob);
  account->enqueue(account->run_command<bool>(std::move(work), nobody.promise()));
}

Task<Result<std::unique_ptr<ReadyMessage>>> AccountImpl::complete(std::unique_ptr<Appender> message) {
  auto preparing = prepare(std::move(message), "");
  auto prepared = co_await std::move(preparing);
  BZ_CO_TRY(auto ready, std::move(prepared));
  if (ready->parsed_size > kRecordBytes) ready->message = nullptr;  // there may be many that wait for their command's end
  co_return std::unique_ptr<ReadyMessage>(std::move(ready));
}

Result<AccountImpl::Arrival> AccountImpl::arrival_of(NewMessage message) {
  auto* ready = dynamic_cast<Prepared*>(message.message.get());
  if (!ready || ready->owner.lock().get() != this) return fail(Errc::Invalid, "no message of this account");
  (void)message.message.release();
  return Arrival{std::unique_ptr<Prepared>(ready), std::move(message.flags),
                 message.internal_date.value_or(clock_.unix_seconds())};
}

Task<Result<std::vector<Appended>>> AccountImpl::append(MailboxId to, std::vector<NewMessage> messages) {
  if (!state_of(to)) co_return fail(Errc::NotFound, "no such mailbox");
  if (messages.empty()) co_return fail(Errc::Invalid, "no message");
  if (messages.size() > kAppendMessages) co_return fail(Errc::Limit, "too many messages in one command");
  Incoming incoming;
  for (NewMessage& m : messages) {
    BZ_CO_TRY(auto arrival, arrival_of(std::move(m)));
    incoming.arrivals.push_back(std::move(arrival));
  }
  auto fitting = fit_one_batch(incoming.arrivals);
  auto fitted = co_await std::move(fitting);
  BZ_CO_TRY_VOID(std::move(fitted));
  auto work = take_in(to, std::move(incoming));
  auto taking = serial<Placed>(std::move(work));
  auto taken = co_await std::move(taking);
  co_return std::move(taken);
}

Task<Result<Appended>> AccountImpl::replace(MailboxPtr from, uint32_t uid, MailboxId to, NewMessage message) {
  if (!state_of(to)) co_return fail(Errc::NotFound, "no such mailbox");
  Incoming incoming;
  BZ_CO_TRY(auto arrival, arrival_of(std::move(message)));
  incoming.arrivals.push_back(std::move(arrival));
  incoming.from = std::move(from);
  incoming.replaced = uid;
  auto work = take_in(to, std::move(incoming));
  auto taking = serial<Placed>(std::move(work));
  auto taken = co_await std::move(taking);
  BZ_CO_TRY(auto placed, std::move(taken));
  co_return placed.front();
}

Task<Result<Appended>> AccountImpl::append(MailboxId to, std::unique_ptr<Appender> message, FlagList flags,
                                           std::optional<int64_t> internal_date) {
  if (!state_of(to)) co_return fail(Errc::NotFound, "no such mailbox");
  auto completing = complete(std::move(message));
  auto completed = co_await std::move(completing);
  BZ_CO_TRY(auto ready, std::move(completed));
  std::vector<NewMessage> one;
  one.push_back({std::move(ready), std::move(flags), internal_date});
  auto appending = append(to, std::move(one));
  auto appended = co_await std::move(appending);
  BZ_CO_TRY(auto placed, std::move(appended));
  co_return placed.front();
}

Task<Result<Appended>> AccountImpl::deliver(std::unique_ptr<Appender> message, Delivery delivery) {
  std::string prefix;
  if (!delivery.sent_copy) {
    BZ_CO_TRY(prefix, return_path_field(delivery.return_path));
  }
  auto preparing = prepare(std::move(message), std::move(prefix));
  auto prepared = co_await std::move(preparing);
  BZ_CO_TRY(auto ready, std::move(prepared));
  Incoming incoming;
  incoming.origin = delivery.sent_copy ? Origin::SentCopy : Origin::Delivery;
  FlagList flags;
  if (delivery.sent_copy) flags.system = kSeen;
  incoming.arrivals.push_back({std::move(ready), std::move(flags), clock_.unix_seconds()});
  if (!delivery.queue_id.empty())
    incoming.delivered_key = key::delivered(key::digest(delivery.queue_id, delivery.recipient));
  auto work = take_in(MailboxId(), std::move(incoming));
  auto taking = serial<Placed>(std::move(work));
  auto taken = co_await std::move(taking);
  BZ_CO_TRY(auto placed, std::move(taken));
  co_return placed.front();
}

Task<Result<std::unique_ptr<AccountImpl::Prepared>>> AccountImpl::prepare(std::unique_ptr<Appender> message,
                                                                          std::string prefix) {
  if (broken_) co_return fail(Errc::Unavailable, "the store of the account failed");
  auto* appender = dynamic_cast<AppenderImpl*>(message.get());
  if (!appender) co_return fail(Errc::Invalid, "no message");
  auto finishing = appender->finish();
  auto finished = co_await std::move(finishing);
  auto prepared = std::make_unique<Prepared>();
  prepared->owner = weak_from_this();
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
  if (appender->has_nul()) {
    auto again = prepare_without_nul(std::move(raw));
    auto converted = co_await std::move(again);
    co_return std::move(converted);
  }
  mime::Limits limits;
  BZ_CO_TRY(auto parsed, mime::parse_message(raw, limits));
  prepared->eight_bit = !base::is_ascii(mime::slice(raw, parsed.parts[0].header));
  prepared->record.head = head_of(parsed, raw, prepared->record.prefix.size());
  raw = {};
  std::string encoded = parsed.encode();
  prepared->parsed_size = encoded.size();
  prepared->message_id = parsed.message_id;
  auto keeping = keep_parsed(*prepared, std::move(encoded));
  auto kept = co_await std::move(keeping);
  BZ_CO_TRY_VOID(std::move(kept));
  const MessageRecord& record = prepared->record;
  prepared->message =
      std::make_shared<const StoredMessage>(StoredMessage{record.blob, record.prefix, record.head, std::move(parsed)});
  co_return std::move(prepared);
}

// What was written so far is let go. Only messages of clients come here: they have no prefix.
Task<Result<std::unique_ptr<AccountImpl::Prepared>>> AccountImpl::prepare_without_nul(std::string raw) {
  mime::NulScan scan;
  scan.feed(raw);
  scan.finish();
  if (scan.refusal()) co_return fail(Errc::Unsupported, scan.refusal());
  mime::NulWriter writer(scan.parts());
  auto converted = begin_append();
  std::string out;
  for (size_t at = 0; at <= raw.size(); at += kConvertPiece) {
    if (at < raw.size()) writer.feed(std::string_view(raw).substr(at, kConvertPiece), out);
    if (at + kConvertPiece > raw.size()) writer.finish(out);
    auto writing = converted->write(out);
    auto written = co_await std::move(writing);
    BZ_CO_TRY_VOID(std::move(written));
    out.clear();
  }
  raw = {};
  auto preparing = prepare(std::move(converted), "");
  auto prepared = co_await std::move(preparing);
  co_return std::move(prepared);
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
    co_return of_store(std::move(committed).error());
  }
  auto reading = partition_->read_blob(prepared.record.blob, 0, prepared.record.blob.length);
  auto read = co_await reading;
  BZ_CO_TRY(auto bytes, std::move(read));
  if (bytes.size() != prepared.record.blob.length) co_return fail(Errc::Corrupt, "a blob shorter than its reference says");
  if (prepared.record.prefix.empty()) co_return bytes;
  co_return prepared.record.prefix + bytes;
}

// What a record cannot hold goes: the head, which is only a copy, then the parsed form into a blob of its own.
Task<Result<void>> AccountImpl::keep_parsed(Prepared& prepared, std::string encoded) {
  MessageRecord& record = prepared.record;
  if (encoded.size() + record.prefix.size() + record.head.size() > kRecordBytes) record.head.clear();
  if (encoded.size() + record.prefix.size() <= kRecordBytes) {
    record.parsed = std::move(encoded);
    co_return Result<void>();
  }
  auto written = co_await write_parsed(record, std::move(encoded));
  co_return std::move(written);
}

Task<Result<void>> AccountImpl::write_parsed(MessageRecord& record, std::string encoded) {
  auto blob = partition_->new_blob();
  auto writing = blob->write(encoded);
  auto written = co_await writing;
  if (!written) co_return of_store(std::move(written).error());
  auto finishing = blob->finish();
  auto finished = co_await finishing;
  if (!finished) co_return of_store(std::move(finished).error());
  record.parsed_blob = *finished;
  co_return Result<void>();
}

// The records of one command go into one batch: when they are too much for it, some parsed forms become blobs.
Task<Result<void>> AccountImpl::fit_one_batch(std::vector<Arrival>& arrivals) {
  auto inside = [](const MessageRecord& record) { return record.parsed.size() + record.head.size(); };
  size_t total = 0;
  for (const Arrival& a : arrivals) total += inside(a.message->record);
  for (const Arrival& a : arrivals) {
    if (total <= kBatchRecords) break;
    MessageRecord& record = a.message->record;
    total -= inside(record);
    record.head.clear();
    if (record.parsed.empty()) continue;
    auto writing = write_parsed(record, std::exchange(record.parsed, {}));
    auto written = co_await std::move(writing);
    BZ_CO_TRY_VOID(std::move(written));
  }
  co_return Result<void>();
}

// A staged message that nobody placed.
Task<Result<bool>> AccountImpl::take_back(uint64_t number, kv::BlobRef blob) {
  kv::Batch batch;
  batch.del(key::staged(number)).unlink(blob);
  auto committing = partition_->commit(std::move(batch), {}, kv::Durability::Lazy);
  auto committed = co_await committing;
  if (!committed) {
    break_account(committed.error());
    co_return of_store(std::move(committed).error());
  }
  co_return true;
}

}  // namespace bz::store

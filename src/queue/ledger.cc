#include "queue/ledger.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/coding.h"
#include "base/log.h"

namespace bz::queue {
namespace {

constexpr size_t kPiece = 60 << 10;  // of an inline message; below kv's limit of a value
constexpr size_t kGroup = 40 << 10;  // of recipients, the same
constexpr size_t kReadMost = 256 << 10;
constexpr size_t kBatchBytes = 900 << 10;

std::string head_key(const QueueId& id) { return "q" + id + "h"; }

std::string numbered(char kind, const QueueId& id, uint32_t number) {
  std::string key = "q" + id + kind;
  base::put_be32(key, number);
  return key;
}

std::string piece_key(const QueueId& id, uint32_t number) {
  std::string key = "m" + id;
  base::put_be32(key, number);
  return key;
}

// Head record: envelope, then the blob reference (empty: inline).
std::string head_value(const Envelope& envelope, const Content& content) {
  std::string out, blob;
  base::put_bytes(out, encode_head(envelope));
  if (content.blob.id != 0) content.blob.encode(blob);
  base::put_bytes(out, blob);
  return out;
}

Result<Entry> read_head(std::string_view bytes) {
  base::Reader in(bytes);
  const auto head = in.bytes();
  const auto blob = in.bytes();
  if (!in.finished()) return fail(Errc::Corrupt, "queue head");
  BZ_TRY(Envelope envelope, decode_head(head));
  Content content;
  content.size = envelope.size;
  if (!blob.empty()) {
    const auto ref = kv::BlobRef::decode(blob);
    if (!ref) return fail(Errc::Corrupt, "blob of a queue head");
    content.blob = *ref;
  }
  return Entry{std::move(envelope), content};
}

constexpr size_t kIdSize = 12;
bool good_id(std::string_view id) {
  return id.size() == kIdSize && std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

// ---- coming in

Task<Result<void>> Ledger::Spool::to_blob(std::string_view bytes) {
  if (!writer_) writer_ = ledger_.partition_->new_blob();
  auto done = writer_->write(bytes);
  auto written = co_await done;
  if (!written) co_return std::move(written).error();
  co_return Result<void>();
}

Task<Result<void>> Ledger::Spool::write(std::string_view bytes) {
  size_ += bytes.size();
  inline_ += bytes;
  if (size_ <= kInlineMessage) co_return Result<void>();
  // Past the limit: from here on whole chunks go to the blob.
  if (inline_.size() < kv::kBlobChunk) co_return Result<void>();
  auto out = std::exchange(inline_, {});
  auto task = to_blob(out);
  co_return co_await task;
}

Task<Result<Content>> Ledger::Spool::commit(const Envelope& envelope, std::vector<Mark> marks) {
  BZ_CHECK(envelope.size == size_ && good_id(envelope.id), "the envelope does not fit the spooled bytes");
  kv::Batch batch;
  Content content;
  content.size = size_;
  uint32_t group = 0;
  for (size_t from = 0; from < envelope.recipients.size();) {
    size_t to = from, bytes = 0;
    while (to < envelope.recipients.size() && bytes < kGroup) {
      const auto& r = envelope.recipients[to++];
      bytes += 200 + r.rcpt.recipient.local.size() + r.rcpt.recipient.domain.size() + r.rcpt.orcpt.size() +
               r.last_reply.text.size();
    }
    batch.put(numbered('r', envelope.id, group++), encode_recipients(envelope.recipients, from, to));
    from = to;
  }
  if (writer_ || size_ > kInlineMessage || batch.bytes() + size_ > kBatchBytes) {
    auto rest = std::exchange(inline_, {});
    auto task = to_blob(rest);
    BZ_CO_TRY_VOID(co_await task);
    auto finish = writer_->finish();
    auto ref = co_await finish;
    if (!ref) co_return std::move(ref).error();
    content.blob = *ref;
    batch.link(content.blob);
  } else {
    for (size_t at = 0, n = 0; at < inline_.size(); at += kPiece, ++n) {
      batch.put(piece_key(envelope.id, static_cast<uint32_t>(n)), std::string_view(inline_).substr(at, kPiece));
    }
  }
  batch.put(head_key(envelope.id), head_value(envelope, content));
  for (const auto& mark : marks) ledger_.put_mark(batch, mark);
  if (batch.bytes() > kBatchBytes || batch.ops().size() > 900)
    co_return fail(Errc::Limit, "envelope too large for one commit");
  auto done = ledger_.partition_->commit(std::move(batch));
  auto committed = co_await done;
  if (!committed) co_return std::move(committed).error();
  co_return content;
}

// ---- progress

void Ledger::put_mark(kv::Batch& batch, const Mark& mark) const {
  for (const size_t i : mark.recipients) {
    batch.put(numbered('s', mark.envelope->id, static_cast<uint32_t>(i)), encode_progress(mark.envelope->recipients[i]));
  }
}

Task<Result<void>> Ledger::mark(Mark mark) {
  for (size_t from = 0; from < mark.recipients.size(); from += 200) {
    const size_t to = std::min(from + 200, mark.recipients.size());
    kv::Batch batch;
    Mark part{
        mark.envelope,
        {mark.recipients.begin() + static_cast<ptrdiff_t>(from), mark.recipients.begin() + static_cast<ptrdiff_t>(to)}};
    put_mark(batch, part);
    auto done = partition_->commit(std::move(batch), {}, kv::Durability::Lazy);
    auto committed = co_await done;
    if (!committed) co_return std::move(committed).error();
  }
  co_return Result<void>();
}

Task<Result<void>> Ledger::remove(QueueId id, Content content) {
  kv::Batch batch;
  batch.del(head_key(id));
  if (content.blob.id != 0) batch.unlink(content.blob);
  auto done = partition_->commit(std::move(batch), {}, kv::Durability::Lazy);
  auto committed = co_await done;
  if (!committed) co_return std::move(committed).error();
  std::vector<std::string> one(1, std::move(id));
  auto task = sweep(std::move(one));
  co_return co_await task;
}

// Drops recipients, progress and pieces of messages whose head is gone.
Task<Result<void>> Ledger::sweep(std::vector<std::string> ids) {
  for (const auto& id : ids) {
    for (const char* space : {"m", "q"}) {  // q last: it is what recover() finds orphans by
      const std::string begin = space + id;
      const std::string end = begin + '\xff';
      auto done = partition_->delete_range(begin, end);
      auto deleted = co_await done;
      if (!deleted) co_return std::move(deleted).error();
    }
  }
  co_return Result<void>();
}

// ---- after a start

Task<Result<std::vector<Entry>>> Ledger::recover() {
  struct Found {
    std::optional<Result<Entry>> head;
    std::vector<Recipient> recipients;
    std::vector<std::pair<uint32_t, std::string>> progress;
    bool broken = false;
  };
  std::map<std::string, Found> found;
  std::string next = "q";
  for (bool more = true; more;) {
    auto done = partition_->scan(next, "r");
    auto page = co_await done;
    if (!page) co_return std::move(page).error();
    for (const auto& [key, value] : page->items) {
      if (key.size() < 2 + kIdSize) continue;
      auto& message = found[key.substr(1, kIdSize)];
      const char kind = key[1 + kIdSize];
      if (kind == 'h') message.head.emplace(read_head(value));
      if (kind == 'r' && !decode_recipients(value, message.recipients)) message.broken = true;
      if (kind == 's' && key.size() == 2 + kIdSize + 4) {
        message.progress.emplace_back(base::get_be32(key.data() + 2 + kIdSize), value);
      }
    }
    more = page->more;
    next = page->next;
  }
  std::vector<Entry> entries;
  std::vector<std::string> orphans;
  for (auto& [id, message] : found) {
    if (!message.head) {
      orphans.push_back(id);
      continue;
    }
    if (!*message.head || message.broken) {
      log::event(log::Err, "queue_record_unreadable").field("qid", id);
      continue;
    }
    Entry entry = std::move(*message.head).value();
    entry.envelope.recipients = std::move(message.recipients);
    for (const auto& [index, value] : message.progress) {
      if (index >= entry.envelope.recipients.size() || !decode_progress(value, entry.envelope.recipients[index])) {
        log::event(log::Warn, "queue_progress_unreadable").field("qid", id);
      }
    }
    entries.push_back(std::move(entry));
  }
  auto task = sweep(std::move(orphans));
  BZ_CO_TRY_VOID(co_await task);
  co_return entries;
}

// ---- reading

Task<Result<std::string>> Ledger::read(QueueId id, Content content, uint64_t at, uint64_t size) {
  if (at >= content.size) co_return std::string();
  size = std::min<uint64_t>({size, content.size - at, kReadMost});
  if (content.blob.id != 0) {
    auto done = partition_->read_blob(content.blob, at, size);
    auto bytes = co_await done;
    if (bytes && bytes->size() != size) co_return fail(Errc::Corrupt, "a queued message is shorter than its envelope says");
    co_return bytes;
  }
  std::vector<kv::Bytes> keys;
  const uint64_t first = at / kPiece;
  for (uint64_t n = first; n * kPiece < at + size; ++n) keys.push_back(piece_key(id, static_cast<uint32_t>(n)));
  auto done = partition_->get_many(std::move(keys));
  auto pieces = co_await done;
  if (!pieces) co_return std::move(pieces).error();
  std::string bytes;
  for (auto& piece : *pieces) {
    if (!piece) co_return fail(Errc::Corrupt, "a piece of a queued message is missing");
    bytes += *piece;
  }
  bytes = bytes.substr(std::min<size_t>(at - first * kPiece, bytes.size()), size);
  if (bytes.size() != size) co_return fail(Errc::Corrupt, "a queued message is shorter than its envelope says");
  co_return bytes;
}

std::vector<ByteRange> ContentReader::ranges(const Envelope& e, View view) {
  if (view == View::SentCopy) return {{e.trace_size, e.size - e.trace_size}};
  std::vector<ByteRange> out;
  const uint64_t end = view == View::Header ? e.header_size : e.size;
  uint64_t at = 0;
  for (const auto& hole : e.bcc) {
    if (hole.at >= end) break;
    if (hole.at > at) out.push_back({at, hole.at - at});
    at = hole.at + hole.size;
  }
  if (end > at) out.push_back({at, end - at});
  return out;
}

uint64_t ContentReader::size_of(const Envelope& envelope, View view) {
  uint64_t size = 0;
  for (const auto& range : ranges(envelope, view)) size += range.size;
  return size;
}

ContentReader::ContentReader(Ledger& ledger, const Envelope& envelope, Content content, View view)
    : ledger_(ledger),
      id_(envelope.id),
      content_(content),
      ranges_(ranges(envelope, view)),
      size_(size_of(envelope, view)) {
  std::reverse(ranges_.begin(), ranges_.end());
}

Task<Result<std::string>> ContentReader::next() {
  while (!ranges_.empty() && ranges_.back().size == 0) ranges_.pop_back();
  if (ranges_.empty()) co_return std::string();
  auto task = ledger_.read(id_, content_, ranges_.back().at, ranges_.back().size);
  auto bytes = co_await task;
  if (bytes) {
    ranges_.back().at += bytes->size();
    ranges_.back().size -= bytes->size();
  }
  co_return bytes;
}

}  // namespace bz::queue

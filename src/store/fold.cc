#include "store/fold.h"

#include <algorithm>

#include "store/mailbox_writer.h"

namespace bz::store {
namespace {
// One slice of at most a page may add 256 references (each up to 3 operations) and 3 pages of at most 12 KiB; together with
// these the batch keeps within kv::Limits (1000 operations, 1 MiB).
constexpr size_t kMaxReferences = 64, kMaxPages = 24;
constexpr uint32_t kScanChanges = 128;
}  // namespace

bool Folder::room() const { return references_.size() <= kMaxReferences && cache_.size() <= kMaxPages && removed_.empty(); }

Task<Result<bool>> Folder::step() {
  next_ = record_;
  cache_.clear();
  references_.clear();
  removed_.clear();
  std::string begin = key::change(record_.done.modseq, record_.done.piece) + '\0';
  auto scanning = partition_.scan(begin, key::after("D"), kScanChanges);
  auto scanned = co_await scanning;
  BZ_CO_TRY(auto page, std::move(scanned));
  if (page.items.empty()) co_return false;
  for (const auto& item : page.items) {
    auto at = key::change_of(item.key);
    if (!at) co_return fail(Errc::Corrupt, "key of a change");
    BZ_CO_TRY(auto change, Change::decode(item.value));
    auto applying = apply(std::move(change), at->modseq);
    auto applied = co_await std::move(applying);
    BZ_CO_TRY(Outcome outcome, std::move(applied));
    if (outcome == Outcome::Full) break;
    next_.done = *at;
    next_.next_uid = next_.next_target = 0;
  }
  auto flushing = flush();
  auto flushed = co_await std::move(flushing);
  BZ_CO_TRY_VOID(std::move(flushed));
  co_return true;
}

Task<Result<Folder::Outcome>> Folder::apply(Change change, uint64_t modseq) {
  if (change.kind == Change::Kind::Append) return apply_append(std::move(change), modseq);
  if (change.kind == Change::Kind::Remove) return apply_remove(std::move(change));
  return apply_ranges(std::move(change), modseq);
}

Task<Result<Folder::Outcome>> Folder::apply_append(Change change, uint64_t modseq) {
  if (!room()) co_return Outcome::Full;
  auto loading = page(change.mailbox, change.entry.uid / kPageUids);
  auto loaded = co_await std::move(loading);
  BZ_CO_TRY(Cached * target, std::move(loaded));
  if (!target->entries.empty() && target->entries.back().uid >= change.entry.uid)
    co_return fail(Errc::Corrupt, "an append below the last UID");
  change.entry.modseq = modseq;
  target->entries.push_back(change.entry);
  target->dirty = true;
  co_return Outcome::Whole;
}

// A removed mailbox goes page by page, each in a batch of its own.
Task<Result<Folder::Outcome>> Folder::apply_remove(Change change) {
  if (!untouched()) co_return Outcome::Full;
  const uint32_t from = next_.next_uid / kPageUids;
  auto scanning = partition_.scan(key::page(change.mailbox, from), key::after(key::page(change.mailbox, UINT32_MAX)), 1);
  auto scanned = co_await scanning;
  BZ_CO_TRY(auto found, std::move(scanned));
  if (found.items.empty()) co_return Outcome::Whole;
  auto at = key::page_of(found.items[0].key);
  if (!at || at->mailbox != change.mailbox) co_return Outcome::Whole;
  BZ_CO_TRY(auto entries, decode_page(at->page, found.items[0].value));
  for (const Entry& e : entries) --references_[e.email];
  removed_.push_back(found.items[0].key);
  next_.next_uid = at->page * kPageUids + 1;
  co_return Outcome::Full;
}

Task<Result<Folder::Outcome>> Folder::apply_ranges(Change change, uint64_t modseq) {
  if (next_.next_target == 0) next_.next_target = change.first_uid;
  for (UidSet::Range range : change.ranges) {
    if (range.last < next_.next_uid) continue;
    for (uint64_t uid = std::max(range.first, next_.next_uid); uid <= range.last;) {
      if (!room()) {
        next_.next_uid = static_cast<uint32_t>(uid);
        co_return Outcome::Full;
      }
      const uint64_t last = std::min<uint64_t>(range.last, uid / kPageUids * kPageUids + kPageUids - 1);
      auto applying = apply_slice(change, {static_cast<uint32_t>(uid), static_cast<uint32_t>(last)}, modseq);
      auto applied = co_await std::move(applying);
      BZ_CO_TRY_VOID(std::move(applied));
      uid = last + 1;
    }
  }
  co_return Outcome::Whole;
}

// `slice` lies within one page.
Task<Result<void>> Folder::apply_slice(const Change& change, UidSet::Range slice, uint64_t modseq) {
  auto loading = page(change.mailbox, slice.first / kPageUids);
  auto loaded = co_await std::move(loading);
  BZ_CO_TRY(Cached * source, std::move(loaded));
  auto [first, last] = slice_of(source->entries, slice);
  if (first == last) co_return Result<void>();
  if (change.kind == Change::Kind::Flags) {
    for (size_t i = first; i < last; ++i)
      if (apply_flags(source->entries[i], change.op, change.bits, modseq)) source->dirty = true;
    co_return Result<void>();
  }
  std::vector<Entry> picked(source->entries.begin() + static_cast<ptrdiff_t>(first),
                            source->entries.begin() + static_cast<ptrdiff_t>(last));
  if (change.kind != Change::Kind::Copy) {
    source->entries.erase(source->entries.begin() + static_cast<ptrdiff_t>(first),
                          source->entries.begin() + static_cast<ptrdiff_t>(last));
    source->dirty = true;
  }
  for (Entry e : picked) {
    if (change.kind == Change::Kind::Expunge) {
      --references_[e.email];
      continue;
    }
    if (change.kind == Change::Kind::Copy) ++references_[e.email];
    e.uid = next_.next_target++;
    e.flags = map_flags(e.flags, change.keyword_map);
    e.saved = change.saved;
    e.modseq = modseq;
    auto opening = page(change.target, e.uid / kPageUids);
    auto opened = co_await std::move(opening);
    BZ_CO_TRY(Cached * target, std::move(opened));
    if (!target->entries.empty() && target->entries.back().uid >= e.uid)
      co_return fail(Errc::Corrupt, "a copy below the last UID");
    target->entries.push_back(e);
    target->dirty = true;
  }
  co_return Result<void>();
}

Task<Result<Folder::Cached*>> Folder::page(MailboxId mailbox, uint32_t number) {
  auto found = cache_.find({mailbox, number});
  if (found != cache_.end()) co_return &found->second;
  auto getting = partition_.get(key::page(mailbox, number));
  auto got = co_await getting;
  BZ_CO_TRY(auto bytes, std::move(got));
  Cached cached;
  if (bytes) {
    BZ_CO_TRY(cached.entries, decode_page(number, *bytes));
  }
  co_return &cache_.emplace(std::pair(mailbox, number), std::move(cached)).first->second;
}

Task<Result<void>> Folder::put_references(kv::Batch& batch) {
  std::erase_if(references_, [](const auto& r) { return r.second == 0; });
  std::vector<kv::Bytes> counts, records;  // records: of those that lose references
  for (auto [email, delta] : references_) {
    counts.push_back(key::references(email));
    if (delta < 0) records.push_back(key::record(email));
  }
  if (counts.empty()) co_return Result<void>();
  auto reading_counts = partition_.get_many(counts);
  auto read_counts = co_await reading_counts;
  BZ_CO_TRY(auto old, std::move(read_counts));
  auto reading_records = partition_.get_many(records);
  auto read_records = co_await reading_records;
  BZ_CO_TRY(auto messages, std::move(read_records));
  size_t i = 0, lost = 0;
  for (auto [email, delta] : references_) {
    const size_t at = i++, record = delta < 0 ? lost++ : 0;
    int64_t count = 1;
    if (old[at]) {
      BZ_CO_TRY(uint64_t stored, decode_references(*old[at]));
      count = static_cast<int64_t>(stored);
    }
    count += delta;
    if (count < 0) co_return fail(Errc::Corrupt, "a reference count below zero");
    if (count >= 2) {
      batch.put(counts[at], encode_references(static_cast<uint64_t>(count)));
      continue;
    }
    if (old[at]) batch.del(counts[at]);
    if (count == 1 || !messages[record]) continue;
    BZ_CO_TRY(auto message, MessageRecord::decode(*messages[record]));
    batch.del(records[record]).unlink(message.blob);
    if (message.parsed_blob.id != 0) batch.unlink(message.parsed_blob);
  }
  co_return Result<void>();
}

Task<Result<void>> Folder::flush() {
  kv::Batch batch;
  for (const auto& [at, cached] : cache_) {
    if (!cached.dirty) continue;
    std::string name = key::page(at.first, at.second);
    if (cached.entries.empty())
      batch.del(name);
    else
      batch.put(name, encode_page(cached.entries));
  }
  for (const auto& name : removed_) batch.del(name);
  auto putting = put_references(batch);
  auto put = co_await std::move(putting);
  BZ_CO_TRY_VOID(std::move(put));
  const uint64_t start = next_.done.modseq > keep_changes_ ? next_.done.modseq - keep_changes_ : 1;
  const bool pruned = start > next_.log_start + keep_changes_ / 8;
  if (pruned) next_.log_start = start;
  batch.put(key::kFold, next_.encode());
  auto committing = partition_.commit(std::move(batch), {}, kv::Durability::Lazy);
  auto committed = co_await committing;
  if (!committed) co_return std::move(committed).error();
  record_ = next_;
  if (!pruned) co_return Result<void>();
  // F says already that they do not count: a crash in between only leaves them until the next time.
  auto deleting = partition_.delete_range(key::change(0, 0), key::change(record_.log_start, 0));
  auto deleted = co_await deleting;
  if (!deleted) co_return std::move(deleted).error();
  co_return Result<void>();
}

}  // namespace bz::store

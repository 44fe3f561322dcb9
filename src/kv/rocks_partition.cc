// Partition on RocksDB: commits go to the writer; reads are answered at once from memtables and block cache, else by the
// pool.
#include <algorithm>

#include "kv/chunk_codec.h"
#include "kv/rocks_core.h"
#include "kv/rocks_keys.h"

namespace bz::kv {
namespace {

using Tier = rocksdb::ReadTier;
template <class T>
using Try = std::optional<Result<T>>;  // nullopt: not in the cache

rocksdb::ReadOptions read_options(Tier tier) {
  rocksdb::ReadOptions options;
  options.read_tier = tier;
  return options;
}

bool touches(const Request& request, View begin, View end) {  // user keys [begin, end); end empty: no end
  const auto inside = [&](View key) { return key >= begin && (end.empty() || key < end); };
  if (request.kind == Request::Kind::DeleteRange) return true;
  return std::any_of(request.batch.ops().begin(), request.batch.ops().end(),
                     [&](const Batch::Op& op) { return !op.key.empty() && inside(op.key); });
}

bool touches_key(const Request& request, View key) {
  if (request.kind == Request::Kind::DeleteRange) return true;
  return std::any_of(request.batch.ops().begin(), request.batch.ops().end(),
                     [&](const Batch::Op& op) { return op.key == key && !key.empty(); });
}

bool touches_blob(const Request& request, uint64_t blob) {
  return std::any_of(request.batch.ops().begin(), request.batch.ops().end(),
                     [&](const Batch::Op& op) { return op.key.empty() && op.blob.id == blob; });
}

Try<std::optional<Bytes>> read_key(const Database& base, PartitionId id, const Bytes& key, Tier tier) {
  if (key.empty()) return std::optional<Bytes>();
  rocksdb::PinnableSlice value;
  const auto status = base.db->Get(read_options(tier), base.index, index_key(id, key), &value);
  if (status.IsIncomplete()) return std::nullopt;
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return from_status(status, "reading a key");
  return std::optional<Bytes>(value.ToString());
}

Try<std::vector<std::optional<Bytes>>> read_keys(const Database& base, PartitionId id, const std::vector<Bytes>& keys,
                                                 Tier tier) {
  std::vector<Bytes> full;
  full.reserve(keys.size());
  for (const Bytes& key : keys) full.push_back(index_key(id, key));
  const std::vector<rocksdb::Slice> slices(full.begin(), full.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  base.db->MultiGet(read_options(tier), base.index, slices.size(), slices.data(), values.data(), statuses.data());
  std::vector<std::optional<Bytes>> found(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsIncomplete()) return std::nullopt;
    if (statuses[i].IsNotFound() || keys[i].empty()) continue;
    if (!statuses[i].ok()) return from_status(statuses[i], "reading keys");
    found[i] = values[i].ToString();
  }
  return found;
}

struct Range {
  Bytes begin, end;  // keys of the index
  size_t keys, bytes;
};

Try<Page> read_page(const Database& base, const Range& range, Tier tier) {
  rocksdb::ReadOptions options = read_options(tier);
  const rocksdb::Slice bound(range.end);
  options.iterate_upper_bound = &bound;
  std::unique_ptr<rocksdb::Iterator> at(base.db->NewIterator(options, base.index));
  Page page;
  size_t bytes = 0;
  at->Seek(range.begin);
  if (at->Valid() && at->key().size() == kPartitionPrefix) at->Next();  // the partition's own record
  for (; at->Valid(); at->Next()) {
    const size_t size = at->key().size() - kPartitionPrefix + at->value().size();
    const View key = view(at->key()).substr(kPartitionPrefix);
    if (page.items.size() == range.keys || (!page.items.empty() && bytes + size > range.bytes)) {
      page.more = true;
      page.next = key;
      return page;
    }
    bytes += size;
    page.items.push_back({Bytes(key), at->value().ToString()});
  }
  if (at->status().IsIncomplete()) return std::nullopt;
  if (!at->status().ok()) return from_status(at->status(), "scanning");
  return page;
}

// Blobs up to this size are decompressed where they are found in memory: that takes less than the way to the pool and back.
constexpr uint64_t kDecodeHere = 16 << 10;

Try<Bytes> read_chunks(const Database& base, PartitionId id, const BlobRef& ref, uint64_t offset, uint64_t length,
                       Tier tier) {
  Bytes out;
  if (offset >= ref.length) return out;
  const uint64_t end = offset + std::min(length, ref.length - offset);
  Bytes whole;
  for (uint64_t n = offset / kBlobChunk; n * kBlobChunk < end; ++n) {
    rocksdb::PinnableSlice stored;
    const auto status =
        base.db->Get(read_options(tier), base.blobs, chunk_key(id, ref.id, static_cast<uint32_t>(n)), &stored);
    if (status.IsIncomplete()) return std::nullopt;
    if (status.IsNotFound() && out.empty()) return fail(Errc::NotFound, "no such blob");
    if (!status.ok()) return status.IsNotFound() ? fail(Errc::Corrupt, "a chunk is missing") : from_status(status, "blob");
    const uint64_t start = n * kBlobChunk, size = std::min<uint64_t>(kBlobChunk, ref.length - start);
    whole.clear();
    if (auto decoded = decode_chunk(view(stored), size, whole); !decoded) return Result<Bytes>(std::move(decoded).error());
    const uint64_t from = std::max(offset, start) - start;
    out.append(whole, from, std::min(end - start, size) - from);
  }
  return out;
}

class RocksPartition final : public Partition {
 public:
  RocksPartition(std::shared_ptr<Core> core, std::shared_ptr<Handle> handle, base::Executor& executor)
      : core_(std::move(core)), handle_(std::move(handle)), executor_(executor) {}
  ~RocksPartition() override { core_->release(handle_->id, handle_.get()); }
  PartitionId id() const override { return handle_->id; }
  Epoch epoch() const override { return handle_->epoch; }

  Done<std::optional<Bytes>> get(View key) override {
    return read<std::optional<Bytes>>(
        [key](const Request& r) { return touches_key(r, key); },
        [id = id(), key = Bytes(key)](const Database& base, Tier tier) { return read_key(base, id, key, tier); });
  }
  Done<std::vector<std::optional<Bytes>>> get_many(std::vector<Bytes> keys) override {
    const auto shared = std::make_shared<const std::vector<Bytes>>(std::move(keys));
    return read<std::vector<std::optional<Bytes>>>(
        [&](const Request& r) {
          return std::any_of(shared->begin(), shared->end(), [&](const Bytes& key) { return touches_key(r, key); });
        },
        [id = id(), shared](const Database& base, Tier tier) { return read_keys(base, id, *shared, tier); });
  }
  Done<Page> scan(View begin, View end, uint32_t max_keys, uint32_t max_bytes) override {
    if (!end.empty() && begin >= end) return ready<Page>(Page{});
    const Limits& limits = core_->config.limits;
    Range range{index_key(id(), begin), index_end(id(), end), std::clamp<size_t>(max_keys, 1, limits.scan_page_keys),
                std::min<size_t>(max_bytes, limits.scan_page_bytes)};
    return read<Page>([begin, end](const Request& r) { return touches(r, begin, end); },
                      [range = std::move(range)](const Database& base, Tier tier) { return read_page(base, range, tier); });
  }
  Done<Seq> commit(Batch batch, std::vector<Guard> guards, Durability durability) override;
  std::unique_ptr<BlobWriter> new_blob() override { return make_rocks_blob_writer(core_, handle_, executor_); }
  Done<Bytes> read_blob(const BlobRef& ref, uint64_t offset, uint64_t length) override;
  Done<bool> delete_range(View begin, View end) override;

 private:
  Result<void> usable() const {
    if (core_->closed) return fail(Errc::Closed, "the store was closed");
    return handle_->usable();
  }
  template <class T, class Touches, class Read>
  Done<T> read(Touches touches, Read read);
  template <class T>
  Done<T> submit(RequestPtr request, T (*convert)(Seq));

  std::shared_ptr<Core> core_;
  std::shared_ptr<Handle> handle_;
  base::Executor& executor_;
};

// After the newest request under way that touches what is read; else now, if nothing needs the disk.
template <class T, class Touches, class Read>
Done<T> RocksPartition::read(Touches touches, Read read) {
  if (auto ok = usable(); !ok) return ready<T>(std::move(ok).error());
  std::unique_lock lock(handle_->mutex);
  const auto& pending = handle_->pending;
  const auto newest = std::find_if(pending.rbegin(), pending.rend(), [&](const RequestPtr& r) { return touches(*r); });
  const uint64_t after = newest == pending.rend() ? 0 : (*newest)->number;
  if (after == 0) {
    lock.unlock();
    if (Try<T> now = read(*core_->base, rocksdb::kBlockCacheTier)) return ready<T>(std::move(*now));
  }
  Done<T> done;
  auto job = [promise = done.promise(), read = std::move(read), core = core_.get(), &executor = executor_]() mutable {
    Try<T> result = read(*core->base, rocksdb::kReadAllTier);
    if (!result) result.emplace(fail(Errc::Internal, "a full read was incomplete"));
    post<T>(executor, std::move(promise), std::move(*result));
  };
  if (after == 0) {
    core_->pool->submit(std::move(job));
  } else {
    auto& waiting = handle_->waiting;  // kept in order of `after`
    auto place = std::find_if(waiting.begin(), waiting.end(), [&](const auto& w) { return w.after > after; });
    waiting.insert(place, {after, std::move(job)});
  }
  return done;
}

template <class T>
Done<T> RocksPartition::submit(RequestPtr request, T (*convert)(Seq)) {
  Done<T> done;
  request->done = [promise = done.promise(), convert, &executor = executor_](Result<Seq> result) mutable {
    if (result) return post<T>(executor, std::move(promise), convert(*result));
    post<T>(executor, std::move(promise), std::move(result).error());
  };
  std::lock_guard lock(handle_->mutex);
  request->number = ++handle_->submitted;
  for (const Batch::Op& op : request->batch.ops()) {
    if (op.kind == Batch::Kind::Link) handle_->unlinked.erase(op.blob.id);
  }
  handle_->pending.push_back(request);
  core_->writer->submit(std::move(request));
  return done;
}

Done<Seq> RocksPartition::commit(Batch batch, std::vector<Guard> guards, Durability durability) {
  if (auto ok = usable(); !ok) return ready<Seq>(std::move(ok).error());
  if (handle_->poisoned) return ready<Seq>(poisoned());
  if (auto ok = check_batch(batch, guards, core_->config.limits); !ok) {
    handle_->poisoned = true;
    return ready<Seq>(std::move(ok).error());
  }
  auto request =
      std::make_shared<Request>(Request{.kind = Request::Kind::Commit, .id = id(), .handle = handle_, .done = {}});
  request->batch = std::move(batch);
  request->guards = std::move(guards);
  request->sync = durability == Durability::Synced;
  return submit<Seq>(std::move(request), [](Seq seq) { return seq; });
}

Done<bool> RocksPartition::delete_range(View begin, View end) {
  if (auto ok = usable(); !ok) return ready<bool>(std::move(ok).error());
  if (handle_->poisoned) return ready<bool>(poisoned());
  if (!end.empty() && begin >= end) return ready<bool>(true);
  auto request =
      std::make_shared<Request>(Request{.kind = Request::Kind::DeleteRange, .id = id(), .handle = handle_, .done = {}});
  request->begin = index_key(id(), begin.empty() ? View("\0", 1) : begin);  // not the partition's own record
  request->end = index_end(id(), end);
  return submit<bool>(std::move(request), [](Seq) { return true; });
}

Done<Bytes> RocksPartition::read_blob(const BlobRef& ref, uint64_t offset, uint64_t length) {
  {
    std::lock_guard lock(handle_->mutex);
    if (handle_->unlinked.contains(ref.id)) return ready<Bytes>(fail(Errc::NotFound, "the blob is not linked"));
  }
  return read<Bytes>([&](const Request& r) { return touches_blob(r, ref.id); },
                     [id = id(), ref, offset, length](const Database& base, Tier tier) -> Try<Bytes> {
                       if (tier == rocksdb::kBlockCacheTier && ref.length > kDecodeHere) return std::nullopt;
                       return read_chunks(base, id, ref, offset, length, tier);
                     });
}

}  // namespace

std::unique_ptr<Partition> make_rocks_partition(std::shared_ptr<Core> core, std::shared_ptr<Handle> handle,
                                                base::Executor& executor) {
  return std::make_unique<RocksPartition>(std::move(core), std::move(handle), executor);
}

}  // namespace bz::kv

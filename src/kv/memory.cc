#include "kv/memory.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <mutex>

namespace bz::kv {
namespace {

using BlobData = std::shared_ptr<const Bytes>;
struct Part {
  std::map<Bytes, Bytes, std::less<>> keys;
  std::map<uint64_t, BlobData> blobs;  // linked ones
  Seq seq = 0;
};
using World = std::map<PartitionId, Part>;

// One change of the world; applied to the live one at once and to the durable one when it is synced.
struct Change {
  enum class Kind : uint8_t { Create, Destroy, Commit, DeleteRange };
  Kind kind;
  PartitionId id;
  Batch batch = {};
  std::map<uint64_t, BlobData> linked = {};
  Bytes begin = {}, end = {};
};

void erase_range(Part& part, View begin, View end) {
  auto from = part.keys.lower_bound(begin);
  auto to = end.empty() ? part.keys.end() : part.keys.lower_bound(end);
  if (end.empty() || begin < end) part.keys.erase(from, to);
}

void apply_change(World& world, const Change& change) {
  if (change.kind == Change::Kind::Create) {
    world.try_emplace(change.id);
    return;
  }
  if (change.kind == Change::Kind::Destroy) {
    world.erase(change.id);
    return;
  }
  auto found = world.find(change.id);
  if (found == world.end()) return;
  Part& part = found->second;
  if (change.kind == Change::Kind::DeleteRange) return erase_range(part, change.begin, change.end);
  ++part.seq;
  for (const Batch::Op& op : change.batch.ops()) {
    switch (op.kind) {
      case Batch::Kind::Put:
        part.keys[op.key] = op.value;
        break;
      case Batch::Kind::Del:
        part.keys.erase(op.key);
        break;
      case Batch::Kind::Unlink:
        part.blobs.erase(op.blob.id);
        break;
      case Batch::Kind::Link:
        if (auto data = change.linked.find(op.blob.id); data != change.linked.end()) part.blobs[op.blob.id] = data->second;
        break;
    }
  }
}

struct Handle {  // one open(); guarded by Core::mutex
  Epoch epoch = 0;
  bool fenced = false, poisoned = false;
  std::map<uint64_t, BlobData> pending;  // finished, not linked
};

struct Core {
  mutable std::mutex mutex;
  const Limits limits;
  const bool crash_image;
  World live, durable;
  std::deque<Change> tail;  // applied to live, not yet to durable
  uint64_t tail_first = 0;  // number of tail.front()
  std::map<PartitionId, std::weak_ptr<Handle>> current;
  uint64_t generation = 1, opened = 0, blobs = 0;
  MemoryStore::Delivery delivery = MemoryStore::Delivery::Immediate;
  struct HeldCommit {
    uint64_t synced_up_to;  // changes below this number are durable once it is released
    std::function<void()> post, drop;
  };
  std::deque<HeldCommit> held;
  uint64_t fail_in = 0;
  Errc fail_code = Errc::Unavailable;

  Core(Limits l, bool image) : limits(l), crash_image(image) {}

  void change(Change c) {
    apply_change(live, c);
    if (crash_image) tail.push_back(std::move(c));
  }
  uint64_t changes() const { return tail_first + tail.size(); }
  void sync(uint64_t up_to) {
    for (; !tail.empty() && tail_first < up_to; ++tail_first, tail.pop_front()) apply_change(durable, tail.front());
  }
  Result<void> usable(const Handle& handle) const {
    if (handle.fenced) return fail(Errc::Cancelled, "the partition was opened again or the store went away");
    return {};
  }
  Result<Seq> commit(PartitionId id, Handle& handle, Batch batch, const std::vector<Guard>& guards);
};

bool guards_hold(const Part& part, const std::vector<Guard>& guards) {
  return std::all_of(guards.begin(), guards.end(), [&](const Guard& guard) {
    auto found = part.keys.find(guard.key);
    return guard.value ? found != part.keys.end() && found->second == *guard.value : found == part.keys.end();
  });
}

// With the mutex held.
Result<Seq> Core::commit(PartitionId id, Handle& handle, Batch batch, const std::vector<Guard>& guards) {
  BZ_TRY_VOID(usable(handle));
  if (handle.poisoned) return fail(Errc::Cancelled, "an earlier commit failed");
  handle.poisoned = true;  // until it went well
  BZ_TRY_VOID(check_batch(batch, guards, limits));
  if (fail_in != 0 && --fail_in == 0) return fail(fail_code, "injected fault");
  handle.poisoned = false;
  if (!guards_hold(live[id], guards)) return fail(Errc::Conflict, "a guard does not hold");
  Change c{.kind = Change::Kind::Commit, .id = id};
  for (const Batch::Op& op : batch.ops()) {
    if (op.kind != Batch::Kind::Link) continue;
    auto blob = handle.pending.extract(op.blob.id);
    if (!blob.empty()) c.linked.insert(std::move(blob));
  }
  c.batch = std::move(batch);
  change(std::move(c));
  return live[id].seq;
}

// A completion that is ready, or posted, as the store is told.
template <class T>
Done<T> deliver(MemoryStore::Delivery delivery, base::Executor& executor, Result<T> result) {
  Done<T> done;
  auto promise = done.promise();
  if (delivery == MemoryStore::Delivery::Immediate) {
    promise.set(std::move(result));
  } else {
    auto boxed = std::make_shared<Result<T>>(std::move(result));
    executor.post([promise = std::move(promise), boxed] { promise.set(std::move(*boxed)); });
  }
  return done;
}

class MemoryBlobWriter final : public BlobWriter {
 public:
  MemoryBlobWriter(std::shared_ptr<Core> core, std::shared_ptr<Handle> handle, base::Executor& executor)
      : core_(std::move(core)), handle_(std::move(handle)), executor_(executor) {}
  Done<bool> write(View bytes) override {
    std::lock_guard lock(core_->mutex);
    return deliver(core_->delivery, executor_, append(bytes));
  }
  Done<BlobRef> finish() override {
    std::lock_guard lock(core_->mutex);
    return deliver(core_->delivery, executor_, close());
  }

 private:
  Result<bool> append(View bytes) {
    BZ_TRY_VOID(core_->usable(*handle_));
    if (finished_ || failed_) return fail(Errc::Invalid, "write to a finished or failed blob");
    failed_ = bytes.size() > core_->limits.blob_bytes - data_.size();
    if (failed_) return fail(Errc::TooLarge, "blob too long");
    data_.append(bytes);
    return true;
  }
  Result<BlobRef> close() {
    BZ_TRY_VOID(core_->usable(*handle_));
    if (finished_ || failed_) return fail(Errc::Invalid, "finish of a finished or failed blob");
    finished_ = true;
    BlobRef ref{core_->generation << 40 | ++core_->blobs, data_.size(), data_.size()};
    handle_->pending[ref.id] = std::make_shared<const Bytes>(std::move(data_));
    return ref;
  }
  std::shared_ptr<Core> core_;
  std::shared_ptr<Handle> handle_;
  base::Executor& executor_;
  Bytes data_;
  bool finished_ = false, failed_ = false;
};

class MemoryPartition final : public Partition {
 public:
  MemoryPartition(std::shared_ptr<Core> core, std::shared_ptr<Handle> handle, PartitionId id, base::Executor& executor)
      : core_(std::move(core)), handle_(std::move(handle)), id_(id), epoch_(handle_->epoch), executor_(executor) {}
  PartitionId id() const override { return id_; }
  Epoch epoch() const override { return epoch_; }

  Done<std::optional<Bytes>> get(View key) override {
    return answer<std::optional<Bytes>>([&](const Part& part) { return find(part, key); });
  }
  Done<std::vector<std::optional<Bytes>>> get_many(std::vector<Bytes> keys) override {
    return answer<std::vector<std::optional<Bytes>>>([&](const Part& part) {
      std::vector<std::optional<Bytes>> values;
      for (const Bytes& key : keys) values.push_back(find(part, key));
      return values;
    });
  }
  Done<Page> scan(View begin, View end, uint32_t max_keys, uint32_t max_bytes) override {
    return answer<Page>([&](const Part& part) { return page(part, begin, end, max_keys, max_bytes); });
  }
  Done<Seq> commit(Batch batch, std::vector<Guard> guards, Durability durability) override;
  std::unique_ptr<BlobWriter> new_blob() override { return std::make_unique<MemoryBlobWriter>(core_, handle_, executor_); }
  Done<Bytes> read_blob(const BlobRef& ref, uint64_t offset, uint64_t length) override {
    return answer<Bytes>([&](const Part& part) -> Result<Bytes> {
      auto found = part.blobs.find(ref.id);
      if (found == part.blobs.end()) return fail(Errc::NotFound, "no such blob");
      if (offset >= found->second->size()) return Bytes();
      return found->second->substr(offset, length);
    });
  }
  Done<bool> delete_range(View begin, View end) override {
    std::lock_guard lock(core_->mutex);
    auto usable = core_->usable(*handle_);
    if (usable && handle_->poisoned) usable = fail(Errc::Cancelled, "an earlier commit failed");
    if (!usable) return deliver<bool>(core_->delivery, executor_, usable.error());
    core_->change({.kind = Change::Kind::DeleteRange, .id = id_, .begin = Bytes(begin), .end = Bytes(end)});
    core_->sync(core_->changes());
    return deliver<bool>(core_->delivery, executor_, true);
  }

 private:
  static std::optional<Bytes> find(const Part& part, View key) {
    auto found = part.keys.find(key);
    if (found == part.keys.end()) return std::nullopt;
    return found->second;
  }
  Page page(const Part& part, View begin, View end, uint32_t max_keys, uint32_t max_bytes) const;
  template <class T, class Read>
  Done<T> answer(Read read) {
    std::lock_guard lock(core_->mutex);
    auto usable = core_->usable(*handle_);
    if (!usable) return deliver<T>(core_->delivery, executor_, usable.error());
    return deliver<T>(core_->delivery, executor_, read(core_->live[id_]));
  }
  std::shared_ptr<Core> core_;
  std::shared_ptr<Handle> handle_;
  PartitionId id_;
  Epoch epoch_;
  base::Executor& executor_;
};

Page MemoryPartition::page(const Part& part, View begin, View end, uint32_t max_keys, uint32_t max_bytes) const {
  const size_t keys = std::clamp<size_t>(max_keys, 1, core_->limits.scan_page_keys);
  const size_t room = std::min<size_t>(max_bytes, core_->limits.scan_page_bytes);
  Page page;
  size_t bytes = 0;
  for (auto at = part.keys.lower_bound(begin); at != part.keys.end() && (end.empty() || at->first < end); ++at) {
    const size_t size = at->first.size() + at->second.size();
    if (page.items.size() == keys || (!page.items.empty() && bytes + size > room)) {
      page.more = true;
      page.next = at->first;
      break;
    }
    bytes += size;
    page.items.push_back({at->first, at->second});
  }
  return page;
}

Done<Seq> MemoryPartition::commit(Batch batch, std::vector<Guard> guards, Durability durability) {
  std::lock_guard lock(core_->mutex);
  Result<Seq> result = core_->commit(id_, *handle_, std::move(batch), guards);
  const uint64_t synced = result && durability == Durability::Synced ? core_->changes() : 0;
  if (core_->delivery != MemoryStore::Delivery::Held) {
    core_->sync(synced);
    return deliver(core_->delivery, executor_, std::move(result));
  }
  Done<Seq> done;
  auto boxed = std::make_shared<Result<Seq>>(std::move(result));
  auto post = [promise = done.promise(), boxed, &executor = executor_](bool drop) {
    if (drop) *boxed = fail(Errc::Cancelled, "power was cut");
    executor.post([promise, boxed] { promise.set(std::move(*boxed)); });
  };
  core_->held.push_back({synced, [post] { post(false); }, [post] { post(true); }});
  return done;
}

class Memory final : public MemoryStore {
 public:
  Memory(Limits limits, bool crash_image) : core_(std::make_shared<Core>(limits, crash_image)) {}
  ~Memory() override {
    release(SIZE_MAX);
    std::lock_guard lock(core_->mutex);
    fence_all();
  }
  const Limits& limits() const override { return core_->limits; }
  Done<std::unique_ptr<Partition>> open(PartitionId id, bool create, base::Executor& executor) override;
  Done<bool> destroy(PartitionId id, base::Executor& executor) override;
  Done<std::vector<PartitionId>> list(uint8_t kind, uint64_t after, uint32_t max, base::Executor& executor) override;

  void set_delivery(Delivery delivery) override {
    std::lock_guard lock(core_->mutex);
    core_->delivery = delivery;
  }
  size_t release(size_t count) override;
  size_t held() const override {
    std::lock_guard lock(core_->mutex);
    return core_->held.size();
  }
  void fail_commit(uint64_t n, Errc code) override {
    std::lock_guard lock(core_->mutex);
    core_->fail_in = n;
    core_->fail_code = code;
  }
  void power_cut(size_t keep) override;
  size_t not_durable() const override {
    std::lock_guard lock(core_->mutex);
    return core_->tail.size();
  }

 private:
  void fence(PartitionId id) {
    if (auto old = core_->current[id].lock()) old->fenced = true;
  }
  void fence_all() {
    for (auto& [id, handle] : core_->current) fence(id);
    core_->current.clear();
  }
  std::shared_ptr<Core> core_;
};

Done<std::unique_ptr<Partition>> Memory::open(PartitionId id, bool create, base::Executor& executor) {
  std::lock_guard lock(core_->mutex);
  using Opened = std::unique_ptr<Partition>;
  if (!core_->live.contains(id)) {
    if (!create) return deliver<Opened>(core_->delivery, executor, fail(Errc::NotFound, "no such partition"));
    core_->change({.kind = Change::Kind::Create, .id = id});
  }
  fence(id);
  auto handle = std::make_shared<Handle>();
  handle->epoch = core_->generation << 32 | ++core_->opened;
  core_->current[id] = handle;
  return deliver<Opened>(core_->delivery, executor, Opened(new MemoryPartition(core_, handle, id, executor)));
}

Done<bool> Memory::destroy(PartitionId id, base::Executor& executor) {
  std::lock_guard lock(core_->mutex);
  fence(id);
  core_->current.erase(id);
  core_->change({.kind = Change::Kind::Destroy, .id = id});
  core_->sync(core_->changes());
  return deliver<bool>(core_->delivery, executor, true);
}

Done<std::vector<PartitionId>> Memory::list(uint8_t kind, uint64_t after, uint32_t max, base::Executor& executor) {
  std::lock_guard lock(core_->mutex);
  std::vector<PartitionId> ids;
  auto at = core_->live.upper_bound({kind, after});
  for (; at != core_->live.end() && at->first.kind == kind && ids.size() < max; ++at) ids.push_back(at->first);
  return deliver<std::vector<PartitionId>>(core_->delivery, executor, std::move(ids));
}

size_t Memory::release(size_t count) {
  std::lock_guard lock(core_->mutex);
  size_t released = 0;
  for (; released < count && !core_->held.empty(); ++released) {
    core_->sync(core_->held.front().synced_up_to);
    core_->held.front().post();
    core_->held.pop_front();
  }
  return released;
}

void Memory::power_cut(size_t keep) {
  std::lock_guard lock(core_->mutex);
  BZ_CHECK(core_->crash_image, "power_cut needs a store with a crash image");
  core_->sync(core_->tail_first + keep);
  core_->tail_first += core_->tail.size();
  core_->tail.clear();
  core_->live = core_->durable;
  ++core_->generation;
  fence_all();
  for (auto& held : core_->held) held.drop();
  core_->held.clear();
}

}  // namespace

std::unique_ptr<MemoryStore> make_memory_store(Limits limits, bool crash_image) {
  return std::make_unique<Memory>(limits, crash_image);
}

}  // namespace bz::kv

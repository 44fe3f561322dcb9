#include <rocksdb/utilities/checkpoint.h>

#include "base/log.h"
#include "kv/rocks_core.h"
#include "kv/rocks_keys.h"

namespace bz::kv {

Core::Core(RocksConfig c, std::unique_ptr<Database> b)
    : config(std::move(c)),
      base(std::move(b)),
      pool(std::make_unique<Pool>(config.reader_threads)),
      writer(std::make_unique<Writer>(*base, *pool, config)) {}

void Core::take_over(PartitionId id, const std::shared_ptr<Handle>& next) {
  std::lock_guard lock(mutex);
  auto& owner = current[id];
  if (auto old = owner.lock()) old->fenced = true;
  owner = next;
  if (!next) current.erase(id);
}

void Core::release(PartitionId id, const Handle* handle) {
  std::lock_guard lock(mutex);
  auto found = current.find(id);
  if (found != current.end() && found->second.lock().get() == handle) current.erase(found);
}

// The pool may still feed the writer (compressed chunks) and the writer the pool (reads that waited): so first the pool is
// drained while the writer runs, then the writer, then the reads it let go.
void Core::close() {
  if (closed.exchange(true)) return;
  pool->drain();
  writer->stop();
  pool.reset();
  base.reset();
}

namespace {

class Rocks final : public RocksStore {
 public:
  explicit Rocks(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~Rocks() override { core_->close(); }
  const Limits& limits() const override { return core_->config.limits; }
  uint64_t generation() const override { return core_->base->generation; }

  Done<std::unique_ptr<Partition>> open(PartitionId id, bool create, base::Executor& executor) override;
  Done<bool> destroy(PartitionId id, base::Executor& executor) override;
  Done<std::vector<PartitionId>> list(uint8_t kind, uint64_t after, uint32_t max, base::Executor& executor) override;
  Result<void> checkpoint(const std::string& path) override;
  Result<void> verify() override;
  Result<void> maintain() override;
  void interrupt() override { interrupted_ = true; }

 private:
  std::atomic<bool> interrupted_ = false;
  std::shared_ptr<Core> core_;
};

Done<std::unique_ptr<Partition>> Rocks::open(PartitionId id, bool create, base::Executor& executor) {
  using Opened = std::unique_ptr<Partition>;
  if (id.id == UINT64_MAX) return ready<Opened>(fail(Errc::Invalid, "partition id out of range"));
  auto handle = std::make_shared<Handle>(id, core_->base->generation << 32 | ++core_->opened);
  core_->take_over(id, handle);
  Done<Opened> done;
  auto request = std::make_shared<Request>(Request{.kind = Request::Kind::Open, .id = id, .handle = handle, .done = {}});
  request->create = create;
  request->done = [core = core_, handle, promise = done.promise(), &executor](Result<Seq> result) mutable {
    if (result) return post<Opened>(executor, std::move(promise), make_rocks_partition(core, handle, executor));
    core->release(handle->id, handle.get());
    post<Opened>(executor, std::move(promise), std::move(result).error());
  };
  core_->writer->submit(std::move(request));
  return done;
}

Done<bool> Rocks::destroy(PartitionId id, base::Executor& executor) {
  if (id.id == UINT64_MAX) return ready<bool>(fail(Errc::Invalid, "partition id out of range"));
  core_->take_over(id, nullptr);
  Done<bool> done;
  auto request = std::make_shared<Request>(Request{.kind = Request::Kind::Destroy, .id = id, .handle = {}, .done = {}});
  request->done = [promise = done.promise(), &executor](Result<Seq> result) mutable {
    post<bool>(executor, std::move(promise), result ? Result<bool>(true) : Result<bool>(std::move(result).error()));
  };
  core_->writer->submit(std::move(request));
  return done;
}

Result<std::vector<PartitionId>> list_partitions(const Database& base, uint8_t kind, uint64_t after, uint32_t max) {
  std::vector<PartitionId> ids;
  if (after == UINT64_MAX) return ids;
  std::unique_ptr<rocksdb::Iterator> at(base.db->NewIterator({}, base.index));
  for (at->Seek(partition_prefix({kind, after + 1})); at->Valid() && ids.size() < max;
       at->Seek(partition_end(ids.back()))) {
    const auto id = parse_partition(view(at->key()));
    if (!id || id->id == UINT64_MAX) return fail(Errc::Corrupt, "a key of no partition");
    if (id->kind != kind) break;
    ids.push_back(*id);
  }
  if (!at->status().ok()) return from_status(at->status(), "listing partitions");
  return ids;
}

Done<std::vector<PartitionId>> Rocks::list(uint8_t kind, uint64_t after, uint32_t max, base::Executor& executor) {
  using Ids = std::vector<PartitionId>;
  Done<Ids> done;
  core_->pool->submit([core = core_.get(), kind, after, max, promise = done.promise(), &executor]() mutable {
    post<Ids>(executor, std::move(promise), list_partitions(*core->base, kind, after, max));
  });
  return done;
}

Result<void> Rocks::checkpoint(const std::string& path) {
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(core_->base->db.get(), &made);
  std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(path);
  if (!status.ok()) return from_status(status, "checkpoint " + path);
  return {};
}

Result<void> Rocks::verify() {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  auto status = core_->base->db->VerifyFileChecksums(options);
  if (status.ok()) status = core_->base->db->VerifyChecksum(options);
  if (!status.ok()) return from_status(status, "verify");
  return {};
}

// Which blobs are garbage shows when keys meet their deletions in a compaction; that of the keys is cheap. Only when the
// garbage found is worth it are blob files rewritten.
Result<void> Rocks::maintain() {
  rocksdb::DB& db = *core_->base->db;
  rocksdb::ColumnFamilyHandle* blobs = core_->base->blobs;
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.canceled = &interrupted_;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  auto status = db.CompactRange(options, blobs, nullptr, nullptr);
  uint64_t total = 0, garbage = 0;
  db.GetIntProperty(blobs, "rocksdb.live-blob-file-size", &total);
  db.GetIntProperty(blobs, "rocksdb.live-blob-file-garbage-size", &garbage);
  if (status.ok() && garbage > total / 4) {
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
    options.blob_garbage_collection_age_cutoff = 1.0;
    status = db.CompactRange(options, blobs, nullptr, nullptr);
  }
  log::event(log::Info, "store-maintain").field("blob_bytes", total).field("garbage_bytes", garbage);
  if (interrupted_) return fail(Errc::Cancelled, "the store is going down");
  if (!status.ok()) return from_status(status, "maintain");
  return {};
}

}  // namespace

Result<std::unique_ptr<RocksStore>> open_rocks(const std::string& path, RocksConfig config) {
  BZ_TRY(auto base, open_database(path, config));
  auto core = std::make_shared<Core>(std::move(config), std::move(base));
  return std::unique_ptr<RocksStore>(new Rocks(std::move(core)));
}

}  // namespace bz::kv

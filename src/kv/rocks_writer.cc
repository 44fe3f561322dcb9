// The writer: takes what waits, turns it into one rocksdb::WriteBatch, writes it with one sync, answers in order.
#include <algorithm>

#include "base/coding.h"
#include "base/log.h"
#include "kv/rocks_core.h"
#include "kv/rocks_keys.h"

namespace bz::kv {

namespace {
constexpr uint64_t kSingleDeletes = 64;  // a blob of more chunks is dropped by one range deletion

Bytes sequence_value(Seq seq) {
  Bytes out;
  base::put_be64(out, seq);
  return out;
}
}  // namespace

struct Writer::Group {
  rocksdb::WriteBatch batch;
  bool sync = false;
  std::vector<RequestPtr> commits;  // applied in this group: guards look at them first
  std::set<Handle*> advanced;       // their sequence numbers are written at the end
};

Writer::Writer(Database& base, Pool& pool, const RocksConfig& config) : base_(base), pool_(pool), config_(config) {
  thread_ = std::thread([this] { run(); });
}

void Writer::submit(RequestPtr request) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(request));
  }
  changed_.notify_one();
}

void Writer::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Writer::run() {
  for (std::unique_lock lock(mutex_);;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::vector<RequestPtr> requests = take(lock);
    process(requests);
    requests.clear();
    lock.lock();
  }
}

// Open and Destroy look at the database, so what came before must be written: they go alone.
std::vector<RequestPtr> Writer::take(std::unique_lock<std::mutex>& lock) {
  std::vector<RequestPtr> requests;
  size_t bytes = 0;
  while (!queue_.empty()) {
    const Request& next = *queue_.front();
    const bool alone = next.kind == Request::Kind::Open || next.kind == Request::Kind::Destroy;
    if (!requests.empty() && (alone || bytes + next.bytes() > config_.group_bytes)) break;
    bytes += next.bytes();
    requests.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (alone) break;
  }
  lock.unlock();
  return requests;
}

void Writer::process(const std::vector<RequestPtr>& requests) {
  Group group;
  std::vector<Result<Seq>> results;
  results.reserve(requests.size());
  for (const RequestPtr& request : requests) results.push_back(add(group, request));
  const Result<void> written = write(group);
  for (size_t i = 0; i < requests.size(); ++i) {
    if (results[i] && !written) {
      results[i] = written.error();
      if (requests[i]->handle) requests[i]->handle->poisoned = true;
    }
    finish(requests[i], std::move(results[i]));
  }
}

Result<Seq> Writer::add(Group& group, const RequestPtr& request) {
  Request& r = *request;
  if (r.kind == Request::Kind::Open) return add_open(group, r);
  if (r.kind == Request::Kind::Destroy) return add_destroy(group, r);
  BZ_TRY_VOID(r.handle->usable());
  if (r.kind == Request::Kind::Commit) {
    auto result = add_commit(group, r);
    if (result) group.commits.push_back(request);
    return result;
  }
  switch (r.kind) {
    case Request::Kind::DeleteRange:
      if (r.handle->poisoned) return poisoned();
      group.batch.DeleteRange(base_.index, r.begin, r.end);
      group.commits.push_back(request);
      group.sync = true;
      break;
    case Request::Kind::BeginBlob:
      group.batch.Put(base_.meta, pending_key(r.id, r.blob), rocksdb::Slice());
      break;
    case Request::Kind::Chunk:
      group.batch.Put(base_.blobs, chunk_key(r.id, r.blob, r.chunk), r.data);
      break;
    case Request::Kind::DropBlob:
      drop_blob(group, r.id, r.blob, r.chunk);
      break;
    default:
      BZ_CHECK(false, "request of an unknown kind");
  }
  return Seq{0};
}

Result<Seq> Writer::add_commit(Group& group, Request& request) {
  Handle& handle = *request.handle;
  if (handle.poisoned) return poisoned();
  for (const Guard& guard : request.guards) {
    auto holds = guard_holds(group, request, guard);
    if (!holds) {
      handle.poisoned = true;
      return std::move(holds).error();
    }
    if (!*holds) return fail(Errc::Conflict, "a guard does not hold");
  }
  for (const Batch::Op& op : request.batch.ops()) add_op(group, request, op);
  group.sync |= request.sync;
  group.advanced.insert(&handle);
  return ++handle.seq;
}

void Writer::add_op(Group& group, const Request& request, const Batch::Op& op) {
  switch (op.kind) {
    case Batch::Kind::Put:
      group.batch.Put(base_.index, index_key(request.id, op.key), op.value);
      break;
    case Batch::Kind::Del:
      group.batch.Delete(base_.index, index_key(request.id, op.key));
      break;
    case Batch::Kind::Link:
      group.batch.Delete(base_.meta, pending_key(request.id, op.blob.id));
      break;
    case Batch::Kind::Unlink:
      drop_blob(group, request.id, op.blob.id, chunk_count(op.blob.length));
      break;
  }
}

void Writer::drop_blob(Group& group, PartitionId id, uint64_t blob, uint64_t chunks) {
  if (chunks > kSingleDeletes) {
    group.batch.DeleteRange(base_.blobs, chunk_key(id, blob, 0), chunk_key(id, blob + 1, 0));
  } else {
    for (uint32_t n = 0; n < chunks; ++n) group.batch.Delete(base_.blobs, chunk_key(id, blob, n));
  }
  group.batch.Delete(base_.meta, pending_key(id, blob));
}

// The newest operation of this group on the key decides, else the database.
Result<bool> Writer::guard_holds(const Group& group, const Request& request, const Guard& guard) const {
  const Bytes key = index_key(request.id, guard.key);
  for (auto earlier = group.commits.rbegin(); earlier != group.commits.rend(); ++earlier) {
    const Request& r = **earlier;
    if (r.id != request.id) continue;
    if (r.kind == Request::Kind::DeleteRange) {
      if (key >= r.begin && key < r.end) return !guard.value;
      continue;
    }
    for (auto op = r.batch.ops().rbegin(); op != r.batch.ops().rend(); ++op) {
      if (op->kind == Batch::Kind::Put && op->key == guard.key) return guard.value == op->value;
      if (op->kind == Batch::Kind::Del && op->key == guard.key) return !guard.value;
    }
  }
  rocksdb::PinnableSlice value;
  const auto status = base_.db->Get({}, base_.index, key, &value);
  if (status.IsNotFound()) return !guard.value;
  if (!status.ok()) return from_status(status, "reading a guard");
  return guard.value && *guard.value == view(value);
}

// Reclaims what blob writers of earlier owners left behind. Their own late requests find their handle fenced.
Result<Seq> Writer::add_open(Group& group, Request& request) {
  BZ_TRY_VOID(request.handle->usable());
  if (broken_) {
    const auto status = base_.db->Resume();
    if (!status.ok()) return from_status(status, "resuming after a write error");
    broken_ = false;
    log::event(log::Info, "store-resumed");
  }
  Bytes record;
  const auto status = base_.db->Get({}, base_.index, partition_prefix(request.id), &record);
  if (status.IsNotFound()) {
    if (!request.create) return fail(Errc::NotFound, "no such partition");
    record = sequence_value(0);
    group.batch.Put(base_.index, partition_prefix(request.id), record);
  } else if (!status.ok()) {
    return from_status(status, "opening a partition");
  }
  if (record.size() != 8) return fail(Errc::Corrupt, "the partition's record is damaged");
  const Bytes prefix = pending_prefix(request.id);
  std::unique_ptr<rocksdb::Iterator> at(base_.db->NewIterator({}, base_.meta));
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    if (at->key().size() != prefix.size() + 8) return fail(Errc::Corrupt, "the mark of a pending blob is damaged");
    drop_blob(group, request.id, base::get_be64(at->key().data() + prefix.size()), kSingleDeletes + 1);
  }
  if (!at->status().ok()) return from_status(at->status(), "opening a partition");
  return request.handle->seq = base::get_be64(record.data());
}

Result<Seq> Writer::add_destroy(Group& group, Request& request) {
  const Bytes begin = partition_prefix(request.id), end = partition_end(request.id);
  group.batch.DeleteRange(base_.index, begin, end);
  group.batch.DeleteRange(base_.blobs, begin, end);
  group.batch.DeleteRange(base_.meta, "B" + begin, "B" + end);
  group.sync = true;
  return Seq{0};
}

Result<void> Writer::write(Group& group) {
  for (Handle* handle : group.advanced)
    group.batch.Put(base_.index, partition_prefix(handle->id), sequence_value(handle->seq));
  if (group.batch.Count() == 0 && !group.sync) return {};
  rocksdb::WriteOptions options;
  options.sync = group.sync;
  const auto status = base_.db->Write(options, &group.batch);
  if (status.ok()) return {};
  broken_ = true;
  Error error = from_status(status, "writing a group");
  log::event(log::Err, "store-write").error(error);
  return error;
}

// Answers, and lets go the reads that waited for this request.
void Writer::finish(const RequestPtr& request, Result<Seq> result) {
  std::vector<std::function<void()>> reads;
  if (request->number != 0) {
    Handle& handle = *request->handle;
    std::lock_guard lock(handle.mutex);
    BZ_CHECK(!handle.pending.empty() && handle.pending.front() == request, "requests of a handle out of order");
    handle.pending.pop_front();
    if (!result && result.error().code() == Errc::Conflict) {  // its links did not happen
      for (const Batch::Op& op : request->batch.ops()) {
        if (op.kind == Batch::Kind::Link) handle.unlinked.insert(op.blob.id);
      }
    }
    for (; !handle.waiting.empty() && handle.waiting.front().after <= request->number; handle.waiting.pop_front())
      reads.push_back(std::move(handle.waiting.front().run));
  }
  request->done(std::move(result));
  request->done = nullptr;
  for (auto& read : reads) pool_.submit(std::move(read));
}

}  // namespace bz::kv

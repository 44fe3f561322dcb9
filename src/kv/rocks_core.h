// Inside kv: what writer, partitions and store of the RocksDB backend share.
//
// Handle = one open() of a partition; Request = one thing the writer does for it. A handle's requests are numbered; reads
// that touch a key of a request still under way wait for it (read-your-writes), all others go straight to the database.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "kv/pool.h"
#include "kv/rocks_database.h"

namespace bz::kv {

struct Handle;
inline Error poisoned() { return fail(Errc::Cancelled, "an earlier commit failed"); }

struct Request {
  enum class Kind : uint8_t { Commit, DeleteRange, BeginBlob, Chunk, DropBlob, Open, Destroy };
  Kind kind;
  PartitionId id;
  std::shared_ptr<Handle> handle;         // null: Destroy
  std::function<void(Result<Seq>)> done;  // called once, on the writer's thread; must post
  // Commit
  Batch batch = {};
  std::vector<Guard> guards = {};
  bool sync = false;
  Bytes begin = {}, end = {};  // DeleteRange: keys of the index
  uint64_t blob = 0;           // BeginBlob, Chunk, DropBlob
  uint32_t chunk = 0;          // Chunk: number; DropBlob: how many
  Bytes data = {};             // Chunk
  bool create = false;         // Open
  uint64_t number = 0;         // Commit, DeleteRange: order within the handle
  size_t bytes() const { return 64 + batch.bytes() + data.size(); }
};
using RequestPtr = std::shared_ptr<Request>;

struct Handle {
  const PartitionId id;
  const Epoch epoch;
  std::atomic<bool> fenced = false, poisoned = false;
  Seq seq = 0;  // the writer's

  std::mutex mutex;  // guards the rest
  uint64_t submitted = 0;
  std::deque<RequestPtr> pending;  // submitted, not applied: commits and delete_ranges
  struct Waiting {
    uint64_t after;
    std::function<void()> run;
  };
  std::deque<Waiting> waiting;
  std::set<uint64_t> unlinked;  // finished blobs that no commit links yet

  Handle(PartitionId i, Epoch e) : id(i), epoch(e) {}
  Result<void> usable() const {
    if (fenced) return fail(Errc::Cancelled, "the partition was opened again");
    return {};
  }
};

// The one thread that writes. submit() from any thread; stop() does what is queued and joins.
class Writer {
 public:
  Writer(Database& base, Pool& pool, const RocksConfig& config);
  ~Writer() { stop(); }
  void submit(RequestPtr request);
  void stop();

 private:
  struct Group;
  void run();
  std::vector<RequestPtr> take(std::unique_lock<std::mutex>& lock);
  void process(const std::vector<RequestPtr>& requests);
  Result<Seq> add(Group& group, const RequestPtr& request);
  Result<Seq> add_commit(Group& group, Request& request);
  void add_op(Group& group, const Request& request, const Batch::Op& op);
  void drop_blob(Group& group, PartitionId id, uint64_t blob, uint64_t chunks);
  Result<Seq> add_open(Group& group, Request& request);
  Result<Seq> add_destroy(Group& group, Request& request);
  Result<bool> guard_holds(const Group& group, const Request& request, const Guard& guard) const;
  Result<void> write(Group& group);
  void finish(const RequestPtr& request, Result<Seq> result);

  Database& base_;
  Pool& pool_;
  const RocksConfig& config_;
  bool broken_ = false;  // a write failed; the next open tries to resume
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RequestPtr> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

struct Core {
  const RocksConfig config;
  std::unique_ptr<Database> base;
  std::unique_ptr<Pool> pool;
  std::unique_ptr<Writer> writer;
  std::atomic<bool> closed = false;
  std::atomic<uint64_t> opened = 0, blobs = 0;
  std::mutex mutex;                                      // guards `current`
  std::map<PartitionId, std::weak_ptr<Handle>> current;  // who owns a partition
  Core(RocksConfig c, std::unique_ptr<Database> b);
  // Fences the handle that has the partition, and makes `next` (may be null) its owner.
  void take_over(PartitionId id, const std::shared_ptr<Handle>& next);
  void release(PartitionId id, const Handle* handle);
  void close();
};

// To the waiter's own thread. The promise must be moved in: its last copy may die only there.
template <class T>
void post(base::Executor& executor, typename Done<T>::Promise promise, Result<T> result) {
  auto boxed = std::make_shared<Result<T>>(std::move(result));
  executor.post([promise = std::move(promise), boxed = std::move(boxed)] { promise.set(std::move(*boxed)); });
}
template <class T>
Done<T> ready(Result<T> result) {
  Done<T> done;
  done.promise().set(std::move(result));
  return done;
}

std::unique_ptr<Partition> make_rocks_partition(std::shared_ptr<Core> core, std::shared_ptr<Handle> handle,
                                                base::Executor& executor);
std::unique_ptr<BlobWriter> make_rocks_blob_writer(std::shared_ptr<Core> core, std::shared_ptr<Handle> handle,
                                                   base::Executor& executor);

}  // namespace bz::kv

// kv: ordered keys in partitions, atomic commits, blobs beside them. One partition is one unit of ownership, ordering and
// atomicity: an account, the directory, a queue. Backends: memory (kv/memory.h), RocksDB (kv/rocks.h); RADOS fits the same
// rules.
//
// Threads: a Store may be used from any thread; a Partition belongs to the Executor given to open(): its functions are
// called there and their completions resume there. Nothing here blocks the caller. Every operation is submitted when it is
// called and can be awaited once: `auto done = p.commit(std::move(batch)); ... co_await done`. Arguments are taken or
// copied during the call. Order: reads see every commit of this handle submitted before them. Commits of one handle apply
// in the order of submission and may be pipelined; if one fails, all later ones fail (Cancelled) and the handle is
// poisoned: drop the state built on it, open again. Rules that fit every backend (Limits): key <= 512 B, value <= 64 KiB,
// batch <= 1 MiB and 1000 operations, ascending scans only.
#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"

namespace bz::kv {

using Bytes = std::string;
using View = std::string_view;
using Epoch = uint64_t;  // fencing epoch of a partition; grows for ever
using Seq = uint64_t;    // number of a commit within a partition; dense, grows for ever
template <class T>
using Done = base::Completion<T>;

struct PartitionId {
  uint8_t kind;  // kind of content: PartitionKind
  uint64_t id;
  auto operator<=>(const PartitionId&) const = default;
};
enum PartitionKind : uint8_t { kAccountPartition = 1, kQueuePartition = 2, kDirectoryPartition = 3, kTestPartition = 255 };

struct Limits {
  size_t key_bytes = 512, value_bytes = 64 << 10, batch_bytes = 1 << 20, batch_ops = 1000;
  size_t scan_page_keys = 1000, scan_page_bytes = 1 << 20;
  uint64_t blob_bytes = uint64_t{1} << 40;
};
inline constexpr size_t kBlobChunk = 256 << 10;  // bodies are cut into chunks of this many uncompressed bytes

// Names an immutable blob of one partition; opaque above kv. 24 bytes encoded.
struct BlobRef {
  uint64_t id = 0;      // 0 = none
  uint64_t length = 0;  // uncompressed bytes
  uint64_t stored = 0;  // bytes it takes in the store (compressed); for accounting
  bool operator==(const BlobRef&) const = default;
  void encode(std::string& out) const;
  static std::optional<BlobRef> decode(View bytes);
};

// Recorded first, sent as one unit; later operations on the same key win.
class Batch {
 public:
  enum class Kind : uint8_t { Put, Del, Link, Unlink };
  struct Op {
    Kind kind;
    Bytes key, value;
    BlobRef blob;
  };
  Batch& put(View key, View value);
  Batch& del(View key);
  Batch& link(const BlobRef& ref);    // the blob is referenced from this commit on
  Batch& unlink(const BlobRef& ref);  // its space is freed some time after this commit is durable
  bool empty() const { return ops_.empty(); }
  size_t bytes() const { return bytes_; }
  const std::vector<Op>& ops() const { return ops_; }

 private:
  std::vector<Op> ops_;
  size_t bytes_ = 0;
};

struct KeyValue {
  Bytes key, value;
};
struct Page {
  std::vector<KeyValue> items;
  bool more = false;
  Bytes next;  // start of the next page when more
};

// The key must have exactly this value (nullopt: be absent) when the commit is applied; else Conflict and nothing happens
// (a conflict does not poison the handle).
struct Guard {
  Bytes key;
  std::optional<Bytes> value;
};
// Invalid (empty key, link of no blob) or TooLarge; what commit() refuses before it is queued.
Result<void> check_batch(const Batch& batch, const std::vector<Guard>& guards, const Limits& limits);

enum class Durability : uint8_t {
  Synced,  // on disk when the completion says so
  Lazy,    // applied and ordered, on disk no later than the next Synced commit; may be lost by a power cut
};

// Streams one blob in; destroying it without finish() leaves nothing behind (space is reclaimed at the latest by the next
// open).
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  // Awaiting the completion is the back-pressure: at most a few chunks are in flight.
  virtual Done<bool> write(View bytes) = 0;
  // The reference is final; durable no later than the commit that links it, invisible until then.
  virtual Done<BlobRef> finish() = 0;
};

class Partition {
 public:
  virtual ~Partition() = default;  // gives up the handle; what was submitted still completes or is dropped, never half done
  virtual PartitionId id() const = 0;
  virtual Epoch epoch() const = 0;

  virtual Done<std::optional<Bytes>> get(View key) = 0;
  virtual Done<std::vector<std::optional<Bytes>>> get_many(std::vector<Bytes> keys) = 0;
  // [begin, end); end empty = to the end of the partition. One page is a point in time.
  virtual Done<Page> scan(View begin, View end, uint32_t max_keys = 1000, uint32_t max_bytes = 1 << 20) = 0;
  // All or nothing. Errors: Conflict (a guard), TooLarge (beyond Limits), OverQuota (disk full), Unavailable, Cancelled (an
  // earlier commit failed), Corrupt.
  virtual Done<Seq> commit(Batch batch, std::vector<Guard> guards = {}, Durability durability = Durability::Synced) = 0;

  virtual std::unique_ptr<BlobWriter> new_blob() = 0;
  // Uncompressed bytes [offset, offset+length), cut at the blob's end. NotFound: no such blob. Reads only the chunks it
  // needs.
  virtual Done<Bytes> read_blob(const BlobRef& ref, uint64_t offset, uint64_t length) = 0;

  // Not atomic, idempotent: for dropping a mailbox.
  virtual Done<bool> delete_range(View begin, View end) = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual const Limits& limits() const = 0;
  // Takes the partition for `executor`; a handle opened before on the same partition is fenced from now on
  // (Conflict/Cancelled). NotFound if it is not there and `create` is false.
  virtual Done<std::unique_ptr<Partition>> open(PartitionId id, bool create, base::Executor& executor) = 0;
  virtual Done<bool> destroy(PartitionId id, base::Executor& executor) = 0;  // idempotent
  // Ids > after, ascending.
  virtual Done<std::vector<PartitionId>> list(uint8_t kind, uint64_t after, uint32_t max, base::Executor& executor) = 0;
};

}  // namespace bz::kv

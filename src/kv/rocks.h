// A Store on one RocksDB: the store of a role of one host. The bytes on disk are described in docs/keyspace.md.
//
// Threads: one writer thread puts waiting commits of all partitions into one RocksDB batch with one sync (group commit); a
// small pool reads what is not in the block cache, compresses and decompresses. Completions that cannot be ready at once
// are posted to the partition's executor; executors must outlive the store. Destroying the store finishes what was
// submitted; partitions left over then answer Closed.
//
// After a write error the handles concerned are poisoned; opening a partition tries to bring the database back (disk full
// and then not). After a failed sync nobody knows what the disk has: nothing is written any more until the process starts
// again and reads the log back (on_fatal).
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "kv/partition.h"

namespace rocksdb {
class FileSystem;
}

namespace bz::kv {

struct RocksConfig {
  Limits limits = {};
  size_t block_cache_bytes = 64 << 20;              // index, filter and data blocks together
  size_t write_buffer_bytes = 32 << 20;             // all memtables together
  size_t group_bytes = 1 << 20;                     // what one group commit takes at most (one larger commit goes alone)
  int reader_threads = 2;                           // reads, compression
  int background_jobs = 2;                          // RocksDB's flushes and compactions
  std::function<void(const Error&)> on_fatal = {};  // once, on a thread of kv: the role should stop and start again
  bool create = true;                               // create the database when the folder has none
  bool strict_log = false;  // Corrupt when the log ends in the middle of a record, which a power cut may leave; for checks
  std::shared_ptr<rocksdb::FileSystem> file_system = {};  // tests; null: the machine's
};

class RocksStore : public Store {
 public:
  virtual uint64_t generation() const = 0;  // starts of this database so far
  // The following block: not for a loop's thread.
  // A consistent copy at `path` (which must not exist; hard links on the same file system), for backup and online verify.
  virtual Result<void> checkpoint(const std::string& path) = 0;
  // Reads every file and compares the checksums. Corrupt says what is broken.
  virtual Result<void> verify() = 0;
  // Gives the space of unlinked blobs back to the disk when a good part of it is garbage. Meant for a quiet hour; commits
  // go on meanwhile.
  virtual Result<void> maintain() = 0;
  // Any thread: maintain() is not wanted any more. One that is under way, and all later ones, end soon with Cancelled.
  virtual void interrupt() = 0;
};

// Unavailable: another process has it open. NotFound: not there and !create. Corrupt, OverQuota, Denied.
Result<std::unique_ptr<RocksStore>> open_rocks(const std::string& path, RocksConfig config = {});

}  // namespace bz::kv

// Test support: a disk in memory that loses power. It keeps apart what was written and what was synced: a file's bytes are
// safe after its own sync, its name after a sync of its folder. At a cut the rest survives or not by chance: overwritten
// bytes sector by sector, appended ones as a prefix of any length (ext4 in its ordered mode, xfs and btrfs lengthen a file
// when the data is there; RocksDB's MANIFEST needs that), names in the order of their changes.
//
//   auto disk = PowerLossDisk::make();
//   config.file_system = disk->file_system();  ... open_rocks("/db", config) ...
//   disk->cut_after(500);                       // from the 500th change on everything fails
//   store.reset();
//   disk = disk->survivors(seed);               // power is back: open again on disk->file_system()
//
// Any thread.
#pragma once
#include <cstdint>
#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace bz::kv {

class PowerLossDisk {
 public:
  static std::unique_ptr<PowerLossDisk> make();
  virtual ~PowerLossDisk() = default;
  virtual std::shared_ptr<rocksdb::FileSystem> file_system() = 0;
  virtual void cut_after(uint64_t changes) = 0;  // writes, syncs, creations, renames, deletions; 0 = now
  virtual bool is_cut() const = 0;
  virtual uint64_t changes() const = 0;                                 // so far
  virtual std::unique_ptr<PowerLossDisk> survivors(uint32_t seed) = 0;  // cuts if that did not happen yet
  virtual void set_full(bool full) = 0;                                 // every write answers "no space"
  virtual void set_sync_fails(bool fails) = 0;
  virtual void set_sync_lies(bool lies) = 0;  // every sync answers "done" and does nothing: a disk that tests must find out
};

}  // namespace bz::kv

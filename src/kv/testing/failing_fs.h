// Test support: the machine's own file system whose writes or syncs fail while a flag says so. The flag may lie in memory
// that is shared with another process, so that a test can break the disk of a role's process. Any thread.
#pragma once
#include <atomic>
#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace bz::kv {

enum class DiskFault : int { None, Sync, Write };

// `fault` outlives the file system and the files opened through it.
std::shared_ptr<rocksdb::FileSystem> make_failing_fs(const std::atomic<DiskFault>& fault);

}  // namespace bz::kv

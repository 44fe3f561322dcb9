// A file system for RocksDB that makes each write-ahead log durable before the next one begins. RocksDB syncs a log when a
// write asks for it; the end of a log that only Lazy commits and blob chunks were written to may still be in memory when
// the next log is begun. If the power fails then, the disk may hold the next log and not that end, and an end between two
// records looks whole: the recovery would go on with the next log and build a state that never was. Any thread.
#pragma once
#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace bz::kv {

// Costs one more sync for each log file (RocksConfig::write_buffer_bytes). A sync that fails refuses the new log.
std::shared_ptr<rocksdb::FileSystem> make_log_order_fs(std::shared_ptr<rocksdb::FileSystem> base);

}  // namespace bz::kv

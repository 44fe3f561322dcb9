// Inside kv: the opened RocksDB with its options, and what its errors are called here.
#pragma once
#include <rocksdb/db.h>

#include "kv/rocks.h"

namespace bz::kv {

struct Database {
  std::unique_ptr<rocksdb::Env> env;  // with the file system of log_order_fs.h
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::ColumnFamilyHandle *meta = nullptr, *index = nullptr, *blobs = nullptr;
  uint64_t generation = 0;
  Database() = default;
  Database(const Database&) = delete;
  ~Database();
};

Result<std::unique_ptr<Database>> open_database(const std::string& path, const RocksConfig& config);
Error from_status(const rocksdb::Status& status, std::string_view what);
inline View view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace bz::kv

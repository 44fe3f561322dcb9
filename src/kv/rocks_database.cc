#include "kv/rocks_database.h"

#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>

#include "base/coding.h"
#include "base/log.h"
#include "kv/crc32c.h"
#include "kv/log_order_fs.h"
#include "kv/rocks_keys.h"

namespace bz::kv {
namespace {

// RocksDB's own log would be a second one beside ours: its warnings become events, the rest is dropped.
class LogBridge final : public rocksdb::Logger {
 public:
  LogBridge() : Logger(rocksdb::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list args) override { Logv(rocksdb::INFO_LEVEL, format, args); }
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list args) override {
    if (level < rocksdb::WARN_LEVEL || level == rocksdb::HEADER_LEVEL) return;
    char text[512];
    if (vsnprintf(text, sizeof text, format, args) < 0) return;
    View line(text);
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
    log::event(level == rocksdb::WARN_LEVEL ? log::Warn : log::Err, "rocksdb").field("text", line);
  }
};

// After a write error RocksDB would try by itself in the background, for NoSpace every five seconds, and be Busy to anybody
// else. We decide when: the next open() of a partition (Writer::add_open). What cannot be resumed is told to the role.
class ErrorListener final : public rocksdb::EventListener {
 public:
  explicit ErrorListener(std::function<void(const Error&)> on_fatal) : on_fatal_(std::move(on_fatal)) {}
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* automatic) override {
    *automatic = false;
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    if (status->severity() < rocksdb::Status::kFatalError || told_.exchange(true)) return;
    const Error error = from_status(*status, "the database stopped");
    log::event(log::Err, "store-fatal").error(error);
    if (on_fatal_) on_fatal_(error);
  }

 private:
  std::function<void(const Error&)> on_fatal_;
  std::atomic<bool> told_ = false;
};

bool supports(rocksdb::CompressionType type) {
  const auto all = rocksdb::GetSupportedCompressions();
  return std::find(all.begin(), all.end(), type) != all.end();
}

rocksdb::DBOptions database_options(const RocksConfig& config) {
  rocksdb::DBOptions options;
  options.create_if_missing = config.create;
  options.create_missing_column_families = true;
  options.info_log = std::make_shared<LogBridge>();
  options.max_open_files = 500;  // bounds descriptors and table readers; the block cache holds their index blocks
  options.max_background_jobs = config.background_jobs;
  options.db_write_buffer_size = config.write_buffer_bytes;
  // What follows an incomplete record of the log is dropped, in all column families at the same point, so of unsynced
  // commits a prefix survives. Acknowledged Synced commits were synced and lie before that point.
  // An end between two records is no damage to RocksDB, which then goes on with the next log file: log_order_fs.h makes
  // sure that there is none. kTolerateCorruptedTailRecords would go on after a torn end too. The price:
  // rot inside the unflushed log (at most max_total_wal_size) reads as its end; RocksDB then warns of the bytes dropped,
  // and the warning is an event. recycle_log_file_num stays 0: RocksDB 7.8 turns it off in every mode but the one that
  // skips damaged records.
  options.wal_recovery_mode =
      config.strict_log ? rocksdb::WALRecoveryMode::kAbsoluteConsistency : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_total_wal_size = 2 * config.write_buffer_bytes;
  options.paranoid_checks = true;
  options.listeners.push_back(std::make_shared<ErrorListener>(config.on_fatal));
  options.max_bgerror_resume_count = 0;
  options.bytes_per_sync = 1 << 20;  // spread the write-back of flushes and compactions
  options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();  // verify() covers blob files by these
  return options;
}

rocksdb::ColumnFamilyOptions table_options(const RocksConfig& config, std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = config.write_buffer_bytes / 4;
  options.max_write_buffer_number = 4;  // three may wait for their flush before writes stop
  options.compression = supports(rocksdb::kLZ4Compression) ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  return options;
}

rocksdb::ColumnFamilyOptions blob_options(rocksdb::ColumnFamilyOptions options) {
  options.enable_blob_files = true;
  options.min_blob_size = 4 << 10;
  options.blob_file_size = 256 << 20;
  options.blob_compression_type = rocksdb::kNoCompression;  // chunks are compressed already
  // Not in every compaction: RocksDB would rewrite the oldest part of all mail each time. See maintain().
  options.enable_blob_garbage_collection = false;
  return options;
}

// Without CURRENT RocksDB begins a new database among the files of the old one and deletes those as not needed. A log, a
// table or a blob file is only made when CURRENT is safe; before that a power cut may leave a lonely MANIFEST.
Result<void> refuse_headless(rocksdb::Env& env, const std::string& path) {
  std::vector<std::string> files;
  if (!env.GetChildren(path, &files).ok() || std::find(files.begin(), files.end(), "CURRENT") != files.end()) return {};
  for (const std::string& file : files) {
    const std::string_view kind = std::string_view(file).substr(std::min(file.size(), file.rfind('.')));
    if (kind != ".sst" && kind != ".blob" && kind != ".log") continue;
    return fail(Errc::Corrupt, path + ": the file CURRENT is missing although there is data (" + file +
                                   "); it names the MANIFEST in use: restore the folder from a backup");
  }
  return {};
}

// RocksDB names the file in every other kind of Corruption.
bool log_is_broken(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  const auto names = [&](const char* file) { return text.find(file) != std::string::npos; };
  return status.IsCorruption() && !names("MANIFEST") && !names("CURRENT") && !names(".sst") && !names(".ldb");
}

Result<uint64_t> next_generation(Database& base) {
  std::string value;
  const auto status = base.db->Get({}, base.meta, rocksdb::Slice(kGenerationKey), &value);
  if (!status.ok() && !status.IsNotFound()) return from_status(status, "reading the generation");
  if (status.ok() && value.size() != 8) return fail(Errc::Corrupt, "the generation is damaged");
  const uint64_t generation = (status.ok() ? base::get_be64(value.data()) : 0) + 1;
  value.clear();
  base::put_be64(value, generation);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const auto written = base.db->Put(synced, base.meta, rocksdb::Slice(kGenerationKey), value);
  if (!written.ok()) return from_status(written, "writing the generation");
  return generation;
}

}  // namespace

Error from_status(const rocksdb::Status& status, std::string_view what) {
  Errc code = Errc::Unavailable;
  if (status.IsNotFound() || status.IsPathNotFound()) {
    code = Errc::NotFound;
  } else if (status.IsCorruption()) {
    code = Errc::Corrupt;
  } else if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit) {
    code = Errc::OverQuota;
  } else if (status.IsInvalidArgument() || status.IsNotSupported()) {
    code = Errc::Internal;
  } else if (status.IsShutdownInProgress() || status.IsAborted()) {
    code = Errc::Closed;
  }
  return fail(code, std::string(what) + ": " + status.ToString());
}

Database::~Database() {
  if (!db) return;
  for (auto* family : {meta, index, blobs}) {
    if (family) db->DestroyColumnFamilyHandle(family);
  }
  if (const auto status = db->Close(); !status.ok()) log::event(log::Warn, "store-close").field("text", status.ToString());
}

Result<std::unique_ptr<Database>> open_database(const std::string& path, const RocksConfig& config) {
  select_crc32c();
  auto base = std::make_unique<Database>();
  rocksdb::DBOptions options = database_options(config);
  base->env =
      rocksdb::NewCompositeEnv(make_log_order_fs(config.file_system ? config.file_system : rocksdb::FileSystem::Default()));
  options.env = base->env.get();
  if (config.create) {
    const auto made = options.env->CreateDirIfMissing(path);
    if (!made.ok()) return from_status(made, path);
  }
  BZ_TRY_VOID(refuse_headless(*options.env, path));
  const auto tables = table_options(config, rocksdb::NewLRUCache(config.block_cache_bytes));
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, tables}, {"index", tables}, {"blobs", blob_options(tables)}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(options, path, families, &handles, &db);
  if (!status.ok()) {
    const bool locked = status.IsIOError() && status.ToString().find("/LOCK") != std::string::npos;
    if (locked) return fail(Errc::Unavailable, path + " is already open: " + status.ToString());
    if (status.IsInvalidArgument() && !config.create) return fail(Errc::NotFound, path + ": " + status.ToString());
    return from_status(status, log_is_broken(status) ? path + ", its write-ahead log" : path);
  }
  base->db.reset(db);
  base->meta = handles[0];
  base->index = handles[1];
  base->blobs = handles[2];
  BZ_TRY(base->generation, next_generation(*base));
  return base;
}

}  // namespace bz::kv

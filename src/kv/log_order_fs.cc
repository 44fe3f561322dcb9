#include "kv/log_order_fs.h"

#include <rocksdb/file_system.h>

#include <mutex>
#include <string>

namespace bz::kv {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using File = std::unique_ptr<rocksdb::FSWritableFile>;

class LogFile;

// The log that is written to. The mutex is held while it is synced: meanwhile nobody may close it.
struct Current {
  std::mutex mutex;
  LogFile* log = nullptr;
};

class LogFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  LogFile(File file, std::shared_ptr<Current> current)
      : FSWritableFileOwnerWrapper(std::move(file)), current_(std::move(current)) {
    std::lock_guard lock(current_->mutex);
    current_->log = this;
  }
  ~LogFile() override { leave(); }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    leave();
    return FSWritableFileOwnerWrapper::Close(options, debug);
  }

 private:
  void leave() {
    std::lock_guard lock(current_->mutex);
    if (current_->log == this) current_->log = nullptr;
  }
  std::shared_ptr<Current> current_;
};

class LogOrderFs final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "LogOrderFs"; }
  IOStatus NewWritableFile(const std::string& name, const FileOptions& options, File* result,
                           IODebugContext* debug) override {
    if (!name.ends_with(".log")) return FileSystemWrapper::NewWritableFile(name, options, result, debug);
    IOStatus status = sync_current(debug);
    if (!status.ok()) return status;
    status = FileSystemWrapper::NewWritableFile(name, options, result, debug);
    if (status.ok()) *result = std::make_unique<LogFile>(std::move(*result), current_);
    return status;
  }

 private:
  IOStatus sync_current(IODebugContext* debug) {
    std::lock_guard lock(current_->mutex);
    return current_->log ? current_->log->Sync(IOOptions(), debug) : IOStatus::OK();
  }
  std::shared_ptr<Current> current_ = std::make_shared<Current>();
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> make_log_order_fs(std::shared_ptr<rocksdb::FileSystem> base) {
  return std::make_shared<LogOrderFs>(std::move(base));
}

}  // namespace bz::kv

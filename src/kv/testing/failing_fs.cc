#include "kv/testing/failing_fs.h"

#include <rocksdb/file_system.h>

namespace bz::kv {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using File = std::unique_ptr<rocksdb::FSWritableFile>;
using Fault = std::atomic<DiskFault>;

class FailingFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FailingFile(File file, const Fault& fault) : FSWritableFileOwnerWrapper(std::move(file)), fault_(fault) {}
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    return fault_ == DiskFault::Write ? failed() : FSWritableFileWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& info,
                  IODebugContext* debug) override {
    return fault_ == DiskFault::Write ? failed() : FSWritableFileWrapper::Append(data, options, info, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return fault_ == DiskFault::Sync ? failed() : FSWritableFileWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return fault_ == DiskFault::Sync ? failed() : FSWritableFileWrapper::Fsync(options, debug);
  }

 private:
  static IOStatus failed() { return IOStatus::IOError("the disk fails"); }
  const Fault& fault_;
};

class FailingFs final : public rocksdb::FileSystemWrapper {
 public:
  explicit FailingFs(const Fault& fault) : FileSystemWrapper(rocksdb::FileSystem::Default()), fault_(fault) {}
  const char* Name() const override { return "FailingFs"; }
  IOStatus NewWritableFile(const std::string& name, const FileOptions& options, File* result,
                           IODebugContext* debug) override {
    return wrap(FileSystemWrapper::NewWritableFile(name, options, result, debug), result);
  }
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options, File* result,
                              IODebugContext* debug) override {
    return wrap(FileSystemWrapper::ReopenWritableFile(name, options, result, debug), result);
  }
  IOStatus ReuseWritableFile(const std::string& name, const std::string& old, const FileOptions& options, File* result,
                             IODebugContext* debug) override {
    return wrap(FileSystemWrapper::ReuseWritableFile(name, old, options, result, debug), result);
  }

 private:
  IOStatus wrap(IOStatus status, File* result) {
    if (status.ok()) *result = std::make_unique<FailingFile>(std::move(*result), fault_);
    return status;
  }
  const Fault& fault_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> make_failing_fs(const std::atomic<DiskFault>& fault) {
  return std::make_shared<FailingFs>(fault);
}

}  // namespace bz::kv

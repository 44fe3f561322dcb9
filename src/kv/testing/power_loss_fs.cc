#include "kv/testing/power_loss_fs.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace bz::kv {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr size_t kSector = 512;  // what a disk writes whole

struct Inode {
  std::string now, safe;                // as read by the process; as on the disk
  size_t dirty_from = 0, dirty_to = 0;  // bytes of `now` that differ from `safe`
  void touch(size_t from, size_t to) {
    dirty_from = dirty_from == dirty_to ? from : std::min(dirty_from, from);
    dirty_to = std::max(dirty_to, to);
  }
  void sync() {
    safe.resize(now.size());
    dirty_to = std::min(dirty_to, now.size());
    if (dirty_from < dirty_to) memcpy(safe.data() + dirty_from, now.data() + dirty_from, dirty_to - dirty_from);
    dirty_from = dirty_to = 0;
  }
  // Of what was overwritten, sectors by chance; of what was appended, a beginning.
  void lose(std::minstd_rand& random) {
    const size_t mood = random() % 3;  // nothing, everything, by chance
    const size_t end = std::min({dirty_to, now.size(), safe.size()});
    for (size_t at = dirty_from / kSector * kSector; at < end; at += kSector) {
      const size_t size = std::min(kSector, std::min(safe.size(), now.size()) - at);
      if (mood == 1 || (mood == 2 && random() % 2)) memcpy(safe.data() + at, now.data() + at, size);
    }
    if (now.size() > safe.size()) {
      const size_t added = now.size() - safe.size();
      const size_t kept = mood == 0 ? 0 : mood == 1 ? added : random() % (added + 1);
      safe.append(now, safe.size(), kept);
    } else if (mood != 0) {
      safe.resize(now.size());
    }
    now = safe;
    dirty_from = dirty_to = 0;
  }
};
using InodePtr = std::shared_ptr<Inode>;
using Names = std::map<std::string, InodePtr>;  // null: a folder

struct NameChange {
  std::string folder;
  Names set;                         // names that now mean this
  std::vector<std::string> removed;  // and names that mean nothing
};

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string clean(std::string path) {
  for (size_t twice; (twice = path.find("//")) != std::string::npos;) path.erase(twice, 1);
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

struct Disk {
  mutable std::mutex mutex;
  Names names, safe_names;
  std::vector<NameChange> unsafe;
  uint64_t changes = 0, cut_at = UINT64_MAX;
  bool full = false, sync_fails = false, sync_lies = false;

  bool cut() const { return changes >= cut_at; }
  IOStatus change() {
    if (cut() || ++changes >= cut_at) return IOStatus::IOError("power is off");
    return IOStatus::OK();
  }
  static void apply_change(Names& to, const NameChange& change) {
    for (const auto& name : change.removed) to.erase(name);
    for (const auto& [name, inode] : change.set) to[name] = inode;
  }
  void rename_like(NameChange change) {
    apply_change(names, change);
    unsafe.push_back(std::move(change));
  }
  void sync_folder(const std::string& folder) {
    for (const NameChange& change : unsafe) {
      if (change.folder == folder) apply_change(safe_names, change);
    }
    std::erase_if(unsafe, [&](const NameChange& change) { return change.folder == folder; });
  }
  InodePtr find(const std::string& path) const {
    auto found = names.find(clean(path));
    return found == names.end() ? nullptr : found->second;
  }
};
using DiskPtr = std::shared_ptr<Disk>;

IOStatus no_file(const std::string& path) { return IOStatus::PathNotFound(path); }

Slice copy_out(const Inode& inode, uint64_t offset, size_t n, char* scratch) {
  if (offset >= inode.now.size()) return Slice(scratch, 0);
  const size_t size = std::min<size_t>(n, inode.now.size() - offset);
  memcpy(scratch, inode.now.data() + offset, size);
  return Slice(scratch, size);
}

class Sequential final : public rocksdb::FSSequentialFile {
 public:
  Sequential(DiskPtr disk, InodePtr inode) : disk_(std::move(disk)), inode_(std::move(inode)) {}
  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    *result = copy_out(*inode_, at_, n, scratch);
    at_ += result->size();
    return IOStatus::OK();
  }
  IOStatus Skip(uint64_t n) override {
    at_ += n;
    return IOStatus::OK();
  }

 private:
  DiskPtr disk_;
  InodePtr inode_;
  uint64_t at_ = 0;
};

class RandomAccess final : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccess(DiskPtr disk, InodePtr inode) : disk_(std::move(disk)), inode_(std::move(inode)) {}
  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) const override {
    std::lock_guard lock(disk_->mutex);
    *result = copy_out(*inode_, offset, n, scratch);
    return IOStatus::OK();
  }

 private:
  DiskPtr disk_;
  InodePtr inode_;
};

class Writable final : public rocksdb::FSWritableFile {
 public:
  Writable(DiskPtr disk, InodePtr inode, size_t at) : disk_(std::move(disk)), inode_(std::move(inode)), at_(at) {}
  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    IOStatus status = disk_->change();
    if (!status.ok()) return status;
    if (disk_->full) return IOStatus::NoSpace("the disk is full");
    if (inode_->now.size() < at_ + data.size()) inode_->now.resize(at_ + data.size());
    memcpy(inode_->now.data() + at_, data.data(), data.size());
    inode_->touch(at_, at_ + data.size());
    at_ += data.size();
    return status;
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    IOStatus status = disk_->change();
    if (status.ok()) inode_->now.resize(size);
    return status;
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    IOStatus status = disk_->change();
    if (!status.ok()) return status;
    if (disk_->sync_fails) return IOStatus::IOError("the sync failed");
    if (!disk_->sync_lies) inode_->sync();
    return status;
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    return at_;
  }

 private:
  DiskPtr disk_;
  InodePtr inode_;
  size_t at_;
};

class Folder final : public rocksdb::FSDirectory {
 public:
  Folder(DiskPtr disk, std::string path) : disk_(std::move(disk)), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    IOStatus status = disk_->change();
    if (!status.ok()) return status;
    if (disk_->sync_fails) return IOStatus::IOError("the sync failed");
    if (!disk_->sync_lies) disk_->sync_folder(path_);
    return status;
  }

 private:
  DiskPtr disk_;
  std::string path_;
};

struct Lock final : rocksdb::FileLock {};

class MemoryFs final : public rocksdb::FileSystemWrapper {
 public:
  explicit MemoryFs(DiskPtr disk) : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(std::move(disk)) {}
  const char* Name() const override { return "PowerLossDisk"; }

  IOStatus NewSequentialFile(const std::string& f, const FileOptions&, std::unique_ptr<rocksdb::FSSequentialFile>* r,
                             IODebugContext*) override {
    return open<Sequential>(f, r);
  }
  IOStatus NewRandomAccessFile(const std::string& f, const FileOptions&, std::unique_ptr<rocksdb::FSRandomAccessFile>* r,
                               IODebugContext*) override {
    return open<RandomAccess>(f, r);
  }
  IOStatus NewWritableFile(const std::string& f, const FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* r,
                           IODebugContext*) override {
    return create(f, r);
  }
  IOStatus ReopenWritableFile(const std::string& f, const FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* r,
                              IODebugContext*) override {
    {
      std::lock_guard lock(disk_->mutex);
      if (InodePtr inode = disk_->find(f)) {
        *r = std::make_unique<Writable>(disk_, inode, inode->now.size());
        return IOStatus::OK();
      }
    }
    return create(f, r);
  }
  IOStatus ReuseWritableFile(const std::string& f, const std::string& old, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>* r, IODebugContext* debug) override {
    IOStatus status = RenameFile(old, f, {}, debug);
    if (!status.ok()) return status;
    std::lock_guard lock(disk_->mutex);
    *r = std::make_unique<Writable>(disk_, disk_->find(f), 0);
    return status;
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* r,
                        IODebugContext*) override {
    *r = std::make_unique<Folder>(disk_, clean(name));
    return IOStatus::OK();
  }
  IOStatus FileExists(const std::string& f, const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    return disk_->names.contains(clean(f)) ? IOStatus::OK() : IOStatus::NotFound();
  }
  IOStatus GetChildren(const std::string& dir, const IOOptions&, std::vector<std::string>* r, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    const std::string folder = clean(dir);
    if (!disk_->names.contains(folder)) return IOStatus::NotFound(dir);
    r->clear();
    for (const auto& [name, inode] : disk_->names) {
      if (folder_of(name) == folder && name != folder) r->push_back(name.substr(folder.size() + 1));
    }
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& f, const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    if (!disk_->find(f)) return no_file(f);
    IOStatus status = disk_->change();
    if (status.ok()) disk_->rename_like({folder_of(clean(f)), {}, {clean(f)}});
    return status;
  }
  IOStatus Truncate(const std::string& f, size_t size, const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    InodePtr inode = disk_->find(f);
    if (!inode) return no_file(f);
    IOStatus status = disk_->change();
    if (status.ok()) inode->now.resize(size);
    return status;
  }
  IOStatus CreateDir(const std::string& d, const IOOptions& o, IODebugContext* debug) override {
    return CreateDirIfMissing(d, o, debug);
  }
  // Folders are made before the test begins, so to speak: they are safe at once.
  IOStatus CreateDirIfMissing(const std::string& d, const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    disk_->names[clean(d)] = disk_->safe_names[clean(d)] = nullptr;
    return IOStatus::OK();
  }
  IOStatus GetFileSize(const std::string& f, const IOOptions&, uint64_t* size, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    InodePtr inode = disk_->find(f);
    if (!inode) return no_file(f);
    *size = inode->now.size();
    return IOStatus::OK();
  }
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, uint64_t* time, IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* out, IODebugContext*) override {
    *out = path;
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    InodePtr inode = disk_->find(from);
    if (!inode) return no_file(from);
    IOStatus status = disk_->change();
    if (status.ok()) disk_->rename_like({folder_of(clean(to)), {{clean(to), inode}}, {clean(from)}});
    return status;
  }
  IOStatus LinkFile(const std::string&, const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("links");
  }
  IOStatus LockFile(const std::string&, const IOOptions&, rocksdb::FileLock** lock, IODebugContext*) override {
    *lock = new Lock;
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete lock;
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is, IODebugContext*) override {
    std::lock_guard lock(disk_->mutex);
    auto found = disk_->names.find(clean(path));
    *is = found != disk_->names.end() && !found->second;
    return IOStatus::OK();
  }
  IOStatus GetFreeSpace(const std::string&, const IOOptions&, uint64_t* free, IODebugContext*) override {
    *free = uint64_t{1} << 40;
    return IOStatus::OK();
  }

 private:
  template <class File, class Base>
  IOStatus open(const std::string& path, std::unique_ptr<Base>* result) {
    std::lock_guard lock(disk_->mutex);
    InodePtr inode = disk_->find(path);
    if (!inode) return no_file(path);
    *result = std::make_unique<File>(disk_, inode);
    return IOStatus::OK();
  }
  IOStatus create(const std::string& path, std::unique_ptr<rocksdb::FSWritableFile>* result) {
    std::lock_guard lock(disk_->mutex);
    IOStatus status = disk_->change();
    if (!status.ok()) return status;
    auto inode = std::make_shared<Inode>();
    disk_->rename_like({folder_of(clean(path)), {{clean(path), inode}}, {}});
    *result = std::make_unique<Writable>(disk_, inode, 0);
    return status;
  }
  DiskPtr disk_;
};

class PowerLossDiskImpl final : public PowerLossDisk {
 public:
  explicit PowerLossDiskImpl(DiskPtr disk) : disk_(std::move(disk)), fs_(std::make_shared<MemoryFs>(disk_)) {}
  std::shared_ptr<rocksdb::FileSystem> file_system() override { return fs_; }
  void cut_after(uint64_t changes) override {
    std::lock_guard lock(disk_->mutex);
    disk_->cut_at = disk_->changes + changes;
  }
  bool is_cut() const override {
    std::lock_guard lock(disk_->mutex);
    return disk_->cut();
  }
  uint64_t changes() const override {
    std::lock_guard lock(disk_->mutex);
    return disk_->changes;
  }
  void set_full(bool full) override {
    std::lock_guard lock(disk_->mutex);
    disk_->full = full;
  }
  void set_sync_fails(bool fails) override {
    std::lock_guard lock(disk_->mutex);
    disk_->sync_fails = fails;
  }
  void set_sync_lies(bool lies) override {
    std::lock_guard lock(disk_->mutex);
    disk_->sync_lies = lies;
  }
  std::unique_ptr<PowerLossDisk> survivors(uint32_t seed) override {
    std::lock_guard lock(disk_->mutex);
    disk_->cut_at = std::min(disk_->cut_at, disk_->changes);
    std::minstd_rand random(seed + 1);
    auto next = std::make_shared<Disk>();
    next->safe_names = disk_->safe_names;
    const size_t kept = random() % (disk_->unsafe.size() + 1);
    for (size_t i = 0; i < kept; ++i) Disk::apply_change(next->safe_names, disk_->unsafe[i]);
    std::map<Inode*, InodePtr> copies;  // one inode may have had two names
    for (auto& [name, inode] : next->safe_names) {
      if (!inode) continue;
      InodePtr& copy = copies[inode.get()];
      if (!copy) {
        copy = std::make_shared<Inode>(*inode);
        copy->lose(random);
      }
      inode = copy;
    }
    next->names = next->safe_names;
    return std::make_unique<PowerLossDiskImpl>(std::move(next));
  }

 private:
  DiskPtr disk_;
  std::shared_ptr<rocksdb::FileSystem> fs_;
};

}  // namespace

std::unique_ptr<PowerLossDisk> PowerLossDisk::make() {
  return std::make_unique<PowerLossDiskImpl>(std::make_shared<Disk>());
}

}  // namespace bz::kv

#include "os/file.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/env.h"

namespace bz::os {

namespace {
Error failed(std::string_view what, const std::string& path) {
  return base::from_errno(errno, std::string(what) + " " + path);
}

Result<void> write_whole(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<std::string> read_whole(int fd, const std::string& path, size_t limit) {
  std::string out;
  char buffer[16384];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("read", path);
    if (n == 0) return out;
    if (out.size() + static_cast<size_t>(n) > limit) return fail(Errc::TooLarge, "too large: " + path);
    out.append(buffer, static_cast<size_t>(n));
  }
}

Result<Fd> open_regular(int folder, const std::string& path, struct stat& info) {
  // O_NONBLOCK: a fifo in a file's place must not hold us.
  Fd fd(::openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd || ::fstat(fd.get(), &info) < 0) return failed("open", path);
  if (!S_ISREG(info.st_mode)) return fail(Errc::Invalid, "not a regular file: " + path);
  return fd;
}

std::string folder_of(const std::string& path) {
  size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}
}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<std::string> read_file(int folder, const std::string& path, size_t limit) {
  struct stat info{};
  BZ_TRY(auto fd, open_regular(folder, path, info));
  return read_whole(fd.get(), path, limit);
}

Result<std::string> read_secret_file(int folder, const std::string& path, size_t limit) {
  struct stat info{};
  BZ_TRY(auto fd, open_regular(folder, path, info));
  if ((info.st_mode & 077) != 0) return fail(Errc::Denied, "others may read it, chmod 600 " + path);
  if (info.st_uid != ::geteuid() && info.st_uid != 0) return fail(Errc::Denied, "belongs to another user: " + path);
  return read_whole(fd.get(), path, limit);
}

Result<void> write_file(int folder, const std::string& path, std::string_view bytes, unsigned mode) {
  const std::string temporary = path + ".new-" + base::system_random().id(12);
  Fd fd(::openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return failed("create", temporary);
  auto written = write_whole(fd.get(), bytes, temporary);
  if (written && ::fchmod(fd.get(), mode) < 0) written = failed("chmod", temporary);
  if (written && ::fsync(fd.get()) < 0) written = failed("fsync", temporary);
  if (written && ::renameat(folder, temporary.c_str(), folder, path.c_str()) < 0) written = failed("rename", path);
  if (!written) {
    ::unlinkat(folder, temporary.c_str(), 0);
    return written;
  }
  BZ_TRY(auto parent, open_folder(folder, folder_of(path)));
  return sync_folder(parent.get());
}

Result<Fd> make_folder(int folder, const std::string& path, unsigned mode) {
  const bool made = ::mkdirat(folder, path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return failed("mkdir", path);
  BZ_TRY(auto fd, open_folder(folder, path));
  if (!made) return fd;
  if (::fchmod(fd.get(), mode) < 0) return failed("chmod", path);
  BZ_TRY(auto parent, open_folder(folder, folder_of(path)));
  BZ_TRY_VOID(sync_folder(parent.get()));
  return fd;
}

Result<Fd> open_folder(int folder, const std::string& path) {
  Fd fd(::openat(folder, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return failed("open", path);
  return fd;
}

Result<Fd> open_append(int folder, const std::string& path, unsigned mode) {
  Fd fd(::openat(folder, path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, mode));
  if (!fd) return failed("open", path);
  return fd;
}

Result<std::vector<std::string>> list_folder(int folder, const std::string& path) {
  BZ_TRY(auto fd, open_folder(folder, path));
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd.get()), &::closedir);
  if (!dir) return failed("open", path);
  fd.release();  // the DIR owns it now
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0) return failed("read", path);
    if (entry == nullptr) break;
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> remove_file(int folder, const std::string& path) {
  if (::unlinkat(folder, path.c_str(), 0) < 0) return failed("unlink", path);
  return {};
}

FileStamp stamp_of(int folder, const std::string& path) {
  struct stat info{};
  if (::fstatat(folder, path.c_str(), &info, 0) != 0) return {};
  return {info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size),
          int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

bool exists(int folder, const std::string& path) {
  struct stat info{};
  return ::fstatat(folder, path.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<void> sync_folder(int folder) {
  if (::fsync(folder) < 0) return base::from_errno(errno, "fsync of a folder");
  return {};
}

Result<Fd> lock_file(int folder, const std::string& path) {
  Fd fd(::openat(folder, path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return failed("open", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) return fail(Errc::Conflict, "in use by another process: " + path);
  return failed("lock", path);
}

Result<void> give_to(int folder, const std::string& path, unsigned uid, unsigned gid) {
  if (::fchownat(folder, path.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) < 0) return failed("chown", path);
  return {};
}

}  // namespace bz::os

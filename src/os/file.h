// Whole files and folders, each named relative to a directory descriptor (kHere: the working directory), so that everything
// works below a folder that only root may enter. Blocking: start-up, tools, and pools. Errors name the path.
#pragma once
#include <fcntl.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace bz::os {

inline constexpr int kHere = AT_FDCWD;

// A regular file of at most `limit` bytes; TooLarge otherwise.
Result<std::string> read_file(int folder, const std::string& path, size_t limit);
// The same for a file of secrets: Denied when group or others may read it, or when it belongs to someone else but root.
Result<std::string> read_secret_file(int folder, const std::string& path, size_t limit);
// All or nothing, durable when it returns: a new file is written, synced, renamed over the old one, and the folder synced.
// The mode is exact, whatever the umask.
Result<void> write_file(int folder, const std::string& path, std::string_view bytes, unsigned mode = 0600);
// Opens the folder, made with exactly `mode` when it was not there. Its parent must exist.
Result<Fd> make_folder(int folder, const std::string& path, unsigned mode = 0700);
Result<Fd> open_folder(int folder, const std::string& path);
// Appends; made with `mode` when it was not there. For logs.
Result<Fd> open_append(int folder, const std::string& path, unsigned mode = 0600);
// Names without "." and "..", sorted.
Result<std::vector<std::string>> list_folder(int folder, const std::string& path);
Result<void> remove_file(int folder, const std::string& path);  // NotFound when it is not there
bool exists(int folder, const std::string& path);
// Tells a file from what it was, links followed: replaced or written means another stamp. All zero: not there.
struct FileStamp {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t changed_ns = 0;  // mtime
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(int folder, const std::string& path);
Result<void> sync_folder(int folder);
// An exclusive lock that lives as long as the descriptor, and no longer than the process. Conflict: somebody holds it.
Result<Fd> lock_file(int folder, const std::string& path);
// Gives what is there to a user: lchown(2). For folders that a role will own.
Result<void> give_to(int folder, const std::string& path, unsigned uid, unsigned gid);

}  // namespace bz::os

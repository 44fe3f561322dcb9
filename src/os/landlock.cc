// restrict_files(): Landlock by its system calls (the C library has no wrappers), as far as the running kernel knows it,
// and the limits of a process that stays as it is.
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "os/file.h"
#include "os/sandbox.h"
#include "os/sandbox_build.h"

namespace bz::os {

namespace {
constexpr uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                            LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK;
constexpr uint64_t kExecute = LANDLOCK_ACCESS_FS_EXECUTE;
constexpr uint64_t kNever = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                            LANDLOCK_ACCESS_FS_MAKE_SYM;
// Known to newer kernels than these headers may be: ABI 2 moves files between folders, ABI 3 truncates.
constexpr uint64_t kRefer = 1u << 13, kTruncate = 1u << 14;
constexpr uint64_t kOnFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kExecute | kTruncate;

Result<void> allow(int ruleset, const std::string& path, uint64_t access) {
  Fd fd(::openat(kHere, path.c_str(), O_PATH | O_CLOEXEC));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) < 0) return {};  // not on this system
  if (!S_ISDIR(info.st_mode)) access &= kOnFiles;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access;
  rule.parent_fd = fd.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) {
    return base::from_errno(errno, "landlock rule for " + path);
  }
  return {};
}

Result<SandboxReport> landlock(const Policy& policy) {
  long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return SandboxReport{false, "no landlock in this kernel"};
  uint64_t write = kWrite;
  if (abi >= 2) write |= kRefer;
  if (abi >= 3) write |= kTruncate;
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = kRead | write | kExecute | kNever;
  Fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset) return base::from_errno(errno, "landlock");
  for (const auto& path : policy.read) {
    BZ_TRY_VOID(allow(ruleset.get(), path, kRead));
  }
  for (const auto& path : policy.execute) {
    BZ_TRY_VOID(allow(ruleset.get(), path, kRead | kExecute));
  }
  for (const auto& path : policy.write) {
    BZ_TRY_VOID(allow(ruleset.get(), path, kRead | write));
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) < 0) return base::from_errno(errno, "landlock");
  return SandboxReport{true, "landlock ABI " + std::to_string(abi)};
}

// No core files (they would hold secrets), and every descriptor the administrator allows.
Result<void> set_limits() {
  rlimit none{0, 0}, files{};
  if (::setrlimit(RLIMIT_CORE, &none) < 0) return base::from_errno(errno, "RLIMIT_CORE");
  if (::getrlimit(RLIMIT_NOFILE, &files) < 0) return base::from_errno(errno, "RLIMIT_NOFILE");
  files.rlim_cur = files.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &files) < 0) return base::from_errno(errno, "RLIMIT_NOFILE");
  return {};
}
}  // namespace

Result<SandboxReport> restrict_files(const Policy& policy) {
  BZ_TRY_VOID(set_limits());
  if (kSanitized) return SandboxReport{false, "sanitizer build: no sandbox"};
  if (::prctl(PR_SET_DUMPABLE, 0) < 0) return base::from_errno(errno, "PR_SET_DUMPABLE");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return base::from_errno(errno, "PR_SET_NO_NEW_PRIVS");
  return landlock(policy);
}

}  // namespace bz::os

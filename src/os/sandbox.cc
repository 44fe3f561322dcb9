// restrict_calls(): the lists of system calls, by what they are for. Keep them sorted within a group; a new entry says why
// in the commit that adds it.
#include "os/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "os/filter.h"
#include "os/sandbox_build.h"

namespace bz::os {

namespace {
// Memory, time, threads and signals of this process, and descriptors it has.
constexpr const char* kAlways[] = {
    "accept4",
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd2",
    "exit",
    "exit_group",
    "fcntl",
    "fstat",
    "futex",
    "getcpu",
    "getegid",
    "geteuid",
    "getgid",
    "getpeername",
    "getpid",
    "getppid",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrusage",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "getuid",
    "lseek",
    "madvise",
    "membarrier",
    "mincore",
    "mlock",
    "mmap",
    "mprotect",
    "mremap",
    "munlock",
    "munmap",
    "nanosleep",
    "pipe2",
    "poll",
    "ppoll",
    "pread64",
    "pselect6",
    "pwrite64",
    "read",
    "readv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_yield",
    "select",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "set_tid_address",
    "setsockopt",
    "shutdown",
    "sigaltstack",
    "signalfd4",
    "socketpair",
    "sysinfo",
    "time",
    "timerfd_create",
    "timerfd_settime",
    "uname",
    "write",
    "writev",
};
// Files by descriptor: databases.
constexpr const char* kFileWork[] = {
    "copy_file_range", "fadvise64",   "fallocate",       "fchmod",    "fdatasync",
    "flock",           "fstatfs",     "fsync",           "ftruncate", "getdents64",
    "getpriority",     "ioprio_get",  "ioprio_set",      "msync",     "preadv",
    "preadv2",         "pwritev",     "pwritev2",        "readahead", "sched_setscheduler",
    "sendfile",        "setpriority", "sync_file_range", "umask",
};
// Files by path: EPERM for a role without files, so that a library that only looks goes on.
constexpr const char* kPaths[] = {
    "access",    "chdir",      "chmod",    "creat",    "faccessat", "faccessat2", "fchmodat", "getcwd", "getxattr",
    "lgetxattr", "link",       "linkat",   "lstat",    "mkdir",     "mkdirat",    "open",     "openat", "openat2",
    "readlink",  "readlinkat", "rename",   "renameat", "renameat2", "rmdir",      "stat",     "statfs", "statx",
    "symlink",   "symlinkat",  "truncate", "unlink",   "unlinkat",  "utimensat",
};
constexpr const char* kConnections[] = {"bind", "connect", "socket"};
// Refused for everybody without death: libraries try these and have another way.
constexpr const char* kRefused[] = {"inotify_init1",   "keyctl",        "mbind", "memfd_create", "mknodat",
                                    "perf_event_open", "set_mempolicy", "chown", "fchown",       "fchownat"};
constexpr const char* kUnknown[] = {"clone3", "io_uring_setup", "landlock_create_ruleset"};  // ENOSYS

// Calls that are harmless in one form only.
void add_forms(Filter& filter, const Policy& policy, uint32_t refused) {
  // Threads, but no processes: clone with CLONE_THREAD (clone3 hides its flags, so glibc is told there is none).
  filter.one(SCMP_ACT_ALLOW, "clone", bits(0, CLONE_THREAD, CLONE_THREAD));
  filter.one(SCMP_ACT_ALLOW, "prctl", equals(0, PR_SET_NAME));
  filter.one(SCMP_ACT_ALLOW, "prctl", equals(0, PR_GET_NAME));
  filter.one(SCMP_ACT_ERRNO(EINVAL), "prctl", equals(0, 0x53564d41));  // PR_SET_VMA: names for memory, by the allocator
  filter.one(SCMP_ACT_ALLOW, "ioctl", equals(1, FIONREAD));
  filter.one(SCMP_ACT_ALLOW, "ioctl", equals(1, FIONBIO));
  filter.one(SCMP_ACT_ERRNO(ENOTTY), "ioctl", equals(1, TCGETS));
  filter.one(SCMP_ACT_ALLOW, "prlimit64", equals(2, 0));  // reading them
  filter.one(SCMP_ACT_ALLOW, "getrlimit");
  // Signals to ourselves only: abort() and raise().
  filter.one(SCMP_ACT_ALLOW, "tgkill", equals(0, static_cast<uint64_t>(::getpid())));
  // fstat(2) is newfstatat with an empty path.
  if (policy.files) {
    filter.one(SCMP_ACT_ALLOW, "newfstatat");
  } else {
    filter.one(SCMP_ACT_ALLOW, "newfstatat", bits(3, AT_EMPTY_PATH, AT_EMPTY_PATH));
    filter.one(refused, "newfstatat", bits(3, AT_EMPTY_PATH, 0));
  }
}
}  // namespace

Result<Policy> policy_of(std::string_view role) {
  // What the C library, OpenSSL and RocksDB read; nothing of it is secret.
  const std::vector<std::string> common = {"/etc/localtime",          "/usr/share/zoneinfo", "/dev/null",    "/dev/urandom",
                                           "/sys/devices/system/cpu", "/proc/cpuinfo",       "/proc/meminfo"};
  Policy policy;
  policy.role = role;
  if (role == "gateway" || role == "connector") return policy;
  policy.files = true;
  policy.read = common;
  policy.write = {"."};
  if (role == "auth" || role == "mailstore" || role == "inner") return policy;
  if (role != "mta" && role != "egress" && role != "admin") return fail(Errc::NotFound, "no such role");
  allow_outward(policy);
  return policy;
}

void allow_outward(Policy& policy) {
  policy.connect = true;
  for (const char* path : {"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
                           "/etc/services", "/etc/protocols", "/etc/ssl", "/usr/share/ca-certificates", "/usr/lib/ssl",
                           "/run/systemd/resolve", "/usr/share/dns"}) {
    policy.read.emplace_back(path);
  }
}

Result<SandboxReport> restrict_calls(const Policy& policy) {
  if (kSanitized) return SandboxReport{false, "sanitizer build: no sandbox"};
  const uint32_t refused = SCMP_ACT_ERRNO(EPERM);
  Filter filter(SCMP_ACT_KILL_PROCESS);
  filter.add(SCMP_ACT_ALLOW, kAlways);
  filter.add(policy.files ? SCMP_ACT_ALLOW : refused, kPaths);
  if (policy.files) filter.add(SCMP_ACT_ALLOW, kFileWork);
  filter.add(policy.connect ? SCMP_ACT_ALLOW : refused, kConnections);
  filter.add(refused, kRefused);
  filter.add(SCMP_ACT_ERRNO(ENOSYS), kUnknown);
  add_forms(filter, policy, refused);
  BZ_TRY_VOID(filter.load());
  return SandboxReport{true, "seccomp"};
}

}  // namespace bz::os

#include "os/foreign.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "os/fd.h"
#include "os/filter.h"
#include "os/sandbox_build.h"

namespace bz::os {

namespace {

constexpr rlim_t kMaxMemory = 1 << 30, kMaxDescriptors = 128;

constexpr const char* kProcesses[] = {
    "fork",  "vfork",   "execve",         "ptrace",     "process_vm_readv", "process_vm_writev",
    "kcmp",  "kill",    "tkill",          "pidfd_open", "pidfd_getfd",      "pidfd_send_signal",
    "setns", "unshare", "process_madvise"};
constexpr const char* kDoors[] = {"bind", "listen", "accept", "accept4"};
constexpr const char* kChanges[] = {"chmod",    "chown",    "creat",     "fchmodat", "fchownat",  "lchown",
                                    "link",     "linkat",   "mkdir",     "mkdirat",  "mknod",     "mknodat",
                                    "rename",   "renameat", "renameat2", "rmdir",    "symlink",   "symlinkat",
                                    "truncate", "unlink",   "unlinkat",  "setxattr", "lsetxattr", "fsetxattr"};
constexpr const char* kSystem[] = {"acct",
                                   "add_key",
                                   "bpf",
                                   "chroot",
                                   "clock_adjtime",
                                   "clock_settime",
                                   "delete_module",
                                   "finit_module",
                                   "init_module",
                                   "ioperm",
                                   "iopl",
                                   "kexec_file_load",
                                   "kexec_load",
                                   "keyctl",
                                   "mount",
                                   "move_mount",
                                   "name_to_handle_at",
                                   "open_by_handle_at",
                                   "open_tree",
                                   "perf_event_open",
                                   "pivot_root",
                                   "quotactl",
                                   "reboot",
                                   "request_key",
                                   "setdomainname",
                                   "sethostname",
                                   "settimeofday",
                                   "swapoff",
                                   "swapon",
                                   "syslog",
                                   "umount2",
                                   "userfaultfd"};
constexpr const char* kUnknown[] = {"clone3", "io_uring_setup", "landlock_create_ruleset"};  // ENOSYS

Result<SandboxReport> restrict_calls() {
  if (kSanitized) return SandboxReport{false, "sanitizer build: no sandbox"};
  const uint32_t refused = SCMP_ACT_ERRNO(EPERM);
  Filter filter(SCMP_ACT_ALLOW);
  filter.add(refused, kProcesses);
  filter.add(refused, kDoors);
  filter.add(refused, kChanges);
  filter.add(refused, kSystem);
  filter.add(SCMP_ACT_ERRNO(ENOSYS), kUnknown);
  filter.one(refused, "clone", bits(0, CLONE_THREAD, 0));  // threads it may have
  filter.one(refused, "socket", scmp_arg_cmp{0, SCMP_CMP_NE, AF_UNIX, 0});
  filter.one(refused, "tgkill", scmp_arg_cmp{0, SCMP_CMP_NE, static_cast<uint64_t>(::getpid()), 0});  // abort() it may
  filter.one(refused, "execveat", bits(4, AT_EMPTY_PATH, 0));  // the one that makes us the program has it
  BZ_TRY_VOID(filter.load());
  return SandboxReport{true, "seccomp"};
}

Policy policy_for(const ForeignProgram& program) {
  Policy policy;
  policy.role = "foreign";
  policy.read = {"/etc", "/usr", "/lib", "/lib64", "/dev/urandom", "/dev/null", "/proc/self", "/sys/devices/system/cpu"};
  policy.read.insert(policy.read.end(), program.read.begin(), program.read.end());
  policy.write = {"/dev/null"};
  policy.execute = {program.path,       "/lib64/ld-linux-x86-64.so.2",      "/lib/ld-linux-aarch64.so.1",
                    "/lib64/ld64.so.2", "/lib/ld-linux-riscv64-lp64d.so.1", "/lib/ld-linux-armhf.so.3"};
  return policy;
}

Result<void> set_limit(__rlimit_resource which, rlim_t most) {
  rlimit limit{};
  if (::getrlimit(which, &limit) < 0) return base::from_errno(errno, "getrlimit");
  limit.rlim_max = std::min(limit.rlim_max, most);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(which, &limit) < 0) return base::from_errno(errno, "setrlimit");
  return {};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

Result<void> confine(const ForeignProgram& program, void (*report)(const SandboxReport&, const SandboxReport&)) {
  BZ_TRY(SandboxReport files, restrict_files(policy_for(program)));
  BZ_TRY_VOID(set_limit(RLIMIT_NOFILE, kMaxDescriptors));
  BZ_TRY(SandboxReport calls, restrict_calls());
  report(files, calls);
  if (kSanitized) return {};  // whose shadow is larger
  return set_limit(RLIMIT_AS, kMaxMemory);
}

}  // namespace

Error become_foreign(const ForeignProgram& program, void (*report)(const SandboxReport&, const SandboxReport&)) {
  Fd file(::open(program.path.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return base::from_errno(errno, program.path);
  std::vector<char*> arguments = pointers(program.arguments), environment = pointers(program.environment);
  if (auto confined = confine(program, report); !confined) return std::move(confined).error();
  ::syscall(SYS_execveat, file.get(), "", arguments.data(), environment.data(), AT_EMPTY_PATH);
  return base::from_errno(errno, program.path);
}

}  // namespace bz::os

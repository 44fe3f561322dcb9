// Enters a role's sandbox in the working directory, then tries one thing: os_sandbox_probe ROLE ACTION. Exit status: 0
// done, otherwise errno of what was refused; 200 when there is no sandbox here. Built without sanitizers. ROLE "foreign":
// the probe becomes itself as a program that is not ours (os/foreign.h), which then tries the action.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "os/file.h"
#include "os/foreign.h"
#include "os/sandbox.h"

namespace {
int error_of(long rc) { return rc < 0 ? errno : 0; }

int open_file(const char* path, int flags = O_RDONLY) { return error_of(::open(path, flags, 0600)); }

int pass_descriptor() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) return errno;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  char byte = 'x';
  iovec part{&byte, 1};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  *reinterpret_cast<int*>(CMSG_DATA(c)) = fds[0];
  if (::sendmsg(fds[0], &header, 0) < 0) return errno;
  return error_of(::recvmsg(fds[1], &header, MSG_CMSG_CLOEXEC));
}

int start_thread() {
  int value = 0;
  std::thread([&value] { value = 1; }).join();
  return value == 1 ? 0 : EINVAL;
}

// A thread that was there before the sandbox must be in it too.
int old_thread(const std::function<bool()>& enter) {
  int pipes[2], error = -1;
  if (::pipe(pipes) < 0) return errno;
  std::thread worker([&] {
    char byte;
    if (::read(pipes[0], &byte, 1) == 1) error = error_of(::socket(AF_INET, SOCK_STREAM, 0));
  });
  bool entered = enter();
  if (::write(pipes[1], "x", 1) != 1) return errno;
  worker.join();
  return entered ? error : 200;
}

const std::map<std::string, std::function<int()>> kActions = {
    {"nothing", [] { return 0; }},
    {"open-own", [] { return open_file("own", O_RDWR | O_CREAT); }},
    {"open-passwd", [] { return open_file("/etc/passwd"); }},
    {"open-above", [] { return open_file("../secret"); }},
    {"write-read-only", [] { return open_file("/dev/urandom", O_WRONLY); }},
    {"write-file", [] { return bz::os::write_file(bz::os::kHere, "f", "x") ? 0 : EPERM; }},
    {"resolv", [] { return open_file("/etc/hosts"); }},
    {"socket", [] { return error_of(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }},
    {"connect",
     [] {
       sockaddr_un to{};
       to.sun_family = AF_UNIX;
       return error_of(::connect(2, reinterpret_cast<sockaddr*>(&to), sizeof to));
     }},
    {"pass-descriptor", pass_descriptor},
    {"thread", start_thread},
    {"epoll", [] { return error_of(::syscall(SYS_epoll_create1, 0)); }},
    {"fork", [] { return error_of(::syscall(SYS_clone, 17 /* SIGCHLD */, 0, 0, 0, 0)); }},
    {"exec", [] { return error_of(::execl("/bin/true", "true", nullptr)); }},
    {"ptrace", [] { return error_of(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
    {"setuid", [] { return error_of(::setuid(1)); }},
    {"listen", [] { return error_of(::listen(2, 1)); }},
    {"kill-other", [] { return error_of(::syscall(SYS_tgkill, 1, 1, 0)); }},
    {"abort", []() -> int { std::abort(); }},
    {"unix-socket", [] { return error_of(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }},
    {"bind", [] { return error_of(::bind(2, nullptr, 0)); }},
    {"rename", [] { return error_of(::rename("own", "other")); }},
    {"memory",
     [] {
       void* much = ::mmap(nullptr, std::size_t{2} << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return much == MAP_FAILED ? errno : 0;
     }},
};

int as_foreign(const std::string& action) {
  char self[4096];
  const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self);
  if (size <= 0) return 2;
  bz::os::ForeignProgram program{.path = std::string(self, static_cast<size_t>(size))};
  program.arguments = {"probe", "inside", action};
  auto error = bz::os::become_foreign(program, [](const bz::os::SandboxReport&, const bz::os::SandboxReport&) {});
  std::fprintf(stderr, "%s\n", error.to_string().c_str());
  return 200;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  if (argv[1] == std::string("foreign")) return as_foreign(argv[2]);
  if (argv[1] == std::string("inside")) {
    auto it = kActions.find(argv[2]);
    return it == kActions.end() ? 2 : it->second();
  }
  auto policy = bz::os::policy_of(argv[1]);
  if (!policy) return 2;
  auto files = bz::os::restrict_files(*policy);
  auto enter = [&policy] {
    auto calls = bz::os::restrict_calls(*policy);
    if (!calls) std::fprintf(stderr, "%s\n", calls.error().to_string().c_str());
    return calls && calls->active;
  };
  if (!files) std::fprintf(stderr, "%s\n", files.error().to_string().c_str());
  if (!files) return 200;
  const std::string action = argv[2];
  if (action == "landlock") return files->active ? 0 : 200;
  if (action == "old-thread") return old_thread(enter);
  if (!enter()) return 200;
  auto found = kActions.find(action);
  return found == kActions.end() ? 2 : found->second();
}

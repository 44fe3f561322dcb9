#include "os/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace bz::os {

namespace {
// Which step of the child failed, and errno; sent through a pipe that exec closes.
enum class Step : int { Descriptors, Folder, User, Parent, Exec };
struct Failure {
  Step step;
  int error;
};

// Everything the child needs, made before fork: after it only calls that are safe in a forked child are made.
struct Plan {
  std::vector<char*> arguments, environment;
  Fd program, null;
  std::vector<std::pair<int, int>> descriptors;  // ours -> the child's
  int folder = -1;
  const User* user = nullptr;
  bool new_session = true, die_with_parent = true;
  pid_t parent = 0;
  int top = 2;  // the highest number the child is given
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const auto& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void give_up(int pipe, Step step) {
  Failure failure{step, errno};
  ssize_t ignored = ::write(pipe, &failure, sizeof failure);
  (void)ignored;
  ::_exit(127);
}

// Moves everything above `top` first, so that no target overwrites a source that is still needed.
bool place_descriptors(Plan& plan, int& pipe, int& program, int& folder) {
  auto lift = [&plan](int& fd) {
    if (fd >= 0) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, plan.top + 1);
    return fd >= 0;
  };
  if (!lift(pipe) || !lift(program) || (folder >= 0 && !lift(folder))) return false;
  for (auto& [from, to] : plan.descriptors) {
    if (!lift(from)) return false;
  }
  if (::syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */) < 0) return false;
  for (auto [from, to] : plan.descriptors) {
    if (::dup2(from, to) < 0) return false;
  }
  return true;
}

void default_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);  // SIGKILL and the like refuse: no matter
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void child(Plan& plan, int pipe) {
  int program = plan.program.get(), folder = plan.folder;
  default_signals();
  if (!place_descriptors(plan, pipe, program, folder)) give_up(pipe, Step::Descriptors);
  if (plan.new_session) ::setsid();
  if (folder >= 0 && ::fchdir(folder) < 0) give_up(pipe, Step::Folder);
  if (const User* user = plan.user) {
    if (::setgroups(user->groups.size(), user->groups.data()) < 0 || ::setresgid(user->gid, user->gid, user->gid) < 0 ||
        ::setresuid(user->uid, user->uid, user->uid) < 0) {
      give_up(pipe, Step::User);
    }
  }
  if (plan.die_with_parent) {  // after the change of user, which would take it back
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) give_up(pipe, Step::Parent);
    errno = ESRCH;
    if (::getppid() != plan.parent) give_up(pipe, Step::Parent);  // it ended before we asked
  }
  ::syscall(SYS_execveat, program, "", plan.arguments.data(), plan.environment.data(), AT_EMPTY_PATH);
  give_up(pipe, Step::Exec);
}

const char* what(Step step) {
  switch (step) {
    case Step::Descriptors:
      return "placing descriptors for a child";
    case Step::Folder:
      return "entering the child's folder";
    case Step::User:
      return "taking the child's user";
    case Step::Parent:
      return "tying the child to its parent";
    case Step::Exec:
      return "exec";
  }
  return "starting a child";
}

Exit to_exit(pid_t pid, int status) {
  Exit out;
  out.pid = pid;
  if (WIFSIGNALED(status)) {
    out.signal = WTERMSIG(status);
  } else {
    out.status = WEXITSTATUS(status);
  }
  return out;
}
}  // namespace

std::string Exit::to_string() const {
  if (signal == 0) return "exit status " + std::to_string(status);
  const char* name = ::sigabbrev_np(signal);
  std::string out = "signal " + std::to_string(signal) + (name != nullptr ? std::string(" (SIG") + name + ")" : "");
  if (signal == SIGSYS) out += ": a system call outside its list, named in the kernel's log";
  return out;
}

Result<pid_t> spawn(const SpawnOptions& options) {
  Plan plan;
  plan.arguments = pointers(options.arguments);
  plan.environment = pointers(options.environment);
  plan.descriptors = options.descriptors;
  plan.folder = options.folder;
  plan.user = options.user ? &*options.user : nullptr;
  plan.new_session = options.new_session;
  plan.die_with_parent = options.die_with_parent;
  plan.parent = ::getpid();
  plan.program = Fd(::open(options.program.c_str(), O_PATH | O_CLOEXEC));
  if (!plan.program) return base::from_errno(errno, "open " + options.program);
  plan.null = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!plan.null) return base::from_errno(errno, "open /dev/null");
  if (std::none_of(plan.descriptors.begin(), plan.descriptors.end(), [](auto& d) { return d.second == 0; })) {
    plan.descriptors.emplace_back(plan.null.get(), 0);
  }
  for (auto [from, to] : plan.descriptors) plan.top = std::max(plan.top, to);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return base::from_errno(errno, "pipe");
  Fd read_end(ends[0]), write_end(ends[1]);
  pid_t pid = ::fork();
  if (pid < 0) return base::from_errno(errno, "fork");
  if (pid == 0) child(plan, write_end.get());
  write_end.reset();
  Failure failure{};
  ssize_t n;
  do {
    n = ::read(read_end.get(), &failure, sizeof failure);
  } while (n < 0 && errno == EINTR);
  if (n == 0) return pid;  // exec closed the pipe
  wait(pid);
  if (n != static_cast<ssize_t>(sizeof failure)) return fail(Errc::Internal, "a child ended before exec");
  return base::from_errno(failure.error, std::string(what(failure.step)) + " " + options.program);
}

std::optional<Exit> reap(pid_t pid) {
  int status = 0;
  pid_t ended;
  do {
    ended = ::waitpid(pid, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended <= 0) return std::nullopt;
  return to_exit(ended, status);
}

Exit wait(pid_t pid) {
  int status = 0;
  pid_t ended;
  do {
    ended = ::waitpid(pid, &status, 0);
  } while (ended < 0 && errno == EINTR);
  return to_exit(ended, status);
}

}  // namespace bz::os

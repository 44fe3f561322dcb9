#include "app/ntlm_processes.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/log.h"
#include "os/file.h"
#include "os/foreign.h"

namespace bz::app {
namespace {

constexpr base::Millis kFirstWait{100}, kLongLife{60'000};
constexpr char kLogName[] = "log/ntlm.log";

}  // namespace

NtlmProcesses::~NtlmProcesses() { end(); }

void NtlmProcesses::set_plan(Plan plan) {
  if (plan == plan_) return;
  plan_ = std::move(plan);
  if (running_) begin();
}

void NtlmProcesses::reopen_log() {
  if (running_) begin();
}

void NtlmProcesses::begin() {
  end();
  running_ = true;
  for (unsigned number = 0; number < plan_.count; ++number) {
    Process& process = *processes_.emplace_back(std::make_unique<Process>());
    process.number = number;
    process.retry = std::make_unique<net::Loop::Timer>(loop_, [this, one = &process] { start(*one); });
    start(process);
  }
}

// Those that are killed stay in the list until the kernel says so: another process could have their number then.
void NtlmProcesses::end() {
  running_ = false;
  std::erase_if(processes_, [](const auto& process) { return process->pid < 0; });
  for (auto& process : processes_) {
    process->wanted = false;
    ::kill(process->pid, SIGKILL);
  }
}

void NtlmProcesses::start(Process& process) {
  process.started_at = base::system_clock().mono();
  // Its end blocks: a program that reads by stdio takes "try again" for an error, and ends.
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return try_again(process, base::from_errno(errno, "socketpair").to_string());
  net::OwnedFd ours(ends[0]), theirs(ends[1]);
  auto pid = spawn(std::move(theirs));
  if (!pid) return try_again(process, pid.error().to_string());
  process.pid = *pid;
  log::event(log::Info, "ntlm_helper_started").field("number", process.number).field("pid", *pid);
  give_(std::move(ours));
}

Result<pid_t> NtlmProcesses::spawn(net::OwnedFd socket) const {
  BZ_TRY(os::Fd log, os::open_append(state_, kLogName, 0640));
  BZ_TRY(os::Fd folder, os::make_folder(state_, "empty", 0755));
  os::SpawnOptions options;
  options.program = launcher_;
  options.arguments = {"buzon", "ntlm-helper", plan_.program, plan_.smb_conf};
  options.arguments.insert(options.arguments.end(), plan_.arguments.begin(), plan_.arguments.end());
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
  options.descriptors = {{socket.get(), 0}, {socket.get(), 1}, {log.get(), 2}};
  options.folder = folder.get();
  options.user = user_;
  return os::spawn(options);
}

void NtlmProcesses::ended(const os::Exit& exit) {
  auto it = std::find_if(processes_.begin(), processes_.end(), [&](const auto& p) { return p->pid == exit.pid; });
  if (it == processes_.end()) return;
  if (!(*it)->wanted) {
    processes_.erase(it);
    return;
  }
  (*it)->pid = -1;
  log::event(log::Warn, "ntlm_helper_ended").field("number", (*it)->number).field("how", exit.to_string());
  try_again(**it, exit.to_string());
}

void NtlmProcesses::try_again(Process& process, const std::string& why) {
  const bool lived = base::system_clock().mono() - process.started_at > kLongLife;
  process.wait = lived || process.wait.count() == 0 ? kFirstWait : std::min(process.wait * 2, plan_.longest_wait);
  ++process.restarts;
  log::event(log::Warn, "ntlm_helper_restart")
      .field("number", process.number)
      .field("in_ms", process.wait.count())
      .field("why", why);
  process.retry->arm(net::Deadline::in(process.wait));
}

std::string NtlmProcesses::status(bool json) const {
  std::string out;
  for (const auto& process : processes_) {
    if (!process->wanted) continue;
    const std::string number = std::to_string(process->number), pid = std::to_string(process->pid);
    const std::string state = process->pid < 0 ? "down" : "running", restarts = std::to_string(process->restarts);
    if (json) {
      out += std::string(out.empty() ? "" : ",") + "{\"number\":" + number + ",\"state\":\"" + state + "\",\"pid\":" + pid +
             ",\"restarts\":" + restarts + "}";
    } else {
      out += "ntlm helper " + number + ": " + state + ", pid " + pid + ", restarts " + restarts + "\n";
    }
  }
  return out;
}

int become_ntlm_helper(const std::vector<std::string>& words) {
  log::set_role("ntlm");
  if (words.size() < 3) return 2;
  os::ForeignProgram program{.path = words[0]};
  program.arguments.assign(words.begin() + 2, words.end());
  program.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
  // winbind's pipes and what Samba's libraries keep of its state; nothing of it is ours.
  program.read = {"/run/samba", "/var/run/samba", "/var/lib/samba", "/var/cache/samba"};
  if (!words[1].empty()) program.read.push_back(words[1]);
  const Error error = os::become_foreign(program, [](const os::SandboxReport& files, const os::SandboxReport& calls) {
    log::event(files.active ? log::Info : log::Warn, "sandbox_files").field("note", files.note);
    log::event(calls.active ? log::Info : log::Warn, "sandbox_calls").field("note", calls.note);
  });
  log::event(log::Err, "cannot_run").error(error);
  return 1;
}

}  // namespace bz::app

#include "app/hook_runner.h"

#include <csignal>

namespace bz::app {

HookRunner::~HookRunner() {
  for (auto& [pid, run] : runs_) ::kill(-pid, SIGKILL);
}

void HookRunner::run(Order order) {
  if (runs_.size() >= kMax) return order.done(fail(Errc::Limit, "too many hooks at once"));
  os::SpawnOptions options;
  // By the shell, so that it may be a script: a script cannot be run by its descriptor alone. No word of the order is
  // read by the shell.
  options.program = "/bin/sh";
  const std::string path = order.program.starts_with('/') ? order.program : "./" + order.program;
  options.arguments = {"sh", "-c", R"(exec "$0" "$@")", path};
  for (std::string& argument : order.arguments) options.arguments.push_back(std::move(argument));
  options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
  options.descriptors = {{order.log, 1}, {order.log, 2}};
  options.folder = order.folder;
  options.user = std::move(order.user);
  auto pid = os::spawn(options);
  if (!pid) return order.done(std::move(pid).error());
  Run& run = runs_[*pid];
  run.done = std::move(order.done);
  run.limit = std::make_unique<net::Loop::Timer>(loop_, [this, pid = *pid] {
    runs_[pid].killed = true;
    ::kill(-pid, SIGKILL);  // its group: spawn() gave it a session of its own
  });
  run.limit->arm(net::Deadline::in(order.limit));
}

void HookRunner::ended(const os::Exit& exit) {
  auto it = runs_.find(exit.pid);
  if (it == runs_.end()) return;
  ::kill(-exit.pid, SIGKILL);  // what it left behind
  Run run = std::move(it->second);
  runs_.erase(it);
  run.limit->cancel();
  if (run.killed) return run.done(fail(Errc::Timeout, "it did not end in time and was killed"));
  if (exit.signal == 0 && exit.status == 0) return run.done({});
  std::string text = exit.to_string();
  if (exit.status == 126 || exit.status == 127)
    text += ": it cannot be run; may the user of role admin enter its folder and execute it?";
  run.done(fail(Errc::Denied, text + " (its output is in STATE/log/hook.log)"));
}

}  // namespace bz::app

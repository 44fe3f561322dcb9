#include "app/serve.h"

#include <stdlib.h>

#include <csignal>
#include <memory>

#include "app/config.h"
#include "app/supervisor.h"
#include "base/log.h"
#include "roles/role.h"

namespace bz::app {
namespace {

// We go into STATE; the configuration must be found from there too.
Result<std::string> absolute(const std::string& path) {
  std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  if (!real) return base::from_errno(errno, path);
  return std::string(real.get());
}

Result<void> run(const std::string& config_path) {
  // Before any thread: the signals must be blocked everywhere.
  os::Signals signals({SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD});
  std::signal(SIGPIPE, SIG_IGN);
  BZ_TRY(std::string path, absolute(config_path));
  BZ_TRY(Loaded loaded, load(path));
  net::Loop loop;
  Supervisor supervisor(loop, signals, std::move(path), std::move(loaded));
  BZ_TRY_VOID(supervisor.start());
  loop.run();
  return {};
}

}  // namespace

int serve(const std::string& config_path) {
  log::set_role("supervisor");
  auto done = run(config_path);
  if (done) return 0;
  log::event(log::Err, "cannot_serve").error(done.error());
  return 1;
}

int serve_role(const std::string& role, uint32_t index) {
  roles::RoleArguments arguments{role, index};
  return roles::run_role(arguments, [](const wire::ConfigText& text) { return parse_config(text.toml, text.file_name); });
}

}  // namespace bz::app

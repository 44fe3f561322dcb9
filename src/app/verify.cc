#include "app/verify.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "app/config.h"
#include "app/control_client.h"
#include "app/system.h"
#include "os/spawn.h"
#include "roles/offline_verify.h"

namespace bz::app {
namespace {

constexpr std::string_view kKeepers[] = {"auth", "mailstore", "mta"};

int print(const wire::ControlAnswer& answer) {
  std::cout << answer.output << std::flush;
  std::cerr << answer.error;
  return static_cast<int>(answer.exit_status);
}

Result<int> online(const std::string& state, bool json) {
  int worst = 0;
  for (std::string_view role : kKeepers) {
    wire::ControlRequest request{std::string(role), {"verify"}, {}};
    if (json) request.arguments.emplace_back("--json");
    BZ_TRY(auto answer, ask(state, request));
    worst = std::max(worst, print(answer));
  }
  return worst;
}

Result<int> offline(int state, const roles::Config& config, bool json) {
  int worst = 0;
  for (std::string_view name : kKeepers) {
    const RoleFacts& role = *find_role(name);
    if (!os::exists(state, std::string(role.folder))) continue;
    BZ_TRY(os::Fd folder, os::open_folder(state, std::string(role.folder)));
    os::SpawnOptions options;
    options.arguments = {"buzon", "verify-role", std::string(name)};
    if (json) options.arguments.emplace_back("--json");
    options.folder = folder.get();
    options.new_session = false;
    if (os::is_root()) {
      BZ_TRY(options.user, role_user(role, config.users));
    }
    BZ_TRY(pid_t pid, os::spawn(options));
    const os::Exit exit = os::wait(pid);
    if (exit.signal != 0) std::cerr << "buzon: checking " << name << ": " << exit.to_string() << "\n";
    worst = std::max(worst, exit.signal != 0 ? 1 : exit.status);
  }
  return worst;
}

Result<int> check(const std::string& config_path, bool json) {
  BZ_TRY(std::string text, os::read_file(os::kHere, config_path, 1 << 20));
  BZ_TRY(roles::Config config, parse_config(text, config_path));
  const std::string path = state_path(config_path, config);
  BZ_TRY(os::Fd state, os::open_folder(os::kHere, path));
  BZ_TRY(os::Fd run, os::make_folder(state.get(), "run", 0700));
  auto lock = os::lock_file(run.get(), "lock");
  if (lock) return offline(state.get(), config, json);
  if (lock.error().code() == Errc::Conflict) return online(path, json);
  return std::move(lock).error();
}

}  // namespace

int verify(const std::string& config_path, bool json) {
  auto worst = check(config_path, json);
  if (worst) return *worst;
  std::cerr << "buzon: " << worst.error().to_string() << "\n";
  return 1;
}

int verify_role(const std::string& role, bool json) { return print(roles::verify_offline(role, json)); }

}  // namespace bz::app

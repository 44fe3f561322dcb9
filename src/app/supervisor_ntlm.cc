// The processes that ask a Windows domain for auth; see app/ntlm_processes.h.
#include "app/config_ntlm.h"
#include "app/supervisor.h"

namespace bz::app {

Result<void> Supervisor::know_ntlm_user(const roles::Config& config) {
  std::optional<os::User>& user = users_["ntlm"];
  if (!os::is_root() || ntlm_plan(config).count == 0 || user) return {};
  auto found = os::find_user(config.users.ntlm);
  if (!found) {
    const std::string& name = config.users.ntlm;
    return fail(Errc::NotFound,
                "the user of ntlm.helper is missing; make it with: useradd --system --no-create-home --shell "
                "/usr/sbin/nologin --groups winbindd_priv " +
                    name);
  }
  if (found->uid == 0) return fail(Errc::Invalid, "users.ntlm: not root");
  user = std::move(*found);
  return {};
}

void Supervisor::place_ntlm() {
  ntlm_processes_.set_place(state_.get(), users_["ntlm"]);
  ntlm_processes_.set_plan(ntlm_plan(loaded_.config));
}

void Supervisor::give_ntlm(net::OwnedFd socket) {
  for (auto& child : children_) {
    if (child->role().name != "auth") continue;
    std::vector<net::OwnedFd> fds;
    fds.push_back(std::move(socket));
    return child->send(wire::Type::HelperFd, {}, std::move(fds));
  }
}

}  // namespace bz::app

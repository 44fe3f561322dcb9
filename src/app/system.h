// What of the system the supervisor must know before it starts anything: which roles there are and who talks to whom, and
// the administrator's files. Names of files in the configuration are relative to its own folder.
#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "os/file.h"
#include "os/users.h"
#include "roles/config.h"

namespace bz::app {

struct RoleFacts {
  std::string_view name;
  std::string_view folder;  // below STATE, the role's own
  const std::string roles::UsersConfig::* user;
  std::vector<std::string_view> secrets;  // roles::secrets; one that ends in a dot: all whose name begins so
};
// In the order in which they are stopped: who delivers first, then who stores, then the doors, then the directory.
std::span<const RoleFacts> role_facts();
const RoleFacts* find_role(std::string_view name);
// egress runs only where there are servers to go to, admin where certificates or staples are to be fetched; on a gateway's
// host there are only the gateways, the connector and admin.
bool is_wanted(const RoleFacts& role, const roles::Config& config);
// Two roles with a channel between their processes, and how each calls the other: the connector stands for the roles
// inside, `inner` for the gateways of other hosts.
struct Link {
  std::string_view first, second;            // roles
  std::string_view first_sees, second_sees;  // names of the other
  uint32_t factor = 1, offset = 0;           // number of the first, as the second knows it
  uint32_t index_of_first(uint32_t index) const { return index * factor + offset; }
  uint32_t index_of_second(uint32_t index) const { return index; }
};
std::span<const Link> links();
// What this host opens itself.
std::vector<roles::ListenerConfig> own_listeners(const roles::Config& config);
// The inner ports that this host opens, as listeners called "enroll", "auth", "mailstore", ...; none without inner.listen.
std::vector<roles::ListenerConfig> inner_ports(const roles::Config& config);
// Of a role inside, or "enroll"; nullopt: none is planned.
std::optional<uint16_t> inner_port(const roles::InnerConfig& inner, std::string_view role);

struct Loaded {
  std::string text;       // of the configuration
  std::string file_name;  // as the administrator named it
  roles::Config config;
  std::map<std::string, Secret> secrets;  // by roles::secrets
  std::vector<std::string> files;         // the configuration and all it names; relative to folder_of(file_name)
  std::vector<std::string> doubts;        // about certificates that are served nevertheless, one line each
};
// Reads and checks the file and every file it names: certificates must fit their keys, secrets must be closed to others.
Result<Loaded> load(const std::string& path);
// One for each of loaded.files: what a watcher compares.
std::vector<os::FileStamp> stamps_of(const Loaded& loaded);
// Names of the keys that differ and that a reload does not take over, or whose file holds something else.
std::vector<std::string> needs_restart(const Loaded& before, const Loaded& now);
// The folder the configuration lies in.
std::string folder_of(const std::string& path);
// STATE as a path that is relative to the working directory.
std::string state_path(const std::string& config_path, const roles::Config& config);

// NotFound with the command that makes the user.
Result<os::User> role_user(const RoleFacts& role, const roles::UsersConfig& users);
// Makes what is missing below STATE and gives each role its own.
Result<void> make_state(int state, const roles::Config& config);

}  // namespace bz::app

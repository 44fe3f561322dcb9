// The [[directory]] tables as sources of accounts (ldap/source.h).
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "directory/source.h"
#include "roles/config.h"

namespace bz::roles {

class RoleHost;

// Servers, filters and attributes are what they should be. Invalid: with a text for the administrator.
Result<void> check_directory(const DirectoryConfig& config);

// Whether a group, a DN, is one that the directory is asked about: below its group_base, else its base. ASCII case and
// spaces around "," and "=" do not count.
bool has_group(const DirectoryConfig& config, std::string_view group);

class Directories {
 public:
  Directories(RoleHost& host, directory::Bindings& bindings);
  // From the host's present settings. A directory whose settings are as before stays as it is, with its connections and
  // what it remembers. Invalid, Denied (none was configured at start, so this process may not connect).
  Result<std::vector<std::shared_ptr<directory::Source>>> make();

 private:
  struct Made {
    DirectoryConfig config;
    std::vector<std::string> domains;
    Secret password, ca;
    std::shared_ptr<directory::Source> source;
    std::vector<std::string> attributes{}, groups{};  // that the [[route]]s ask about
  };
  Result<Made> make_one(const DirectoryConfig& config);
  RoleHost& host_;
  directory::Bindings& bindings_;
  const bool may_connect_;
  std::map<std::string, Made> made_;
};

}  // namespace bz::roles

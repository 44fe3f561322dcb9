// Users of the system, and becoming one for good.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace bz::os {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // all of the user's, `gid` included
};
// By name, or by number in decimal. NotFound. Blocking (nsswitch).
Result<User> find_user(const std::string& name);

bool is_root();
// Gives up root for good: groups, gid, uid, each real, effective and saved; then asks for SIGKILL when the parent ends,
// which a change of user takes back. Fails when root could be had again.
Result<void> become(uid_t uid, gid_t gid, const std::vector<gid_t>& groups);

}  // namespace bz::os

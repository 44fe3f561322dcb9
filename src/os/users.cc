#include "os/users.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>

namespace bz::os {

namespace {
// The entry of `name`, or of the number it stands for. `buffer` holds the strings of the entry.
int look_up(const std::string& name, passwd& entry, std::vector<char>& buffer, passwd*& found) {
  uid_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool numeric = error == std::errc() && end == name.data() + name.size();
  if (numeric) return ::getpwuid_r(number, &entry, buffer.data(), buffer.size(), &found);
  return ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
}
}  // namespace

Result<User> find_user(const std::string& name) {
  std::vector<char> buffer(1024);
  passwd entry{};
  passwd* found = nullptr;
  int error;
  while ((error = look_up(name, entry, buffer, found)) == ERANGE && buffer.size() < (1u << 20)) {
    buffer.resize(buffer.size() * 2);
  }
  if (error != 0) return base::from_errno(error, "looking up user " + name);
  if (found == nullptr) return fail(Errc::NotFound, "no such user: " + name);
  User user{entry.pw_name, entry.pw_uid, entry.pw_gid, std::vector<gid_t>(16)};
  int count = static_cast<int>(user.groups.size());
  while (::getgrouplist(entry.pw_name, entry.pw_gid, user.groups.data(), &count) < 0) {
    user.groups.resize(static_cast<size_t>(count));
  }
  user.groups.resize(static_cast<size_t>(count));
  return user;
}

bool is_root() { return ::geteuid() == 0; }

Result<void> become(uid_t uid, gid_t gid, const std::vector<gid_t>& groups) {
  if (uid == 0) return fail(Errc::Invalid, "root is nobody to become");
  if (::setgroups(groups.size(), groups.data()) < 0) return base::from_errno(errno, "setgroups");
  if (::setresgid(gid, gid, gid) < 0) return base::from_errno(errno, "setresgid");
  if (::setresuid(uid, uid, uid) < 0) return base::from_errno(errno, "setresuid");
  if (::setresuid(static_cast<uid_t>(-1), 0, static_cast<uid_t>(-1)) == 0) {
    return fail(Errc::Internal, "root could be had again");
  }
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return base::from_errno(errno, "PR_SET_PDEATHSIG");
  return {};
}

}  // namespace bz::os

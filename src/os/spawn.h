// Starting processes: fork and exec with numbered descriptors, an environment of our own, another user. The child has no
// descriptor but those named here, default signal handling and an empty signal mask.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/users.h"

namespace bz::os {

struct SpawnOptions {
  std::string program = "/proc/self/exe";  // opened before rights are dropped: it may lie where the user cannot go
  std::vector<std::string> arguments{};    // argv, the name included
  std::vector<std::string> environment{};  // "NAME=value"; nothing is inherited
  std::vector<std::pair<int, int>>
      descriptors{};            // ours -> the child's number. 0 is /dev/null, 1 and 2 are ours, unless named
  int folder = -1;              // working directory, entered before rights are dropped; -1: ours
  std::optional<User> user{};   // needs root
  bool new_session = true;      // setsid(2): a terminal's signals do not reach it
  bool die_with_parent = true;  // SIGKILL when the thread that calls spawn() ends
};
// How a process ended.
struct Exit {
  pid_t pid = -1;
  int status = 0;  // of exit(2), when signal is 0
  int signal = 0;
  std::string to_string()
      const;  // "exit status 1", "signal 9 (SIGKILL)", "signal 31 (SIGSYS): a system call outside its list"
};
// The child's pid once exec has succeeded; otherwise what failed, and no child is left.
Result<pid_t> spawn(const SpawnOptions& options);
// A child that has ended; nullopt: none at the moment. pid -1: any. Call it after SIGCHLD until nullopt.
std::optional<Exit> reap(pid_t pid = -1);
// Blocks until the child has ended. Tools and tests.
Exit wait(pid_t pid);

}  // namespace bz::os

// A program that is not ours, in a process of ours that becomes it. It keeps what a client of a daemon on this machine
// needs, and no more:
//   - its own files and libraries and what the policy lets it read; it writes nothing but /dev/null (Landlock)
//   - sockets of this machine (AF_UNIX) to connect, none to the network, none that others could connect to
//   - no other process: it cannot fork, run another program, or trace and signal others
//   - little memory, few descriptors, no core files, no new privileges
// What it must not have is EPERM, so that a library that only tries goes on. It is a list of what is refused, unlike that
// of the roles: its calls are not ours to know. Sanitizer builds take no sandbox (os/sandbox.h).
#pragma once
#include <string>
#include <vector>

#include "os/sandbox.h"

namespace bz::os {

struct ForeignProgram {
  std::string path;  // absolute; a binary, no script
  std::vector<std::string> arguments{}, environment{};
  std::vector<std::string> read{};  // files and folders beside the system's own
};
// Comes back with an error only. `report`: called before the program begins.
Error become_foreign(const ForeignProgram& program, void (*report)(const SandboxReport& files, const SandboxReport& calls));

}  // namespace bz::os

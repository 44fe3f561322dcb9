// What a role may still ask of the kernel. Two steps, because they cover threads differently:
//   restrict_files()  before the role starts a thread or opens its database (Landlock binds this thread and its children);
//   restrict_calls()  when it has what it needs (seccomp, laid over every thread of the process).
// A file or connection that the role must not have is EPERM (what lies outside its folders: EACCES, Landlock's answer) and
// a line in the kernel's log; a call outside the list kills the process with SIGSYS, and the kernel's log names the call.
// Both steps cannot be taken back. Sanitizer builds take neither (they need calls no role may make); the report says so.
//
// role       files                      open, stat, ...   socket, connect   threads
// gateway    none                       EPERM             EPERM             yes
// connector  none                       EPERM             EPERM             yes
// auth       its folder                 yes               EPERM, or yes     yes     (yes: see allow_outward)
// inner      its folder                 yes               EPERM             yes
// mailstore  its folder                 yes               EPERM             yes
// mta        its folder, resolver, CAs  yes               yes               yes
// egress     its folder, resolver, CAs  yes               yes               yes
// admin      its folder, resolver, CAs  yes               yes               yes
// No role may exec, fork, trace, mount, change users or listen. Programs that are not ours: os/foreign.h.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::os {

struct Policy {
  std::string role;
  bool files = false;    // open and the other calls that take a path or change a file
  bool connect = false;  // socket, connect, bind of an outward address
  // Landlock; relative to the working directory. What is not there is passed over.
  std::vector<std::string> read{};
  std::vector<std::string> write{};
  std::vector<std::string> execute{};  // programs and their interpreters; no role has any
};
// NotFound: no such role.
Result<Policy> policy_of(std::string_view role);
// Outward connections, and what looking up a name and checking a certificate read. "mta", "egress" and "admin" have it;
// "auth" gets it when the configuration names directories to ask.
void allow_outward(Policy& policy);

struct SandboxReport {
  bool active = false;
  std::string note;  // for the log: "landlock ABI 7", "no landlock in this kernel", "sanitizer build: no sandbox"
};
// Also: no new privileges, no core files, not traceable (PR_SET_DUMPABLE), as many descriptors as the hard limit allows.
Result<SandboxReport> restrict_files(const Policy& policy);
Result<SandboxReport> restrict_calls(const Policy& policy);

}  // namespace bz::os

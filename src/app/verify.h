// `buzon verify`: the running roles check what they keep; when none run, this process takes STATE/run/lock, so that none
// can start, and a process per role does, as the role's user. The answer says which way it went.
#pragma once
#include <string>

namespace bz::app {

// The value is the exit status: 0 good, 1 findings or not possible.
int verify(const std::string& config_path, bool json);
// `buzon verify-role NAME`: what the process of one role does, in the role's folder.
int verify_role(const std::string& role, bool json);

}  // namespace bz::app

// `buzon verify` while nothing serves the state folder. Runs in a process of its own, as the role's user and in the role's
// folder, because opening a database writes to it; the caller holds STATE/run/lock. Blocks.
#pragma once
#include <string_view>

#include "wire/schema.h"

namespace bz::roles {

// The same answer as from the running role: status 0 good, 1 findings or not to be opened; which way it was checked.
wire::ControlAnswer verify_offline(std::string_view role, bool json);

}  // namespace bz::roles

// What `buzon queue list` prints.
#pragma once
#include <string>
#include <vector>

#include "queue/ledger.h"

namespace bz::roles {
// `now`: milliseconds since 1970.
std::string queue_listing(const std::vector<const queue::Entry*>& entries, bool json, int64_t now);
}  // namespace bz::roles

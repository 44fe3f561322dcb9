// Names of mailboxes: UTF-8, '/' between levels, INBOX in this spelling. Pure functions.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::store {

inline constexpr size_t kMaxNameBytes = 400, kMaxNameLevels = 32;

// One '/' at the end is dropped (RFC 3501 6.3.3: a client's hint that children will follow); a first level "inbox" in any
// case becomes INBOX. Invalid: empty levels, control characters, bytes that are no UTF-8, too long, too deep.
Result<std::string> normal_name(std::string_view name);
std::vector<std::string> parents_of(std::string_view name);  // "a/b/c": "a", "a/b"
bool is_below(std::string_view name, std::string_view parent);
bool name_less(std::string_view a, std::string_view b);  // INBOX first, then octets

}  // namespace bz::store

// Mailbox names against LIST patterns (RFC 3501 section 6.3.8).
#pragma once
#include <string_view>

namespace bz::imapd {

// "*" matches anything, "%" anything but "/". "INBOX" has no case. Time: pattern x name at most, whatever the pattern.
bool list_match(std::string_view pattern, std::string_view name);

}  // namespace bz::imapd

// Internationalized domain names: U-labels ("münchen.example") and A-labels ("xn--mnchen-3ya.example"), by IDNA2008 (RFC
// 5890, 5891) with the mapping of UTS #46 (case, width, the ideographic full stop), non-transitional: "ß" stays "ß". Pure
// functions, any thread.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::intl {

// The form for the DNS, HELO, certificates and comparison: A-labels, lower case. ASCII comes back in lower case without
// further checks, whatever it is (underscores, address literals): it needs no conversion, and what may stand there the
// caller knows. Errc::Invalid: a label that IDNA does not allow, or over 253 octets.
Result<std::string> to_a_labels(std::string_view domain);

// The form to show: U-labels where they convert, other labels as they are. Never fails.
std::string to_u_labels(std::string_view domain);

// The same domain, in whichever form each is written? What converts to nothing equals only itself (ASCII case ignored).
bool same_domain(std::string_view a, std::string_view b);

}  // namespace bz::intl

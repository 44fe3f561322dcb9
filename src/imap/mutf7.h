// Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3). Inside buzon names are UTF-8.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace bz::imap {

// Strict: refuses 8-bit and control octets, "&" without its form, shifted printable ASCII, superfluous shifts, lone
// surrogates, junk bits. So each name has one encoding only, and decode(encode(x)) == x.
std::optional<std::string> decode_mutf7(std::string_view wire);
std::string encode_mutf7(std::string_view utf8);  // ill-formed UTF-8 becomes U+FFFD

}  // namespace bz::imap

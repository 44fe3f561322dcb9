// SASLprep (RFC 4013), the profile of stringprep (RFC 3454) for user names and passwords: what looks the same to the one
// who types it becomes the same octets. Pure functions, any thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace bz::intl {

enum class Saslprep : uint8_t {
  Stored,  // what will be compared with: code points that Unicode 3.2 does not assign are refused (RFC 3454 section 7)
  Query,   // what a client asks with: these pass unchanged
};

// Errc::Invalid: not UTF-8, a prohibited sign (RFC 4013 2.3), a bad mixture of writing directions (2.4), an unassigned code
// point (Stored only) or over kMaxSaslprep octets. The text of the error never holds the input. Printable ASCII comes back
// as it is.
inline constexpr size_t kMaxSaslprep = 4096;
Result<std::string> saslprep(std::string_view utf8, Saslprep use);

// A user name as the directory compares it. What SASLprep refuses stays as written: it then names no account.
std::string login_text(std::string_view utf8);

// The octets from which the Argon2id verifier and the SCRAM keys of an account are made (RFC 5802 2.2; CRAM-MD5, RFC 2195,
// knows no preparation and takes the octets as they are). SASLprep refuses what people do use, such as signs newer than
// Unicode 3.2 (every emoji); such passwords are taken octet for octet, as the clients that do not prepare send them, and
// never locked out. Both sides of a comparison must be made in one way, so this is the query form for stored passwords too:
// a sign that only "stored" refuses changes nothing in it.
Secret password_text(std::string_view utf8);

// The passwords to try, in this order, for one that a client sent in the clear: the prepared one, then, if it differs, the
// one as sent, with which accounts of before SASLprep, or made from a password of another tool, were opened. At most two.
std::vector<Secret> password_candidates(std::string_view sent);

}  // namespace bz::intl

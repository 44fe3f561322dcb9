// Passwords as LDAP directories keep them in userPassword (RFC 2307 5.3): "{SCHEME}value". Known are SHA, SSHA, SHA256,
// SSHA256, SHA512, SSHA512, MD5, SMD5, CRYPT (what libcrypt knows, with bounded cost), ARGON2 (argon2id), PBKDF2-SHA256,
// PBKDF2-SHA512, CLEARTEXT, and text without a scheme, which is the password itself.
// BLOCKING: pool only.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace bz::crypto {

inline constexpr size_t kMaxStoredPassword = 1024;  // bytes of one value

// "SSHA", upper case; empty: no scheme.
std::string password_scheme(std::string_view stored);
bool is_known_scheme(std::string_view scheme);

// AuthFailed: another password, also any empty one. Unsupported: a scheme we do not know. Invalid: broken, or dearer than
// we are willing to compute. Comparisons take constant time.
Result<void> verify_stored_password(std::string_view stored, const Secret& password);

}  // namespace bz::crypto

// Tokens that only their provider can read (RFC 7662): the question, and what its answer is worth. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "oauth/jwt.h"

namespace bz::oauth {

inline constexpr size_t kMaxIntrospection = 64 << 10;

// The form of section 2.1. Only for tokens of RFC 6750's alphabet, which the mechanisms let through alone.
Secret introspection_form(const Secret& token);
// "Basic ..." of RFC 6749 section 2.3.1: both parts form-encoded first.
Secret client_credentials(std::string_view id, const Secret& secret);

struct Introspected {
  std::string user;
  int64_t expires = 0;  // seconds since 1970; 0: not said
};
// Section 2.2. Denied: not active, or not for us. Invalid: no such answer. What is set of issuer and audiences must be in
// the answer and fit: a token made for another service is active too.
Result<Introspected> parse_introspection(std::string_view json, const Options& options, int64_t now);

}  // namespace bz::oauth

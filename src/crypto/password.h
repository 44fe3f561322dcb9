// Password verifiers: Argon2id (RFC 9106) as PHC strings, "$argon2id$v=19$m=...,t=...,p=...$salt$hash".
// BLOCKING and memory-hungry on purpose: pool only, never on an event loop.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

namespace bz::crypto {

// Defaults: OWASP's first choice with p=1; 19 MiB for the time of one check.
struct PasswordCost {
  uint32_t memory_kib = 19'456;
  uint32_t passes = 2;
  uint32_t lanes = 1;
};
inline constexpr size_t kMaxPasswordSize = 1024;

Result<std::string> hash_password(const Secret& password, const PasswordCost& cost, base::Random& random);

// AuthFailed: another password; Invalid: the verifier is none of ours, or dearer than 1 GiB x 64 passes (a stolen database
// must not stop the server). Constant time in the password's content.
Result<void> verify_password(std::string_view verifier, const Secret& password);

// True when the verifier was made with less than `cost`: hash anew at the next success.
bool needs_rehash(std::string_view verifier, const PasswordCost& cost);

// A verifier no password opens, costing as much as `cost`: what unknown users are checked against.
std::string decoy_verifier(const PasswordCost& cost, base::Random& random);

}  // namespace bz::crypto

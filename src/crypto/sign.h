// Ed25519 (RFC 8032) from raw keys: 32 bytes private seed, 32 bytes public, 64 bytes signature. Any thread.
#pragma once
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

namespace bz::crypto {

inline constexpr size_t kSignatureSize = 64, kSignKeySize = 32;

struct SignKeyPair {
  Secret private_key;      // the seed
  std::string public_key;  // raw
};
SignKeyPair make_sign_key(base::Random& random);
Result<std::string> public_key_of(const Secret& private_key);  // Invalid: not 32 bytes

Result<std::string> sign(const Secret& private_key, std::string_view message);                   // Invalid: a bad key
bool verify(std::string_view public_key, std::string_view message, std::string_view signature);  // false on any bad input

}  // namespace bz::crypto

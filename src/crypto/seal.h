// Sealing of small secrets under a key that lies outside the database: AES-256-GCM with a random 96-bit nonce.
// Form: version 0x01, nonce (12), ciphertext, tag (16). Random nonces are safe for 2^32 seals under one key (SP
// 800-38D 8.3). `context` is authenticated, not stored: name the record there, so that a sealed value moved to another
// record does not open.
#pragma once
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

namespace bz::crypto {

inline constexpr size_t kSealKeySize = 32;

Result<std::string> seal(const Secret& key, std::string_view context, std::string_view plain, base::Random& random);
// Corrupt: another key, another context, or changed bytes. Invalid: the key is not 32 bytes.
Result<Secret> open_sealed(const Secret& key, std::string_view context, std::string_view sealed);

}  // namespace bz::crypto

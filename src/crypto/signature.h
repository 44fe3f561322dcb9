// Checking of signatures by other people's public keys, as JSON Web Algorithms names them (RFC 7518 section 3, RFC 8037).
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace bz::crypto {

enum class SignatureAlgorithm : uint8_t { Rs256, Ps256, Es256, Ed25519 };

class PublicKey {
 public:
  // Numbers are big-endian bytes. Invalid: not on the curve, RSA under 2048 or over 8192 bits or with a small or even
  // exponent.
  static Result<PublicKey> rsa(std::string_view modulus, std::string_view exponent);
  static Result<PublicKey> p256(std::string_view x, std::string_view y);  // 32 bytes each
  static Result<PublicKey> ed25519(std::string_view key);                 // 32 bytes

  bool fits(SignatureAlgorithm algorithm) const;
  // False: another key's, other bytes', or an algorithm that does not fit. ES256 is r and s, 32 bytes each (RFC 7518 3.4).
  bool verify(SignatureAlgorithm algorithm, std::string_view message, std::string_view signature) const;

 private:
  enum class Kind : uint8_t { Rsa, P256, Ed25519 };
  PublicKey(Kind kind, evp_pkey_st* take);
  Kind kind_;
  std::shared_ptr<evp_pkey_st> key_;  // shared: a copy of a key set is cheap
};

}  // namespace bz::crypto

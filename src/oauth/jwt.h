// Access tokens that are signed JSON Web Tokens (RFC 7519, RFC 9068), checked against a set of public keys (JWKS, RFC 7517)
// that an administrator has put there or that was fetched for him. RS256, PS256, ES256 and EdDSA with Ed25519; "none" and
// every HS* are refused, since a public key must never be taken for a shared secret (RFC 8725 3.1).
//
//   auto verifier = Verifier::make(jwks_text, {.issuer = "https://id.example.org", .audiences = {"mail"}});
//   auto user = verifier->user_of(token, clock.unix_seconds());     // Denied: the reason is for the log
//                                                                   // NotFound: under a key that the set has not
//
// Immutable once made; any thread. A check takes a signature's time (some 0.1 ms).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/signature.h"

namespace bz::oauth {

inline constexpr size_t kMaxToken = 8 << 10, kMaxKeySet = 48 << 10, kMaxKeys = 100;

struct Key {
  std::string id;                                         // "kid"; empty: none
  std::optional<crypto::SignatureAlgorithm> algorithm{};  // "alg": the only one it may be used with
  crypto::PublicKey key;
};
// Keys of other kinds or uses are passed over (RFC 7517 section 5). Invalid: no JWKS, a key that is broken, or none of use.
Result<std::vector<Key>> parse_key_set(std::string_view jwks);

struct Options {
  std::string issuer;                  // "iss" must be this
  std::vector<std::string> audiences;  // "aud" must hold one of these
  std::string user_claim = "email";    // whose value is the login name
  int64_t skew_seconds = 60;           // that clocks may differ
};

class Verifier {
 public:
  static Result<Verifier> make(std::string_view jwks, Options options);
  Result<std::string> user_of(std::string_view token, int64_t now) const;

 private:
  Verifier(std::vector<Key> keys, Options options) : keys_(std::move(keys)), options_(std::move(options)) {}
  Result<void> check_signature(std::string_view header, std::string_view signed_part, std::string_view signature) const;
  Result<std::string> check_claims(std::string_view payload, int64_t now) const;
  std::vector<Key> keys_;
  Options options_;
};

}  // namespace bz::oauth

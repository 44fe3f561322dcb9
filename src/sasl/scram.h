// SCRAM with SHA-1, SHA-256 and SHA-512 (RFC 5802, RFC 7677): the keys a directory keeps, and the grammar both sides share.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/digest.h"

namespace bz::sasl {

inline constexpr uint32_t kScramIterations = 10'000;      // for new passwords; RFC 7677 4: at least 4096
inline constexpr uint32_t kMaxScramIterations = 200'000;  // what our client works through for a server

// StoredKey and ServerKey let a server check a proof; they are no password, but let one be guessed: kept sealed.
struct ScramKeys {
  uint32_t iterations = 0;
  std::string salt, stored_key, server_key;  // raw
  bool operator==(const ScramKeys&) const = default;
  void encode(std::string& out) const;
  static Result<ScramKeys> decode(crypto::Hash hash, std::string_view bytes);
};
// Blocking (PBKDF2): pool only.
ScramKeys make_scram_keys(crypto::Hash hash, const Secret& password, std::string_view salt, uint32_t iterations);

// For users that do not exist: the same every time for one name and key, and nobody's password.
ScramKeys fake_scram_keys(crypto::Hash hash, const Secret& key, std::string_view user,
                          uint32_t iterations = kScramIterations);

// Grammar of RFC 5802 section 7.
struct ScramClientFirst {
  std::string gs2_header;  // as sent, with both commas
  char binding = 'n';      // 'n', 'y' or 'p'
  std::string binding_name, authzid, user, nonce;
  std::string bare;  // as sent
};
Result<ScramClientFirst> parse_client_first(std::string_view message);

struct ScramServerFirst {
  std::string nonce, salt;
  uint32_t iterations = 0;
};
Result<ScramServerFirst> parse_server_first(std::string_view message);

struct ScramClientFinal {
  std::string binding;        // decoded c=
  std::string nonce, proof;   // proof decoded
  std::string without_proof;  // as sent
};
Result<ScramClientFinal> parse_client_final(crypto::Hash hash, std::string_view message);

std::string scram_name(std::string_view name);                         // "," -> =2C, "=" -> =3D
std::optional<std::string> from_scram_name(std::string_view encoded);  // nullopt: a stray "=" or ","
std::string xor_bytes(std::string_view a, std::string_view b);         // equal sizes

}  // namespace bz::sasl

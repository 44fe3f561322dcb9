// What a new node is brought in with, once: where the inside is, whose certificate to believe there, and a secret. Its text
// is one word, to be copied: "buzon1/ADDRESS/PORT/SHA-256 of the authority's certificate/secret".
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

namespace bz::roles {

struct NodeToken {
  std::string address;  // numeric
  uint16_t port = 0;
  std::string ca_sha256;  // of the DER, hex
  Secret secret;          // 48 hex digits
};
inline constexpr size_t kTokenSecretSize = 24;  // bytes

NodeToken make_token(std::string address, uint16_t port, std::string ca_sha256, base::Random& random);
Secret token_text(const NodeToken& token);
// Invalid, with a text for the administrator.
Result<NodeToken> parse_token(std::string_view text);
// What the inside keeps of it: SHA-256, hex.
std::string token_hash(std::string_view secret);

}  // namespace bz::roles

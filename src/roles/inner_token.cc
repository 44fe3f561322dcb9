#include "roles/inner_token.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "net/stream.h"

namespace bz::roles {
namespace {

constexpr std::string_view kHead = "buzon1";

bool is_hex(std::string_view text, size_t bytes) {
  auto raw = base::from_hex(text);
  return raw && raw->size() == bytes;
}

}  // namespace

NodeToken make_token(std::string address, uint16_t port, std::string ca_sha256, base::Random& random) {
  return {std::move(address), port, std::move(ca_sha256), Secret(base::hex(random.bytes(kTokenSecretSize)))};
}

Secret token_text(const NodeToken& token) {
  return Secret(std::string(kHead) + "/" + token.address + "/" + std::to_string(token.port) + "/" + token.ca_sha256 + "/" +
                std::string(token.secret.reveal()));
}

Result<NodeToken> parse_token(std::string_view text) {
  const auto parts = base::split(base::trim(text), '/');
  if (parts.size() != 5 || parts[0] != kHead)
    return fail(Errc::Invalid, "not a token: it begins with \"buzon1/\" and is printed by `buzon node token` inside");
  const auto port = base::parse_number<uint16_t>(parts[2]);
  if (!net::is_numeric(std::string(parts[1])) || !port || *port == 0 || !is_hex(parts[3], 32) ||
      !is_hex(parts[4], kTokenSecretSize))
    return fail(Errc::Invalid, "a part of the token is missing or damaged");
  return NodeToken{std::string(parts[1]), *port, base::lower(parts[3]), Secret(base::lower(parts[4]))};
}

std::string token_hash(std::string_view secret) {
  return base::hex(crypto::sha256("buzon node token 1" + std::string(secret)));
}

}  // namespace bz::roles

// DIGEST-MD5 (RFC 2831), which Apple calls "HTTP MD5 Digest": what a directory keeps of a password, and the client's
// grammar.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace bz::sasl {

// H(user ":" realm ":" password), raw, for each spelling of the name a client may send, and for ISO 8859-1 beside UTF-8
// where they differ: the RFC wants the former hashed, most clients hash the latter. As good as the password for this
// mechanism.
struct DigestSecret {
  std::string realm;
  std::vector<std::string> hashes;  // 16 bytes each, at most 8
  bool operator==(const DigestSecret&) const = default;
  std::string encode() const;
  static Result<DigestSecret> decode(std::string_view bytes);
};
DigestSecret make_digest_secret(std::span<const std::string> names, std::string_view realm, const Secret& password);

// digest-response (RFC 2831 2.1.2).
struct DigestResponse {
  std::string username;  // UTF-8
  std::string realm, nonce, cnonce, nc, qop, uri, authzid;
  std::string response;  // 32 lower case hex digits
};
Result<DigestResponse> parse_digest_response(std::string_view message);

// 32 hex digits. `client`: the response; otherwise the server's rspauth (2.1.3).
std::string digest_response(const DigestResponse& said, std::string_view hash, bool client);

}  // namespace bz::sasl

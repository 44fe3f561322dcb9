// Certificates: a private CA for machines without a public name, and the reading of what an administrator gives (judged
// by lint.h). Server certificates follow what phones demand: names in SAN only, EKU serverAuth, SHA-256, at most 397 days
// (RFC 5280; Apple 103769, 102028). Files are PEM text; this room opens none. Blocking (RSA key making): start-up and tools
// only.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

namespace bz::crypto {

struct CertifiedKey {
  std::string chain_pem;  // leaf first
  Secret key_pem;         // PKCS#8, not encrypted
  std::string staple{};   // OCSP response in DER for it; empty: none
};

enum class KeyKind : uint8_t { EcdsaP256, Rsa2048 };
inline constexpr int kServerDays = 397, kAuthorityDays = 3650;

struct CertificateRequest {
  std::vector<std::string> names{};  // DNS names and IP addresses, in text; the first is the subject's CN
  KeyKind kind = KeyKind::EcdsaP256;
  int days = kServerDays;  // 1..397
};

// An ECDSA P-256 root: CA:TRUE, pathlen 0, keyCertSign.
Result<CertifiedKey> make_authority(std::string_view common_name, const base::Clock& clock, base::Random& random);
Result<CertifiedKey> issue_server_certificate(const CertifiedKey& authority, const CertificateRequest& request,
                                              const base::Clock& clock, base::Random& random);

// A new key and a PKCS#10 request (RFC 2986) for it, names in the subject alternative name.
struct SigningRequest {
  std::string request_pem;
  Secret key_pem;
};
Result<SigningRequest> make_signing_request(const std::vector<std::string>& names, KeyKind kind);

struct CertificateFacts {
  std::string subject, issuer;            // one-line RFC 2253 form
  std::vector<std::string> names;         // SAN: DNS names (lower case) and IP addresses
  int64_t not_before = 0, not_after = 0;  // Unix seconds
  std::string key_type;                   // "ECDSA P-256", "RSA 2048"
  std::string sha256;                     // of the DER, hex
  bool server_auth = false, authority = false, weak_signature = false;
  size_t chain_length = 0;
};
Result<CertificateFacts> read_certificate(std::string_view chain_pem);

// Invalid with a text for the administrator when chain and key do not belong together, or the chain is out of order.
Result<CertificateFacts> check_certified_key(const CertifiedKey& pair);
// From a heap of certificates in PEM (at most 10) the chain for the key: its certificate first, each followed by its
// issuer, without roots and without what does not belong there. NotFound: none is for this key.
Result<std::string> order_chain(std::string_view pem, const Secret& key);
// RFC 6125 6.4.3: exact, or one left-most "*" label; IP addresses exact.
bool certificate_covers(const CertificateFacts& facts, std::string_view host);

}  // namespace bz::crypto

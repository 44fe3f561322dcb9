// PEM text to OpenSSL objects and back, with limits. Private to this room.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "crypto/openssl_ptr.h"
#include "crypto/x509.h"

namespace bz::crypto {

inline constexpr size_t kMaxPem = 256 * 1024, kMaxChain = 10, kMaxRoots = 1000;

Result<std::vector<X509Ptr>> parse_certificates(std::string_view pem, size_t max_count);  // at least one
Result<PkeyPtr> parse_private_key(const Secret& pem);                                     // never asks a terminal
Result<std::string> certificate_pem(X509* certificate);
std::string certificate_der(X509* certificate);  // empty: no memory
Result<Secret> private_key_pem(EVP_PKEY* key);
CertificateFacts facts_of(X509* leaf, size_t chain_length);

}  // namespace bz::crypto

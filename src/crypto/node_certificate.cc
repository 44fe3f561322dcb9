#include "crypto/node_certificate.h"

#include <openssl/pem.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/client_certificate.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "crypto/tls.h"

namespace bz::crypto {
namespace {

constexpr std::string_view kSuffix = ".nodes.buzon.internal";

Result<X509Ptr> from_der(std::string_view der) {
  const unsigned char* at = u8(der);
  X509Ptr certificate(der.size() <= kMaxClientCertificate ? d2i_X509(nullptr, &at, static_cast<long>(der.size()))
                                                          : nullptr);
  (void)take_tls_errors();
  if (!certificate || at != u8(der) + der.size()) return fail(Errc::Invalid, "not a certificate");
  return certificate;
}

Result<std::string> key_sha256(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return openssl_error(Errc::Invalid, "public key of a node");
  std::string hash = base::hex(sha256(std::string_view(reinterpret_cast<char*>(der), static_cast<size_t>(size))));
  OPENSSL_free(der);
  return hash;
}

Result<NodeIdentity> identity_of(X509* certificate) {
  const CertificateFacts facts = facts_of(certificate, 1);
  if (facts.names.size() != 1 || !facts.names[0].ends_with(kSuffix)) return fail(Errc::Invalid, "not a node's certificate");
  const auto labels = base::split(std::string_view(facts.names[0]).substr(0, facts.names[0].size() - kSuffix.size()), '.');
  if (labels.size() != 2 || !is_node_name(labels[0]) || !is_node_name(labels[1]))
    return fail(Errc::Invalid, "not a node's certificate: " + facts.names[0]);
  NodeIdentity out{std::string(labels[0]), std::string(labels[1]), {}, facts.not_before, facts.not_after};
  BZ_TRY(out.key_sha256, key_sha256(certificate));
  return out;
}

}  // namespace

bool is_node_name(std::string_view name) {
  if (name.empty() || name.size() > 32 || name.front() == '-' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || base::is_digit(c) || c == '-'; });
}

Result<SigningRequest> make_node_request(std::string_view name, std::string_view role) {
  if (!is_node_name(name) || !is_node_name(role))
    return fail(Errc::Invalid, "a node's name has 1 to 32 lower case letters, digits and \"-\"");
  return make_signing_request({std::string(name) + "." + std::string(role) + std::string(kSuffix)}, KeyKind::EcdsaP256);
}

Result<std::string> pem_of(std::string_view der) {
  BZ_TRY(X509Ptr certificate, from_der(der));
  return certificate_pem(certificate.get());
}

Result<NodeIdentity> node_identity(std::string_view der) {
  BZ_TRY(X509Ptr certificate, from_der(der));
  return identity_of(certificate.get());
}

Result<NodeIdentity> node_identity_pem(std::string_view pem) {
  BZ_TRY(auto chain, parse_certificates(pem, kMaxChain));
  return identity_of(chain[0].get());
}

}  // namespace bz::crypto

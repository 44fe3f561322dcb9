#include <openssl/pem.h>

#include "base/text.h"
#include "crypto/acme_alpn.h"
#include "crypto/digest.h"
#include "crypto/node_certificate.h"
#include "crypto/pem.h"
#include "crypto/tls.h"
#include "crypto/x509.h"

namespace bz::crypto {

namespace {

constexpr int64_t kDay = 86'400, kBackdate = 3600;  // clocks of phones may be behind

Result<PkeyPtr> make_key(KeyKind kind) {
  PkeyPtr key(kind == KeyKind::EcdsaP256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
  if (!key) return openssl_error(Errc::Internal, "making a key");
  return key;
}

// 127 random bits: positive and within the 20 octets of RFC 5280 4.1.2.2.
bool set_serial(X509* certificate, base::Random& random) {
  std::string bytes = random.bytes(16);
  bytes[0] = static_cast<char>((bytes[0] & 0x7f) | 0x40);
  OpensslPtr<BIGNUM, BN_free> number(BN_bin2bn(u8(bytes), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

bool set_name(X509_NAME* name, std::string_view common_name) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, u8(common_name), static_cast<int>(common_name.size()), -1,
                                    0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer, certificate, nullptr, nullptr, 0);
  X509ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &ctx, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// SAN is built as objects: names from a configuration never pass through OpenSSL's configuration language. nullptr: no
// memory.
GeneralNamesPtr general_names(const std::vector<std::string>& names) {
  GeneralNamesPtr list(sk_GENERAL_NAME_new_null());
  for (const std::string& text : names) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    if (!name || sk_GENERAL_NAME_push(list.get(), name) == 0) return nullptr;
    if (ASN1_OCTET_STRING* address = a2i_IPADDRESS(text.c_str())) {
      GENERAL_NAME_set0_value(name, GEN_IPADD, address);
      continue;
    }
    ASN1_IA5STRING* dns = ASN1_IA5STRING_new();
    std::string lower = base::lower(text);
    if (!dns || ASN1_STRING_set(dns, lower.data(), static_cast<int>(lower.size())) != 1) return nullptr;
    GENERAL_NAME_set0_value(name, GEN_DNS, dns);
  }
  return list;
}

bool add_names(X509* certificate, const std::vector<std::string>& names) {
  GeneralNamesPtr list = general_names(names);
  return list && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  for (std::string_view label : base::split(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (char c : label)
      if (!base::is_alpha(c) && !base::is_digit(c) && c != '-') return false;
  }
  return true;
}

bool start(X509* certificate, EVP_PKEY* key, int days, const base::Clock& clock, base::Random& random) {
  int64_t now = clock.unix_seconds();
  return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate, random) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), now - kBackdate) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), now - kBackdate + days * kDay - 1) &&
         X509_set_pubkey(certificate, key) == 1;
}

Result<CertifiedKey> finish(X509* certificate, EVP_PKEY* key, EVP_PKEY* signer) {
  if (X509_sign(certificate, signer, EVP_sha256()) == 0) return openssl_error(Errc::Internal, "signing a certificate");
  CertifiedKey out;
  BZ_TRY(out.chain_pem, certificate_pem(certificate));
  BZ_TRY(out.key_pem, private_key_pem(key));
  return out;
}

Result<void> check_names(const std::vector<std::string>& names) {
  if (names.empty() || names.size() > 100) return fail(Errc::Invalid, "a certificate has 1..100 names");
  for (const std::string& name : names) {
    OpensslPtr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> address(a2i_IPADDRESS(name.c_str()));
    (void)take_tls_errors();  // a name that is no address leaves some
    if (!address && !is_dns_name(name)) return fail(Errc::Invalid, "neither a DNS name nor an IP address: " + name);
  }
  return {};
}

// A CN is at most 64 signs (RFC 5280 upper bounds) and counts for nothing: longer names are in the SAN only.
std::string_view common_name_of(const std::vector<std::string>& names) {
  return names[0].size() <= 64 ? std::string_view(names[0]) : "buzon";
}

struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * list) const { sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free); }
};
using ExtensionsPtr = std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions>;

bool add_requested_names(X509_REQ* request, const std::vector<std::string>& names) {
  GeneralNamesPtr list = general_names(names);
  if (!list) return false;
  X509ExtensionPtr extension(X509V3_EXT_i2d(NID_subject_alt_name, 0, list.get()));
  ExtensionsPtr extensions(sk_X509_EXTENSION_new_null());
  if (!extension || !extensions || sk_X509_EXTENSION_push(extensions.get(), extension.get()) == 0) return false;
  (void)extension.release();  // the list has it
  return X509_REQ_add_extensions(request, extensions.get()) == 1;
}

}  // namespace

namespace {

Result<std::string> request_for(EVP_PKEY* key, const std::vector<std::string>& names) {
  BZ_TRY_VOID(check_names(names));
  OpensslPtr<X509_REQ, X509_REQ_free> request(X509_REQ_new());
  X509_REQ* r = request.get();
  bool good = r && X509_REQ_set_version(r, X509_REQ_VERSION_1) == 1 &&
              set_name(X509_REQ_get_subject_name(r), common_name_of(names)) && X509_REQ_set_pubkey(r, key) == 1 &&
              add_requested_names(r, names) && X509_REQ_sign(r, key, EVP_sha256()) != 0;
  if (!good) return openssl_error(Errc::Internal, "making a request");
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509_REQ(bio.get(), r) != 1) return openssl_error(Errc::Internal, "writing a request");
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

// The key of a request that proves to have it, and is of the one kind that nodes have.
Result<PkeyPtr> requested_key(std::string_view request_pem) {
  constexpr size_t kMaxRequest = 16 << 10;
  if (request_pem.size() > kMaxRequest) return fail(Errc::TooLarge, "a request over 16 KiB");
  BioPtr bio(BIO_new_mem_buf(request_pem.data(), static_cast<int>(request_pem.size())));
  OpensslPtr<X509_REQ, X509_REQ_free> request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  PkeyPtr key(request ? X509_REQ_get_pubkey(request.get()) : nullptr);
  char group[64] = {};
  size_t size = 0;
  const bool p256 = key && EVP_PKEY_is_a(key.get(), "EC") == 1 &&
                    EVP_PKEY_get_group_name(key.get(), group, sizeof group, &size) == 1 &&
                    std::string_view(group, size) == "prime256v1";
  const bool good = p256 && X509_REQ_verify(request.get(), key.get()) == 1;
  (void)take_tls_errors();
  if (!good) return fail(Errc::Invalid, "not a certificate request for an ECDSA P-256 key, signed by that key");
  return key;
}

}  // namespace

Result<SigningRequest> make_signing_request(const std::vector<std::string>& names, KeyKind kind) {
  BZ_TRY_VOID(check_names(names));
  BZ_TRY(PkeyPtr key, make_key(kind));
  SigningRequest out;
  BZ_TRY(out.request_pem, request_for(key.get(), names));
  BZ_TRY(out.key_pem, private_key_pem(key.get()));
  return out;
}

Result<std::string> node_request_for(std::string_view name, std::string_view role, const Secret& key_pem) {
  BZ_TRY(PkeyPtr key, parse_private_key(key_pem));
  return request_for(key.get(), {std::string(name) + "." + std::string(role) + ".nodes.buzon.internal"});
}

Result<std::string> issue_node_certificate(const CertifiedKey& authority, std::string_view request_pem,
                                           std::string_view name, std::string_view role, int days, const base::Clock& clock,
                                           base::Random& random) {
  if (!is_node_name(name) || !is_node_name(role) || days < 1 || days > kServerDays)
    return fail(Errc::Invalid, "a node's name has 1 to 32 lower case letters, digits and \"-\"");
  BZ_TRY(auto chain, parse_certificates(authority.chain_pem, kMaxChain));
  BZ_TRY(PkeyPtr signer, parse_private_key(authority.key_pem));
  BZ_TRY(PkeyPtr key, requested_key(request_pem));
  X509* issuer = chain[0].get();
  X509Ptr certificate(X509_new());
  X509* c = certificate.get();
  const std::string full = std::string(name) + "." + std::string(role) + ".nodes.buzon.internal";
  bool good = c && start(c, key.get(), days, clock, random) && set_name(X509_get_subject_name(c), name) &&
              X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
              add_extension(c, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(c, issuer, NID_key_usage, "critical,digitalSignature") &&
              add_extension(c, issuer, NID_ext_key_usage, "clientAuth") &&
              add_extension(c, issuer, NID_subject_key_identifier, "hash") &&
              add_extension(c, issuer, NID_authority_key_identifier, "keyid:always") && add_names(c, {full});
  if (!good || X509_sign(c, signer.get(), EVP_sha256()) == 0) return openssl_error(Errc::Internal, "making a certificate");
  return certificate_pem(c);
}

Result<CertifiedKey> make_authority(std::string_view common_name, const base::Clock& clock, base::Random& random) {
  if (common_name.empty() || common_name.size() > 64 || !base::is_utf8(common_name))
    return fail(Errc::Invalid, "a CA's name has 1..64 bytes");
  BZ_TRY(PkeyPtr key, make_key(KeyKind::EcdsaP256));
  X509Ptr certificate(X509_new());
  X509* c = certificate.get();
  bool good = c && start(c, key.get(), kAuthorityDays, clock, random) && set_name(X509_get_subject_name(c), common_name) &&
              set_name(X509_get_issuer_name(c), common_name) &&
              add_extension(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_extension(c, c, NID_subject_key_identifier, "hash");
  if (!good) return openssl_error(Errc::Internal, "making a CA certificate");
  return finish(c, key.get(), key.get());
}

Result<CertifiedKey> issue_server_certificate(const CertifiedKey& authority, const CertificateRequest& request,
                                              const base::Clock& clock, base::Random& random) {
  BZ_TRY_VOID(check_names(request.names));
  if (request.days < 1 || request.days > kServerDays) return fail(Errc::Invalid, "validity is 1..397 days");
  BZ_TRY(auto chain, parse_certificates(authority.chain_pem, kMaxChain));
  BZ_TRY(PkeyPtr signer, parse_private_key(authority.key_pem));
  X509* issuer = chain[0].get();
  if (X509_check_private_key(issuer, signer.get()) != 1 || X509_check_ca(issuer) != 1)
    return openssl_error(Errc::Invalid, "CA certificate and key do not belong together");
  BZ_TRY(PkeyPtr key, make_key(request.kind));
  X509Ptr certificate(X509_new());
  X509* c = certificate.get();
  std::string_view common_name = common_name_of(request.names);
  const char* usage =
      request.kind == KeyKind::Rsa2048 ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature";
  bool good = c && start(c, key.get(), request.days, clock, random) && set_name(X509_get_subject_name(c), common_name) &&
              X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
              add_extension(c, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(c, issuer, NID_key_usage, usage) && add_extension(c, issuer, NID_ext_key_usage, "serverAuth") &&
              add_extension(c, issuer, NID_subject_key_identifier, "hash") &&
              add_extension(c, issuer, NID_authority_key_identifier, "keyid:always") && add_names(c, request.names);
  if (!good) return openssl_error(Errc::Internal, "making a certificate");
  return finish(c, key.get(), signer.get());
}

Result<CertifiedKey> make_challenge_certificate(const std::string& name, std::string_view key_authorization,
                                                const base::Clock& clock, base::Random& random) {
  constexpr int kDays = 7;
  const std::vector<std::string> names{name};
  BZ_TRY_VOID(check_names(names));
  BZ_TRY(PkeyPtr key, make_key(KeyKind::EcdsaP256));
  X509Ptr certificate(X509_new());
  X509* c = certificate.get();
  // The extension's value is an OCTET STRING of the digest (RFC 8737 section 3), so within extnValue one more header.
  std::string value = std::string("\x04\x20", 2) + sha256(key_authorization);
  OpensslPtr<ASN1_OBJECT, ASN1_OBJECT_free> id(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  OpensslPtr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> octets(ASN1_OCTET_STRING_new());
  bool good = c && id && octets && start(c, key.get(), kDays, clock, random) &&
              set_name(X509_get_subject_name(c), common_name_of(names)) &&
              set_name(X509_get_issuer_name(c), common_name_of(names)) && add_names(c, names) &&
              ASN1_OCTET_STRING_set(octets.get(), u8(value), static_cast<int>(value.size())) == 1;
  X509ExtensionPtr proof(good ? X509_EXTENSION_create_by_OBJ(nullptr, id.get(), 1, octets.get()) : nullptr);
  if (!proof || X509_add_ext(c, proof.get(), -1) != 1)
    return openssl_error(Errc::Internal, "making a challenge certificate");
  return finish(c, key.get(), key.get());
}

}  // namespace bz::crypto

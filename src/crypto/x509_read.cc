#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "crypto/tls.h"
#include "crypto/x509.h"

namespace bz::crypto {

namespace {

std::string one_line(const X509_NAME* name) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

int64_t unix_time(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return timegm(&parts);
}

std::string key_type(EVP_PKEY* key) {
  if (!key) return "unknown";
  if (EVP_PKEY_is_a(key, "RSA")) return "RSA " + std::to_string(EVP_PKEY_get_bits(key));
  if (EVP_PKEY_is_a(key, "EC")) {
    char group[64] = {};
    size_t size = 0;
    EVP_PKEY_get_group_name(key, group, sizeof group, &size);
    std::string_view name(group, size);
    return "ECDSA " + (name == "prime256v1" ? "P-256" : name == "secp384r1" ? "P-384" : std::string(name));
  }
  const char* name = EVP_PKEY_get0_type_name(key);
  return name ? name : "unknown";
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = {};
  int size = ASN1_STRING_length(address);
  if (size != 4 && size != 16) return {};
  inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text);
  return text;
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> out;
  GeneralNamesPtr list(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; list && i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
    if (name->type == GEN_DNS) {
      std::string_view dns(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                           static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
      // A NUL inside is the old trick to fool readers of C strings.
      if (dns.find('\0') == dns.npos) out.push_back(base::lower(dns));
    } else if (name->type == GEN_IPADD) {
      if (std::string text = address_text(name->d.iPAddress); !text.empty()) out.push_back(std::move(text));
    }
  }
  return out;
}

// The same address in one spelling; empty: not an address.
std::string canonical_address(std::string_view text) {
  unsigned char bytes[16];
  char out[INET6_ADDRSTRLEN];
  for (int family : {AF_INET, AF_INET6})
    if (inet_pton(family, std::string(text).c_str(), bytes) == 1) return inet_ntop(family, bytes, out, sizeof out);
  return {};
}

}  // namespace

CertificateFacts facts_of(X509* leaf, size_t chain_length) {
  CertificateFacts facts;
  facts.subject = one_line(X509_get_subject_name(leaf));
  facts.issuer = one_line(X509_get_issuer_name(leaf));
  facts.names = names_of(leaf);
  facts.not_before = unix_time(X509_get0_notBefore(leaf));
  facts.not_after = unix_time(X509_get0_notAfter(leaf));
  facts.key_type = key_type(X509_get0_pubkey(leaf));
  facts.sha256 = base::hex(sha256(certificate_der(leaf)));
  int digest_nid = NID_undef;
  X509_get_signature_info(leaf, &digest_nid, nullptr, nullptr, nullptr);
  facts.weak_signature = digest_nid == NID_sha1 || digest_nid == NID_md5;
  facts.server_auth =
      (X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) && (X509_get_extended_key_usage(leaf) & XKU_SSL_SERVER);
  facts.authority = X509_check_ca(leaf) == 1;
  facts.chain_length = chain_length;
  (void)take_tls_errors();
  return facts;
}

Result<CertificateFacts> read_certificate(std::string_view chain_pem) {
  BZ_TRY(auto chain, parse_certificates(chain_pem, kMaxChain));
  return facts_of(chain[0].get(), chain.size());
}

Result<CertificateFacts> check_certified_key(const CertifiedKey& pair) {
  BZ_TRY(auto chain, parse_certificates(pair.chain_pem, kMaxChain));
  BZ_TRY(PkeyPtr key, parse_private_key(pair.key_pem));
  if (X509_check_private_key(chain[0].get(), key.get()) != 1)
    return openssl_error(Errc::Invalid, "the private key is not the key of the first certificate");
  for (size_t i = 0; i + 1 < chain.size(); ++i)
    if (X509_check_issued(chain[i + 1].get(), chain[i].get()) != X509_V_OK)
      return fail(Errc::Invalid, "certificate " + std::to_string(i + 2) + " of the chain has not issued the one before it");
  return facts_of(chain[0].get(), chain.size());
}

Result<std::string> order_chain(std::string_view pem, const Secret& key_pem) {
  BZ_TRY(auto heap, parse_certificates(pem, kMaxChain));
  BZ_TRY(PkeyPtr key, parse_private_key(key_pem));
  auto leaf = std::find_if(heap.begin(), heap.end(),
                           [&](const X509Ptr& c) { return X509_check_private_key(c.get(), key.get()) == 1; });
  (void)take_tls_errors();
  if (leaf == heap.end()) return fail(Errc::NotFound, "none of the certificates is for this key");
  std::string out;
  for (X509* at = leaf->get(); at;) {
    BZ_TRY(std::string text, certificate_pem(at));
    out += text;
    auto issuer = std::find_if(heap.begin(), heap.end(), [&](const X509Ptr& c) {
      return c && c.get() != at && X509_check_issued(c.get(), at) == X509_V_OK &&
             X509_check_issued(c.get(), c.get()) != X509_V_OK;
    });
    // Each is used once: certificates that issued one another in a circle end it.
    X509* next = issuer == heap.end() ? nullptr : issuer->get();
    for (X509Ptr& c : heap) {
      if (c.get() == at) c.reset();
    }
    at = next;
  }
  return out;
}

bool certificate_covers(const CertificateFacts& facts, std::string_view host) {
  std::string wanted = base::lower(host);
  if (wanted.ends_with('.')) wanted.pop_back();
  if (std::string address = canonical_address(wanted); !address.empty()) {
    for (const std::string& name : facts.names)
      if (name == address) return true;
    return false;
  }
  size_t dot = wanted.find('.');
  for (const std::string& name : facts.names) {
    if (name == wanted) return true;
    if (name.starts_with("*.") && dot != wanted.npos && dot > 0 && wanted.substr(dot) == name.substr(1)) return true;
  }
  return false;
}

}  // namespace bz::crypto

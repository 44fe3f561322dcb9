#include "crypto/client_certificate.h"

#include <openssl/pem.h>

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "crypto/tls.h"

namespace bz::crypto {

namespace {

using StorePtr = OpensslPtr<X509_STORE, X509_STORE_free>;
using StoreCtxPtr = OpensslPtr<X509_STORE_CTX, X509_STORE_CTX_free>;
using CrlPtr = OpensslPtr<X509_CRL, X509_CRL_free>;
constexpr int kMaxCrls = 100;

std::string_view view_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<size_t>(ASN1_STRING_length(text))};
}

// A NUL inside is the old trick to fool readers of C strings.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 320 && text.find('\0') == text.npos && base::is_utf8(text);
}

std::string common_name_of(X509* certificate) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  int at = -1;
  for (int next = -1; (next = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) at = next;  // the last one
  if (at < 0) return {};
  unsigned char* utf8 = nullptr;
  int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return {};
  std::string out(reinterpret_cast<char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return is_name(out) ? out : std::string();
}

void read_names(X509* certificate, ClientIdentity& out) {
  GeneralNamesPtr list(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; list && i < sk_GENERAL_NAME_num(list.get()) && i < 100; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
    if (name->type == GEN_EMAIL && is_name(view_of(name->d.rfc822Name)))
      out.emails.emplace_back(view_of(name->d.rfc822Name));
    if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_ms_upn) continue;
    const ASN1_TYPE* value = name->d.otherName->value;
    if (value->type == V_ASN1_UTF8STRING && is_name(view_of(value->value.utf8string)))
      out.upns.emplace_back(view_of(value->value.utf8string));
  }
}

struct DeleteStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }  // the certificates are another's
};

Result<X509Ptr> from_der(const std::string& der) {
  const unsigned char* at = u8(std::string_view(der));
  X509Ptr certificate(der.size() <= kMaxClientCertificate ? d2i_X509(nullptr, &at, static_cast<long>(der.size()))
                                                          : nullptr);
  bool whole = certificate && at == u8(std::string_view(der)) + der.size();
  (void)take_tls_errors();
  if (!whole) return fail(Errc::Invalid, "not a certificate");
  return certificate;
}

}  // namespace

Result<ClientAuthorities> ClientAuthorities::make(std::string_view ca_pem, std::string_view crl_pem) {
  StorePtr store(X509_STORE_new());
  BZ_TRY(auto roots, parse_certificates(ca_pem, kMaxRoots));
  for (const X509Ptr& root : roots)
    if (X509_STORE_add_cert(store.get(), root.get()) != 1) return openssl_error(Errc::Invalid, "client CA certificate");
  if (!crl_pem.empty()) {
    BioPtr bio(BIO_new_mem_buf(crl_pem.data(), static_cast<int>(crl_pem.size())));
    int count = 0;
    while (CrlPtr crl{PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)}) {
      if (++count > kMaxCrls || X509_STORE_add_crl(store.get(), crl.get()) != 1)
        return openssl_error(Errc::Invalid, "revocation list");
    }
    (void)take_tls_errors();  // the end of the text counts as an error
    if (count == 0) return fail(Errc::Invalid, "no revocation list in PEM");
    X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK);
  }
  ClientAuthorities out;
  out.store_ = std::shared_ptr<x509_store_st>(store.release(), [](x509_store_st* s) { X509_STORE_free(s); });
  out.ca_pem_ = ca_pem;
  return out;
}

Result<std::string> certificate_sha256(std::string_view pem) {
  BZ_TRY(std::vector<X509Ptr> certificates, parse_certificates(pem, 2));  // one, and no second
  return sha256(certificate_der(certificates[0].get()));
}

Result<ClientIdentity> verify_client_certificate(const std::vector<std::string>& chain,
                                                 const ClientAuthorities& authorities, const base::Clock& clock) {
  if (!authorities.valid()) return fail(Errc::Denied, "no CA for client certificates is set");
  if (chain.empty()) return fail(Errc::Denied, "no client certificate");
  if (chain.size() > kMaxClientChain) return fail(Errc::Invalid, "a chain of more than 10 certificates");
  std::vector<X509Ptr> certificates;
  std::unique_ptr<STACK_OF(X509), DeleteStack> others(sk_X509_new_null());
  for (const std::string& der : chain) {
    BZ_TRY(X509Ptr certificate, from_der(der));
    if (!certificates.empty() && sk_X509_push(others.get(), certificate.get()) == 0)
      return fail(Errc::Internal, "no memory for a chain");
    certificates.push_back(std::move(certificate));
  }
  X509* leaf = certificates[0].get();
  StoreCtxPtr context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), authorities.get(), leaf, others.get()) != 1)
    return openssl_error(Errc::Internal, "verifying a certificate");
  X509_STORE_CTX_set_default(context.get(), "ssl_client");  // purpose and trust
  X509_STORE_CTX_set_time(context.get(), 0, clock.unix_seconds());
  bool good = X509_verify_cert(context.get()) == 1;
  std::string why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  (void)take_tls_errors();
  if (!good) return fail(Errc::Denied, "client certificate: " + why);
  ClientIdentity out;
  CertificateFacts facts = facts_of(leaf, chain.size());
  out.sha256 = facts.sha256;
  out.subject = facts.subject;
  out.common_name = common_name_of(leaf);
  read_names(leaf, out);
  return out;
}

}  // namespace bz::crypto

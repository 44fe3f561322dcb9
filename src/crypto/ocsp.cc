#include "crypto/ocsp.h"

#include <openssl/ocsp.h>

#include "base/text.h"
#include "crypto/pem.h"
#include "crypto/tls.h"

namespace bz::crypto {
namespace {

using ResponsePtr = OpensslPtr<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using BasicPtr = OpensslPtr<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using IdPtr = OpensslPtr<OCSP_CERTID, OCSP_CERTID_free>;
using RequestPtr = OpensslPtr<OCSP_REQUEST, OCSP_REQUEST_free>;
using StorePtr = OpensslPtr<X509_STORE, X509_STORE_free>;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

constexpr int64_t kClockSkew = 300;

Result<std::vector<X509Ptr>> leaf_and_issuer(std::string_view chain_pem) {
  BZ_TRY(auto chain, parse_certificates(chain_pem, kMaxChain));
  if (chain.size() < 2) return fail(Errc::Invalid, "OCSP needs the issuer's certificate in the chain");
  return chain;
}

// The issuer alone is trusted: an answer counts when he, or a responder with his certificate, has signed it.
bool signed_for_issuer(OCSP_BASICRESP* basic, X509* issuer) {
  StorePtr store(X509_STORE_new());
  std::unique_ptr<STACK_OF(X509), FreeStack> known(sk_X509_new_null());
  if (!store || !known || X509_STORE_add_cert(store.get(), issuer) != 1 || sk_X509_push(known.get(), issuer) == 0)
    return false;
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return OCSP_basic_verify(basic, known.get(), store.get(), 0) == 1;
}

int64_t unix_time(const ASN1_GENERALIZEDTIME* time) {
  tm parts{};
  return time && ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

// Responders choose the hash of the CertID.
bool is_about(OCSP_SINGLERESP* single, X509* leaf, X509* issuer) {
  const OCSP_CERTID* id = OCSP_SINGLERESP_get0_id(single);
  ASN1_OBJECT* hash = nullptr;
  if (OCSP_id_get0_info(nullptr, &hash, nullptr, nullptr, const_cast<OCSP_CERTID*>(id)) != 1) return false;
  const EVP_MD* md = EVP_get_digestbyobj(hash);
  if (!md) return false;
  IdPtr ours(OCSP_cert_to_id(md, leaf, issuer));
  return ours && OCSP_id_cmp(ours.get(), id) == 0;
}

StapleFacts facts_of(OCSP_SINGLERESP* single) {
  int reason = 0;
  ASN1_GENERALIZEDTIME *revoked = nullptr, *from = nullptr, *until = nullptr;
  int status = OCSP_single_get0_status(single, &reason, &revoked, &from, &until);
  StapleFacts facts;
  facts.status = status == V_OCSP_CERTSTATUS_GOOD      ? CertificateStatus::Good
                 : status == V_OCSP_CERTSTATUS_REVOKED ? CertificateStatus::Revoked
                                                       : CertificateStatus::Unknown;
  facts.this_update = unix_time(from);
  facts.next_update = unix_time(until);
  return facts;
}

}  // namespace

Result<StapleFacts> check_staple(std::string_view response_der, std::string_view chain_pem, int64_t now) {
  if (response_der.size() > kMaxOcspResponse) return fail(Errc::TooLarge, "OCSP response over 32 KiB");
  BZ_TRY(auto chain, leaf_and_issuer(chain_pem));
  const unsigned char* at = u8(response_der);
  ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(response_der.size())));
  if (!response || at != u8(response_der) + response_der.size()) return openssl_error(Errc::Invalid, "no OCSP response");
  if (int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return fail(Errc::Invalid, std::string("the responder says ") + OCSP_response_status_str(status));
  }
  BasicPtr basic(OCSP_response_get1_basic(response.get()));
  if (!basic) return openssl_error(Errc::Invalid, "OCSP response of an unknown kind");
  if (!signed_for_issuer(basic.get(), chain[1].get()))
    return openssl_error(Errc::Invalid, "OCSP response not signed for the issuer");
  for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic.get(), i);
    if (!is_about(single, chain[0].get(), chain[1].get())) continue;
    StapleFacts facts = facts_of(single);
    (void)take_tls_errors();
    if (facts.this_update == 0 || facts.this_update > now + kClockSkew)
      return fail(Errc::Invalid, "OCSP response from the future");
    if (facts.next_update == 0) return fail(Errc::Invalid, "OCSP response without nextUpdate");
    return facts;
  }
  (void)take_tls_errors();
  return fail(Errc::Invalid, "the OCSP response is about another certificate");
}

Result<OcspQuestion> ocsp_question(std::string_view chain_pem) {
  BZ_TRY(auto chain, leaf_and_issuer(chain_pem));
  OcspQuestion out;
  STACK_OF(OPENSSL_STRING)* urls = X509_get1_ocsp(chain[0].get());
  for (int i = 0; i < sk_OPENSSL_STRING_num(urls) && out.url.empty(); ++i) {
    std::string_view url = sk_OPENSSL_STRING_value(urls, i);
    if (base::istarts_with(url, "http://") && url.size() < 1024) out.url = url;
  }
  X509_email_free(urls);
  if (out.url.empty()) return fail(Errc::NotFound, "the certificate names no OCSP responder");
  RequestPtr request(OCSP_REQUEST_new());
  IdPtr id(OCSP_cert_to_id(EVP_sha1(), chain[0].get(), chain[1].get()));  // RFC 5019 section 2.1.1: SHA-1
  if (!request || !id || !OCSP_request_add0_id(request.get(), id.get()))
    return openssl_error(Errc::Internal, "OCSP request");
  (void)id.release();  // the request has it
  unsigned char* der = nullptr;
  int size = i2d_OCSP_REQUEST(request.get(), &der);
  if (size <= 0) return openssl_error(Errc::Internal, "OCSP request");
  out.request_der.assign(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace bz::crypto

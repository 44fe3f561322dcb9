#include "crypto/lint_chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/pem.h"
#include "crypto/tls.h"

namespace bz::crypto {
namespace {

using StorePtr = OpensslPtr<X509_STORE, X509_STORE_free>;
using StoreCtxPtr = OpensslPtr<X509_STORE_CTX, X509_STORE_CTX_free>;
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), FreeStack>;

constexpr size_t kMaxCertificate = 64 << 10;

bool self_issued(X509* certificate) {
  return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

std::string issuer_of(X509* certificate) { return facts_of(certificate, 1).issuer; }
std::string subject_of(X509* certificate) { return facts_of(certificate, 1).subject; }

// RSA 2048, elliptic curves of 256 bits (Apple 103769).
void check_key(X509* certificate, const std::string& which, FindingList& out) {
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  bool rsa = key && EVP_PKEY_is_a(key, "RSA"), ec = key && EVP_PKEY_is_a(key, "EC");
  int bits = key ? EVP_PKEY_get_bits(key) : 0;
  if ((rsa && bits < 2048) || (ec && bits < 256)) {
    out.error("key-weak",
              "The key of " + which + " is too short (" + (rsa ? "RSA " : "EC ") + std::to_string(bits) +
                  " bits); iPhones and Macs refuse RSA below 2048 and elliptic curves below 256 bits.",
              "Make a new key: ECDSA P-256 or RSA 2048.");
  } else if (!rsa && !ec) {
    out.error("key-unknown", "The key of " + which + " is neither RSA nor ECDSA; phones do not know it.",
              "Make a new key: ECDSA P-256 or RSA 2048.");
  }
}

void check_signature(X509* certificate, const std::string& which, FindingList& out) {
  if (!facts_of(certificate, 1).weak_signature) return;
  out.error("signature-weak",
            "The signature on " + which + " uses SHA-1 or MD5; iPhones, Macs and every current mail program refuse it.",
            "Let the authority sign with SHA-256.");
}

bool add_roots(X509_STORE* store, std::string_view pem) {
  if (pem.empty()) return true;
  auto roots = parse_certificates(pem, kMaxRoots);
  if (!roots) return false;
  for (const X509Ptr& root : *roots) {
    if (X509_STORE_add_cert(store, root.get()) != 1) return false;
  }
  return true;
}

}  // namespace

Result<Chain> Chain::read(const std::vector<std::string>& der) {
  if (der.empty()) return fail(Errc::Invalid, "there is none");
  if (der.size() > kMaxChain) return fail(Errc::Limit, "more than 10 certificates");
  Chain out;
  for (const std::string& bytes : der) {
    if (bytes.size() > kMaxCertificate) return fail(Errc::TooLarge, "a certificate over 64 KiB");
    const unsigned char* at = u8(bytes);
    X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())));
    if (!certificate || at != u8(bytes) + bytes.size())
      return openssl_error(Errc::Invalid, "bytes that are no certificate");
    out.certificates_.push_back(std::move(certificate));
  }
  return out;
}

Root Chain::check(const LintInput& input, FindingList& out) const {
  check_key(leaf(), "the certificate", out);
  if (!self_issued(leaf())) check_signature(leaf(), "the certificate", out);
  check_links(input.now, out);
  check_order(out);
  if (!input.judge_root) return Root::Unknown;
  Root root = find_root(input.roots);
  if (root == Root::Unknown) say_where_it_ends(!input.roots.private_pem.empty(), out);
  if (root == Root::Private) {
    out.add(Severity::Note, "private-authority",
            "The certificate comes from an authority of your own. Phones trust it once its root is installed and, when "
            "that was done by "
            "hand, switched on in Settings > General > About > Certificate Trust Settings.",
            "Give the phones the root with a profile.");
  }
  return root;
}

// What stands between leaf and root. The signature of a root says nothing and is not judged.
void Chain::check_links(int64_t now, FindingList& out) const {
  for (size_t i = 1; i < certificates_.size(); ++i) {
    X509* link = certificates_[i].get();
    CertificateFacts facts = facts_of(link, 1);
    std::string which = "the intermediate " + facts.subject;
    check_key(link, which, out);
    if (self_issued(link)) continue;
    check_signature(link, which, out);
    if (!facts.authority) {
      out.error("not-an-authority", "The chain holds " + facts.subject + ", which is no CA certificate.",
                "Install the chain again, as the authority gave it.");
    }
    if (now < facts.not_before || now > facts.not_after) {
      out.error("chain-expired", "The intermediate " + facts.subject + " is out of its time; phones refuse the chain.",
                "Install the authority's current intermediate.");
    }
  }
}

// RFC 5246 section 7.4.2 demands the order; RFC 8446 section 4.4.2 only asks for it, and old clients still need it.
void Chain::check_order(FindingList& out) const {
  for (size_t i = 0; i + 1 < certificates_.size(); ++i) {
    if (X509_check_issued(certificates_[i + 1].get(), certificates_[i].get()) == X509_V_OK) continue;
    out.warning("chain-order",
                subject_of(certificates_[i + 1].get()) + " stands behind " + subject_of(certificates_[i].get()) +
                    " in the chain and has not issued it; clients that do not sort refuse the chain.",
                "Put the certificates in order, leaf first (buzon tls install does so).");
    return;
  }
}

void Chain::say_where_it_ends(bool private_roots_known, FindingList& out) const {
  if (self_issued(leaf())) {
    return out.error(
        "self-signed", "The certificate is signed by itself; phones show \"Cannot Verify Server Identity\".",
        "Get one from a public authority, or make an authority of your own and install its root on the phones.");
  }
  // Follow the issuers through what was sent.
  X509* top = leaf();
  for (size_t step = 0; step < certificates_.size() && !self_issued(top); ++step) {
    auto next = std::find_if(certificates_.begin(), certificates_.end(), [&](const X509Ptr& c) {
      return c.get() != top && X509_check_issued(c.get(), top) == X509_V_OK;
    });
    if (next == certificates_.end()) break;
    top = next->get();
  }
  if (self_issued(top)) {
    return out.error("root-unknown", "The chain ends at " + subject_of(top) + ", a root that phones do not know.",
                     "Install that root on the phones and switch it on (Settings > General > About > Certificate Trust "
                     "Settings), or get a "
                     "certificate from a public authority.");
  }
  bool names_issuer = X509_get_ext_by_NID(top, NID_info_access, -1) >= 0;
  if (private_roots_known || names_issuer) {
    return out.error(
        "chain-incomplete",
        "The chain is incomplete: " + subject_of(top) + " was issued by " + issuer_of(top) +
            ", which the server does not send and phones do not have. iPhones do not fetch it for mail.",
        "Append the authority's intermediate certificates to the certificate file (buzon tls install --chain).");
  }
  out.error("issuer-unknown",
            "The certificate was issued by " + issuer_of(top) +
                ", which is no root that phones know and is not sent. It is an intermediate that the "
                "server forgets, or an authority of your own.",
            "Append the intermediate to the certificate file, or install that authority's root on the phones.");
}

Root Chain::find_root(const TrustedRoots& roots) const {
  StackPtr others(sk_X509_new_null());
  for (size_t i = 1; i < certificates_.size(); ++i) sk_X509_push(others.get(), certificates_[i].get());
  for (auto [pem, kind] : {std::pair{&roots.public_pem, Root::Public}, {&roots.private_pem, Root::Private}}) {
    StorePtr store(X509_STORE_new());
    StoreCtxPtr check(X509_STORE_CTX_new());
    if (pem->empty() || !store || !check || !add_roots(store.get(), *pem)) continue;
    if (X509_STORE_CTX_init(check.get(), store.get(), leaf(), others.get()) != 1) continue;
    // Dates, names, keys and signatures have findings of their own: here only the way to a root counts.
    X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(check.get());
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_NO_CHECK_TIME);
    X509_VERIFY_PARAM_set_auth_level(rules, 0);
    X509_VERIFY_PARAM_set_depth(rules, static_cast<int>(kMaxChain));
    if (X509_verify_cert(check.get()) == 1) return kind;
  }
  return Root::Unknown;
}

bool Chain::must_staple() const {
  OpensslPtr<TLS_FEATURE, TLS_FEATURE_free> feature(
      static_cast<TLS_FEATURE*>(X509_get_ext_d2i(leaf(), NID_tlsfeature, nullptr, nullptr)));
  for (int i = 0; feature && i < sk_ASN1_INTEGER_num(feature.get()); ++i) {
    if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(feature.get(), i)) == TLSEXT_TYPE_status_request) return true;
  }
  return false;
}

bool Chain::has_timestamps() const { return X509_get_ext_by_NID(leaf(), NID_ct_precert_scts, -1) >= 0; }

std::string Chain::pem() const {
  std::string out;
  for (const X509Ptr& certificate : certificates_) {
    if (auto text = certificate_pem(certificate.get())) out += *text;
  }
  return out;
}

}  // namespace bz::crypto

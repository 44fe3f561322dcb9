// The linter and the check of staples: certificates of every fault, made here; each fault is named, alone.
#include "crypto/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ocsp.h>

#include "crypto/ocsp.h"
#include "crypto/pem.h"
#include "crypto/tls.h"

namespace bz::crypto {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;

constexpr int64_t kDay = 86'400, kNow = 1'795'000'000;  // 2026-11-18

struct Recipe {
  std::string subject = "leaf", san = "DNS:mail.test", usage = "serverAuth", extra_oid{}, extra{};
  int64_t from = kNow - kDay, days = 300;
  bool authority = false, sha1 = false;
  int rsa_bits = 0;  // 0: P-256
};

struct Made {
  X509Ptr certificate;
  PkeyPtr key;
  std::string der() const { return certificate_der(certificate.get()); }
  std::string pem() const { return *certificate_pem(certificate.get()); }
};

void extend(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, certificate, certificate, nullptr, nullptr, 0);
  X509ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &ctx, nid, value.c_str()));
  BZ_CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

Made make(const Recipe& recipe, const Made* issuer) {
  Made made{X509Ptr(X509_new()),
            PkeyPtr(recipe.rsa_bits ? EVP_RSA_gen(static_cast<unsigned>(recipe.rsa_bits)) : EVP_EC_gen("P-256"))};
  X509* c = made.certificate.get();
  X509_set_version(c, X509_VERSION_3);
  static long serial = 1;
  ASN1_INTEGER_set(X509_get_serialNumber(c), serial++);
  ASN1_TIME_set(X509_getm_notBefore(c), recipe.from);
  ASN1_TIME_set(X509_getm_notAfter(c), recipe.from + recipe.days * kDay);
  X509_set_pubkey(c, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8, u8(recipe.subject), -1, -1, 0);
  X509_set_issuer_name(c, X509_get_subject_name(issuer ? issuer->certificate.get() : c));
  if (!recipe.san.empty()) extend(c, NID_subject_alt_name, recipe.san);
  if (!recipe.usage.empty()) extend(c, NID_ext_key_usage, recipe.usage);
  extend(c, NID_basic_constraints, recipe.authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (!recipe.extra_oid.empty()) extend(c, OBJ_txt2nid(recipe.extra_oid.c_str()), recipe.extra);
  X509_sign(c, (issuer ? issuer : &made)->key.get(), recipe.sha1 ? EVP_sha1() : EVP_sha256());
  return made;
}

struct LintTest : testing::Test {
  Recipe ca_recipe(std::string subject) {
    return {
        .subject = std::move(subject), .san = {}, .usage = {}, .from = kNow - 400 * kDay, .days = 3650, .authority = true};
  }
  Made root = make(ca_recipe("root"), nullptr), middle = make(ca_recipe("middle"), &root);
  bool root_is_public = true;

  LintInput input(std::vector<std::string> chain) {
    LintInput in{.chain = std::move(chain), .host = "mail.test", .roots = {}, .staple = {}, .now = kNow};
    (root_is_public ? in.roots.public_pem : in.roots.private_pem) = root.pem();
    return in;
  }
  static std::vector<std::string> codes(const LintInput& in, Severity least = Severity::Error) {
    std::vector<std::string> out;
    for (const Finding& finding : lint_certificates(in)) {
      EXPECT_FALSE(finding.text.empty() || finding.advice.empty()) << finding.code;
      if (finding.severity >= least) out.push_back(finding.code);
    }
    return out;
  }
  std::vector<std::string> of_leaf(const Recipe& recipe) {
    return codes(input({make(recipe, &middle).der(), middle.der()}));
  }
};

TEST_F(LintTest, a_good_certificate_has_no_errors) {
  EXPECT_THAT(of_leaf({}), ElementsAre());
  EXPECT_THAT(of_leaf({.rsa_bits = 2048}), ElementsAre());
  EXPECT_THAT(of_leaf({.san = "DNS:*.test,IP:192.0.2.1"}), ElementsAre());
}

TEST_F(LintTest, each_fault_of_the_leaf_is_named_alone) {
  EXPECT_THAT(of_leaf({.from = kNow - 40 * kDay, .days = 39}), ElementsAre("expired"));
  EXPECT_THAT(of_leaf({.from = kNow + kDay}), ElementsAre("not-yet-valid"));
  EXPECT_THAT(of_leaf({.san = {}}), ElementsAre("san-missing"));
  EXPECT_THAT(of_leaf({.subject = "mail.test", .san = {}}), ElementsAre("san-missing")) << "the common name does not count";
  EXPECT_THAT(of_leaf({.san = "DNS:other.test"}), ElementsAre("name-mismatch"));
  EXPECT_THAT(of_leaf({.san = "DNS:*.mail.test"}), ElementsAre("name-mismatch"));
  EXPECT_THAT(of_leaf({.usage = {}}), ElementsAre("eku-missing"));
  EXPECT_THAT(of_leaf({.usage = "clientAuth"}), ElementsAre("eku-missing"));
  EXPECT_THAT(of_leaf({.rsa_bits = 1024}), ElementsAre("key-weak"));
  EXPECT_THAT(of_leaf({.sha1 = true}), ElementsAre("signature-weak"));
  EXPECT_THAT(of_leaf({.days = 826}), ElementsAre("validity-too-long"));
  EXPECT_THAT(of_leaf({.extra_oid = "1.3.6.1.5.5.7.1.24", .extra = "status_request"}), ElementsAre("must-staple"));
}

TEST_F(LintTest, the_398_days_are_for_public_authorities_and_the_825_for_all) {
  Recipe long_one{.days = 399}, old_one{.from = 1'550'000'000, .days = 4000};
  EXPECT_THAT(of_leaf(long_one), ElementsAre("validity-too-long"));
  EXPECT_THAT(of_leaf({.days = 398}), ElementsAre());
  EXPECT_THAT(of_leaf(old_one), ElementsAre()) << "issued before the rules";
  root_is_public = false;
  EXPECT_THAT(of_leaf(long_one), ElementsAre());
  EXPECT_THAT(of_leaf({.days = 825}), ElementsAre());
  EXPECT_THAT(of_leaf({.days = 826}), ElementsAre("validity-too-long"));
}

TEST_F(LintTest, what_is_soon_or_strange_is_a_warning) {
  auto all = [&](const Recipe& recipe) {
    return codes(input({make(recipe, &middle).der(), middle.der()}), Severity::Warning);
  };
  EXPECT_THAT(all({.from = kNow - 290 * kDay}), Contains("expires-soon"));
  EXPECT_THAT(all({}), ElementsAre("ct-missing"));
  EXPECT_THAT(all({.authority = true}), Contains("ca-certificate"));
}

TEST_F(LintTest, the_chain_must_lead_to_a_root) {
  Made leaf = make({}, &middle);
  EXPECT_THAT(codes(input({leaf.der()})), ElementsAre("issuer-unknown"));
  root_is_public = false;
  EXPECT_THAT(codes(input({leaf.der()})), ElementsAre("chain-incomplete"))
      << "the authority is known, its intermediate is not sent";
  EXPECT_THAT(codes(input({leaf.der(), middle.der(), root.der()})), ElementsAre());
  LintInput unknown = input({leaf.der(), middle.der(), root.der()});
  unknown.roots = {};
  EXPECT_THAT(codes(unknown), ElementsAre("root-unknown"));
  Made alone = make({}, nullptr);
  EXPECT_THAT(codes(input({alone.der()})), ElementsAre("self-signed"));
  EXPECT_THAT(codes(input({leaf.der(), root.der(), middle.der()}), Severity::Warning), ElementsAre("chain-order"));
}

TEST_F(LintTest, links_of_the_chain_are_judged) {
  auto with = [&](Recipe recipe) {
    Made link = make(recipe, &root);
    return codes(input({make({}, &link).der(), link.der()}));
  };
  Recipe weak = ca_recipe("weak"), old = ca_recipe("old"), sha1 = ca_recipe("sha1"), no_authority = ca_recipe("no");
  weak.rsa_bits = 1024;
  old.days = 10;
  sha1.sha1 = true;
  no_authority.authority = false;
  EXPECT_THAT(with(weak), ElementsAre("key-weak"));
  EXPECT_THAT(with(old), ElementsAre("chain-expired"));
  EXPECT_THAT(with(sha1), ElementsAre("signature-weak"));
  EXPECT_THAT(with(no_authority), Contains("not-an-authority"));
}

TEST_F(LintTest, bytes_that_are_no_certificate_are_a_finding) {
  std::string leaf = make({}, &middle).der();
  for (std::vector<std::string> chain : std::vector<std::vector<std::string>>{
           {}, {""}, {"\x30\x82"}, {leaf.substr(0, 100)}, {leaf + "x"}, {leaf, "x"}, std::vector<std::string>(11, leaf)})
    EXPECT_THAT(codes(input(chain)), ElementsAre("unreadable"));
  EXPECT_THAT(describe_certificate("x"), ElementsAre("unreadable"));
  EXPECT_THAT(describe_certificate(leaf), IsSupersetOf({"subject: CN=leaf", "names: mail.test", "key: ECDSA P-256"}));
}

struct OcspTest : LintTest {
  Made leaf = make({}, &middle);
  std::string chain = leaf.pem() + middle.pem();
  std::string answer(const Made& about, const Made& signer, int status = V_OCSP_CERTSTATUS_GOOD, int64_t from = kNow - kDay,
                     int64_t days = 7, const EVP_MD* id_hash = EVP_sha1()) {
    OpensslPtr<OCSP_BASICRESP, OCSP_BASICRESP_free> basic(OCSP_BASICRESP_new());
    OpensslPtr<OCSP_CERTID, OCSP_CERTID_free> id(
        OCSP_cert_to_id(id_hash, about.certificate.get(), middle.certificate.get()));
    ASN1_TIME *since = ASN1_GENERALIZEDTIME_set(nullptr, from),
              *until = days ? ASN1_GENERALIZEDTIME_set(nullptr, from + days * kDay) : nullptr;
    OCSP_basic_add1_status(basic.get(), id.get(), status, OCSP_REVOKED_STATUS_KEYCOMPROMISE, since, since, until);
    ASN1_TIME_free(since);
    ASN1_TIME_free(until);
    OCSP_basic_sign(basic.get(), signer.certificate.get(), signer.key.get(), EVP_sha256(), nullptr, 0);
    OpensslPtr<OCSP_RESPONSE, OCSP_RESPONSE_free> response(
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
    unsigned char* der = nullptr;
    int size = i2d_OCSP_RESPONSE(response.get(), &der);
    std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
    OPENSSL_free(der);
    return out;
  }
};

TEST_F(OcspTest, an_answer_of_the_issuer_is_taken) {
  for (const EVP_MD* hash : {EVP_sha1(), EVP_sha256()}) {
    auto facts = check_staple(answer(leaf, middle, V_OCSP_CERTSTATUS_GOOD, kNow - kDay, 7, hash), chain, kNow);
    ASSERT_TRUE(facts) << facts.error().to_string();
    EXPECT_TRUE(usable(*facts, kNow));
    EXPECT_EQ(facts->next_update, kNow + 6 * kDay);
    EXPECT_FALSE(usable(*facts, kNow + 6 * kDay));
  }
  EXPECT_FALSE(usable(*check_staple(answer(leaf, middle, V_OCSP_CERTSTATUS_REVOKED), chain, kNow), kNow));
}

TEST_F(OcspTest, other_answers_are_refused) {
  Made other = make({}, &middle), delegate_recipe = make({.usage = "OCSPSigning"}, &middle);
  EXPECT_FALSE(check_staple(answer(other, middle), chain, kNow)) << "about another certificate";
  EXPECT_FALSE(check_staple(answer(leaf, other), chain, kNow)) << "signed by another server";
  EXPECT_TRUE(check_staple(answer(leaf, delegate_recipe), chain, kNow)) << "signed by a responder with the issuer's word";
  EXPECT_FALSE(check_staple(answer(leaf, middle, V_OCSP_CERTSTATUS_GOOD, kNow + kDay), chain, kNow)) << "from the future";
  EXPECT_FALSE(check_staple(answer(leaf, middle, V_OCSP_CERTSTATUS_GOOD, kNow - kDay, 0), chain, kNow)) << "for ever";
  EXPECT_FALSE(check_staple(answer(leaf, middle), leaf.pem(), kNow)) << "no issuer to check it with";
  std::string good = answer(leaf, middle);
  for (size_t size = 0; size < good.size(); size += 7) EXPECT_FALSE(check_staple(good.substr(0, size), chain, kNow));
  EXPECT_FALSE(check_staple(good + "x", chain, kNow));
  EXPECT_FALSE(check_staple(std::string(kMaxOcspResponse + 1, 'x'), chain, kNow));
}

TEST_F(OcspTest, the_linter_judges_the_staple) {
  LintInput in = input({leaf.der(), middle.der()});
  in.staple = answer(leaf, middle);
  EXPECT_THAT(codes(in), ElementsAre());
  in.staple = answer(leaf, middle, V_OCSP_CERTSTATUS_REVOKED);
  EXPECT_THAT(codes(in), ElementsAre("revoked"));
  in.staple = answer(leaf, middle, V_OCSP_CERTSTATUS_GOOD, kNow - 8 * kDay);
  EXPECT_THAT(codes(in), ElementsAre("staple-expired"));
  in.staple = "x";
  EXPECT_THAT(codes(in), ElementsAre("staple-invalid"));
}

TEST_F(OcspTest, the_question_goes_to_the_responder_of_the_certificate) {
  EXPECT_EQ(ocsp_question(chain).error().code(), Errc::NotFound);
  EXPECT_EQ(ocsp_question(leaf.pem()).error().code(), Errc::Invalid);
  Made named = make({.extra_oid = "1.3.6.1.5.5.7.1.1", .extra = "OCSP;URI:http://ocsp.test/x"}, &middle);
  auto question = ocsp_question(named.pem() + middle.pem());
  ASSERT_TRUE(question);
  EXPECT_EQ(question->url, "http://ocsp.test/x");
  const unsigned char* at = u8(question->request_der);
  OpensslPtr<OCSP_REQUEST, OCSP_REQUEST_free> request(
      d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(question->request_der.size())));
  ASSERT_TRUE(request);
  EXPECT_EQ(OCSP_request_onereq_count(request.get()), 1);
}

// A handshake with today's clock: the staple goes to clients that ask, and to no other.
TEST(Stapling, goes_out_with_its_certificate_until_it_runs_out) {
  int64_t now = base::system_clock().unix_seconds();
  Made root = make({.subject = "root", .san = {}, .usage = {}, .from = now - kDay, .authority = true}, nullptr);
  Made leaf = make({.from = now - kDay}, &root);
  auto staple_for = [&](int64_t days) {
    OpensslPtr<OCSP_BASICRESP, OCSP_BASICRESP_free> basic(OCSP_BASICRESP_new());
    OpensslPtr<OCSP_CERTID, OCSP_CERTID_free> id(
        OCSP_cert_to_id(EVP_sha1(), leaf.certificate.get(), root.certificate.get()));
    OpensslPtr<ASN1_TIME, ASN1_TIME_free> from(ASN1_GENERALIZEDTIME_set(nullptr, now - 2 * kDay)),
        until(ASN1_GENERALIZEDTIME_set(nullptr, now - 2 * kDay + days * kDay));
    OCSP_basic_add1_status(basic.get(), id.get(), V_OCSP_CERTSTATUS_GOOD, 0, nullptr, from.get(), until.get());
    OCSP_basic_sign(basic.get(), root.certificate.get(), root.key.get(), EVP_sha256(), nullptr, 0);
    OpensslPtr<OCSP_RESPONSE, OCSP_RESPONSE_free> response(
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
    unsigned char* der = nullptr;
    int size = i2d_OCSP_RESPONSE(response.get(), &der);
    std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
    OPENSSL_free(der);
    return out;
  };
  auto seen = [&](const std::string& staple, TlsProfile asks) {
    CertifiedKey pair{leaf.pem() + root.pem(), *private_key_pem(leaf.key.get()), staple};
    auto server = make_tls_server({.hosts = {{pair}}});
    auto client = make_tls_client({.check = PeerCheck::None, .profile = asks});
    OpensslPtr<SSL, SSL_free> s(SSL_new(server->get())), c(SSL_new(client->get()));
    BIO *a = nullptr, *b = nullptr;
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(s.get(), a, a);
    SSL_set_bio(c.get(), b, b);
    SSL_set_accept_state(s.get());
    SSL_set_connect_state(c.get());
    for (int i = 0; i < 10; ++i) {
      SSL_do_handshake(c.get());
      SSL_do_handshake(s.get());
    }
    EXPECT_TRUE(SSL_is_init_finished(c.get()));
    return peer_certificates(c.get()).staple;
  };
  std::string fresh = staple_for(7), old = staple_for(1);
  EXPECT_EQ(seen(fresh, TlsProfile::Legacy), fresh);
  EXPECT_EQ(seen(fresh, TlsProfile::Intermediate), "") << "not asked for";
  EXPECT_EQ(seen(old, TlsProfile::Legacy), "");
  EXPECT_EQ(seen("junk", TlsProfile::Legacy), "");
}

}  // namespace
}  // namespace bz::crypto

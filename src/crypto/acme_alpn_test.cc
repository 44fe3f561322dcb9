// What a validator of RFC 8737 sees, and that nobody else sees it.
#include "crypto/acme_alpn.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "crypto/digest.h"
#include "crypto/es256.h"
#include "crypto/openssl_ptr.h"
#include "crypto/pem.h"
#include "crypto/signature.h"

namespace bz::crypto {
namespace {

using SslPtr = OpensslPtr<SSL, SSL_free>;
constexpr std::string_view kAcme(
    "\x0a"
    "acme-tls/1",
    11),
    kImap("\x04imap", 5),
    kBoth(
        "\x0a"
        "acme-tls/1\x04imap",
        16);

struct AcmeAlpnTest : testing::Test {
  base::Clock& clock = base::system_clock();
  base::Random& random = base::system_random();
  CertifiedKey authority = *make_authority("Test CA", clock, random);
  CertifiedKey own = *issue_server_certificate(authority, {{"mail.example.test"}}, clock, random);
  std::shared_ptr<AcmeChallenges> challenges = std::make_shared<AcmeChallenges>();
  CertifiedKey proof = *make_challenge_certificate("mail.example.test", "token.print", clock, random);
  TlsServerOptions options{.hosts = {{own}}, .ticket_keys = {Secret(std::string(48, 'k'))}, .challenges = challenges};

  // The certificate shown to a client with that hello, in DER; `alpn` is what was agreed on.
  std::string shown(const TlsContext& server_context, std::string_view offer, const char* name, std::string* alpn,
                    int version = TLS1_3_VERSION) {
    OpensslPtr<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_client_method()));
    SslPtr server(SSL_new(server_context.get())), client(SSL_new(context.get()));
    BIO *a = nullptr, *b = nullptr;
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(server.get(), a, a);
    SSL_set_bio(client.get(), b, b);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    SSL_set_max_proto_version(client.get(), version);
    if (!offer.empty()) SSL_set_alpn_protos(client.get(), u8(offer), static_cast<unsigned>(offer.size()));
    if (name) SSL_set_tlsext_host_name(client.get(), name);
    for (int i = 0; i < 20; ++i) {
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
    }
    *alpn = tls_facts(server.get()).alpn;
    X509Ptr peer(SSL_get1_peer_certificate(client.get()));
    (void)take_tls_errors();
    return peer ? certificate_der(peer.get()) : std::string();
  }
  static std::string der(const CertifiedKey& pair) {
    auto chain = parse_certificates(pair.chain_pem, kMaxChain);
    return certificate_der((*chain)[0].get());
  }
};

TEST_F(AcmeAlpnTest, the_challenge_is_for_the_validator_alone) {
  ASSERT_TRUE(challenges->set("Mail.Example.test", proof));
  auto server = make_tls_server(options);
  ASSERT_TRUE(server) << server.error().text();
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::string alpn;
    EXPECT_EQ(shown(*server, kAcme, "mail.example.test", &alpn, version), der(proof));
    EXPECT_EQ(alpn, kAcmeProtocol);
    EXPECT_EQ(shown(*server, kAcme, "other.example.test", &alpn, version), der(own)) << "another name";
    EXPECT_EQ(alpn, "");
    EXPECT_EQ(shown(*server, kAcme, nullptr, &alpn, version), der(own)) << "no name";
    EXPECT_EQ(shown(*server, kImap, "mail.example.test", &alpn, version), der(own));
    EXPECT_EQ(shown(*server, kBoth, "mail.example.test", &alpn, version), der(own)) << "not alone";
    EXPECT_EQ(shown(*server, {}, "mail.example.test", &alpn, version), der(own));
  }
}

TEST_F(AcmeAlpnTest, a_challenge_comes_and_goes_while_the_context_lives) {
  auto server = make_tls_server(options);
  ASSERT_TRUE(server);
  std::string alpn;
  EXPECT_EQ(shown(*server, kAcme, "mail.example.test", &alpn), der(own));
  ASSERT_TRUE(challenges->set("mail.example.test", proof));
  EXPECT_EQ(shown(*server, kAcme, "mail.example.test", &alpn), der(proof));
  challenges->remove("mail.example.test");
  EXPECT_EQ(shown(*server, kAcme, "mail.example.test", &alpn), der(own));
}

TEST_F(AcmeAlpnTest, a_door_that_demands_client_certificates_lets_the_validator_in) {
  auto authorities = ClientAuthorities::make(authority.chain_pem, {});
  ASSERT_TRUE(authorities);
  options.client_certificates = ClientCertificates::Required;
  options.client_authorities = *authorities;
  ASSERT_TRUE(challenges->set("mail.example.test", proof));
  auto server = make_tls_server(options);
  ASSERT_TRUE(server);
  std::string alpn;
  EXPECT_EQ(shown(*server, kAcme, "mail.example.test", &alpn), der(proof));
  EXPECT_EQ(alpn, kAcmeProtocol);
}

TEST_F(AcmeAlpnTest, the_certificate_is_as_rfc_8737_wants_it) {
  auto chain = parse_certificates(proof.chain_pem, kMaxChain);
  ASSERT_TRUE(chain);
  X509* c = (*chain)[0].get();
  EXPECT_EQ(read_certificate(proof.chain_pem)->names, std::vector<std::string>{"mail.example.test"});
  EXPECT_EQ(X509_verify(c, X509_get0_pubkey(c)), 1) << "self-signed";
  OpensslPtr<ASN1_OBJECT, ASN1_OBJECT_free> id(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  int at = X509_get_ext_by_OBJ(c, id.get(), -1);
  ASSERT_GE(at, 0);
  X509_EXTENSION* extension = X509_get_ext(c, at);
  EXPECT_EQ(X509_EXTENSION_get_critical(extension), 1);
  ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                        static_cast<size_t>(ASN1_STRING_length(value))),
            std::string("\x04\x20", 2) + sha256("token.print"));
}

TEST_F(AcmeAlpnTest, challenges_are_bounded) {
  for (size_t i = 0; i < AcmeChallenges::kMax; ++i)
    ASSERT_TRUE(challenges->set("m" + std::to_string(i) + ".example.test", proof));
  EXPECT_EQ(challenges->set("one.example.test", proof).error().code(), Errc::Limit);
  EXPECT_TRUE(challenges->set("M1.example.test", proof)) << "a newer one for the same name";
}

TEST(Es256, signs_what_the_public_point_verifies) {
  auto key = Es256Key::make();
  ASSERT_TRUE(key);
  auto again = Es256Key::from_pem(*key->pem());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->x() + again->y(), key->x() + key->y());
  auto point = PublicKey::p256(key->x(), key->y());
  ASSERT_TRUE(point);
  // Short r or s are padded: one signature in 128 has one.
  for (int i = 0; i < 300; ++i) {
    std::string message = "message " + std::to_string(i);
    auto signature = again->sign(message);
    ASSERT_TRUE(signature);
    ASSERT_EQ(signature->size(), 64u);
    EXPECT_TRUE(point->verify(SignatureAlgorithm::Es256, message, *signature));
    EXPECT_FALSE(point->verify(SignatureAlgorithm::Es256, message + "x", *signature));
  }
}

TEST(Es256, takes_p256_keys_only) {
  EXPECT_FALSE(Es256Key::from_pem(Secret("no key")));
  auto rsa = make_signing_request({"a.test"}, KeyKind::Rsa2048);
  EXPECT_FALSE(Es256Key::from_pem(rsa->key_pem));
}

}  // namespace
}  // namespace bz::crypto

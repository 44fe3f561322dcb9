// Certificates and TLS contexts, proved by handshakes in memory.
#include "crypto/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "base/text.h"
#include "crypto/lint.h"
#include "crypto/openssl_ptr.h"
#include "crypto/pem.h"
#include "crypto/tls_tickets.h"

namespace bz::crypto {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using SslPtr = OpensslPtr<SSL, SSL_free>;

struct TlsTest : testing::Test {
  base::Clock& clock = base::system_clock();  // OpenSSL itself checks validity against the wall clock
  base::Random& random = base::system_random();
  CertifiedKey authority = *make_authority("Test CA", clock, random);
  CertifiedKey issue(std::vector<std::string> names, KeyKind kind = KeyKind::EcdsaP256) {
    return *issue_server_certificate(authority, {std::move(names), kind, kServerDays}, clock, random);
  }
};

// Both ends over a pair of memory BIOs; `connected` when the handshake and one byte each way went through.
struct Handshake {
  SslPtr server, client;
  bool connected = false;
  std::string client_error;
  Handshake(const TlsContext& s, const TlsContext& c, std::string_view host, int max_version = 0,
            SSL_SESSION* resume = nullptr) {
    server.reset(SSL_new(s.get()));
    client.reset(SSL_new(c.get()));
    BIO *a = nullptr, *b = nullptr;
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(server.get(), a, a);
    SSL_set_bio(client.get(), b, b);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    if (max_version) SSL_set_max_proto_version(client.get(), max_version);
    if (resume) SSL_set_session(client.get(), resume);
    EXPECT_TRUE(prepare_client(client.get(), host));
    for (int i = 0; i < 20; ++i) {
      if (SSL_do_handshake(client.get()) != 1 && SSL_get_error(client.get(), -1) == SSL_ERROR_SSL) {
        client_error = verify_error(client.get());
        break;
      }
      SSL_do_handshake(server.get());
    }
    char byte = 'x';
    connected = SSL_write(client.get(), &byte, 1) == 1 && SSL_read(server.get(), &byte, 1) == 1 &&
                SSL_write(server.get(), &byte, 1) == 1 && SSL_read(client.get(), &byte, 1) == 1;
    (void)take_tls_errors();
  }
};

TEST_F(TlsTest, issued_certificates_please_a_phone) {
  for (KeyKind kind : {KeyKind::EcdsaP256, KeyKind::Rsa2048}) {
    CertifiedKey pair = issue({"Mail.Example.org", "127.0.0.1", "::1"}, kind);
    auto facts = check_certified_key(pair);
    ASSERT_TRUE(facts) << facts.error().to_string();
    EXPECT_THAT(facts->names, ElementsAre("mail.example.org", "127.0.0.1", "::1"));
    EXPECT_EQ(facts->key_type, kind == KeyKind::EcdsaP256 ? "ECDSA P-256" : "RSA 2048");
    EXPECT_EQ(facts->issuer, "CN=Test CA");
    EXPECT_LE(facts->not_after - facts->not_before, 397 * 86'400);
    for (const char* host : {"mail.example.org", "0:0::1"}) EXPECT_TRUE(certificate_covers(*facts, host)) << host;
    EXPECT_FALSE(certificate_covers(*facts, "other.example.org"));
  }
}

TEST_F(TlsTest, names_and_days_that_no_certificate_may_have_are_refused) {
  for (const char* name : {"", "a b", "-a.test", "a..test", "DNS:x,IP:1.2.3.4", "*.*.test", "a\n.test"})
    EXPECT_FALSE(issue_server_certificate(authority, {{name}}, clock, random)) << name;
  EXPECT_FALSE(issue_server_certificate(authority, {{"a.test"}, KeyKind::EcdsaP256, 398}, clock, random));
  EXPECT_FALSE(issue_server_certificate(issue({"leaf.test"}), {{"a.test"}}, clock, random)) << "a leaf is no CA";
}

TEST_F(TlsTest, chain_and_key_of_different_certificates_are_told_apart) {
  CertifiedKey a = issue({"a.test"}), b = issue({"b.test"});
  EXPECT_FALSE(check_certified_key({a.chain_pem, b.key_pem}));
  EXPECT_FALSE(check_certified_key({a.chain_pem + b.chain_pem, a.key_pem})) << "b has not issued a";
  EXPECT_TRUE(check_certified_key({a.chain_pem + authority.chain_pem, a.key_pem}));
  EXPECT_FALSE(check_certified_key({"", a.key_pem}));
  EXPECT_FALSE(check_certified_key({"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", a.key_pem}));
}

TEST_F(TlsTest, a_heap_of_certificates_is_put_in_order_for_its_key) {
  CertifiedKey own = issue({"a.test"}), other = issue({"b.test"});
  for (const std::string& heap :
       {own.chain_pem, other.chain_pem + own.chain_pem, authority.chain_pem + other.chain_pem + own.chain_pem}) {
    auto chain = order_chain(heap, own.key_pem);
    ASSERT_TRUE(chain) << chain.error().to_string();
    EXPECT_EQ(*chain, own.chain_pem) << "roots and strangers are left out";
  }
  EXPECT_EQ(order_chain(other.chain_pem, own.key_pem).error().code(), Errc::NotFound);
  EXPECT_FALSE(order_chain("", own.key_pem));
}

TEST_F(TlsTest, requests_carry_the_names_and_are_signed_by_their_key) {
  for (KeyKind kind : {KeyKind::EcdsaP256, KeyKind::Rsa2048}) {
    auto made = make_signing_request({"Mail.example.org", "192.0.2.1"}, kind);
    ASSERT_TRUE(made);
    BioPtr bio(BIO_new_mem_buf(made->request_pem.data(), static_cast<int>(made->request_pem.size())));
    OpensslPtr<X509_REQ, X509_REQ_free> request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
    ASSERT_TRUE(request);
    EXPECT_EQ(X509_REQ_verify(request.get(), X509_REQ_get0_pubkey(request.get())), 1);
    BioPtr text(BIO_new(BIO_s_mem()));
    X509_REQ_print(text.get(), request.get());
    char* data = nullptr;
    long size = BIO_get_mem_data(text.get(), &data);
    EXPECT_THAT(std::string(data, static_cast<size_t>(size)), HasSubstr("DNS:mail.example.org, IP Address:192.0.2.1"));
  }
  EXPECT_FALSE(make_signing_request({}, KeyKind::EcdsaP256));
  EXPECT_FALSE(make_signing_request({"a b"}, KeyKind::EcdsaP256));
}

TEST_F(TlsTest, wildcards_cover_one_label) {
  auto facts = read_certificate(issue({"*.example.org"}).chain_pem);
  EXPECT_TRUE(certificate_covers(*facts, "IMAP.example.org."));
  EXPECT_FALSE(certificate_covers(*facts, "example.org"));
  EXPECT_FALSE(certificate_covers(*facts, "a.b.example.org"));
  EXPECT_FALSE(certificate_covers(*facts, ".example.org"));
}

TEST_F(TlsTest, handshake_is_tls13_with_x25519_and_checked_names) {
  auto server = make_tls_server({.hosts = {{issue({"mail.test"}), issue({"mail.test"}, KeyKind::Rsa2048)}}});
  auto client = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false});
  ASSERT_TRUE(server && client);
  Handshake h(*server, *client, "mail.test");
  ASSERT_TRUE(h.connected) << h.client_error;
  TlsFacts at_server = tls_facts(h.server.get()), at_client = tls_facts(h.client.get());
  EXPECT_EQ(at_server.version, "TLSv1.3");
  EXPECT_EQ(at_server.sni, "mail.test");
  EXPECT_GE(at_server.bits, 128);
  EXPECT_EQ(at_server.exporter.size(), 32u);
  EXPECT_EQ(at_server.exporter, at_client.exporter);
  EXPECT_EQ(at_client.peer_sha256.size(), 64u);
  EXPECT_EQ(SSL_get_negotiated_group(h.client.get()), NID_X25519);
  Handshake wrong(*server, *client, "other.test");
  EXPECT_FALSE(wrong.connected);
  EXPECT_THAT(wrong.client_error, HasSubstr("hostname mismatch"));
}

TEST_F(TlsTest, tls12_has_forward_secrecy_and_rsa_only_clients_get_the_second_certificate) {
  auto server = make_tls_server({.hosts = {{issue({"mail.test"}), issue({"mail.test"}, KeyKind::Rsa2048)}}});
  auto client = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false});
  Handshake h(*server, *client, "mail.test", TLS1_2_VERSION);
  ASSERT_TRUE(h.connected);
  EXPECT_THAT(tls_facts(h.server.get()).cipher, HasSubstr("ECDHE-ECDSA-AES"));
  SSL_CTX_set_cipher_list(client->get(), "ECDHE-RSA-AES128-GCM-SHA256");
  Handshake rsa(*server, *client, "mail.test", TLS1_2_VERSION);
  ASSERT_TRUE(rsa.connected);
  EXPECT_EQ(tls_facts(rsa.server.get()).cipher, "ECDHE-RSA-AES128-GCM-SHA256");
  SSL_CTX_set_cipher_list(client->get(), "AES128-SHA:ECDHE-RSA-AES128-SHA");
  EXPECT_FALSE(Handshake(*server, *client, "mail.test", TLS1_2_VERSION).connected) << "no CBC, no static RSA";
}

TEST_F(TlsTest, old_protocol_versions_are_refused) {
  auto server = make_tls_server({.hosts = {{issue({"mail.test"})}}});
  TlsContext old(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_CTX_set_cipher_list(old.get(), "ALL:@SECLEVEL=0");
  EXPECT_FALSE(Handshake(*server, old, "mail.test", TLS1_1_VERSION).connected);
}

TEST_F(TlsTest, unknown_roots_fail_unless_opportunistic) {
  auto server = make_tls_server({.hosts = {{issue({"mail.test"})}}});
  CertifiedKey stranger = *make_authority("Other CA", clock, random);
  auto checking = make_tls_client({.ca_pem = stranger.chain_pem, .system_roots = false});
  EXPECT_FALSE(Handshake(*server, *checking, "mail.test").connected);
  auto opportunistic = make_tls_client({.check = PeerCheck::None});
  EXPECT_TRUE(Handshake(*server, *opportunistic, "whatever.test").connected);
  EXPECT_FALSE(make_tls_client({.system_roots = false})) << "a checking client without roots";
}

TEST_F(TlsTest, addresses_are_checked_and_not_sent_as_sni) {
  auto server = make_tls_server({.hosts = {{issue({"mail.test", "127.0.0.1"})}}});
  auto client = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false});
  Handshake h(*server, *client, "127.0.0.1");
  EXPECT_TRUE(h.connected) << h.client_error;
  EXPECT_EQ(tls_facts(h.server.get()).sni, "");
  EXPECT_FALSE(Handshake(*server, *client, "127.0.0.2").connected);
}

TEST_F(TlsTest, sni_chooses_the_host_and_unknown_names_get_the_first) {
  CertifiedKey first = issue({"a.example.org"}), second = issue({"*.example.org", "mail.example.net"});
  auto server = make_tls_server({.hosts = {{first}, {second}}});
  auto client = make_tls_client({.check = PeerCheck::None});
  std::string first_id = read_certificate(first.chain_pem)->sha256, second_id = read_certificate(second.chain_pem)->sha256;
  auto seen = [&](std::string_view host) {
    Handshake h(*server, *client, host);
    EXPECT_TRUE(h.connected);
    return tls_facts(h.client.get()).peer_sha256;
  };
  EXPECT_EQ(seen("a.example.org"), first_id) << "its own name wins over the other host's wildcard";
  EXPECT_EQ(seen("B.example.org"), second_id);
  EXPECT_EQ(seen("mail.example.net"), second_id);
  EXPECT_EQ(seen("unknown.test"), first_id);
  EXPECT_EQ(seen("127.0.0.1"), first_id);
}

TEST_F(TlsTest, every_name_has_the_keys_of_both_kinds_that_cover_it) {
  CertifiedKey own = issue({"mail.test"}), ec = issue({"a.other.test"}), rsa = issue({"*.other.test"}, KeyKind::Rsa2048);
  auto server = make_tls_server({.hosts = {{own}, {ec}, {rsa}}});
  ASSERT_TRUE(server);
  auto client = make_tls_client({.check = PeerCheck::None});
  auto seen = [&](std::string_view host, const char* suites) {
    SSL_CTX_set_cipher_list(client->get(), suites);
    Handshake h(*server, *client, host, TLS1_2_VERSION);
    return h.connected ? tls_facts(h.client.get()).peer_sha256 : "none";
  };
  auto id = [](const CertifiedKey& pair) { return read_certificate(pair.chain_pem)->sha256; };
  constexpr const char *kEc = "ECDHE-ECDSA-AES128-GCM-SHA256", *kRsa = "ECDHE-RSA-AES128-GCM-SHA256";
  EXPECT_EQ(seen("a.other.test", kEc), id(ec));
  EXPECT_EQ(seen("a.other.test", kRsa), id(rsa)) << "the wildcard's key stands beside the exact name's";
  EXPECT_EQ(seen("b.other.test", kRsa), id(rsa));
  EXPECT_EQ(seen("b.other.test", kEc), "none") << "no ECDSA key covers it";
  EXPECT_EQ(seen("unknown.test", kEc), id(own));
  EXPECT_FALSE(make_tls_server({.hosts = {{own}, {{ec.chain_pem, rsa.key_pem}}}})) << "each pair is checked";
}

TEST_F(TlsTest, profiles_set_the_least_version) {
  CertifiedKey pair = issue({"mail.test"}, KeyKind::Rsa2048);
  auto client = make_tls_client({.check = PeerCheck::None, .profile = TlsProfile::Legacy});
  auto version = [&](TlsProfile profile, int most) {
    auto server = make_tls_server({.hosts = {{pair}, {issue({"other.test"}, KeyKind::Rsa2048)}}, .profile = profile});
    for (const char* host : {"mail.test", "other.test"}) {
      Handshake h(*server, *client, host, most);
      if (!h.connected) return std::string("none");
      if (std::string_view(host) == "other.test") return tls_facts(h.server.get()).version;
    }
    return std::string();
  };
  EXPECT_EQ(version(TlsProfile::Modern, TLS1_2_VERSION), "none");
  EXPECT_EQ(version(TlsProfile::Modern, 0), "TLSv1.3");
  EXPECT_EQ(version(TlsProfile::Intermediate, TLS1_1_VERSION), "none");
  EXPECT_EQ(version(TlsProfile::Intermediate, TLS1_2_VERSION), "TLSv1.2");
  EXPECT_EQ(version(TlsProfile::Legacy, TLS1_VERSION), "TLSv1");
  EXPECT_EQ(version(TlsProfile::Legacy, 0), "TLSv1.3");
}

TEST_F(TlsTest, the_peer_chain_is_given_as_sent) {
  CertifiedKey pair = issue({"mail.test"});
  pair.chain_pem += authority.chain_pem;
  auto server = make_tls_server({.hosts = {{pair}}});
  auto client = make_tls_client({.check = PeerCheck::None});
  Handshake h(*server, *client, "mail.test");
  EXPECT_EQ(peer_certificates(h.client.get()).chain, *certificates_der(pair.chain_pem));
}

TEST_F(TlsTest, a_ticket_resumes_at_every_worker_with_the_ring_and_over_two_rotations) {
  CertifiedKey pair = issue({"mail.test"}), other = issue({"other.test"});
  auto client = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false});
  auto server = [&](const Secret& ring) {
    return *make_tls_server({.hosts = {{pair}, {other}}, .ticket_keys = *parse_ticket_keys(ring)});
  };
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Secret ring = *rotate_ticket_keys(Secret(), random);
    for (const char* host : {"mail.test", "other.test"}) {
      Handshake first(server(ring), *client, host, version);
      ASSERT_TRUE(first.connected);
      auto session = OpensslPtr<SSL_SESSION, SSL_SESSION_free>(SSL_get1_session(first.client.get()));
      auto resumed = [&](const Secret& at) {  // a connection that ends without close_notify spoils its session
        OpensslPtr<SSL_SESSION, SSL_SESSION_free> copy(SSL_SESSION_dup(session.get()));
        return tls_facts(Handshake(server(at), *client, host, version, copy.get()).server.get()).resumed;
      };
      EXPECT_TRUE(resumed(ring)) << "another worker";
      Secret once = *rotate_ticket_keys(ring, random), twice = *rotate_ticket_keys(once, random);
      EXPECT_TRUE(resumed(once));
      EXPECT_TRUE(resumed(twice));
      EXPECT_FALSE(resumed(*rotate_ticket_keys(twice, random))) << "the third rotation drops the key";
      EXPECT_FALSE(resumed(*rotate_ticket_keys(Secret(), random))) << "a ring that knows nothing of it";
    }
  }
}

TEST(TicketKeys, text_is_checked_by_line) {
  EXPECT_EQ(parse_ticket_keys(Secret("# ring\n\n" + std::string(64, 'a') + "\r\n"))->size(), 1u);
  for (std::string text :
       {std::string(), std::string("\n"), std::string(62, 'a'), std::string(64, 'g'), std::string(66, 'a')})
    EXPECT_FALSE(parse_ticket_keys(Secret(text))) << text;
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += std::string(64, '0') + "\n";
  EXPECT_FALSE(parse_ticket_keys(Secret(nine)));
  EXPECT_FALSE(rotate_ticket_keys(Secret("x"), base::system_random()));
}

TEST_F(TlsTest, client_certificates_are_asked_for_when_wanted_and_reported_by_digest) {
  CertifiedKey own = issue({"client.test"});
  auto server = make_tls_server({.hosts = {{issue({"mail.test"})}}, .client_certificates = ClientCertificates::Unverified});
  auto with = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false, .client_certificate = {own}});
  auto without = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false});
  Handshake a(*server, *with, "mail.test"), b(*server, *without, "mail.test");
  ASSERT_TRUE(a.connected && b.connected);
  EXPECT_EQ(tls_facts(a.server.get()).peer_sha256, read_certificate(own.chain_pem)->sha256);
  EXPECT_EQ(tls_facts(b.server.get()).peer_sha256, "");
}

// A client's certificate: EKU clientAuth, SAN rfc822Name.
CertifiedKey issue_client_certificate(const CertifiedKey& authority) {
  auto issuer = parse_certificates(authority.chain_pem, kMaxChain);
  auto signer = parse_private_key(authority.key_pem);
  PkeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr leaf(X509_new());
  X509_set_version(leaf.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(leaf.get()), 7);
  X509_gmtime_adj(X509_getm_notBefore(leaf.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(leaf.get()), 3600);
  X509_set_pubkey(leaf.get(), key.get());
  X509_set_issuer_name(leaf.get(), X509_get_subject_name((*issuer)[0].get()));
  for (auto [nid, value] : {std::pair{NID_ext_key_usage, "clientAuth"}, {NID_subject_alt_name, "email:ana@example.org"}}) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, (*issuer)[0].get(), leaf.get(), nullptr, nullptr, 0);
    X509ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    BZ_CHECK(extension && X509_add_ext(leaf.get(), extension.get(), -1) == 1, "an extension");
  }
  BZ_CHECK(X509_sign(leaf.get(), signer->get(), EVP_sha256()) > 0, "signing");
  return {*certificate_pem(leaf.get()), *private_key_pem(key.get())};
}

TEST_F(TlsTest, verified_client_certificates_are_passed_on_and_others_end_the_handshake) {
  CertifiedKey other = *make_authority("Other CA", clock, random);
  auto authorities = *ClientAuthorities::make(authority.chain_pem, "");
  auto server = [&](ClientCertificates wanted) {
    return *make_tls_server(
        {.hosts = {{issue({"mail.test"})}}, .client_certificates = wanted, .client_authorities = authorities});
  };
  auto client = [&](std::vector<CertifiedKey> own) {
    return *make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false, .client_certificate = std::move(own)});
  };
  TlsContext optional = server(ClientCertificates::Optional), required = server(ClientCertificates::Required);
  TlsContext with = client({issue_client_certificate(authority)}), without = client({});
  TlsContext stranger = client({issue_client_certificate(other)}), wrong_use = client({issue({"mail.test"})});
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Handshake good(required, with, "mail.test", version), none(optional, without, "mail.test", version);
    ASSERT_TRUE(good.connected && none.connected) << version;
    auto chain = tls_facts(good.server.get()).peer_chain;
    ASSERT_EQ(chain.size(), 1u) << "without the root";
    auto who = verify_client_certificate(chain, authorities, clock);
    ASSERT_TRUE(who) << who.error().text();
    EXPECT_THAT(who->emails, ElementsAre("ana@example.org"));
    EXPECT_TRUE(tls_facts(none.server.get()).peer_chain.empty());
    EXPECT_FALSE(Handshake(required, without, "mail.test", version).connected);
    for (const TlsContext& bad : {stranger, wrong_use}) {
      EXPECT_FALSE(Handshake(optional, bad, "mail.test", version).connected);
      EXPECT_FALSE(Handshake(required, bad, "mail.test", version).connected);
    }
  }
  EXPECT_FALSE(make_tls_server({.hosts = {{issue({"mail.test"})}}, .client_certificates = ClientCertificates::Required}));
}

TEST_F(TlsTest, a_session_begun_without_certificate_is_not_resumed_where_one_is_asked_for) {
  std::vector<Secret> shared{Secret(std::string(48, 's'))};
  CertifiedKey pair = issue({"mail.test"});
  auto open = make_tls_server({.hosts = {{pair}}, .ticket_keys = shared});
  auto strict = make_tls_server({.hosts = {{pair}},
                                 .ticket_keys = shared,
                                 .client_certificates = ClientCertificates::Required,
                                 .client_authorities = *ClientAuthorities::make(authority.chain_pem, "")});
  auto client = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false});
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Handshake first(*open, *client, "mail.test", version);
    ASSERT_TRUE(first.connected);
    auto session = OpensslPtr<SSL_SESSION, SSL_SESSION_free>(SSL_get1_session(first.client.get()));
    EXPECT_TRUE(tls_facts(Handshake(*open, *client, "mail.test", version, session.get()).server.get()).resumed) << version;
    EXPECT_FALSE(Handshake(*strict, *client, "mail.test", version, session.get()).connected) << version;
  }
}

TEST_F(TlsTest, both_ends_know_the_same_channel_bindings) {
  for (KeyKind kind : {KeyKind::EcdsaP256, KeyKind::Rsa2048}) {
    CertifiedKey pair = issue({"mail.test"}, kind);
    auto server = make_tls_server({.hosts = {{pair}}});
    auto client = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false});
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      Handshake shake(*server, *client, "mail.test", version);
      ASSERT_TRUE(shake.connected);
      TlsFacts ours = tls_facts(shake.server.get()), theirs = tls_facts(shake.client.get());
      EXPECT_EQ(ours.exporter, theirs.exporter);
      EXPECT_EQ(ours.exporter.size(), 32u);
      EXPECT_EQ(ours.unique, theirs.unique);
      EXPECT_EQ(ours.unique.size(), version == TLS1_2_VERSION ? 12u : 0u) << "RFC 9266: not defined for TLS 1.3";
      EXPECT_EQ(ours.server_end_point, theirs.server_end_point);
      EXPECT_EQ(base::hex(ours.server_end_point), read_certificate(pair.chain_pem)->sha256) << "signed with SHA-256";
      auto session = OpensslPtr<SSL_SESSION, SSL_SESSION_free>(SSL_get1_session(shake.client.get()));
      Handshake again(*server, *client, "mail.test", version, session.get());
      TlsFacts resumed = tls_facts(again.server.get());
      ASSERT_TRUE(resumed.resumed);
      EXPECT_EQ(resumed.unique, tls_facts(again.client.get()).unique);
      EXPECT_EQ(resumed.server_end_point, "");
    }
  }
}

TEST_F(TlsTest, alpn_takes_a_common_protocol_and_goes_on_without) {
  auto server = make_tls_server({.hosts = {{issue({"mail.test"})}}, .alpn = {"imap"}});
  auto client = make_tls_client({.ca_pem = authority.chain_pem, .system_roots = false});
  EXPECT_EQ(tls_facts(Handshake(*server, *client, "mail.test").server.get()).alpn, "");
  static const unsigned char kOffer[] = "\2h2\4imap";
  SSL_CTX_set_alpn_protos(client->get(), kOffer, sizeof kOffer - 1);
  EXPECT_EQ(tls_facts(Handshake(*server, *client, "mail.test").server.get()).alpn, "imap");
}

TEST_F(TlsTest, a_server_without_certificate_or_with_a_mismatched_one_is_not_made) {
  EXPECT_FALSE(make_tls_server({}));
  EXPECT_FALSE(make_tls_server({.hosts = {{}}}));
  EXPECT_FALSE(make_tls_server({.hosts = {{{issue({"a.test"}).chain_pem, issue({"a.test"}).key_pem}}}}));
}

}  // namespace
}  // namespace bz::crypto

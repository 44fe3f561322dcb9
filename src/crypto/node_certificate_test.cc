#include "crypto/node_certificate.h"

#include <gtest/gtest.h>

namespace bz::crypto {
namespace {

class NodeCertificate : public testing::Test {
 protected:
  CertifiedKey authority_ = make_authority("nodes", base::system_clock(), base::system_random()).value();
  Result<std::string> issue(std::string_view request, std::string_view name = "dmz1", int days = 90) {
    return issue_node_certificate(authority_, request, name, "gateway", days, base::system_clock(), base::system_random());
  }
};

TEST_F(NodeCertificate, NamesNodeAndRoleAndKeepsTheKeyOverARenewal) {
  auto request = make_node_request("dmz1", "gateway").value();
  auto first = node_identity_pem(issue(request.request_pem).value()).value();
  EXPECT_EQ(first.name, "dmz1");
  EXPECT_EQ(first.role, "gateway");
  EXPECT_EQ(first.key_sha256.size(), 64u);
  const int64_t now = base::system_clock().unix_seconds();
  EXPECT_LT(first.not_before, now);
  EXPECT_NEAR(static_cast<double>(first.not_after), static_cast<double>(now + 90 * 86'400), 2 * 3600.0);
  auto again = node_request_for("dmz1", "gateway", request.key_pem).value();
  EXPECT_EQ(node_identity_pem(issue(again).value()).value().key_sha256, first.key_sha256);
  auto other = make_node_request("dmz1", "gateway").value();
  EXPECT_NE(node_identity_pem(issue(other.request_pem).value()).value().key_sha256, first.key_sha256);
}

TEST_F(NodeCertificate, TakesNothingButTheKeyFromTheRequest) {
  auto request = make_node_request("evil", "inner").value();
  auto identity = node_identity_pem(issue(request.request_pem, "dmz2").value()).value();
  EXPECT_EQ(identity.name, "dmz2");
  EXPECT_EQ(identity.role, "gateway");
}

TEST_F(NodeCertificate, IsForClientsAlone) {
  auto request = make_node_request("dmz1", "gateway").value();
  auto certificate = issue(request.request_pem).value();
  auto facts = read_certificate(certificate).value();
  EXPECT_FALSE(facts.server_auth);
  EXPECT_FALSE(facts.authority);
  EXPECT_TRUE(check_certified_key({certificate, request.key_pem}).has_value());
}

TEST_F(NodeCertificate, RefusesWhatIsNoRequestForAKeyOfOurKind) {
  auto rsa = make_signing_request({"dmz1.gateway.nodes.buzon.internal"}, KeyKind::Rsa2048).value();
  EXPECT_EQ(issue(rsa.request_pem).error().code(), Errc::Invalid);
  EXPECT_EQ(issue("").error().code(), Errc::Invalid);
  EXPECT_EQ(issue("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n").error().code(),
            Errc::Invalid);
  EXPECT_EQ(issue(std::string(20'000, 'A')).error().code(), Errc::TooLarge);
  auto request = make_node_request("dmz1", "gateway").value().request_pem;
  for (size_t at = 40; at < request.size() - 60; at += 37) {  // a changed byte breaks the form or the signature
    std::string broken = request;
    broken[at] = broken[at] == 'A' ? 'B' : 'A';
    if (broken != request) EXPECT_FALSE(issue(broken).has_value()) << at;
  }
  EXPECT_FALSE(issue(request, "UPPER").has_value());
  EXPECT_FALSE(issue(request, "dmz1", 0).has_value());
}

TEST(NodeName, IsALabel) {
  for (const char* good : {"a", "dmz1", "dmz-1", "0", "abcdefghijklmnopqrstuvwxyz012345"})
    EXPECT_TRUE(is_node_name(good)) << good;
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a b", "a_b", "abcdefghijklmnopqrstuvwxyz0123456"}) {
    EXPECT_FALSE(is_node_name(bad)) << bad;
    EXPECT_FALSE(make_node_request(bad, "gateway").has_value());
  }
}

TEST_F(NodeCertificate, IdentityOfAnotherCertificateIsRefused) {
  EXPECT_EQ(node_identity_pem(authority_.chain_pem).error().code(), Errc::Invalid);
  CertificateRequest request;
  request.names = {kInnerName};
  auto server = issue_server_certificate(authority_, request, base::system_clock(), base::system_random()).value();
  EXPECT_EQ(node_identity_pem(server.chain_pem).error().code(), Errc::Invalid);
  request.names = {"a.b.gateway.nodes.buzon.internal"};
  server = issue_server_certificate(authority_, request, base::system_clock(), base::system_random()).value();
  EXPECT_EQ(node_identity_pem(server.chain_pem).error().code(), Errc::Invalid);
  EXPECT_EQ(node_identity("x").error().code(), Errc::Invalid);
  EXPECT_EQ(pem_of("x").error().code(), Errc::Invalid);
}

}  // namespace
}  // namespace bz::crypto

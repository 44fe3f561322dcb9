#include <fstream>
#include <sstream>

#include "authd/world_for_test.h"
#include "base/text.h"

namespace bz::authd {
namespace {

std::string test_file(std::string_view name) {
  std::ifstream in(std::string(BUZON_SOURCE_DIR "/tests/data/") + std::string(name));
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string certificate(std::string_view name) {
  std::string text = test_file("client-certificates/" + std::string(name) + ".pem"), body;
  for (std::string_view line : base::split(text, '\n'))
    if (!line.starts_with("-----")) body += line;
  return base::from_base64(body).value();
}

struct AuthdIdentityTest : AuthdTest {
  void SetUp() override {
    clock.advance(base::Millis(std::chrono::hours(24 * 60)));  // the certificates begin after the clock
    Options o = options();
    o.certificates.authorities =
        *crypto::ClientAuthorities::make(test_file("client-certificates/ca.pem"), test_file("client-certificates/crl.pem"));
    o.certificates.names = {CertificateRules::Name::Email, CertificateRules::Name::Upn};
    o.tokens = tokens(test_file("oauth/jwks.json"),
                      {.issuer = "https://id.example.org", .audiences = {"mail"}, .user_claim = "email"});
    service->reload(std::move(o));
  }
  std::shared_ptr<Tokens> tokens(std::string keys, oauth::Options claims) {
    Tokens::World tokens_world{.loop = loop, .clock = clock, .random = base::system_random(), .fetch = {}};
    return *Tokens::make(std::move(tokens_world), {.claims = std::move(claims), .keys = std::move(keys)});
  }
  Sent external(std::vector<std::string> chain, std::string who = "") {
    auto start = begin("EXTERNAL");
    start.has_initial = true;
    start.initial = std::move(who);
    start.client_certificates = std::move(chain);
    return answer_to(start);
  }
  Sent xoauth2(std::string_view user, std::string_view token) {
    auto start = begin("XOAUTH2");
    start.has_initial = true;
    start.initial = "user=" + std::string(user) + "\x01" + "auth=Bearer " + std::string(token) + "\x01\x01";
    Sent s = answer_to(start);
    if (s.type != Type::SaslChallenge) return s;
    return ask(gateway, Type::SaslStep, wire::SaslStep{start.id, ""});
  }
};

TEST_F(AuthdIdentityTest, a_certificate_logs_in_whom_it_names) {
  Sent s = external({certificate("ana")});
  ASSERT_EQ(s.type, Type::SaslDone);
  EXPECT_EQ(wire::SaslDone::decode(s.payload)->account, "ana@example.org");
  EXPECT_EQ(external({certificate("ana")}, "ana@example.org").type, Type::SaslDone);
  EXPECT_EQ(failure(external({certificate("ana")}, "eva@example.org")).kind, 0);
  EXPECT_EQ(failure(external({})).kind, 0);
  EXPECT_EQ(failure(external({"rubbish"})).kind, 0);
  EXPECT_EQ(failure(external({certificate("revoked")})).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("revoked"));
  EXPECT_EQ(failure(external({certificate("stranger")})).kind, 0) << "its name alone is worth nothing";
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_EQ(failure(external({certificate("ana")})).kind, 0);
}

TEST_F(AuthdIdentityTest, a_token_logs_in_whom_it_names_and_no_other) {
  std::string text = test_file("oauth/tokens.txt"), token(base::split(base::split(text, '\n')[0], ' ')[1]);
  Sent s = xoauth2("ana@example.org", token);
  ASSERT_EQ(s.type, Type::SaslDone);
  EXPECT_EQ(wire::SaslDone::decode(s.payload)->account, "ana@example.org");
  EXPECT_EQ(failure(xoauth2("eva@example.org", token)).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("the token is of ana@example.org"));
  EXPECT_EQ(failure(xoauth2("ana@example.org", "a.b.c")).kind, 0);
  EXPECT_THAT(g_log, Not(HasSubstr(token)));
  g_log.clear();
  auto leaving = begin("OAUTHBEARER");
  leaving.has_initial = true;
  leaving.initial =
      "n,,\x01"
      "auth=Bearer a.b.c\x01\x01";
  ASSERT_EQ(answer_to(leaving).type, Type::SaslChallenge);
  service->message(gateway, static_cast<uint8_t>(Type::SaslAbort), wire::SaslAbort{leaving.id}.encode());
  EXPECT_THAT(g_log, HasSubstr("verdict=refused")) << "who leaves with the refusal in his hand is refused";
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_EQ(failure(xoauth2("ana@example.org", token)).kind, 0);
}

TEST_F(AuthdTest, without_keys_or_authorities_nobody_is_identified) {
  auto start = begin("EXTERNAL");
  start.has_initial = true;
  start.client_certificates = {certificate("ana")};
  EXPECT_EQ(failure(answer_to(start)).kind, 0);
  auto bearer = begin("OAUTHBEARER");
  bearer.has_initial = true;
  bearer.initial =
      "n,,\x01"
      "auth=Bearer a.b.c\x01\x01";
  Sent s = answer_to(bearer);
  ASSERT_EQ(s.type, Type::SaslChallenge);
  EXPECT_EQ(failure(ask(gateway, Type::SaslStep, wire::SaslStep{bearer.id, "\x01"})).kind, 0);
}

}  // namespace
}  // namespace bz::authd

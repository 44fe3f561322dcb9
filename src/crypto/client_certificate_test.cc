#include "crypto/client_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/text.h"

namespace bz::crypto {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string file(std::string_view name) {
  std::ifstream in(std::string(BUZON_SOURCE_DIR "/tests/data/client-certificates/") + std::string(name) + ".pem");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string der(std::string_view name) {
  std::string text = file(name), body;
  for (std::string_view line : base::split(text, '\n'))
    if (!line.starts_with("-----")) body += line;
  return base::from_base64(body).value();
}

struct ClientCertificateTest : testing::Test {
  base::ManualClock clock{base::WallTime(std::chrono::seconds(1'800'000'000))};
  ClientAuthorities plain = *ClientAuthorities::make(file("ca"), "");
  ClientAuthorities strict = *ClientAuthorities::make(file("ca"), file("crl"));
  Result<ClientIdentity> judge(std::vector<std::string> chain, const ClientAuthorities& authorities) {
    return verify_client_certificate(chain, authorities, clock);
  }
};

TEST_F(ClientCertificateTest, a_good_one_says_who_its_owner_is) {
  for (const auto& authorities : {plain, strict}) {
    auto who = judge({der("ana")}, authorities);
    ASSERT_TRUE(who) << who.error().text();
    EXPECT_EQ(who->common_name, "Ana Ä");
    EXPECT_THAT(who->emails, ElementsAre("ana@example.org"));
    EXPECT_THAT(who->upns, ElementsAre("ana@corp.example"));
    EXPECT_EQ(who->sha256.size(), 64u);
  }
}

TEST_F(ClientCertificateTest, a_chain_leads_through_what_the_client_sent) {
  auto who = judge({der("under"), der("inter")}, plain);
  ASSERT_TRUE(who) << who.error().text();
  EXPECT_EQ(who->common_name, "eva@example.org");
  EXPECT_THAT(who->emails, IsEmpty());
  EXPECT_FALSE(judge({der("under")}, plain)) << "the sub-CA is missing";
  EXPECT_FALSE(judge({der("under"), der("inter")}, strict)) << "the sub-CA has no list here";
}

TEST_F(ClientCertificateTest, refusals_say_why) {
  struct {
    const char *name, *why;
  } rows[] = {{"old", "expired"}, {"server", "purpose"}, {"stranger", "self"}, {"revoked", "revoked"}};
  for (const auto& row : rows) {
    auto who = judge({der(row.name)}, strict);
    ASSERT_FALSE(who) << row.name;
    EXPECT_EQ(who.error().code(), Errc::Denied);
    EXPECT_THAT(who.error().text(), HasSubstr(row.why)) << row.name;
  }
  EXPECT_TRUE(judge({der("revoked")}, plain)) << "without a list nothing is revoked";
  EXPECT_FALSE(judge({}, plain));
  EXPECT_FALSE(judge({der("ana")}, ClientAuthorities()));
  clock.advance(base::Millis(std::chrono::hours(24 * 365 * 30)));
  EXPECT_FALSE(judge({der("ana")}, strict)) << "after its end, and its list's";
}

TEST_F(ClientCertificateTest, hostile_bytes_are_no_certificates) {
  const std::string good = der("ana");
  for (size_t cut = 0; cut < good.size(); cut += 13) EXPECT_FALSE(judge({good.substr(0, cut)}, plain));
  EXPECT_FALSE(judge({good + "x"}, plain));
  EXPECT_FALSE(judge({std::string(kMaxClientCertificate + 1, 'x')}, plain));
  EXPECT_FALSE(judge(std::vector<std::string>(kMaxClientChain + 1, good), plain));
  EXPECT_FALSE(judge({good, "rubbish"}, plain));
}

TEST(ClientAuthorities, need_certificates_and_lists_that_can_be_read) {
  EXPECT_FALSE(ClientAuthorities::make("", ""));
  EXPECT_FALSE(ClientAuthorities::make("rubbish", ""));
  EXPECT_FALSE(ClientAuthorities::make(file("ca"), "rubbish"));
  EXPECT_FALSE(ClientAuthorities::make(file("ca"), file("ca")));
}

}  // namespace
}  // namespace bz::crypto

#include "crypto/push_certificate.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

namespace bz::crypto {
namespace {

using ::testing::HasSubstr;

std::string file(const std::string& name) {
  std::ifstream in(BUZON_SOURCE_DIR "/tests/data/push-certificates/" + name + ".pem");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}
std::string refusal(const std::string& pem) {
  auto topic = push_topic(pem);
  return topic ? "taken: " + *topic : topic.error().text();
}

TEST(PushCertificate, the_user_id_of_the_subject_is_the_topic) {
  auto topic = push_topic(file("mail"));
  ASSERT_TRUE(topic.has_value()) << topic.error().text();
  EXPECT_EQ(*topic, "com.apple.mail.XServer.11111111-2222-3333-4444-555555555555");
  auto of_chain = push_topic(file("mail") + file("none"));
  ASSERT_TRUE(of_chain.has_value()) << of_chain.error().text();
  EXPECT_EQ(*of_chain, *topic) << "the first of a chain counts";
}

TEST(PushCertificate, others_are_refused_in_plain_words) {
  EXPECT_THAT(refusal(file("none")), HasSubstr("has no user id"));
  EXPECT_THAT(refusal(file("mgmt")), HasSubstr("is for com.apple.mgmt.External.1111; phones read mail"));
  EXPECT_THAT(refusal(file("odd")), HasSubstr("is no topic"));
  EXPECT_FALSE(push_topic("").has_value());
  EXPECT_FALSE(push_topic("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").has_value());
}

}  // namespace
}  // namespace bz::crypto

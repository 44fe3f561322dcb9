#include "roles/inner_registry.h"

#include <gtest/gtest.h>

namespace bz::roles {
namespace {

crypto::NodeIdentity node(std::string name, char key, std::string role = "gateway") {
  return {std::move(name), std::move(role), std::string(64, key), 100, 2000};
}

TEST(NodeRegistry, LetsInANodeWithItsKeyUntilItIsRevoked) {
  NodeRegistry registry;
  EXPECT_EQ(registry.check(node("dmz1", 'a')).error().code(), Errc::Denied);
  ASSERT_TRUE(registry.add(node("dmz1", 'a'), 5).has_value());
  EXPECT_TRUE(registry.check(node("dmz1", 'a')).has_value());
  EXPECT_EQ(registry.check(node("dmz1", 'b')).error().code(), Errc::Denied);
  EXPECT_EQ(registry.check(node("dmz2", 'a')).error().code(), Errc::Denied);
  EXPECT_EQ(registry.check(node("dmz1", 'a', "inner")).error().code(), Errc::Denied);
  EXPECT_EQ(registry.add(node("dmz1", 'b'), 6).error().code(), Errc::Exists);
  ASSERT_TRUE(registry.revoke("dmz1").has_value());
  EXPECT_EQ(registry.check(node("dmz1", 'a')).error().code(), Errc::Denied);
  EXPECT_EQ(registry.add(node("dmz1", 'a'), 7).error().code(), Errc::Denied) << "the revoked key";
  ASSERT_TRUE(registry.add(node("dmz1", 'b'), 8).has_value());
  EXPECT_TRUE(registry.check(node("dmz1", 'b')).has_value());
  EXPECT_EQ(registry.check(node("dmz1", 'a')).error().code(), Errc::Denied);
  EXPECT_EQ(registry.revoke("dmz9").error().code(), Errc::NotFound);
}

TEST(NodeRegistry, IsReadAsItWasWritten) {
  NodeRegistry registry;
  ASSERT_TRUE(registry.add(node("dmz1", 'a'), 5).has_value());
  ASSERT_TRUE(registry.add(node("dmz2", 'b'), 6).has_value());
  ASSERT_TRUE(registry.revoke("dmz1").has_value());
  EXPECT_EQ(registry.text(), "buzon nodes 1\nnode dmz1 gateway revoked " + std::string(64, 'a') +
                                 " 5 2000\nnode dmz2 gateway active " + std::string(64, 'b') + " 6 2000\n");
  auto back = NodeRegistry::parse(registry.text());
  ASSERT_TRUE(back.has_value());
  EXPECT_TRUE(*back == registry);
  EXPECT_TRUE(NodeRegistry::parse("").value() == NodeRegistry());
}

TEST(NodeRegistry, TokenBringsANodeInOnceAndUntilItExpires) {
  NodeRegistry registry;
  const std::string hash(64, 'c');
  ASSERT_TRUE(registry.add_token(hash, {"dmz1", "gateway", 1000}, 10).has_value());
  EXPECT_TRUE(NodeRegistry::parse(registry.text()).value() == registry);
  EXPECT_EQ(registry.find_token(hash, 999).value().name, "dmz1");
  EXPECT_EQ(registry.find_token(hash, 1000).error().code(), Errc::Denied) << "expired";
  EXPECT_EQ(registry.find_token(std::string(64, 'd'), 10).error().code(), Errc::Denied);
  registry.drop_token(hash);
  EXPECT_EQ(registry.find_token(hash, 10).error().code(), Errc::Denied) << "used";
  ASSERT_TRUE(registry.add(node("dmz1", 'a'), 5).has_value());
  EXPECT_EQ(registry.add_token(hash, {"dmz1", "gateway", 1000}, 10).error().code(), Errc::Exists);
  ASSERT_TRUE(registry.revoke("dmz1").has_value());
  EXPECT_TRUE(registry.add_token(hash, {"dmz1", "gateway", 1000}, 10).has_value());
  for (size_t i = 1; i < NodeRegistry::kMaxTokens; ++i) {
    const std::string other = std::string(61, '0') + std::to_string(100 + i);
    ASSERT_TRUE(registry.add_token(other, {"dmz2", "gateway", 20}, 10).has_value());
  }
  EXPECT_EQ(registry.add_token(std::string(64, 'e'), {"dmz3", "gateway", 1000}, 10).error().code(), Errc::Limit);
  EXPECT_TRUE(registry.add_token(std::string(64, 'e'), {"dmz3", "gateway", 1000}, 20).has_value())
      << "expired ones make room";
  registry.renewed("dmz1", 7777);
  EXPECT_EQ(registry.nodes().at("dmz1").expires, 7777);
}

TEST(NodeRegistry, DamagedListIsAnErrorAndNotAnEmptyList) {
  const std::string good = "node dmz1 gateway active " + std::string(64, 'a') + " 5 2000\n";
  ASSERT_TRUE(NodeRegistry::parse("buzon nodes 1\n" + good).has_value());
  for (const std::string& bad :
       {std::string("buzon nodes 2\n"), good, "buzon nodes 1\n" + good.substr(0, 60), std::string("buzon nodes 1\nnode\n"),
        "buzon nodes 1\nnode DMZ gateway active " + std::string(64, 'a') + " 5 2000\n",
        "buzon nodes 1\nnode dmz1 gateway maybe " + std::string(64, 'a') + " 5 2000\n",
        "buzon nodes 1\nnode dmz1 gateway active " + std::string(64, 'g') + " 5 2000\n",
        "buzon nodes 1\nnode dmz1 gateway active " + std::string(64, 'a') + " x 2000\n",
        "buzon nodes 1\ntoken " + std::string(64, 'a') + " dmz1 gateway\n",
        "buzon nodes 1\ntoken " + std::string(63, 'a') + " dmz1 gateway 5\n",
        "buzon nodes 1\ntoken " + std::string(64, 'a') + " dmz1 gateway x\n"}) {
    EXPECT_FALSE(NodeRegistry::parse(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace bz::roles

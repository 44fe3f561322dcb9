#include "roles/inner_token.h"

#include <gtest/gtest.h>

namespace bz::roles {
namespace {

TEST(NodeToken, IsReadAsItWasWritten) {
  for (const char* address : {"10.0.0.2", "fd00::2"}) {
    const NodeToken made = make_token(address, 7460, std::string(64, 'a'), base::system_random());
    auto back = parse_token(std::string(token_text(made).reveal()) + "\n");
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->address, address);
    EXPECT_EQ(back->port, 7460);
    EXPECT_EQ(back->ca_sha256, std::string(64, 'a'));
    EXPECT_EQ(back->secret.reveal(), made.secret.reveal());
    EXPECT_EQ(made.secret.reveal().size(), 2 * kTokenSecretSize);
  }
}

TEST(NodeToken, DamagedOneIsRefused) {
  const std::string ca(64, 'a'), secret(48, 'b');
  ASSERT_TRUE(parse_token("buzon1/10.0.0.2/7460/" + ca + "/" + secret).has_value());
  for (const std::string& bad :
       {std::string(), std::string("buzon1"), "buzon2/10.0.0.2/7460/" + ca + "/" + secret,
        "buzon1/host.test/7460/" + ca + "/" + secret, "buzon1/10.0.0.2/0/" + ca + "/" + secret,
        "buzon1/10.0.0.2/99999/" + ca + "/" + secret, "buzon1/10.0.0.2/7460/" + ca.substr(1) + "/" + secret,
        "buzon1/10.0.0.2/7460/" + ca + "/" + secret.substr(2), "buzon1/10.0.0.2/7460/" + ca + "/" + std::string(48, 'x'),
        "buzon1/10.0.0.2/7460/" + ca + "/" + secret + "/more"})
    EXPECT_FALSE(parse_token(bad).has_value()) << bad;
}

TEST(NodeToken, IsKeptAsAHash) {
  EXPECT_NE(token_hash("a"), token_hash("b"));
  EXPECT_EQ(token_hash("a").size(), 64u);
}

}  // namespace
}  // namespace bz::roles

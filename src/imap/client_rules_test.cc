#include "imap/client_rules.h"

#include <gtest/gtest.h>

namespace bz::imap {
namespace {

using Words = std::vector<std::string>;

IdFields phone(std::string name, std::string version = "1") {
  return {{"NAME", std::move(name)}, {"version", std::move(version)}};
}

TEST(ClientRules, apples_clients_see_no_rev2_and_others_do) {
  const ClientRules rules;
  for (const char* apple : {"com.apple.email.maild", "COM.APPLE.EMAIL.MAILD", "iPhone Mail", "Mac OS X Mail"})
    EXPECT_EQ(rules.hidden_from(phone(apple)), Words{"IMAP4rev2"}) << apple;
  for (const char* other : {"Thunderbird", "com.apple.email.maild2", ""})
    EXPECT_TRUE(rules.hidden_from(phone(other)).empty()) << other;
  EXPECT_TRUE(rules.hidden_from({}).empty());
  for (const ClientRule& rule : our_client_rules()) EXPECT_GT(rule.reason.size(), 10u) << rule.name;
}

TEST(ClientRules, the_administrators_come_first_and_the_first_that_names_a_capability_decides) {
  std::vector<ClientRule> own = {
      {"com.apple.email.maild", "3900.*", {}, {"IMAP4rev2"}, "tried"},
      {"com.*", "", {"COMPRESS", "THREAD=REFS"}, {}, "a proxy in between"},
      {"com.apple.email.maild", "", {"IDLE"}, {"COMPRESS=DEFLATE"}, "too late for COMPRESS"},
  };
  const ClientRules rules(own, true);
  EXPECT_EQ(rules.hidden_from(phone("com.apple.email.maild", "3826.1")),
            (Words{"COMPRESS", "THREAD=REFS", "IDLE", "IMAP4rev2"}));
  EXPECT_EQ(rules.hidden_from(phone("com.apple.email.maild", "3900.1")), (Words{"COMPRESS", "THREAD=REFS", "IDLE"}));
  EXPECT_TRUE(ClientRules({}, false).hidden_from(phone("iPhone Mail")).empty());
}

TEST(ClientRules, hiding_takes_words_with_their_values) {
  const Words hidden{"compress", "THREAD=REFS", "IMAP4rev2"};
  EXPECT_EQ(without("IMAP4rev1 IMAP4rev2 COMPRESS=DEFLATE THREAD=REFS THREAD=REFERENCES X", hidden),
            "IMAP4rev1 THREAD=REFERENCES X");
  EXPECT_TRUE(is_hidden("COMPRESS=DEFLATE", hidden));
  EXPECT_FALSE(is_hidden("THREAD", hidden));
  EXPECT_EQ(without("A B", {}), "A B");
}

}  // namespace
}  // namespace bz::imap

#include "login/imap_output.h"

#include <gtest/gtest.h>

namespace bz::login {
namespace {

struct Case {
  std::string said;
  bool bye;  // we may say BYE behind it
};

const Case kCases[] = {
    {"a1 OK [CAPABILITY IMAP4rev1] Logged in\r\n", true},
    {"a1 OK [CAPABILITY IMAP4rev1] Logged in\r", false},
    {"a1 OK Logg", false},
    {"* 3 EXISTS\r\n", true},
    {"+ idling\r\n", true},
    {"* 1 FETCH (BODY[] {5}\r\n", false},
    {"* 1 FETCH (BODY[] {5}\r\nab\r\n", false},
    {"* 1 FETCH (BODY[] {5}\r\nab\r\nc", false},
    {"* 1 FETCH (BODY[] {5}\r\nab\r\nc)", false},
    {"* 1 FETCH (BODY[] {5}\r\nab\r\nc)\r\n", true},
    {"* 1 FETCH (BINARY[1] ~{3}\r\n\n\r\n", false},
    {"* 1 FETCH (BINARY[1] ~{3}\r\n\n\r\n)\r\n", true},
    {"* 1 FETCH (BODY[1] {0}\r\n", false},
    {"* 1 FETCH (BODY[1] {0}\r\n BODY[2] {7}\r\n* BYE\r\n)\r\n", true},
    {"* LIST () \"/\" \"x {3}\"\r\n", true},
    {"* 1 FETCH (BODY[] {99999999999999999999999}\r\n", false},
    // The back end has said it itself.
    {"* BYE Logging out\r\na9 OK Done\r\n", false},
    {"* bye [UNAVAILABLE] gone\r\n", false},
    // Not to be told from a literal: we stay silent for good.
    {"a1 NO No such mailbox {3}\r\n", false},
    {"* OK See {3}\r\na1 OK Done\r\n* 1 EXISTS\r\n", false},
    {"* 1 EXISTS\n", false},
    // Compressed from here on.
    {"a1 NO [COMPRESSIONACTIVE] DEFLATE active\r\n", true},
    {"* OK DEFLATE active\r\n", true},
    {"a1 OK DEFLATE active\r\n", false},
    {"a1 OK DEFLATE active\r\n* 1 EXISTS\r\n", false},
    {std::string("a1 OK Begin compression.\r\n\xd2\x52\x30\0\0\xff\xff\r\n", 35), false},
    {"* 1 EXISTS\n* 2 EXISTS\r\n", false},
};

TEST(ImapOutput, says_bye_only_at_the_beginning_of_a_line) {
  for (const Case& c : kCases) {
    ImapOutput output;
    output.passing(c.said);
    EXPECT_EQ(!output.last_words().empty(), c.bye) << c.said;
  }
}

TEST(ImapOutput, sees_the_same_however_the_bytes_come) {
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut <= c.said.size(); ++cut) {
      ImapOutput output;
      output.passing(std::string_view(c.said).substr(0, cut));
      output.passing(std::string_view(c.said).substr(cut));
      EXPECT_EQ(!output.last_words().empty(), c.bye) << c.said << " cut at " << cut;
    }
    ImapOutput output;
    for (char byte : c.said) output.passing({&byte, 1});
    EXPECT_EQ(!output.last_words().empty(), c.bye) << c.said;
  }
}

// What a client's parser would make of it: our line is a response of its own, complete.
TEST(ImapOutput, its_bye_is_one_line) {
  ImapOutput output;
  output.passing("a OK\r\n");
  const std::string bye = output.last_words();
  EXPECT_TRUE(bye.starts_with("* BYE [UNAVAILABLE] "));
  EXPECT_EQ(bye.find("\r\n"), bye.size() - 2);
}

TEST(ImapOutput, long_lines_cost_nothing) {
  ImapOutput output;
  output.passing("* SEARCH");
  for (int i = 0; i < 100'000; ++i) output.passing(" 123456789");
  EXPECT_FALSE(output.at_line_start());
  output.passing("\r\n");
  EXPECT_TRUE(output.at_line_start());
}

}  // namespace
}  // namespace bz::login

#include "pop3/command.h"

#include <gtest/gtest.h>

namespace bz::pop3 {
namespace {

TEST(Pop3Command, keywords_have_no_case_and_take_their_arguments) {
  struct Case {
    std::string_view line;
    Verb verb;
    std::string_view text = {}, second = {};
    uint32_t message = 0, lines = 0;
  };
  const Case cases[] = {
      {"stat", Verb::Stat},
      {"STAT  ", Verb::Stat},
      {"Quit", Verb::Quit},
      {"USER ana@example.org", Verb::User, "ana@example.org"},
      {"USER ana maria", Verb::User, "ana maria"},
      {"PASS  two spaces ", Verb::Pass, " two spaces "},
      {"PASS p\xc3\xa4ss", Verb::Pass, "p\xc3\xa4ss"},
      {"APOP mrose c4c9334bac560ecc979e58001b3e22fb", Verb::Apop, "mrose", "c4c9334bac560ecc979e58001b3e22fb"},
      {"APOP ana maria c4c9 ", Verb::Apop, "ana maria", "c4c9"},
      {"AUTH", Verb::Auth},
      {"AUTH plain", Verb::Auth, "plain"},
      {"auth PLAIN =", Verb::Auth, "PLAIN", "="},
      {"AUTH PLAIN AGEAYg==", Verb::Auth, "PLAIN", "AGEAYg=="},
      {"LANG", Verb::Lang},
      {"LANG *", Verb::Lang, "*"},
      {"LIST", Verb::List},
      {"LIST ", Verb::List},
      {"list 2", Verb::List, {}, {}, 2},
      {"UIDL 007", Verb::Uidl, {}, {}, 7},
      {"RETR 4294967295", Verb::Retr, {}, {}, 4294967295},
      {"RETR 99999999999999999999", Verb::Retr, {}, {}, 4294967295},
      {"DELE  3 ", Verb::Dele, {}, {}, 3},
      {"TOP 1 0", Verb::Top, {}, {}, 1, 0},
      {"TOP 10 99999999999", Verb::Top, {}, {}, 10, 4294967295},
      {"UTF8", Verb::Utf8},
      {"CAPA", Verb::Capa},
      {"STLS", Verb::Stls},
      {"RSET", Verb::Rset},
      {"NOOP", Verb::Noop},
  };
  for (const Case& c : cases) {
    const Command command = parse_command(c.line);
    EXPECT_EQ(command.refusal, "") << c.line;
    EXPECT_EQ(command.verb, c.verb) << c.line;
    EXPECT_EQ(command.text, c.text) << c.line;
    EXPECT_EQ(command.second.value_or(""), c.second) << c.line;
    EXPECT_EQ(command.message.value_or(0), c.message) << c.line;
    EXPECT_EQ(command.lines, c.lines) << c.line;
  }
}

TEST(Pop3Command, what_is_not_well_formed_is_refused) {
  for (std::string_view line : {"",
                                " ",
                                "XYZZY",
                                "RETRIEVE 1",
                                "STA",
                                "STAT 1",
                                "RETR",
                                "RETR x",
                                "RETR 0",
                                "RETR -1",
                                "RETR 1 2",
                                "RETR 1.",
                                "LIST a",
                                "LIST 0",
                                "DELE",
                                "TOP",
                                "TOP 1",
                                "TOP 1 x",
                                "TOP 1 -1",
                                "TOP 1 2 3",
                                "UIDL 1 2",
                                "USER",
                                "USER ",
                                "PASS",
                                "APOP",
                                "APOP a",
                                "APOP  a",
                                "AUTH PLAIN a b",
                                "QUIT now",
                                "CAPA all",
                                "USER \xff",
                                "PASS \xc0\x80",
                                "APOP \xed\xa0\x80 d"}) {
    EXPECT_NE(parse_command(line).refusal, "") << line;
  }
}

TEST(Pop3Command, every_verb_has_a_name) {
  for (int v = static_cast<int>(Verb::Apop); v <= static_cast<int>(Verb::Quit); ++v) {
    const auto verb = static_cast<Verb>(v);
    EXPECT_EQ(parse_command(name(verb)).verb, verb);
  }
  EXPECT_EQ(name(Verb::Unknown), "?");
}

}  // namespace
}  // namespace bz::pop3

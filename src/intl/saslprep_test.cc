#include "intl/saslprep.h"

#include <gtest/gtest.h>

namespace bz::intl {
namespace {

struct Example {
  const char *name, *in, *out;  // out nullptr: refused
};

// The first six are the table of RFC 4013 section 3.
constexpr Example kExamples[] = {
    {"soft hyphen", "I\u00ADX", "IX"},
    {"no transformation", "user", "user"},
    {"case stays", "USER", "USER"},
    {"NFKC", "\u00AA", "a"},
    {"NFKC of a Roman numeral", "\u2168", "IX"},
    {"control", "\x07", nullptr},
    {"directions", "\u0627\x31", nullptr},
    {"no-break space", "a\u00A0b", "a b"},
    {"decomposed", "n\u0303", "\u00F1"},
    {"tab", "a\tb", nullptr},
    {"NUL is printable nowhere", "a\x7f", nullptr},
    {"private use", "\uE000", nullptr},
    {"not UTF-8", "\xC3", nullptr},
    {"overlong", "\xC0\xAF", nullptr},
    {"the longest expansion", "\uFDFA\uFDFA",
     "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064A\u0647 "
     "\u0648\u0633\u0644\u0645\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064A\u0647 "
     "\u0648\u0633\u0644\u0645"},
};

TEST(Saslprep, prepares_as_the_rfc_says) {
  for (const auto& example : kExamples) {
    for (const auto use : {Saslprep::Stored, Saslprep::Query}) {
      const auto got = saslprep(example.in, use);
      ASSERT_EQ(got.has_value(), example.out != nullptr) << example.name;
      if (got) EXPECT_EQ(*got, example.out) << example.name;
    }
  }
}

TEST(Saslprep, only_queries_may_hold_unassigned_code_points) {
  const std::string emoji = "\U0001F600";  // Unicode 6.1
  EXPECT_FALSE(saslprep(emoji, Saslprep::Stored));
  EXPECT_EQ(*saslprep(emoji, Saslprep::Query), emoji);
}

TEST(Saslprep, is_bounded_and_shows_nothing_of_what_it_refuses) {
  EXPECT_FALSE(saslprep(std::string(kMaxSaslprep, 'a') + "\u00F1", Saslprep::Query));
  EXPECT_TRUE(saslprep(std::string(kMaxSaslprep - 2, 'a') + "\u00F1", Saslprep::Query));
  EXPECT_EQ(saslprep("sesame\x07", Saslprep::Query).error().text().find("sesame"), std::string::npos);
}

TEST(Saslprep, preparing_twice_changes_nothing) {
  for (const auto& example : kExamples) {
    const auto once = saslprep(example.in, Saslprep::Query);
    if (once) EXPECT_EQ(*saslprep(*once, Saslprep::Query), *once) << example.name;
  }
}

TEST(Password, composed_and_decomposed_are_the_same) {
  EXPECT_EQ(password_text("man\u0303ana").reveal(), "ma\u00F1ana");
  EXPECT_EQ(password_text("ma\u00F1ana").reveal(), "ma\u00F1ana");
}

// Nobody is locked out of an account whose password no profile of 2005 has heard of.
TEST(Password, that_saslprep_refuses_is_taken_as_sent) {
  for (const char* odd : {"tab\there", "\xFF\xFE", "\u0627\x31", "\uE000", "\u00AD"}) {
    EXPECT_EQ(password_text(odd).reveal(), odd);
    ASSERT_EQ(password_candidates(odd).size(), 1u);
  }
  EXPECT_EQ(password_text("\U0001F600n\u0303").reveal(), "\U0001F600\u00F1");
}

TEST(Password, sent_in_the_clear_is_tried_prepared_and_as_sent) {
  const auto two = password_candidates("n\u0303");
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].reveal(), "\u00F1");
  EXPECT_EQ(two[1].reveal(), "n\u0303");
  EXPECT_EQ(password_candidates("plain ascii").size(), 1u);
}

TEST(LoginText, keeps_what_cannot_be_prepared) {
  EXPECT_EQ(login_text("jose\u0301@x"), "jos\u00E9@x");
  EXPECT_EQ(login_text("a\x01"), "a\x01");
}

}  // namespace
}  // namespace bz::intl

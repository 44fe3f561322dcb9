#include "store/fuzzy.h"

#include <gtest/gtest.h>

#include "base/env.h"

namespace bz::store {
namespace {

using enum WordHit;
using Hits = std::vector<WordHit>;

TEST(Fuzzy, words_may_have_errors_by_their_length) {
  const std::string text = "hello, the meeting about the invoice: 2026/contract, stra\xC3\x9F";
  auto hit = [&](std::string word) { return FuzzyNeedle(std::move(word)).words_in(text)[0]; };
  EXPECT_EQ(hit("hello"), Exact);
  EXPECT_EQ(hit("contr"), Exact) << "a part of a word is there";
  EXPECT_EQ(hit("helo"), Typo);
  EXPECT_EQ(hit("hlelo"), Typo) << "two letters changed places";
  EXPECT_EQ(hit("hxllx"), None) << "two errors in five letters";
  EXPECT_EQ(hit("invioces"), Typo) << "two errors in eight letters";
  EXPECT_EQ(hit("jello"), None) << "the first letter is right";
  EXPECT_EQ(hit("abx"), None) << "three letters have no errors";
}
TEST(Fuzzy, words_stand_in_any_order_and_punctuation_is_none_of_them) {
  const FuzzyNeedle needle("imap \"broken\"!");
  EXPECT_EQ(needle.words(), 2u);
  EXPECT_EQ(needle.words_in("a broken imap"), (Hits{Exact, Exact}));
  EXPECT_FALSE(needle.phrase_in("a broken imap"));
  EXPECT_EQ(FuzzyNeedle("...").words(), 0u);
  std::string many;
  for (size_t i = 0; i <= kFuzzyWords; ++i) many += "word ";
  EXPECT_EQ(FuzzyNeedle(many).words(), 0u);
}
TEST(Fuzzy, letters_are_characters_and_no_octets) {
  const FuzzyNeedle needle("\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82");  // privet
  EXPECT_EQ(needle.words_in("\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82"), Hits{Exact});
  EXPECT_EQ(needle.words_in("\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB5\xD1\x82"), Hits{Typo});
  EXPECT_EQ(needle.words_in("\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB5"), Hits{None});
}
TEST(Fuzzy, errors_are_counted_as_the_definition_says) {
  // Optimal string alignment, written as its recursion.
  struct Slow {
    std::u32string a, b;
    unsigned at(size_t i, size_t j) const {
      if (i == 0 || j == 0) return static_cast<unsigned>(i + j);
      unsigned least = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) least = std::min(least, at(i - 2, j - 2) + 1);
      return least;
    }
  };
  base::SeededRandom random{7};
  auto number = [&] {
    char octet = 0;
    random.fill({&octet, 1});
    return static_cast<unsigned char>(octet);
  };
  for (int round = 0; round < 400; ++round) {
    Slow slow;
    for (auto* word : {&slow.a, &slow.b})
      for (unsigned size = number() % 6; size > 0; --size) *word += U'a' + number() % 3;
    const unsigned truth = slow.at(slow.a.size(), slow.b.size());
    for (unsigned limit = 0; limit < 4; ++limit)
      EXPECT_EQ(typing_errors(slow.a, slow.b, limit), std::min(truth, limit + 1)) << round << " " << limit;
  }
}
TEST(Fuzzy, relevancy_falls_from_the_phrase_to_words_with_errors) {
  EXPECT_EQ((FuzzyFound{true, false, {}, {}}.relevancy(2)), 100u);
  EXPECT_EQ((FuzzyFound{false, true, {None, None}, {Exact, Exact}}.relevancy(2)), 50u);
  EXPECT_EQ((FuzzyFound{false, false, {Exact, Exact}, {}}.relevancy(2)), 80u);
  EXPECT_EQ((FuzzyFound{false, false, {Exact, None}, {Exact, Typo}}.relevancy(2)), 47u);
  EXPECT_EQ((FuzzyFound{false, false, {}, {Typo}}.relevancy(1)), 15u);
  EXPECT_FALSE((FuzzyFound{false, false, {Exact, None}, {None, None}}.matches(2)));
  EXPECT_TRUE((FuzzyFound{false, false, {Exact, None}, {None, Typo}}.matches(2)));
  EXPECT_FALSE((FuzzyFound{}.matches(0)));
}

}  // namespace
}  // namespace bz::store

#include "intl/idna.h"

#include <gtest/gtest.h>

namespace bz::intl {
namespace {

struct Pair {
  const char *in, *out;  // out nullptr: refused
};

TEST(Idna, u_labels_become_a_labels) {
  constexpr Pair kPairs[] = {
      {"m\u00FCnchen.example", "xn--mnchen-3ya.example"},
      {"M\u00DCNCHEN.Example", "xn--mnchen-3ya.example"},
      {"mu\u0308nchen.example", "xn--mnchen-3ya.example"},
      {"fa\u00DF.example", "xn--fa-hia.example"},
      {"\u4F8B\u3048\u3002\u30C6\u30B9\u30C8", "xn--r8jz45g.xn--zckzah"},
      {"b\u00FCcher.xn--mnchen-3ya", "xn--bcher-kva.xn--mnchen-3ya"},
      {"Mail.EXAMPLE", "mail.example"},
      {"[192.0.2.1]", "[192.0.2.1]"},
      {"_dmarc.example", "_dmarc.example"},
      {"", ""},
      {"\u00FC..example", nullptr},
      {"\u00FC\u200D.example", nullptr},  // a joiner out of its context (RFC 5892 appendix A)
      {"\u0627a.example", nullptr},       // RFC 5893
      {"-\u00FC.example", nullptr},       // RFC 5891 4.2.3.1
      {"\u00FC b.example", nullptr},      // STD 3
      {"\xFC.example", nullptr},          // no UTF-8
      {"xn--a.\u00FC", nullptr},          // an A-label that is none
  };
  for (const auto& pair : kPairs) {
    const auto got = to_a_labels(pair.in);
    ASSERT_EQ(got.has_value(), pair.out != nullptr) << pair.in;
    if (got) EXPECT_EQ(*got, pair.out) << pair.in;
  }
}

TEST(Idna, names_are_bounded) {
  std::string label;
  for (int i = 0; i < 70; ++i) label += "\u00FC";
  EXPECT_FALSE(to_a_labels(label + ".example"));
  std::string name;
  for (int i = 0; i < 60; ++i) name += "\u00FC.";
  EXPECT_FALSE(to_a_labels(name + "example"));
  EXPECT_FALSE(to_a_labels(std::string(100'000, '\xFC')));
}

TEST(Idna, a_labels_are_shown_as_u_labels) {
  EXPECT_EQ(to_u_labels("xn--mnchen-3ya.example"), "m\u00FCnchen.example");
  EXPECT_EQ(to_u_labels("mail.xn--a.xn--mnchen-3ya"), "mail.xn--a.m\u00FCnchen");
  EXPECT_EQ(to_u_labels(".xn--mnchen-3ya."), ".m\u00FCnchen.");
  EXPECT_EQ(to_u_labels("plain.example"), "plain.example");
}

TEST(Idna, both_forms_are_the_same_domain) {
  EXPECT_TRUE(same_domain("M\u00FCnchen.example", "XN--mnchen-3ya.example"));
  EXPECT_TRUE(same_domain("a.example", "A.Example"));
  EXPECT_FALSE(same_domain("m\u00FCnchen.example", "munchen.example"));
  EXPECT_FALSE(same_domain("\u00FC..example", "x.example"));
  EXPECT_TRUE(same_domain("\u00FC..example", "\u00FC..example"));
}

}  // namespace
}  // namespace bz::intl

#include "imap/mutf7.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/env.h"
#include "base/text.h"
#include "imap/date.h"

namespace bz::imap {
namespace {

struct Pair {
  const char* wire;
  const char* utf8;
};
constexpr Pair kPairs[] = {
    {"INBOX", "INBOX"},
    {"", ""},
    {"&-", "&"},
    {"Tom &- Jerry", "Tom & Jerry"},
    {"Entw&APw-rfe", "Entwürfe"},
    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},
    {"&AOk-l&AOk-ments envoy&AOk-s", "éléments envoyés"},
    {"&2D3eAA-", "😀"},
    {"&-&AOk-&-", "&é&"},
};

TEST(MailboxName, goes_both_ways) {
  for (const Pair& p : kPairs) {
    EXPECT_EQ(decode_mutf7(p.wire), p.utf8) << p.wire;
    EXPECT_EQ(encode_mutf7(p.utf8), p.wire);
  }
}
TEST(MailboxName, refuses_what_is_not_its_one_form) {
  for (const char* wire : {"&Jjo!", "&U,BTFw-&ZeVnLIqe-", "&AGE-", "&", "&AOk", "Entw\xc3\xbcrfe", "a\tb", "&2D0-", "&3gA-",
                           "&AOl-", "&AO-", "&AOkA-", "&2D0A6Q-"})
    EXPECT_FALSE(decode_mutf7(wire)) << wire;
}
TEST(MailboxName, ill_formed_utf8_becomes_the_replacement_sign) {
  EXPECT_EQ(encode_mutf7("a\xff"), "a&,,0-");
  EXPECT_EQ(encode_mutf7("\xe2\x82"), "&,,3,,Q-");
}
TEST(MailboxName, random_names_come_back) {
  base::SeededRandom random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string name;
    for (auto n = random.u64() % 12; n > 0; --n) {
      uint64_t r = random.u64();
      char32_t c = r % 3 == 0 ? 0x20 + (r >> 8) % 95 : r % 3 == 1 ? 0xa0 + (r >> 8) % 0xd000 : 0x10000 + (r >> 8) % 0xfffff;
      base::append_utf8(name, c);
    }
    auto back = decode_mutf7(encode_mutf7(name));
    ASSERT_TRUE(back) << base::hex(name);
    EXPECT_EQ(*back, name);
  }
}
TEST(MailboxName, agrees_with_the_samples) {
  const char* corpus = std::getenv("BUZON_CORPUS");
  if (!corpus) GTEST_SKIP() << "BUZON_CORPUS is not set";
  std::ifstream in(std::string(corpus) + "/headers/mutf7-samples.txt");
  ASSERT_TRUE(in);
  int seen = 0;
  for (std::string line; std::getline(in, line);) {
    size_t tab = line.find('\t');
    if (tab == std::string::npos || line[0] == '#') continue;
    std::string wire = line.substr(0, tab), text = line.substr(tab + 1);
    ++seen;
    if (text.starts_with("("))
      EXPECT_FALSE(decode_mutf7(wire)) << wire;
    else
      EXPECT_EQ(decode_mutf7(wire), text);
  }
  EXPECT_GE(seen, 10);
}

TEST(Date, reads_and_writes_the_internal_date) {
  auto when = parse_date_time("17-Jul-1996 02:44:25 -0700");
  ASSERT_TRUE(when);
  EXPECT_EQ(when->unix_seconds, 837596665);
  EXPECT_EQ(when->zone_minutes, -420);
  std::string out;
  append_date_time(out, *when);
  EXPECT_EQ(out, "17-Jul-1996 02:44:25 -0700");
  for (const char* text : {" 1-Jan-1970 00:00:00 +0000", "29-Feb-2000 23:59:59 +1345", "31-Dec-9998 23:59:59 -0030"}) {
    auto d = parse_date_time(text);
    ASSERT_TRUE(d) << text;
    out.clear();
    append_date_time(out, *d);
    EXPECT_EQ(out, text);
  }
}
TEST(Date, refuses_what_is_no_date) {
  for (const char* text : {"", "1-Feb-94", "30-Feb-2024", "0-Jan-2024", "1-Foo-2024", "111-Jan-2024", "1-Jan-0000",
                           "-1-Jan-2024", "1-Jan-20x4"})
    EXPECT_FALSE(parse_date(text)) << text;
  for (const char* text : {"17-Jul-1996", "17-Jul-1996 24:00:00 +0000", "17-Jul-1996 02:44:25 0700",
                           "17-Jul-1996 02:44:25 +070", "17-Jul-1996  2:44:25 +0700"})
    EXPECT_FALSE(parse_date_time(text)) << text;
}
TEST(Date, counts_days_as_the_calendar_does) {
  EXPECT_EQ((Date{1970, 1, 1}.days()), 0);
  EXPECT_EQ((Date{2000, 3, 1}.days()), 11017);
  for (int64_t day = -800000; day < 3000000; day += 997) EXPECT_EQ(Date::of_unix(day * 86400 + 86399).days(), day);
}
TEST(Date, stays_26_octets_at_the_ends_of_time) {
  for (int64_t t : {INT64_MIN, INT64_MAX, int64_t{-62135596800}, int64_t{253402300799}}) {
    std::string out;
    append_date_time(out, {t, 0});
    EXPECT_EQ(out.size(), 26u) << t;
  }
}

}  // namespace
}  // namespace bz::imap

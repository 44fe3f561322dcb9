#include "mime/date.h"

#include <gtest/gtest.h>

namespace bz::mime {
namespace {

TEST(Date, ReadsCurrentAndObsoleteForms) {
  DateTime want{1738922400, 0};  // 2025-02-07 10:00:00 UTC
  EXPECT_EQ(parse_rfc5322_date("Fri, 7 Feb 2025 10:00:00 +0000"), want);
  EXPECT_EQ(parse_rfc5322_date("Fri, 07 Feb 25 10:00 GMT (a comment (nested))"), want);
  EXPECT_EQ(parse_rfc5322_date("Fri Feb  7 10:00:00 2025"), want);
  EXPECT_EQ(parse_rfc5322_date("7-Feb-2025 10:00:00 Z"), want);
  EXPECT_EQ(parse_rfc5322_date("Fri, 7 Feb 2025 11:00:00 +0100"), (DateTime{1738922400, 60}));
  EXPECT_EQ(parse_rfc5322_date("Fri, 7 Feb 2025 05:00:00 EST"), (DateTime{1738922400, -300}));
  EXPECT_EQ(parse_rfc5322_date("Fri, 7 Feb 125 10:00:00 X"), want);
  EXPECT_EQ(parse_rfc5322_date("1 Jan 70 00:00:00 UT"), (DateTime{0, 0}));
  EXPECT_EQ(parse_rfc5322_date("Fri, 7 Feb 2025 10:00:60 +0000")->unix_seconds, 1738922460);
}

TEST(Date, RefusesWhatIsNone) {
  for (const char* bad : {"", "Fri", "31 Feb 2025 10:00:00 +0000", "7 Foo 2025", "7 Feb 2025 25:00:00", "0 Jan 2000"}) {
    EXPECT_EQ(parse_rfc5322_date(bad), std::nullopt) << bad;
  }
}

TEST(Date, FormatsForHeadersAndImap) {
  EXPECT_EQ(format_rfc5322_date({1738922400, 0}), "Fri, 7 Feb 2025 10:00:00 +0000");
  EXPECT_EQ(format_imap_date_time({1738922400, 0}), " 7-Feb-2025 10:00:00 +0000");
  EXPECT_EQ(format_imap_date_time({837596665, -420}), "17-Jul-1996 02:44:25 -0700");
  EXPECT_EQ(format_rfc5322_date({-1, 0}), "Wed, 31 Dec 1969 23:59:59 +0000");
  EXPECT_EQ(format_imap_date_time({INT64_MAX, 0}).size(), 26U);
  EXPECT_EQ(format_imap_date_time({INT64_MIN, -1439}).size(), 26U);
}

TEST(Date, ImapFormIsExact) {
  EXPECT_EQ(parse_imap_date_time("17-Jul-1996 02:44:25 -0700"), (DateTime{837596665, -420}));
  EXPECT_EQ(parse_imap_date_time(" 7-Feb-2025 10:00:00 +0000"), (DateTime{1738922400, 0}));
  for (const char* bad : {"17-Jul-1996", "Fri, 7 Feb 2025 10:00:00 +0000", "17-Jul-1996 02:44:25 -07:0",
                          "17-Jux-1996 02:44:25 -0700", "31-Jun-1996 02:44:25 -0700", "17-Jul-1996 02:44:25 0700 "}) {
    EXPECT_EQ(parse_imap_date_time(bad), std::nullopt) << bad;
  }
}

TEST(Date, DaysGoBothWays) {
  for (int64_t day = -800'000; day < 800'000; day += 997) {
    CivilDay civil = civil_from_days(day);
    ASSERT_EQ(days_from_civil(civil.year, civil.month, civil.day), day);
  }
  EXPECT_EQ(local_day({1738922400, 14 * 60}), days_from_civil(2025, 2, 8));
  EXPECT_EQ(local_day({-1, 0}), -1);
}

}  // namespace
}  // namespace bz::mime

#include "base/date.h"

#include <gtest/gtest.h>

#include <limits>

namespace bz::base {
namespace {

TEST(Date, IsWrittenInUtcToTheMinute) {
  EXPECT_EQ(date(0), "1970-01-01 00:00 UTC");
  EXPECT_EQ(date(1'795'000'059), "2026-11-18 11:07 UTC");
  EXPECT_EQ(date(-1), "1969-12-31 23:59 UTC");
  EXPECT_EQ(date(std::numeric_limits<int64_t>::max()), "?");
}

}  // namespace
}  // namespace bz::base

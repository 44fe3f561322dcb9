#include "roles/upkeep.h"

#include <gtest/gtest.h>

namespace bz::roles {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(Upkeep, waits_until_the_hour_of_this_day_or_the_next) {
  constexpr int64_t kMidnight = 20'000 * 86'400LL;
  EXPECT_EQ(until_hour(kMidnight, 2), hours(2));
  EXPECT_EQ(until_hour(kMidnight + 7200 - 1, 2), seconds(1));
  EXPECT_EQ(until_hour(kMidnight + 7200 + 1, 2), hours(24) - seconds(1));
  EXPECT_EQ(until_hour(kMidnight + 86'399, 0), seconds(1));
}

TEST(Upkeep, does_not_run_twice_in_the_second_in_which_it_is_due) {
  EXPECT_EQ(until_hour(20'000 * 86'400LL, 0), hours(24));
}

TEST(Upkeep, may_come_oftener_than_once_a_day) {
  constexpr int64_t kMidnight = 20'000 * 86'400LL;
  EXPECT_EQ(until_upkeep(kMidnight, 2, base::Millis(0)), hours(2));
  EXPECT_EQ(until_upkeep(kMidnight, 2, hours(1)), hours(1));
  EXPECT_EQ(until_upkeep(kMidnight, 2, base::Millis(1)), seconds(1));
}

}  // namespace
}  // namespace bz::roles

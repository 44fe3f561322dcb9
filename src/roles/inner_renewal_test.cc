#include "roles/inner_renewal.h"

#include <gtest/gtest.h>

namespace bz::roles {
namespace {

constexpr int64_t kDay = 86'400;

crypto::NodeIdentity certificate(int64_t from, int64_t until) { return {"dmz1", "gateway", "", from, until}; }
int64_t wait(int64_t now, unsigned failures, int64_t until = 90 * kDay) {
  return renewal_wait(certificate(0, until), now, failures).count() / 1000;
}

TEST(NodeRenewal, IsDueWhenTwoThirdsOfTheLifeAreOver) {
  EXPECT_EQ(renewal_due(certificate(0, 90 * kDay)), 60 * kDay);
  EXPECT_EQ(renewal_due(certificate(1000, 1030)), 1020);
}

TEST(NodeRenewal, LooksAgainEachHourSinceTheClockMayBeSet) {
  EXPECT_EQ(wait(0, 0), 3600);
  EXPECT_EQ(wait(60 * kDay - 3601, 0), 3600);
  EXPECT_EQ(wait(60 * kDay - 20, 0), 20);
  EXPECT_EQ(wait(60 * kDay, 0), 0);
  EXPECT_EQ(wait(100 * kDay, 0), 0) << "over";
}

TEST(NodeRenewal, BacksOffToAnHourAndMoreOftenNearTheEnd) {
  const int64_t now = 60 * kDay;
  EXPECT_EQ(wait(now, 1), 5);
  EXPECT_EQ(wait(now, 2), 10);
  EXPECT_EQ(wait(now, 5), 80);
  EXPECT_EQ(wait(now, 11), 3600);
  EXPECT_EQ(wait(now, 4'000'000'000u), 3600);
  EXPECT_EQ(wait(90 * kDay - 8 * 600, 30), 600) << "an eighth of what is left";
  EXPECT_EQ(wait(90 * kDay - 10, 30), 5);
  EXPECT_EQ(wait(90 * kDay + 1, 30), 3600) << "nothing to lose";
  EXPECT_EQ(wait(90 * kDay + 1, 1), 5);
}

}  // namespace
}  // namespace bz::roles

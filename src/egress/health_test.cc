#include "egress/health.h"

#include <gtest/gtest.h>

#include <vector>

namespace bz::egress {
namespace {
using base::Millis;

struct HealthTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{5};
  HealthOptions options{Millis(1000), Millis(30'000), 3, 4};
  Health health{options, clock, random};
  const std::string host = "a:993";

  void fail_once() {
    auto attempt = health.begin(host);
    ASSERT_TRUE(attempt);
    attempt->failed();
  }
};

TEST_F(HealthTest, a_dead_host_is_left_alone_for_longer_each_time) {
  int64_t last = 0;
  for (int round = 0; round < 8; ++round) {
    fail_once();
    EXPECT_EQ(health.begin(host).error().code(), Errc::Unavailable);
    const int64_t wait = std::chrono::duration_cast<Millis>(health.hosts().at(host).until - clock.mono()).count();
    const int64_t full = std::min<int64_t>(1000ll << round, 30'000);
    EXPECT_GE(wait, full / 2);
    EXPECT_LE(wait, full + 1);
    last = wait;
    clock.advance(Millis(wait));
  }
  EXPECT_GE(last, 15'000);
  auto probe = health.begin(host);
  ASSERT_TRUE(probe);
  probe->reached();
  EXPECT_TRUE(health.begin(host));
  EXPECT_EQ(health.hosts().at(host).failures, 0u);
}

TEST_F(HealthTest, one_at_a_time_looks_whether_it_is_back) {
  fail_once();
  clock.advance(Millis(2'000));
  {
    auto probe = health.begin(host);
    ASSERT_TRUE(probe);
    EXPECT_FALSE(health.begin(host));
  }  // given up: the next may look
  auto probe = health.begin(host);
  ASSERT_TRUE(probe);
  probe->failed();
  EXPECT_FALSE(health.begin(host));
}

TEST_F(HealthTest, those_who_fail_together_count_once) {
  std::vector<Health::Attempt> attempts;
  for (int i = 0; i < 3; ++i) {
    auto attempt = health.begin(host);
    ASSERT_TRUE(attempt);
    attempts.push_back(std::move(*attempt));
  }
  EXPECT_EQ(health.begin(host).error().code(), Errc::Limit);
  EXPECT_TRUE(health.begin("b:993")) << "another host is not concerned";
  for (auto& attempt : attempts) attempt.failed();
  EXPECT_EQ(health.hosts().at(host).failures, 1u);
  EXPECT_EQ(health.hosts().at(host).logins, 0u);
}

TEST_F(HealthTest, remembers_a_bounded_number_of_hosts) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(health.begin("h" + std::to_string(i)));
  EXPECT_LE(health.hosts().size(), 4u);
}

}  // namespace
}  // namespace bz::egress

#include "apns/outbox.h"

#include <gtest/gtest.h>

namespace bz::apns {
namespace {

using base::Millis;

struct OutboxTest : ::testing::Test {
  base::ManualClock clock;
  Outbox box;
  static Push push(int number) { return {7, "token" + std::to_string(number), "account"}; }
  bool add(int number) { return box.add(push(number), clock.mono()); }
  std::vector<Push> take(size_t most = 100) { return box.take(most, clock.mono()); }
  bool settle(int number, Verdict verdict) { return box.settle(push(number), verdict, clock.mono()); }
  Millis wait() {
    auto next = box.next();
    return next ? std::max(Millis(0), std::chrono::duration_cast<Millis>(*next - clock.mono())) : Millis(-1);
  }
};

TEST_F(OutboxTest, one_push_of_a_device_waits_whatever_comes) {
  EXPECT_EQ(wait(), Millis(-1));
  EXPECT_TRUE(add(1) && add(2) && add(1));
  EXPECT_EQ(wait(), Millis(0));
  EXPECT_EQ(take(), (std::vector{push(1), push(2)}));
  EXPECT_EQ(wait(), Millis(-1)) << "they are under way";
  EXPECT_TRUE(settle(1, Verdict::Sent) && settle(2, Verdict::Sent));
  EXPECT_EQ(box.waiting(), 0u);
}

TEST_F(OutboxTest, news_that_come_while_a_push_is_under_way_are_pushed_after_it) {
  for (Verdict verdict : {Verdict::Sent, Verdict::Lost}) {
    add(1);
    ASSERT_EQ(take().size(), 1u);
    add(1);
    EXPECT_TRUE(take().empty());
    settle(1, verdict);
    ASSERT_EQ(take().size(), 1u);
    settle(1, Verdict::Sent);
    EXPECT_EQ(box.waiting(), 0u);
  }
  add(1);
  take();
  add(1);
  settle(1, Verdict::Gone);
  EXPECT_EQ(box.waiting(), 0u) << "nobody is there";
}

TEST_F(OutboxTest, a_service_that_is_down_is_tried_again_ever_more_rarely_and_with_one_push) {
  for (int i = 0; i < 50; ++i) add(i);
  ASSERT_EQ(take().size(), 50u);
  for (int i = 0; i < 50; ++i) settle(i, Verdict::Later);
  Millis expected = kFirstWait;
  for (int turn = 0; turn < 12; ++turn) {
    ASSERT_EQ(wait(), expected) << turn;
    EXPECT_TRUE(take().empty());
    clock.advance(expected);
    auto tried = take();
    ASSERT_EQ(tried.size(), 1u);
    box.settle(tried[0], Verdict::Later, clock.mono());
    expected = std::min(2 * expected, kLongestWait);
  }
  clock.advance(expected);
  auto tried = take();
  ASSERT_EQ(tried.size(), 1u);
  box.settle(tried[0], Verdict::Sent, clock.mono());
  EXPECT_EQ(take().size(), 49u) << "it works again: all of them";
}

TEST_F(OutboxTest, a_device_that_gets_too_many_waits_alone) {
  add(1);
  add(2);
  take();
  settle(1, Verdict::Slower);
  settle(2, Verdict::Sent);
  EXPECT_EQ(wait(), kSlowWait);
  add(2);
  EXPECT_EQ(wait(), Millis(0));
  EXPECT_EQ(take(), (std::vector{push(2)}));
  settle(2, Verdict::Sent);
  clock.advance(kSlowWait);
  EXPECT_EQ(take(), (std::vector{push(1)}));
}

TEST_F(OutboxTest, a_refused_certificate_stops_all_until_it_is_another) {
  add(1);
  take();
  settle(1, Verdict::Barred);
  EXPECT_EQ(wait(), kLongestWait);
  box.resume();
  EXPECT_EQ(wait(), Millis(0));
  EXPECT_EQ(take().size(), 1u);
}

TEST_F(OutboxTest, a_push_grows_too_old) {
  add(1);
  take();
  settle(1, Verdict::Later);
  clock.advance(kLife);
  take();
  EXPECT_FALSE(settle(1, Verdict::Later)) << "given up";
  EXPECT_EQ(box.waiting(), 0u);
}

TEST_F(OutboxTest, when_it_is_full_the_oldest_goes) {
  for (size_t i = 0; i < kMaxWaiting; ++i) ASSERT_TRUE(add(static_cast<int>(i)));
  EXPECT_TRUE(add(5)) << "it waits already";
  EXPECT_FALSE(add(-1));
  EXPECT_EQ(box.waiting(), kMaxWaiting);
  EXPECT_EQ(take(1), (std::vector{push(1)})) << "0 was the oldest";
}

}  // namespace
}  // namespace bz::apns

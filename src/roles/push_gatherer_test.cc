#include "roles/push_gatherer.h"

#include <gtest/gtest.h>

namespace bz::roles {
namespace {

using base::Millis;

struct PushGathererTest : ::testing::Test {
  base::ManualClock clock;
  PushGatherer pushes;
  const PushOrder phone{AccountId(7), "aa", "ID-1"}, tablet{AccountId(7), "bb", "ID-2"}, other{AccountId(8), "aa", "ID-1"};
  const MailboxId inbox{1}, sent{3};
  bool arrived(const PushOrder& order, MailboxId in, uint32_t first, uint32_t last) {
    return pushes.arrived(order, in, first, last, clock.mono()).has_value();
  }
  std::vector<PushOrder> due() { return pushes.take_due(clock.mono()); }
  Millis wait() {
    auto next = pushes.next();
    return next ? std::chrono::duration_cast<Millis>(*next - clock.mono()) : Millis(-1);
  }
};

TEST_F(PushGathererTest, what_comes_within_a_second_is_one_push) {
  EXPECT_EQ(wait(), Millis(-1));
  arrived(phone, inbox, 1, 1);
  EXPECT_EQ(wait(), PushGatherer::kGather);
  clock.advance(Millis(900));
  arrived(phone, inbox, 2, 9);
  arrived(tablet, inbox, 2, 9);
  EXPECT_TRUE(due().empty());
  clock.advance(Millis(100));
  EXPECT_EQ(due(), std::vector{phone});
  clock.advance(Millis(900));
  EXPECT_EQ(due(), std::vector{tablet});
}

TEST_F(PushGathererTest, a_device_has_one_push_in_ten_seconds) {
  arrived(phone, inbox, 1, 1);
  clock.advance(PushGatherer::kGather);
  EXPECT_EQ(due().size(), 1u);
  EXPECT_EQ(wait(), PushGatherer::kPause);
  int pushed = 0;
  for (int i = 0; i < 300; ++i) {  // thirty seconds of a stream of mail
    arrived(phone, inbox, 10 + i, 10 + i);
    clock.advance(Millis(100));
    pushed += static_cast<int>(due().size());
  }
  EXPECT_EQ(pushed, 3);
  clock.advance(PushGatherer::kPause);
  EXPECT_TRUE(due().empty()) << "the last one told of all";
  EXPECT_EQ(pushes.devices(), 0u) << "and the device is forgotten";
  EXPECT_EQ(wait(), Millis(-1));
}

TEST_F(PushGathererTest, what_a_device_brought_itself_is_no_news_to_it) {
  for (const PushOrder& order : {phone, tablet, other}) arrived(order, inbox, 1, 5);
  pushes.own(AccountId(7), "aa", inbox, 1, 5);
  pushes.own(AccountId(7), "bb", inbox, 2, 4);
  pushes.own(AccountId(7), "bb", sent, 1, 5);
  clock.advance(PushGatherer::kGather);
  EXPECT_EQ(due(), (std::vector{tablet, other}));
  arrived(phone, inbox, 6, 6);
  arrived(phone, sent, 1, 2);
  pushes.own(AccountId(7), "aa", inbox, 6, 6);
  clock.advance(PushGatherer::kGather);
  EXPECT_EQ(due(), std::vector{phone});
}

TEST_F(PushGathererTest, the_last_uids_there_are) {
  arrived(phone, inbox, UINT32_MAX - 1, UINT32_MAX);
  pushes.own(AccountId(7), "aa", inbox, 1, UINT32_MAX - 1);
  pushes.own(AccountId(7), "aa", inbox, UINT32_MAX, UINT32_MAX);
  clock.advance(PushGatherer::kGather);
  EXPECT_TRUE(due().empty());
}

TEST_F(PushGathererTest, is_bounded) {
  for (size_t i = 0; i < PushGatherer::kMaxDevices; ++i) ASSERT_TRUE(arrived({AccountId(i + 1), "aa", "x"}, inbox, 1, 1));
  EXPECT_FALSE(arrived({AccountId(99'999), "aa", "x"}, inbox, 1, 1));
  EXPECT_TRUE(arrived({AccountId(1), "aa", "x"}, inbox, 2, 2));
  EXPECT_EQ(pushes.devices(), PushGatherer::kMaxDevices);
}

TEST(PushOrders, go_to_devices_that_registered_the_mailbox_and_were_seen_of_late) {
  const int64_t now = 1'795'000'000;
  const std::vector<store::PushDevice> devices = {
      {"ID-1", "aa", "s", {MailboxId(1), MailboxId(4)}, now},
      {"ID-2", "bb", "s", {MailboxId(4)}, now},
      {"ID-3", "cc", "s", {MailboxId(1)}, now - store::kPushLife - 1},
      {"ID-4", "dd", "s", {}, now},
  };
  EXPECT_EQ(orders_for(AccountId(7), devices, MailboxId(1), now), (std::vector<PushOrder>{{AccountId(7), "aa", "ID-1"}}));
  EXPECT_EQ(orders_for(AccountId(7), devices, MailboxId(4), now).size(), 2u);
  EXPECT_TRUE(orders_for(AccountId(7), devices, MailboxId(2), now).empty());
}

}  // namespace
}  // namespace bz::roles

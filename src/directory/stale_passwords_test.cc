#include "directory/stale_passwords.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bz::directory {
namespace {

using base::Millis;
constexpr Millis kLife{30 * 60'000};

struct StalePasswordsTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{1};
  StalePasswords stale{clock, random, kLife};
  const AccountId ana{1};

  const StalePasswords::Device* wrong(std::string_view password, bool asked = true, uint64_t version = 1,
                                      std::string_view client = "iPhone Mail", std::string_view address = "192.0.2.1") {
    return stale.wrong({ana, "ana@x.test", address, client, "imap"}, version, Secret(std::string(password)), asked);
  }
  bool refused(std::string_view password, uint64_t version = 1, AccountId account = AccountId(1)) {
    return stale.refused(account, version, Secret(std::string(password))).has_value();
  }
};

TEST_F(StalePasswordsTest, a_refused_password_is_not_asked_about_again_until_its_time_is_over) {
  EXPECT_FALSE(refused("old"));
  wrong("old");
  EXPECT_TRUE(refused("old"));
  EXPECT_FALSE(refused("new"));
  EXPECT_FALSE(refused("old", 1, AccountId(2)));
  clock.advance(kLife - Millis(1));
  EXPECT_TRUE(refused("old"));
  wrong("old", false);  // said again meanwhile: that does not make it longer
  clock.advance(Millis(1));
  EXPECT_FALSE(refused("old"));
  wrong("old");
  EXPECT_TRUE(refused("old"));
}

TEST_F(StalePasswordsTest, a_change_in_the_directory_lifts_it) {
  wrong("old", true, 1);
  EXPECT_FALSE(refused("old", 2)) << "pwdLastSet says that the password was changed";
  wrong("old", false, 2);
  EXPECT_FALSE(refused("old", 2)) << "nobody has asked since";
}

TEST_F(StalePasswordsTest, a_login_with_another_right_password_than_before_lifts_it) {
  stale.right(ana, Secret("first"));
  wrong("second");
  stale.right(ana, Secret("first"));
  EXPECT_TRUE(refused("second")) << "nothing has changed";
  stale.right(ana, Secret("third"));
  EXPECT_FALSE(refused("second"));
}

TEST_F(StalePasswordsTest, a_password_that_became_right_is_stale_no_more) {
  wrong("new");
  wrong("new", false);
  EXPECT_EQ(stale.rows(2).size(), 1u);
  stale.right(ana, Secret("new"));
  EXPECT_FALSE(refused("new"));
  EXPECT_TRUE(stale.rows(1).empty());
}

TEST_F(StalePasswordsTest, our_own_passwd_and_the_administrator_lift_it) {
  wrong("old");
  EXPECT_EQ(stale.forget(AccountId(2)), 0u);
  EXPECT_EQ(stale.forget(ana), 1u);
  EXPECT_FALSE(refused("old"));
  wrong("old");
  EXPECT_EQ(stale.forget("eva@x.test"), 0u);
  EXPECT_EQ(stale.forget("ana@x.test"), 1u);
  EXPECT_FALSE(refused("old"));
}

TEST_F(StalePasswordsTest, no_life_shields_nothing) {
  wrong("old");
  stale.set_life(Millis(0));
  EXPECT_FALSE(refused("old"));
}

TEST_F(StalePasswordsTest, the_administrator_hears_of_a_device_when_it_repeats_itself_and_once_an_hour) {
  EXPECT_EQ(wrong("old"), nullptr) << "a slip of the finger";
  const auto* device = wrong("old", false);
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->client, "iPhone Mail");
  EXPECT_EQ(device->count, 2u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(wrong("old", false), nullptr);
  EXPECT_EQ(wrong("old", false, 1, "iPad"), nullptr);
  EXPECT_NE(wrong("old", false, 1, "iPad"), nullptr) << "another device";
  clock.advance(Millis(3'600'000));
  device = wrong("old", false);
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->count, 103u);
}

TEST_F(StalePasswordsTest, rows_say_which_device_since_when_and_how_often_and_never_the_password) {
  const int64_t begin = clock.unix_seconds();
  for (int i = 0; i < 3; ++i) {
    wrong("Geheim-1", i == 0);
    clock.advance(Millis(60'000));
  }
  wrong("typo", true, 1, "Mac");
  auto rows = stale.rows(2);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].account, "ana@x.test");
  EXPECT_EQ(rows[0].device.address, "192.0.2.1");
  EXPECT_EQ(rows[0].device.service, "imap");
  EXPECT_EQ(rows[0].device.count, 3u);
  EXPECT_EQ(rows[0].device.first, begin);
  EXPECT_EQ(rows[0].device.last, begin + 120);
  EXPECT_EQ(rows[0].shielded, kLife - Millis(180'000));
  EXPECT_EQ(stale.rows(1).size(), 2u);
  EXPECT_EQ(stale.rows(1)[0].device.client, "Mac") << "the last seen first";
  clock.advance(Millis(24 * 3'600'000));
  EXPECT_TRUE(stale.rows(1).empty());
}

TEST_F(StalePasswordsTest, a_phone_that_repeats_itself_is_not_pushed_out_by_guesses) {
  wrong("old");
  for (int i = 0; i < 1000; ++i) {
    clock.advance(Millis(100));
    wrong("guess" + std::to_string(i));
    if (i % 10 == 0) wrong("old", false);
  }
  EXPECT_TRUE(refused("old"));
  EXPECT_FALSE(refused("guess0"));
  EXPECT_LE(stale.rows(1).size(), 16u);
  for (int i = 0; i < 100; ++i) wrong("old", false, 1, "client " + std::to_string(i));
  EXPECT_LE(stale.rows(1).size(), 16u + 8u);
}

TEST_F(StalePasswordsTest, accounts_are_bounded) {
  StalePasswords small(clock, random, kLife, 10);
  for (uint64_t i = 1; i <= 100; ++i)
    small.wrong({AccountId(i), "u" + std::to_string(i), "::1", "", "imap"}, 1, Secret("old"), true);
  EXPECT_EQ(small.rows(1).size(), 10u);
  EXPECT_TRUE(small.refused(AccountId(100), 1, Secret("old")));
  EXPECT_FALSE(small.refused(AccountId(1), 1, Secret("old")));
}

}  // namespace
}  // namespace bz::directory

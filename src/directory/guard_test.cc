#include "directory/guard.h"

#include <gtest/gtest.h>

#include "directory/verifier_cache.h"

namespace bz::directory {
namespace {

using base::Millis;

struct GuardTest : testing::Test {
  base::ManualClock clock;
  Guard guard{GuardOptions{}, clock};
  void fail(int times, std::string_view address = "192.0.2.1", std::string_view account = "ana@x.test") {
    for (int i = 0; i < times; ++i) guard.failed(address, account, 0);
  }
};

TEST_F(GuardTest, a_few_failures_cost_nothing_then_the_delay_doubles_up_to_its_limit) {
  for (int expected : {0, 0, 0, 250, 500, 1000, 2000, 2000}) {
    EXPECT_EQ(guard.delay("192.0.2.1", "ana@x.test"), Millis(expected));
    fail(1);
  }
}

TEST_F(GuardTest, an_address_past_its_budget_is_refused_until_the_window_has_moved_on) {
  fail(19);
  EXPECT_FALSE(guard.refuses("192.0.2.1"));
  fail(1);
  EXPECT_TRUE(guard.refuses("192.0.2.1"));
  EXPECT_FALSE(guard.refuses("192.0.2.2"));
  clock.advance(Millis(60'000));
  EXPECT_FALSE(guard.refuses("192.0.2.1"));
  fail(1000);
  clock.advance(Millis(2 * 15 * 60'000));
  EXPECT_EQ(guard.delay("192.0.2.1", "ana@x.test"), Millis(0)) << "no punishment lasts longer than two windows";
}

TEST_F(GuardTest, nobody_is_locked_out_of_his_account_by_others) {
  guard.succeeded("198.51.100.7", "ana@x.test");
  for (int i = 0; i < 200; ++i) guard.failed("203.0.113." + std::to_string(i), "ana@x.test", 0);
  EXPECT_EQ(guard.delay("198.51.100.7", "ANA@x.test"), Millis(0)) << "her own place";
  EXPECT_EQ(guard.delay("198.51.100.8", "ana@x.test"), Millis(2000)) << "a new place: slow, not closed";
  EXPECT_FALSE(guard.refuses("198.51.100.8"));
}

TEST_F(GuardTest, the_same_wrong_password_again_counts_once) {
  for (int i = 0; i < 100; ++i) guard.failed("192.0.2.1", "ana@x.test", 77);
  EXPECT_EQ(guard.delay("192.0.2.1", "ana@x.test"), Millis(0));
  EXPECT_FALSE(guard.refuses("192.0.2.1"));
  for (uint64_t i = 100; i < 130; ++i) guard.failed("192.0.2.1", "ana@x.test", i);
  EXPECT_TRUE(guard.refuses("192.0.2.1"));
}

TEST_F(GuardTest, one_good_login_does_not_wash_a_guesser_clean) {
  fail(25);
  guard.succeeded("192.0.2.1", "mallory@x.test");
  EXPECT_TRUE(guard.refuses("192.0.2.1"));
}

TEST_F(GuardTest, trusted_networks_are_never_delayed_counted_or_limited) {
  Guard trusting({.trusted = {*Network::parse("127.0.0.0/8"), *Network::parse("::1")}}, clock);
  for (int i = 0; i < 100; ++i) {
    trusting.failed("127.0.0.1", "ana", 0);
    trusting.failed("::1", "ana", 0);
    trusting.failed("::ffff:127.0.0.9", "ana", 0);
  }
  EXPECT_EQ(trusting.entries(), 0u);
  EXPECT_FALSE(trusting.refuses("127.0.0.1"));
  EXPECT_EQ(trusting.delay("::1", "ana"), Millis(0));
}

TEST_F(GuardTest, ipv6_shares_a_budget_per_64) {
  fail(20, "2001:db8::1");
  EXPECT_TRUE(guard.refuses("2001:db8::ffff:1"));
  EXPECT_FALSE(guard.refuses("2001:db8:0:1::1"));
}

TEST_F(GuardTest, tables_are_bounded_and_forget_the_least_recent) {
  Guard small({.max_entries = 10}, clock);
  for (int i = 0; i < 100; ++i) small.failed("10.0.0." + std::to_string(i), "user" + std::to_string(i), 0);
  EXPECT_EQ(small.entries(), 20u);
  for (int i = 0; i < 5; ++i) small.failed("10.0.0.99", "x", 0);
  EXPECT_GT(small.delay("10.0.0.99", "y"), Millis(0));
}

TEST(Network, parses_and_contains) {
  struct {
    const char *network, *inside, *outside;
  } rows[] = {{"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
              {"192.0.2.128/25", "192.0.2.200", "192.0.2.127"},
              {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
              {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
              {"::1/128", "::1", "::2"},
              {"0.0.0.0/0", "255.1.2.3", "::1"}};
  for (auto& row : rows) {
    auto network = Network::parse(row.network);
    ASSERT_TRUE(network) << row.network;
    EXPECT_TRUE(network->contains(row.inside)) << row.network;
    EXPECT_FALSE(network->contains(row.outside)) << row.network;
    EXPECT_FALSE(network->contains("nonsense"));
  }
  for (const char* bad : {"", "x", "1.2.3", "1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/8x"})
    EXPECT_FALSE(Network::parse(bad)) << bad;
}

TEST(VerifierCache, knows_exactly_what_was_right_until_an_hour_a_change_or_a_forget) {
  base::ManualClock clock;
  base::SeededRandom random(1);
  VerifierCache cache(clock, random);
  AccountId ana(1);
  Secret right("pencil");
  EXPECT_FALSE(cache.knows(ana, 1, right));
  cache.remember(ana, 1, right);
  EXPECT_TRUE(cache.knows(ana, 1, right));
  EXPECT_FALSE(cache.knows(ana, 1, Secret("crayon")));
  EXPECT_FALSE(cache.knows(ana, 2, right)) << "the password was set anew";
  EXPECT_FALSE(cache.knows(AccountId(2), 1, right));
  clock.advance(Millis(3'599'999));
  EXPECT_TRUE(cache.knows(ana, 1, right));
  clock.advance(Millis(1));
  EXPECT_FALSE(cache.knows(ana, 1, right));
  EXPECT_EQ(cache.size(), 0u);
  cache.remember(ana, 1, right);
  cache.set_life(base::Millis(7'200'000));
  EXPECT_EQ(cache.size(), 1u) << "a longer life forgets nothing";
  cache.set_life(base::Millis(3'600'000));
  EXPECT_EQ(cache.size(), 0u);
  cache.forget(ana);
  EXPECT_FALSE(cache.knows(ana, 1, right));
}

TEST(VerifierCache, is_bounded_and_can_be_off) {
  base::ManualClock clock;
  base::SeededRandom random(1);
  VerifierCache cache(clock, random, Millis(1000), 2), off(clock, random, Millis(0));
  for (uint64_t i = 1; i <= 5; ++i) cache.remember(AccountId(i), 1, Secret("x"));
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_TRUE(cache.knows(AccountId(5), 1, Secret("x")));
  EXPECT_FALSE(cache.knows(AccountId(1), 1, Secret("x")));
  off.remember(AccountId(1), 1, Secret("x"));
  EXPECT_FALSE(off.knows(AccountId(1), 1, Secret("x")));
  EXPECT_EQ(cache.fingerprint("a", Secret("p")), cache.fingerprint("a", Secret("p")));
  EXPECT_NE(cache.fingerprint("a", Secret("p")), cache.fingerprint("a", Secret("q")));
  EXPECT_NE(cache.fingerprint("a", Secret("p")), off.fingerprint("a", Secret("p"))) << "each process has its key";
}

}  // namespace
}  // namespace bz::directory

#include "directory/guard.h"

#include <gtest/gtest.h>

#include "directory/verifier_cache.h"

namespace bz::directory {
namespace {

using base::Millis;

using Verdict = Guard::Verdict;

struct GuardTest : testing::Test {
  base::ManualClock clock;
  Guard guard{GuardOptions{}, clock};
  uint64_t last_print = 0;

  // Guesses, each with another password.
  void fail(int times, std::string_view address = "192.0.2.1", std::string_view account = "ana@x.test",
            std::string_view device = "") {
    for (int i = 0; i < times; ++i) guard.failed({address, account, device, ++last_print});
  }
  Guard::Judgement judge(std::string_view address = "192.0.2.1", std::string_view account = "ana@x.test",
                         std::string_view device = "") {
    return guard.judge({address, account, device});
  }
  Millis delay(std::string_view address = "192.0.2.1", std::string_view account = "ana@x.test") {
    return judge(address, account).delay;
  }
  bool refuses(std::string_view address, std::string_view account = "zoe@x.test") {
    return judge(address, account).verdict == Verdict::TooMany;
  }
};

TEST_F(GuardTest, a_few_failures_cost_nothing_then_the_delay_doubles_up_to_its_limit) {
  for (int expected : {0, 0, 0, 250, 500, 1000, 2000, 2000}) {
    EXPECT_EQ(delay(), Millis(expected));
    fail(1);
  }
}

TEST_F(GuardTest, an_address_past_its_budget_is_put_off_until_the_window_has_moved_on) {
  fail(19);
  EXPECT_FALSE(refuses("192.0.2.1"));
  fail(1);
  clock.advance(Millis(1));
  EXPECT_TRUE(refuses("192.0.2.1"));
  EXPECT_EQ(delay("192.0.2.1", "zoe@x.test"), Millis(2000)) << "the refusal is held back too";
  EXPECT_FALSE(refuses("192.0.2.2"));
  clock.advance(Millis(60'000));
  EXPECT_FALSE(refuses("192.0.2.1"));
  fail(1000);
  clock.advance(Millis(2 * 15 * 60'000));
  EXPECT_EQ(delay(), Millis(0)) << "no punishment lasts longer than two windows";
}

TEST_F(GuardTest, nobody_is_locked_out_of_his_account_by_others) {
  guard.succeeded({"198.51.100.7", "ana@x.test"});
  for (int i = 0; i < 200; ++i) fail(1, "203.0.113." + std::to_string(i));
  EXPECT_EQ(delay("198.51.100.7", "ANA@x.test"), Millis(0)) << "her own place";
  EXPECT_EQ(delay("198.51.100.8"), Millis(2000)) << "a new place: slow, not closed";
  EXPECT_EQ(judge("198.51.100.8").verdict, Verdict::Pass);
}

TEST_F(GuardTest, a_directory_is_not_asked_for_strangers_any_more_when_they_have_guessed_enough) {
  Guard closing({.max_account_failures = 5}, clock);
  closing.succeeded({"198.51.100.7", "ana@x.test"});
  for (uint64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(closing.judge({"198.51.100.8", "ana@x.test"}).verdict, Verdict::Pass) << i;
    closing.failed({"203.0.113." + std::to_string(i), "ana@x.test", "", 100 + i});
  }
  clock.advance(Millis(100'000));
  EXPECT_EQ(closing.judge({"198.51.100.8", "ana@x.test"}).verdict, Verdict::FromMemory) << "no failure has faded yet";
  EXPECT_EQ(closing.judge({"198.51.100.8", "eva@x.test"}).verdict, Verdict::Pass);
  EXPECT_EQ(closing.judge({"198.51.100.7", "ana@x.test"}).verdict, Verdict::Pass) << "where she has been before";
  clock.advance(Millis(181'000));  // a fifth of the window: one failure less
  EXPECT_EQ(closing.judge({"198.51.100.8", "ana@x.test"}).verdict, Verdict::Pass);
}

TEST_F(GuardTest, an_unknown_name_is_treated_like_a_known_one) {
  Guard closing({.max_account_failures = 5}, clock);
  for (uint64_t i = 0; i < 10; ++i) closing.failed({"203.0.113." + std::to_string(i), "nobody@x.test", "", 100 + i});
  EXPECT_EQ(closing.judge({"198.51.100.8", "nobody@x.test"}).verdict, Verdict::FromMemory);
}

TEST_F(GuardTest, colleagues_behind_the_address_of_a_guesser_keep_getting_in) {
  guard.succeeded({"192.0.2.1", "eva@x.test"});
  fail(60);
  EXPECT_TRUE(refuses("192.0.2.1"));
  auto hers = judge("192.0.2.1", "eva@x.test");
  EXPECT_EQ(hers.verdict, Verdict::Pass);
  EXPECT_EQ(hers.delay, Millis(0));
  EXPECT_FALSE(hers.suspect);
}

TEST_F(GuardTest, each_account_at_home_widens_the_budget_of_its_address_up_to_a_limit) {
  for (int i = 0; i < 10; ++i) guard.succeeded({"192.0.2.1", "user" + std::to_string(i) + "@x.test"});
  guard.succeeded({"192.0.2.1", "user0@x.test"});  // again: no more
  for (int i = 0; i < 49; ++i) fail(1, "192.0.2.1", "new" + std::to_string(i) + "@x.test");
  EXPECT_FALSE(refuses("192.0.2.1"));
  fail(1);
  EXPECT_TRUE(refuses("192.0.2.1"));
  for (int i = 0; i < 1000; ++i) guard.succeeded({"192.0.2.9", "user" + std::to_string(i) + "@x.test"});
  for (int i = 0; i < 200; ++i) fail(1, "192.0.2.9", "new" + std::to_string(i) + "@x.test");
  EXPECT_TRUE(refuses("192.0.2.9"));
}

TEST_F(GuardTest, guesses_at_home_are_limited_and_spare_the_owners_device) {
  guard.succeeded({"192.0.2.1", "ana@x.test", "iPhone Mail"});
  for (int i = 0; i < 20; ++i) fail(1, "192.0.2.1", "ana@x.test", "tool " + std::to_string(i));
  EXPECT_EQ(judge("192.0.2.1", "ana@x.test", "tool 99").verdict, Verdict::TooMany) << "a new name is no new device";
  EXPECT_EQ(judge("192.0.2.1", "ana@x.test").verdict, Verdict::TooMany);
  auto hers = judge("192.0.2.1", "ana@x.test", "iPhone Mail");
  EXPECT_EQ(hers.verdict, Verdict::Pass);
  EXPECT_EQ(hers.delay, Millis(0));
  fail(20, "192.0.2.1", "ana@x.test", "iPhone Mail");
  EXPECT_EQ(judge("192.0.2.1", "ana@x.test", "iPhone Mail").verdict, Verdict::TooMany) << "a device has a budget, too";
}

TEST_F(GuardTest, the_same_wrong_password_again_counts_once) {
  EXPECT_TRUE(guard.failed({"192.0.2.1", "ana@x.test", "", 77}).counted);
  for (int i = 0; i < 99; ++i) EXPECT_FALSE(guard.failed({"192.0.2.1", "ana@x.test", "", 77}).counted);
  EXPECT_EQ(delay(), Millis(0));
  EXPECT_FALSE(refuses("192.0.2.1"));
  fail(30);
  EXPECT_TRUE(refuses("192.0.2.1"));
}

TEST_F(GuardTest, many_phones_with_old_passwords_close_their_address_to_nobody) {
  for (int i = 0; i < 17; ++i)
    for (int again = 0; again < 50; ++again)
      guard.failed({"192.0.2.1", "user" + std::to_string(i) + "@x.test", "", static_cast<uint64_t>(1000 + i)});
  EXPECT_FALSE(refuses("192.0.2.1"));
}

TEST_F(GuardTest, a_password_guessed_from_many_addresses_counts_once_for_the_account_and_once_for_each) {
  for (int i = 0; i < 100; ++i) {
    auto failure = guard.failed({"203.0.113." + std::to_string(i), "ana@x.test", "", 77});
    EXPECT_TRUE(failure.counted);
    EXPECT_EQ(failure.of_address, 1u);
  }
  EXPECT_EQ(delay("198.51.100.8"), Millis(0));
}

TEST_F(GuardTest, endless_repetitions_close_the_place_that_sends_them_alone) {
  for (int i = 0; i < 1200; ++i) guard.failed({"192.0.2.1", "ana@x.test", "", 77});
  EXPECT_TRUE(refuses("192.0.2.1", "ana@x.test"));
  EXPECT_FALSE(refuses("192.0.2.1", "eva@x.test"));
}

TEST_F(GuardTest, what_may_be_one_password_of_one_device_cannot_spend_the_budget_of_its_address) {
  for (int i = 0; i < 40; ++i) guard.failed({"192.0.2.1", "ana@x.test"});  // SCRAM: nobody sees the password
  EXPECT_TRUE(refuses("192.0.2.1", "ana@x.test"));
  EXPECT_FALSE(refuses("192.0.2.1", "eva@x.test"));
  for (int i = 0; i < 3; ++i)
    for (int k = 0; k < 5; ++k) guard.failed({"192.0.2.1", "other" + std::to_string(i) + "@x.test"});
  EXPECT_TRUE(refuses("192.0.2.1", "eva@x.test")) << "but several accounts are guessing";
}

TEST_F(GuardTest, one_good_login_does_not_wash_a_guesser_clean) {
  fail(25);
  guard.succeeded({"192.0.2.1", "mallory@x.test"});
  EXPECT_TRUE(refuses("192.0.2.1"));
}

TEST_F(GuardTest, a_clean_place_is_no_suspect_and_a_failure_makes_one) {
  EXPECT_FALSE(judge().suspect);
  fail(1, "203.0.113.1");
  EXPECT_FALSE(judge().suspect) << "others guess at the account: that is not her doing";
  fail(1);
  EXPECT_TRUE(judge().suspect);
}

TEST_F(GuardTest, trusted_networks_are_never_delayed_counted_or_limited) {
  Guard trusting({.trusted = {*Network::parse("127.0.0.0/8"), *Network::parse("::1")}}, clock);
  for (int i = 0; i < 100; ++i)
    for (const char* address : {"127.0.0.1", "::1", "::ffff:127.0.0.9"})
      EXPECT_FALSE(trusting.failed({address, "ana", "", static_cast<uint64_t>(i + 1)}).counted);
  trusting.succeeded({"127.0.0.1", "ana"});
  EXPECT_EQ(trusting.entries(), 0u);
  EXPECT_EQ(trusting.judge({"127.0.0.1", "ana"}).verdict, Verdict::Pass);
  EXPECT_EQ(trusting.judge({"::1", "ana"}).delay, Millis(0));
}

TEST_F(GuardTest, ipv6_shares_a_budget_per_64) {
  fail(20, "2001:db8::1");
  EXPECT_TRUE(refuses("2001:db8::ffff:1"));
  EXPECT_FALSE(refuses("2001:db8:0:1::1"));
}

TEST_F(GuardTest, the_administrators_word_goes_before_the_lists_and_ends_with_its_time) {
  Guard strict({.trusted = {*Network::parse("10.0.0.0/8")}, .denied = {*Network::parse("192.0.2.0/24")}}, clock);
  auto verdict = [&](std::string_view address) { return strict.judge({address, "ana"}).verdict; };
  EXPECT_EQ(verdict("192.0.2.1"), Verdict::Denied);
  EXPECT_TRUE(strict.is_denied("192.0.2.1"));
  EXPECT_EQ(verdict("203.0.113.1"), Verdict::Pass);
  ASSERT_TRUE(strict.allow("192.0.2.1", Millis(60'000)));
  EXPECT_TRUE(strict.is_trusted("192.0.2.1"));
  EXPECT_EQ(verdict("192.0.2.2"), Verdict::Denied);
  ASSERT_TRUE(strict.deny("10.1.0.0/16", Millis(0)));
  EXPECT_EQ(verdict("10.1.2.3"), Verdict::Denied);
  EXPECT_EQ(strict.listed().size(), 2u);
  clock.advance(Millis(60'000));
  EXPECT_EQ(verdict("192.0.2.1"), Verdict::Denied) << "its time is over";
  EXPECT_EQ(verdict("10.1.2.3"), Verdict::Denied);
  ASSERT_TRUE(strict.allow("10.1.0.0/16", Millis(0)));
  EXPECT_TRUE(strict.is_trusted("10.1.2.3")) << "the last word counts";
  EXPECT_EQ(strict.listed().size(), 1u);
  EXPECT_TRUE(strict.forget("10.1.0.0/16"));
  EXPECT_TRUE(strict.listed().empty());
  EXPECT_FALSE(strict.deny("10.1.0.0/99", Millis(0)));
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(strict.deny("203.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), Millis(0)));
  EXPECT_EQ(strict.deny("198.51.100.1", Millis(0)).error().code(), Errc::Limit);
}

TEST_F(GuardTest, failures_by_all_names_of_an_account_are_one_sum_that_no_verdict_tells) {
  Guard closing({.max_account_failures = 4}, clock);
  auto attempt = [](std::string_view address, std::string_view name, uint64_t print = 0) {
    return Attempt{address, name, "", print, "ana@x.test"};
  };
  closing.succeeded(attempt("198.51.100.7", "ana@corp.test"));
  for (uint64_t i = 1; i <= 2; ++i) closing.failed(attempt("192.0.2.1", "ana@corp.test", i));
  EXPECT_FALSE(closing.is_spent_by_all_names(attempt("192.0.2.9", "ana@x.test")));
  for (uint64_t i = 3; i <= 4; ++i) closing.failed(attempt("192.0.2.1", "office@x.test", i));
  EXPECT_TRUE(closing.is_spent_by_all_names(attempt("192.0.2.9", "ana@x.test")));
  EXPECT_EQ(closing.judge(attempt("192.0.2.9", "ana@x.test")).verdict, Verdict::Pass);
  EXPECT_FALSE(closing.is_spent_by_all_names({"192.0.2.9", "ana@x.test", "", 0, "eva@x.test"}));
  EXPECT_FALSE(closing.is_spent_by_all_names({"192.0.2.9", "ana@x.test"}));
  EXPECT_FALSE(closing.is_spent_by_all_names(attempt("198.51.100.7", "ana@corp.test"))) << "at home";
  EXPECT_TRUE(closing.forget("ana@x.test"));
  EXPECT_FALSE(closing.is_spent_by_all_names(attempt("192.0.2.9", "ana@x.test")));
  for (uint64_t i = 5; i <= 9; ++i) guard.failed(attempt("192.0.2.1", "ana@x.test", i));
  EXPECT_FALSE(guard.is_spent_by_all_names(attempt("192.0.2.9", "ana@x.test"))) << "nobody's to lock";
}

TEST_F(GuardTest, what_is_forgotten_counts_no_more_and_rows_show_the_worst_first) {
  fail(30);
  fail(8, "2001:db8::1", "eva@x.test");
  auto rows = guard.addresses();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "192.0.2.1");
  EXPECT_EQ(rows[0].failures, 30u);
  EXPECT_EQ(rows[1].name, "2001:db8::/64");
  EXPECT_EQ(guard.accounts()[0].name, "ana@x.test");
  EXPECT_TRUE(guard.forget("192.0.2.1"));
  EXPECT_EQ(delay("192.0.2.1", "zoe@x.test"), Millis(0));
  EXPECT_EQ(delay("192.0.2.1"), Millis(2000)) << "the account is still guessed at";
  EXPECT_TRUE(guard.forget("Ana@x.test"));
  EXPECT_EQ(delay(), Millis(0));
  EXPECT_FALSE(guard.forget("ana@x.test")) << "nothing left";
  EXPECT_TRUE(guard.forget("eva@x.test"));
  EXPECT_GT(delay("2001:db8::2", "eva@x.test"), Millis(0)) << "the address keeps its own";
}

TEST_F(GuardTest, tables_are_bounded_and_forget_the_least_recent) {
  Guard small({.max_entries = 10}, clock);
  for (int i = 0; i < 100; ++i)
    small.failed({"10.0.0." + std::to_string(i), "user" + std::to_string(i), "", static_cast<uint64_t>(i + 1),
                  "owner" + std::to_string(i)});
  for (int i = 0; i < 100; ++i) small.succeeded({"10.0.1." + std::to_string(i), "user" + std::to_string(i), "phone"});
  EXPECT_EQ(small.entries(), 50u);
  for (uint64_t i = 0; i < 5; ++i) small.failed({"10.0.0.99", "x", "", 1000 + i});
  EXPECT_GT(small.judge({"10.0.0.99", "y"}).delay, Millis(0));
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

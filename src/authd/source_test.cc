#include "authd/source_for_test.h"

namespace bz::authd {
namespace {

TEST_F(AuthdSourceTest, a_password_that_its_directory_found_right_is_asked_again_after_its_time) {
  Sent s = plain("cleo@example.org", "pencil");
  ASSERT_EQ(s.type, Type::SaslDone);
  EXPECT_THAT(wire::SaslDone::decode(s.payload)->verdict, HasSubstr("directory corp: account "));
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
  EXPECT_EQ(corp->checks, 1);
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
  EXPECT_EQ(corp->checks, 2);
  corp->password = "crayon";
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 0) << "changed meanwhile";
  corp->down = true;
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 0) << "it was refused a moment ago";
  clock.advance(base::Millis(30 * 60'000));
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 1) << "and not remembered any more";
}

TEST_F(AuthdSourceTest, a_directory_that_is_down_shuts_out_only_whose_password_is_not_known) {
  ASSERT_EQ(attempt("pencil"), Type::SaslDone);
  corp->down = true;
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
  EXPECT_EQ(failure(plain("cleo@example.org", "crayon")).kind, 1) << "perhaps a new password: not now, instead of no";
  clock.advance(base::Millis(3'600'000));
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 1);
}

TEST_F(AuthdSourceTest, a_disabled_account_is_refused_like_a_wrong_password) {
  corp->account.state = directory::State::Disabled;
  wire::SaslFail disabled = failure(plain("cleo@example.org", "pencil"));
  wire::SaslFail wrong = failure(plain("ana", "crayon"));
  disabled.id = wrong.id = 0;
  EXPECT_EQ(disabled.encode(), wrong.encode());
}

// What a phone with an old password does to its owner's account over there: nothing after the first time.
TEST_F(AuthdSourceTest, a_password_the_directory_has_refused_is_not_sent_to_it_again) {
  auto refused = [&](std::string_view password) { return failure(plain("cleo@example.org", password)).kind == 0; };
  wire::SaslFail first = failure(plain("cleo@example.org", "old"));
  EXPECT_EQ(corp->checks, 1);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(refused("old"));
  EXPECT_EQ(corp->checks, 1);
  wire::SaslFail again = failure(plain("cleo@example.org", "old"));
  first.id = again.id = 0;
  EXPECT_EQ(first.encode(), again.encode()) << "the client is told the same";
  EXPECT_THAT(g_log, HasSubstr("corp refused this password"));
  EXPECT_TRUE(refused("other"));
  EXPECT_EQ(corp->checks, 2);
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
  clock.advance(base::Millis(30 * 60'000));
  EXPECT_TRUE(refused("old"));
  EXPECT_EQ(corp->checks, 4) << "its time was over";
  corp->account.verifier_version = 7;  // pwdLastSet
  corp->password = "old";
  EXPECT_EQ(attempt("old"), Type::SaslDone) << "it was changed over there to what was wrong before";
}

TEST_F(AuthdSourceTest, the_administrator_sees_the_device_and_never_the_password) {
  auto old = [&] {
    auto start = begin("PLAIN", "192.0.2.1");
    start.client_id = "iPhone Mail 22C161 iOS 18.2.1\n\x1b[2J";
    start.has_initial = true;
    start.initial = std::string("\0cleo@example.org\0", 18) + "Geheim-1";
    EXPECT_EQ(failure(answer_to(start)).kind, 0);
  };
  old();
  EXPECT_THAT(g_log, Not(HasSubstr("stale_password")));
  EXPECT_EQ(command({"guard", "stale"}).output, "no device repeats a wrong password\n");
  for (int i = 0; i < 5; ++i) old();
  size_t at = g_log.find(
      "stale_password account=cleo@example.org peer=192.0.2.1 client=\"iPhone Mail 22C161 iOS 18.2.1??[2J\" "
      "service=imap count=2 since=");
  EXPECT_NE(at, g_log.npos) << g_log;
  EXPECT_EQ(g_log.find("stale_password", at + 1), g_log.npos) << "once an hour";
  auto shown = command({"guard", "stale"});
  EXPECT_THAT(shown.output,
              HasSubstr("cleo@example.org  192.0.2.1  imap  \"iPhone Mail 22C161 iOS 18.2.1??[2J\"  6 times, first "));
  EXPECT_THAT(shown.output, HasSubstr("its directory is not asked for 30 min\n"));
  auto json = command({"guard", "stale", "--json"}).output;
  EXPECT_THAT(json, HasSubstr("\"count\":6"));
  EXPECT_THAT(json, HasSubstr("\"shielded_s\":1800"));
  for (const std::string& text : {g_log, shown.output, json}) EXPECT_THAT(text, Not(HasSubstr("Geheim")));
  EXPECT_EQ(corp->checks, 1);
  EXPECT_EQ(command({"guard", "forget", "cleo@example.org"}).exit_status, 0u);
  old();
  EXPECT_EQ(corp->checks, 2) << "the administrator wanted it asked again";
}

TEST_F(AuthdSourceTest, a_locked_account_is_no_wrong_password) {
  corp->closed = true;
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 0);
  corp->closed = false;  // the administrator has unlocked it
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
}

TEST_F(AuthdSourceTest, strangers_cannot_spend_the_directorys_patience_and_the_owner_still_gets_in) {
  Options closing = options();
  closing.guard.max_account_failures = 5;
  service->reload(closing);
  EXPECT_EQ(plain("cleo@example.org", "pencil", "198.51.100.7").type, Type::SaslDone);
  corp->checks = 0;
  size_t put_off = 0;
  for (int i = 0; i < 200; ++i)
    put_off += failure(plain("cleo@example.org", "guess" + std::to_string(i), "203.0.113." + std::to_string(i))).kind == 1;
  EXPECT_EQ(corp->checks, 5);
  EXPECT_EQ(put_off, 195u);
  EXPECT_EQ(plain("cleo@example.org", "pencil", "198.51.100.7").type, Type::SaslDone) << "at home";
  EXPECT_EQ(plain("cleo@example.org", "pencil", "198.51.100.99").type, Type::SaslDone) << "on the road: known to be right";
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(plain("cleo@example.org", "pencil", "198.51.100.99").type, Type::SaslDone);
  // Somebody who is not there is put off just the same.
  std::vector<int> kinds[2];
  for (int i = 0; i < 10; ++i) {
    kinds[0].push_back(
        failure(plain("nobody@example.org", "x" + std::to_string(i), "203.0.112." + std::to_string(i))).kind);
    kinds[1].push_back(failure(plain("eva@example.org", "x" + std::to_string(i), "203.0.111." + std::to_string(i))).kind);
  }
  EXPECT_EQ(kinds[0], kinds[1]);
  EXPECT_EQ(kinds[0][4], 0);
  EXPECT_EQ(kinds[0][5], 1);
}

// A directory counts by account, and an account has a mail address, aliases and a user principal name.
TEST_F(AuthdSourceTest, strangers_gain_no_guesses_by_the_other_names_of_an_account) {
  Options closing = options();
  closing.guard.max_account_failures = 5;
  service->reload(closing);
  corp->other_names = {"cleo@corp.test", "office@example.org"};
  int place = 0;
  auto guess = [&](std::string user, std::string password) {
    wire::SaslFail f = failure(plain(user, password, "203.0.113." + std::to_string(place++)));
    f.id = 0;
    return f.encode();
  };
  for (int i = 0; i < 3; ++i) guess("cleo@corp.test", "a" + std::to_string(i));
  for (int i = 0; i < 4; ++i) guess("office@example.org", "b" + std::to_string(i));
  EXPECT_EQ(corp->checks, 5);
  // Nobody learns that the names are one: each answers as one that nobody has does.
  EXPECT_EQ(guess("cleo@example.org", "c"), guess("nobody@example.org", "c"));
  EXPECT_EQ(guess("cleo@corp.test", "c"), guess("nobody@corp.test", "c"));
  EXPECT_EQ(corp->checks, 5);
  EXPECT_THAT(g_log, HasSubstr("many guess at this account by its other names: corp is not asked for a stranger"));
  EXPECT_EQ(command({"guard", "forget", "cleo@example.org"}).exit_status, 0u);
  EXPECT_EQ(plain("cleo@corp.test", "pencil", "203.0.113.200").type, Type::SaslDone);
  for (int i = 0; i < 9; ++i) guess("office@example.org", "d" + std::to_string(i));
  EXPECT_EQ(plain("cleo@corp.test", "pencil", "203.0.113.200").type, Type::SaslDone) << "at home";
  EXPECT_EQ(plain("cleo@corp.test", "pencil", "203.0.113.201").type, Type::SaslDone) << "and where it is known to be right";
}

TEST_F(AuthdSourceTest, a_burst_of_strangers_leaves_a_connection_of_the_directory_to_those_who_were_there_before) {
  const std::string user = "cleo@example.org";
  auto start = [&](std::string_view password, std::string_view address) {
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart), begin_plain(user, password, address).encode());
  };
  ASSERT_EQ(plain(user, "pencil", "198.51.100.7").type, Type::SaslDone);
  clock.advance(base::Millis(61'000));  // the directory is asked again
  corp->checks = 0;
  corp->of_strangers = 2;
  corp->hold = true;
  sent.clear();
  for (int i = 0; i < 50; ++i) start("guess" + std::to_string(i), "203.0.113." + std::to_string(i));
  EXPECT_EQ(corp->checks, 2) << "the others wait";
  start("pencil", "198.51.100.7");
  EXPECT_EQ(corp->checks, 3) << "at home: at once";
  start("pencil", "198.51.100.99");
  EXPECT_EQ(corp->checks, 4) << "on the road, with a password that was right a minute ago";
  corp->held.back().set(true);
  corp->held.pop_back();
  run_until_sent(1);
  EXPECT_EQ(sent.back().type, Type::SaslDone);
  EXPECT_EQ(corp->checks, 4);
  corp->held.front().set(true);
  corp->held.pop_front();
  EXPECT_EQ(corp->checks, 5) << "one stranger after the other";
  corp->end_checks();
  run_until_sent(52);
  EXPECT_EQ(corp->checks, 52) << "and nobody is forgotten";
}

TEST_F(AuthdSourceTest, strangers_who_wait_for_a_directory_when_we_end_leave_nothing_behind) {
  corp->of_strangers = 1;
  corp->hold = true;
  for (const char* address : {"203.0.113.1", "203.0.113.2", "203.0.113.3"})
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart),
                     begin_plain("cleo@example.org", address, address).encode());
  EXPECT_EQ(corp->checks, 1);
  service.reset();
  EXPECT_EQ(corp->checks, 1);
}

TEST_F(AuthdSourceTest, directory_test_tells_the_steps_and_its_status) {
  EXPECT_EQ(command({"directory", "test", "cleo@example.org"}).exit_status, 0u);
  EXPECT_EQ(command({"directory", "test", "cleo@example.org", "--password-stdin"}, "pencil\n").exit_status, 0u);
  auto wrong = command({"directory", "test", "cleo@example.org", "--password-stdin"}, "crayon\n");
  EXPECT_EQ(wrong.exit_status, 1u);
  EXPECT_THAT(wrong.output, HasSubstr("! bind: asked"));
  EXPECT_EQ(command({"directory", "test", "nobody"}).exit_status, 1u);
  auto ana = command({"directory", "test", "ana", "--password-stdin", "--json"}, "pencil\n");
  EXPECT_EQ(ana.exit_status, 0u) << ana.output;
  EXPECT_THAT(ana.output, HasSubstr("{\"step\":\"password\",\"result\":\"good\",\"text\":\"right\"}"));
  EXPECT_EQ(command({"directory", "test", "ana", "--password-stdin"}, "crayon\n").exit_status, 1u);
  EXPECT_THAT(g_log, Not(HasSubstr("crayon")));
}

}  // namespace
}  // namespace bz::authd

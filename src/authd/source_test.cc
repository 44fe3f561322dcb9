#include "authd/world_for_test.h"

namespace bz::authd {
namespace {

// A directory of one user that checks his password itself.
struct BindSource : directory::Source {
  directory::Account account;
  std::string password = "pencil";
  bool down = false, closed = false;
  int checks = 0;
  size_t of_strangers = 100;
  bool hold = false;  // checks do not end before end_checks()
  std::deque<base::Completion<bool>::Promise> held{};
  void end_checks() {
    hold = false;
    while (!held.empty()) {
      auto promise = std::move(held.front());
      held.pop_front();
      promise.set(true);
    }
  }
  std::string_view name() const override { return "corp"; }
  Task<Result<directory::LoginRecord>> login(std::string user) override {
    directory::LoginRecord record;
    if (user != account.name) co_return std::move(record);
    record.known = true;
    record.account = account;
    record.source = "corp";
    record.check = directory::LoginRecord::Check::Source;
    record.fresh = base::Millis(60'000);
    record.of_strangers = of_strangers;
    co_return std::move(record);
  }
  Task<Result<directory::PasswordVerdict>> check_password(directory::LoginRecord, Secret given) override {
    using directory::PasswordVerdict;
    ++checks;
    if (hold) {
      base::Completion<bool> end;
      held.push_back(end.promise());
      (void)co_await end;
    }
    if (down) co_return fail(Errc::Unavailable, "no server answers");
    if (closed) co_return PasswordVerdict::Closed;
    co_return given.equals(password) ? PasswordVerdict::Right : PasswordVerdict::Wrong;
  }
  Task<Result<directory::RecipientAnswer>> recipients(std::string) override { co_return directory::RecipientAnswer{}; }
  Task<Result<bool>> may_send_as(AccountId, std::string) override { co_return false; }
  Task<Result<directory::Account>> by_id(AccountId) override { co_return account; }
  Task<std::vector<directory::Finding>> explain(std::string user, std::optional<Secret> given) override {
    using directory::Finding;
    std::vector<Finding> out;
    bool right = !given || given->equals(password);
    if (user == account.name) out.push_back({right ? Finding::Kind::Good : Finding::Kind::Bad, "bind", "asked"});
    co_return std::move(out);
  }
};

struct AuthdSourceTest : AuthdTest {
  std::shared_ptr<BindSource> corp = std::make_shared<BindSource>();
  AuthdSourceTest() {
    auto bound = base::run_now(directory->bind("corp", "id-1", "cleo@example.org"));
    EXPECT_TRUE(bound);
    corp->account.id = bound->account;
    corp->account.name = "cleo@example.org";
    chain.set_others({corp});
  }
  Type attempt(std::string_view password) { return plain("cleo@example.org", password).type; }
};

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

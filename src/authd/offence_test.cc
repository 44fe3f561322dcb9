#include "authd/world_for_test.h"
#include "base/text.h"

namespace bz::authd {
namespace {

TEST_F(AuthdTest, guessing_gets_slow_and_then_refused_for_the_address_alone) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(failure(plain("ana", "guess" + std::to_string(i), "192.0.2.1")).kind, 0);
  EXPECT_EQ(slept.front(), base::Millis(250));
  EXPECT_EQ(slept.back(), base::Millis(2000));
  EXPECT_EQ(failure(plain("ana", "pencil", "192.0.2.1")).kind, 1);
  EXPECT_EQ(plain("ana", "pencil", "192.0.2.2").type, Type::SaslDone) << "slower, not locked out";
  slept.clear();
  EXPECT_EQ(plain("ana", "pencil", "192.0.2.2").type, Type::SaslDone);
  EXPECT_TRUE(slept.empty()) << "she is known there now";
  EXPECT_EQ(plain("ana", "pencil", "127.0.0.1").type, Type::SaslDone);
}

TEST_F(AuthdTest, a_colleague_behind_the_address_of_a_guesser_gets_in_where_she_was_before) {
  EXPECT_EQ(plain("eva", "pencil", "192.0.2.1").type, Type::SaslDone);
  for (int i = 0; i < 60; ++i) (void)plain("ana", "guess" + std::to_string(i), "192.0.2.1");
  EXPECT_EQ(failure(plain("ana", "pencil", "192.0.2.1")).kind, 1);
  slept.clear();
  EXPECT_EQ(plain("eva", "pencil", "192.0.2.1").type, Type::SaslDone);
  EXPECT_TRUE(slept.empty());
}

TEST_F(AuthdTest, an_offence_is_one_line_of_a_promised_form_and_a_repetition_is_none) {
  (void)plain("ana", "crayon", "192.0.2.1");
  (void)plain("ana", "crayon", "192.0.2.1");
  (void)plain("typed Secret-2", "x", "2001:db8::7");
  (void)plain("ana", "crayon", "127.0.0.1");
  std::vector<std::string> lines;
  for (std::string_view line : base::split(g_log, '\n'))
    if (line.find(" offence ") != line.npos) lines.emplace_back(line.substr(line.find(" offence ")));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], " offence peer=192.0.2.1 service=imap kind=guess failures=1 sid=abcdefghjkmn user=ana@example.org");
  EXPECT_EQ(lines[1], " offence peer=2001:db8::7 service=imap kind=guess failures=1 sid=abcdefghjkmn");
  g_log.clear();
  for (int i = 0; i < 25; ++i) (void)plain("ana", "guess" + std::to_string(i), "192.0.2.1");
  EXPECT_THAT(g_log, HasSubstr(" offence peer=192.0.2.1 service=imap kind=closed failures=20 sid=abcdefghjkmn\n"));
  EXPECT_EQ(g_log.find("kind=closed"), g_log.rfind("kind=closed")) << "once a minute";
}

TEST_F(AuthdTest, nobody_logs_in_from_a_denied_network_and_the_administrator_may_change_that) {
  EXPECT_EQ(command({"guard", "deny", "192.0.2.0/24", "--for", "10m"}).output, "denied: 192.0.2.0/24 for 10m\n");
  wire::SaslFail denied = failure(plain("ana", "pencil", "192.0.2.1"));
  wire::SaslFail wrong = failure(plain("ana", "crayon", "203.0.113.1"));
  EXPECT_EQ(denied.reason, wrong.reason);
  EXPECT_EQ(denied.kind, 0);
  EXPECT_THAT(command({"guard", "list"}).output, HasSubstr("network  192.0.2.0/24  denied for 10 min\n"));
  clock.advance(base::Millis(600'000));
  EXPECT_EQ(plain("ana", "pencil", "192.0.2.1").type, Type::SaslDone);
  EXPECT_EQ(command({"guard", "allow", "203.0.113.7"}).output, "allowed: 203.0.113.7 until auth ends\n");
  for (int i = 0; i < 60; ++i) EXPECT_EQ(failure(plain("ana", "g" + std::to_string(i), "203.0.113.7")).kind, 0);
  auto list = command({"guard", "list", "--json"}).output;
  EXPECT_THAT(list, HasSubstr("{\"network\":\"203.0.113.7\",\"word\":\"allowed\",\"seconds\":0}"));
  EXPECT_EQ(command({"guard", "forget", "203.0.113.7"}).exit_status, 0u);
  EXPECT_EQ(command({"guard", "forget", "203.0.113.7"}).exit_status, 1u);
  EXPECT_EQ(command({"guard", "deny", "everybody"}).exit_status, 1u);
  EXPECT_EQ(command({"guard", "deny", "::1", "--for", "soon"}).exit_status, 1u);
}

TEST_F(AuthdTest, guard_list_shows_addresses_and_accounts_and_no_name_that_may_be_a_password) {
  EXPECT_EQ(command({"guard", "list"}).output, "nobody is under suspicion\n");
  for (int i = 0; i < 4; ++i) (void)plain("ana", "guess" + std::to_string(i), "192.0.2.1");
  (void)plain("my-Secret-2 in the name field", "x", "192.0.2.1");
  std::string list = command({"guard", "list"}).output;
  EXPECT_EQ(list, "address  192.0.2.1  5 failures\naccount  ana@example.org  4 failures from strange places\n");
  EXPECT_THAT(command({"guard", "list", "--json"}).output, Not(HasSubstr("Secret")));
  EXPECT_EQ(command({"guard", "forget", "ana"}).exit_status, 0u);
  EXPECT_EQ(command({"guard", "list"}).output, "address  192.0.2.1  5 failures\n");
}

TEST_F(AuthdTest, an_old_password_of_an_account_of_our_own_is_shown_too) {
  for (int i = 0; i < 3; ++i) (void)plain("ana", "crayon", "192.0.2.1");
  EXPECT_THAT(command({"guard", "stale"}).output, HasSubstr("ana@example.org  192.0.2.1  imap  (says no name)  3 times"));
  ASSERT_EQ(command({"account", "passwd", "ana"}, "crayon").exit_status, 0u);
  EXPECT_EQ(command({"guard", "stale"}).output, "no device repeats a wrong password\n");
}

}  // namespace
}  // namespace bz::authd

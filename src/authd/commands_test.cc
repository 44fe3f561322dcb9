#include "authd/commands.h"

#include "authd/world_for_test.h"
#include "crypto/ticket.h"

namespace bz::authd {
namespace {

TEST_F(AuthdTest, new_accounts_store_what_the_settings_say_and_old_ones_what_they_had) {
  Options o = options();
  o.secrets.kinds = *directory::SecretKinds::parse("scram-sha-1,ntlm");
  service->reload(std::move(o));
  ASSERT_EQ(command({"account", "add", "max"}, "pencil").exit_status, 0u);
  EXPECT_THAT(command({"account", "show", "max", "--json"}).output,
              HasSubstr(R"("secrets":["argon2id","scram-sha-256","scram-sha-1","ntlm"])"));
  ASSERT_EQ(command({"account", "passwd", "ana"}, "pencil").exit_status, 0u);
  EXPECT_THAT(command({"account", "show", "ana", "--json"}).output, HasSubstr(R"("secrets":["argon2id","scram-sha-256"])"));
  EXPECT_THAT(command({"account", "passwd", "ana", "--secrets", "md5"}, "pencil").error, HasSubstr("digest-md5"));
}

TEST_F(AuthdTest, disable_passwd_and_remove_end_sessions_at_every_peer_and_once_more_when_tickets_are_void) {
  hold_sleepers = true;
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_EQ(count(Type::EndSessions), 3u);
  ASSERT_EQ(sleepers.size(), 1u);
  EXPECT_GT(slept.back(), base::Millis(crypto::kTicketLifeMs));
  sleepers[0].set(true);
  EXPECT_EQ(count(Type::EndSessions), 6u);
  ASSERT_EQ(command({"account", "enable", "ana"}).exit_status, 0u);
  EXPECT_EQ(count(Type::EndSessions), 6u);
  ASSERT_EQ(command({"account", "passwd", "ana"}, "crayon").exit_status, 0u);
  EXPECT_EQ(count(Type::EndSessions), 9u);
  ASSERT_EQ(command({"account", "remove", "ana"}).exit_status, 0u);
  ASSERT_EQ(command({"account", "enable", "ana"}).exit_status, 0u);
  size_t before = count(Type::EndSessions);
  sleepers.back().set(true);
  EXPECT_EQ(count(Type::EndSessions), before) << "active again: its new sessions stay";
}

TEST_F(AuthdTest, purge_tells_the_mail_store_now_and_again_when_it_comes_up) {
  EXPECT_EQ(command({"account", "purge", "ana"}).exit_status, 1u) << "not removed yet";
  ASSERT_EQ(command({"account", "remove", "ana"}).exit_status, 0u);
  ASSERT_EQ(command({"account", "purge", "ana"}).exit_status, 0u);
  EXPECT_EQ(count(Type::PurgeAccount), 1u);
  service->peer_down(mailstore);
  service->peer_up(mailstore);
  EXPECT_EQ(count(Type::PurgeAccount), 2u);
  EXPECT_EQ(wire::EndSessions::decode(sent.back().payload)->account_id, 1u);
}

TEST_F(AuthdTest, commands_say_what_they_did_what_they_refuse_and_how_they_are_used) {
  auto added =
      command({"account", "add", "Luz@example.org", "--password-stdin", "--name", "Luz \"L\"", "--quota", "1GiB", "--json"},
              "pw\r\nrest");
  EXPECT_EQ(added.exit_status, 0u);
  EXPECT_THAT(added.output,
              HasSubstr("{\"name\":\"luz@example.org\",\"id\":3,\"state\":\"active\",\"display_name\":\"Luz \\\"L\\\"\","
                        "\"quota_bytes\":1073741824,"));
  EXPECT_EQ(plain("luz", "pw").type, Type::SaslDone);
  auto twice = command({"account", "add", "luz"}, "pw");
  EXPECT_EQ(twice.exit_status, 1u);
  EXPECT_THAT(twice.error, HasSubstr("luz@example.org is an account"));
  EXPECT_EQ(command({"account", "add", "x@elsewhere.test"}, "pw").exit_status, 1u);
  EXPECT_EQ(command({"account", "add", "x"}, "").exit_status, 1u) << "no password";
  EXPECT_EQ(command({"account", "add", "x", "--secrets", "md5"}, "pw").exit_status, 1u);
  EXPECT_EQ(command({"account", "add", "x", "--quota", "much"}, "pw").exit_status, 1u);
  EXPECT_EQ(command({"account", "add", "x", "--messages", "1k"}, "pw").exit_status, 1u);
  EXPECT_EQ(command({"account", "quota", "ana"}).exit_status, 1u);
  EXPECT_EQ(command({"account", "quota", "ana", "--mailboxes", "-1"}).exit_status, 1u);
  for (std::vector<std::string> wrong : {std::vector<std::string>{},
                                         {"account"},
                                         {"account", "fly", "x"},
                                         {"account", "add"},
                                         {"account", "add", "a", "b"},
                                         {"account", "list", "--what"},
                                         {"account", "add", "x", "--name"}}) {
    auto answer = command(wrong);
    EXPECT_EQ(answer.exit_status, 2u);
    EXPECT_THAT(answer.error, HasSubstr("usage:"));
  }
  EXPECT_THAT(command({"account", "list"}).output, HasSubstr("ana@example.org  active  id 1  quota default\n"));
  EXPECT_THAT(command({"account", "show", "eva"}).output, HasSubstr("eva@example.org"));
  EXPECT_EQ(command({"account", "show", "nobody"}).exit_status, 1u);
  EXPECT_EQ(command({"alias", "add", "team@example.org", "ana", "eva"}).output,
            "team@example.org -> ana@example.org, eva@example.org\n");
  EXPECT_EQ(command({"alias", "list", "--json"}).output,
            "[{\"address\":\"team@example.org\",\"accounts\":[\"ana@example.org\",\"eva@example.org\"]}]\n");
  EXPECT_EQ(command({"alias", "remove", "team@example.org", "ana"}).exit_status, 0u);
  EXPECT_EQ(command({"alias", "remove", "team@example.org"}).exit_status, 0u);
  EXPECT_EQ(command({"alias", "list"}).output, "");
  EXPECT_EQ(command({"account", "send-as", "ana", "boss@elsewhere.test"}).exit_status, 0u);
  auto relay = command({"account", "add", "relay", "--send-as", "*, b@y.test", "--json"}, "pw");
  EXPECT_THAT(relay.output, HasSubstr("\"send_as\":[\"*\",\"b@y.test\"]")) << relay.error;
  EXPECT_EQ(command({"account", "add", "x", "--send-as", "everybody"}, "pw").exit_status, 1u);
}

TEST(ParseQuota, takes_sizes_and_refuses_the_rest) {
  EXPECT_EQ(parse_quota("0"), 0u);
  EXPECT_EQ(parse_quota("500M"), uint64_t{500} << 20);
  EXPECT_EQ(parse_quota("2gib"), uint64_t{2} << 30);
  EXPECT_EQ(parse_quota("1TB"), uint64_t{1} << 40);
  for (const char* bad : {"", "M", "-1", "1.5G", "99999999999T", "1X", "1 G"})
    EXPECT_EQ(parse_quota(bad), std::nullopt) << bad;
}

TEST(ParseTime, takes_times_and_refuses_the_rest) {
  EXPECT_EQ(parse_time("90s"), base::Millis(90'000));
  EXPECT_EQ(parse_time("365d"), base::Millis(365 * 86'400'000ll));
  for (const char* bad : {"", "s", "0s", "-1s", "10", "1w", "366d", "99999999999999999999h", "1.5h", "1 h"})
    EXPECT_EQ(parse_time(bad), std::nullopt) << bad;
}

TEST(JsonText, escapes_what_json_needs) { EXPECT_EQ(json_text("a\"\\\n\x01ñ"), "\"a\\\"\\\\\\u000a\\u0001ñ\""); }

}  // namespace
}  // namespace bz::authd

#include "authd/world_for_test.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/ticket.h"
#include "sasl/apop.h"
#include "sasl/client.h"
#include "sasl/digest_md5.h"

namespace bz::authd {
namespace {

TEST_F(AuthdTest, a_right_password_gets_a_ticket_for_the_role_that_serves_the_session) {
  Sent s = plain("Ana@Example.org", "pencil");
  ASSERT_EQ(s.type, Type::SaslDone);
  auto done = *wire::SaslDone::decode(s.payload);
  EXPECT_EQ(done.account, "ana@example.org");
  EXPECT_EQ(done.route, "mailstore");
  EXPECT_EQ(done.verdict, "embedded directory: account 1, active");
  base::ManualClock late;
  crypto::TicketVerifier verifier(service->ticket_public_key(), "mailstore", clock);
  auto ticket = verifier.verify(done.ticket, "abcdefghjkmn", "127.0.0.1");
  ASSERT_TRUE(ticket) << ticket.error().to_string();
  EXPECT_EQ(ticket->account, AccountId(1));
  EXPECT_EQ(ticket->account_name, "ana@example.org");
  EXPECT_EQ(ticket->mechanism, "PLAIN");
  EXPECT_THAT(g_log, HasSubstr("login sid=abcdefghjkmn"));
  EXPECT_EQ(service->exchanges(), 0u);
  auto start = begin("PLAIN");
  start.service = wire::Service::Submission;
  start.listener = "submission";
  start.has_initial = true;
  start.initial = std::string("\0ana\0pencil", 11);
  EXPECT_EQ(wire::SaslDone::decode(answer_to(start).payload)->route, "mta");
}

TEST_F(AuthdTest, unknown_disabled_and_wrong_get_the_same_answer) {
  ASSERT_EQ(command({"account", "disable", "eva"}).exit_status, 0u);
  std::vector<std::string> answers;
  for (auto [user, password] : {std::pair{"ana", "crayon"}, {"nobody", "pencil"}, {"eva", "pencil"}, {"eva", "crayon"}}) {
    wire::SaslFail f = failure(plain(user, password));
    f.id = 0;
    answers.push_back(f.encode());
  }
  for (const std::string& answer : answers) EXPECT_EQ(answer, answers[0]);
  EXPECT_THAT(g_log, HasSubstr("account disabled"));
}

TEST_F(AuthdTest, no_secret_and_no_odd_name_reaches_the_log) {
  (void)plain("ana", "wrong-Secret-1");
  (void)plain("my-Secret-2 typed into the name field", "x");
  (void)plain("ana", "pencil");
  EXPECT_EQ(command({"account", "passwd", "ana"}, "new-Secret-3\n").exit_status, 0u);
  EXPECT_THAT(g_log, Not(HasSubstr("Secret")));
  EXPECT_THAT(g_log, Not(HasSubstr("pencil")));
  EXPECT_THAT(g_log, HasSubstr("user=ana@example.org"));
}

TEST_F(AuthdTest, login_scram_and_cram_run_over_several_messages) {
  ASSERT_EQ(command({"account", "passwd", "ana", "--secrets", "cram-md5,scram-sha-1,scram-sha-512"}, "pencil").exit_status,
            0u);
  for (const char* mechanism : {"LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"})
    for (bool right : {true, false}) {
      auto client = sasl::make_client(*sasl::mechanism_of(mechanism),
                                      {.user = "ana@example.org", .password = Secret(right ? "pencil" : "crayon")},
                                      base::system_random());
      auto start = begin(mechanism);
      if (auto initial = client->initial()) {
        start.has_initial = true;
        start.initial = *initial;
      }
      Sent s = answer_to(start);
      while (s.type == Type::SaslChallenge) {
        auto response = client->next(wire::SaslStep::decode(s.payload)->data);
        ASSERT_TRUE(response) << mechanism;
        s = ask(gateway, Type::SaslStep, wire::SaslStep{start.id, *response});
      }
      ASSERT_EQ(s.type, right ? Type::SaslDone : Type::SaslFail) << mechanism;
      if (!right) continue;
      auto done = *wire::SaslDone::decode(s.payload);
      if (!done.final_data.empty()) {
        EXPECT_TRUE(client->next(done.final_data));
      }
      EXPECT_TRUE(client->may_succeed()) << mechanism;
    }
  EXPECT_EQ(service->exchanges(), 0u);
}

TEST_F(AuthdTest, digest_md5_and_apop_need_their_secrets) {
  auto digest = [&](std::string_view password) {
    auto start = begin("DIGEST-MD5");
    Sent s = answer_to(start);
    std::string challenge = wire::SaslStep::decode(s.payload)->data;
    size_t at = challenge.find("nonce=\"") + 7;
    sasl::DigestResponse said{"ana",
                              "example.org",
                              challenge.substr(at, challenge.find('"', at) - at),
                              "c",
                              "00000001",
                              "auth",
                              "imap/mail.test",
                              {},
                              {}};
    said.response = sasl::digest_response(said, crypto::md5("ana:example.org:" + std::string(password)), true);
    return ask(gateway, Type::SaslStep,
               wire::SaslStep{start.id, "username=\"ana\",realm=\"example.org\",nonce=\"" + said.nonce +
                                            "\",cnonce=\"c\",nc=00000001,qop=auth,digest-uri=\"imap/mail.test\",response=" +
                                            said.response});
  };
  auto apop = [&](std::string_view password) {
    auto start = begin("APOP");
    start.has_initial = true;
    start.initial = sasl::ApopAnswer{"<1@h>", "ana", base::hex(crypto::md5("<1@h>" + std::string(password)))}.encode();
    return answer_to(start);
  };
  EXPECT_EQ(failure(digest("pencil")).kind, 0) << "no secret yet";
  EXPECT_EQ(failure(apop("pencil")).kind, 0);
  ASSERT_EQ(command({"account", "passwd", "ana", "--secrets", "digest-md5,apop"}, "pencil").exit_status, 0u);
  EXPECT_EQ(digest("pencil").type, Type::SaslDone);
  EXPECT_EQ(apop("pencil").type, Type::SaslDone);
  EXPECT_EQ(failure(digest("crayon")).kind, 0);
  EXPECT_EQ(failure(apop("crayon")).kind, 0);
}

TEST_F(AuthdTest, nothing_is_judged_without_tls_or_on_a_mechanism_the_listener_does_not_offer) {
  auto clear = begin("PLAIN");
  clear.tls_version.clear();
  clear.has_initial = true;
  clear.initial = std::string("\0ana\0pencil", 11);
  EXPECT_EQ(failure(answer_to(clear)).kind, 3);
  EXPECT_EQ(failure(answer_to(begin("NTLM"))).kind, 3);
  auto other = begin("SCRAM-SHA-256");
  other.listener = "submission";
  EXPECT_EQ(failure(answer_to(other)).kind, 3);
  other.listener = "unknown";
  EXPECT_EQ(failure(answer_to(other)).kind, 3);
  auto broken = begin("PLAIN");
  broken.has_initial = true;
  EXPECT_EQ(failure(answer_to(broken)).kind, 2);
}

TEST_F(AuthdTest, a_login_without_tls_is_judged_on_listeners_in_clear_only) {
  auto o = options();
  o.offers["local"] = {sasl::Kind::Plain};
  o.cleartext = {"local"};
  service->reload(o);
  auto login = [&](const char* listener, std::string password) {
    auto start = begin("PLAIN");
    start.tls_version.clear();
    start.listener = listener;
    start.has_initial = true;
    start.initial = std::string("\0ana\0", 5) + password;
    return answer_to(start);
  };
  Sent good = login("local", "pencil");
  ASSERT_EQ(good.type, Type::SaslDone);
  EXPECT_NE(wire::SaslDone::decode(good.payload)->account_id, 0u);
  EXPECT_EQ(failure(login("local", "wrong")).kind, 0);
  EXPECT_EQ(failure(login("imaps", "pencil")).kind, 3);
  EXPECT_EQ(failure(login("submission", "pencil")).kind, 3);
}

TEST_F(AuthdTest, a_second_login_is_answered_from_memory_until_the_password_changes) {
  auto verdict = [&](std::string_view password) {
    Sent s = plain("ana", password);
    return s.type == Type::SaslDone ? wire::SaslDone::decode(s.payload)->verdict : "refused";
  };
  EXPECT_THAT(verdict("pencil"), Not(HasSubstr("known")));
  EXPECT_THAT(verdict("pencil"), HasSubstr("password known"));
  ASSERT_EQ(command({"account", "passwd", "ana"}, "crayon").exit_status, 0u);
  EXPECT_EQ(verdict("pencil"), "refused");
  EXPECT_THAT(verdict("crayon"), Not(HasSubstr("known")));
}

TEST_F(AuthdTest, a_full_pool_is_a_temporary_failure_and_costs_no_budget) {
  net::BlockingPool full(1, 0);
  Service crowded(world(full), *directory, chain, options());
  auto start = begin("PLAIN", "192.0.2.1");
  start.has_initial = true;
  start.initial = std::string("\0ana\0pencil", 11);
  crowded.message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
  run_until_sent(sent.size() ? sent.size() : 1);
  EXPECT_EQ(failure(sent.back()).kind, 1);
  EXPECT_TRUE(slept.empty());
}

TEST_F(AuthdTest, an_account_disabled_while_its_answer_is_held_back_gets_no_ticket) {
  for (int i = 0; i < 5; ++i) (void)plain("ana", "guess" + std::to_string(i), "192.0.2.1");
  hold_sleepers = true;
  auto start = begin("PLAIN", "192.0.2.1");
  start.has_initial = true;
  start.initial = std::string("\0ana\0pencil", 11);
  service->message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
  while (sleepers.empty()) {
    loop.post([this] { loop.stop(); });
    loop.run();
  }
  size_t before = sent.size();
  hold_sleepers = false;
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  sleepers[0].set(true);
  run_until_sent(before + 1);
  EXPECT_EQ(count(Type::SaslDone), 0u);
  EXPECT_EQ(failure(sent.back()).kind, 1);
}

TEST_F(AuthdTest, nobody_acts_as_somebody_else) {
  auto start = begin("PLAIN");
  start.has_initial = true;
  start.initial = std::string("eva@example.org\0ana\0pencil", 26);
  EXPECT_EQ(failure(answer_to(start)).kind, 0);
  start = begin("PLAIN");
  start.has_initial = true;
  start.initial = std::string("ana@example.org\0ana\0pencil", 26);
  EXPECT_EQ(answer_to(start).type, Type::SaslDone);
}

TEST_F(AuthdTest, aborts_lost_gateways_and_steps_out_of_turn_leave_nothing_behind) {
  auto start = begin("LOGIN");
  ASSERT_EQ(answer_to(start).type, Type::SaslChallenge);
  EXPECT_EQ(service->exchanges(), 1u);
  service->message(gateway, static_cast<uint8_t>(Type::SaslAbort), wire::SaslAbort{start.id}.encode());
  EXPECT_EQ(service->exchanges(), 0u);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(answer_to(begin("LOGIN")).type, Type::SaslChallenge);
  size_t before = sent.size();
  service->message(gateway, static_cast<uint8_t>(Type::SaslStep), wire::SaslStep{4711, "x"}.encode());
  service->message(gateway, static_cast<uint8_t>(Type::SaslStart), "rubbish");
  service->peer_down(gateway);
  EXPECT_EQ(service->exchanges(), 0u);
  EXPECT_EQ(sent.size(), before);
}

}  // namespace
}  // namespace bz::authd

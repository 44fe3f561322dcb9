#include "authd/domain_for_test.h"
#include "authd/source_for_test.h"
#include "sasl/ntlm_client.h"

namespace bz::authd {
namespace {

struct AuthdNtlmTest : AuthdSourceTest {
  FakeDomain domain{loop};
  NtlmHelpers helpers{loop, {}};
  AuthdNtlmTest() {
    World w = world(pool);
    w.ntlm = &helpers;
    service = std::make_unique<Service>(std::move(w), *directory, chain, ntlm_options());
    service->peer_up(gateway);
    for (int i = 0; i < 4; ++i) helpers.add(domain.start());
  }
  ~AuthdNtlmTest() override { service.reset(); }
  static Options ntlm_options() {
    Options o = options();
    o.offers["imaps"].push_back(sasl::Kind::Ntlm);
    o.ntlm.domains = {{"OFFICE", ""}};
    o.ntlm.client_time = base::Millis(10'000);
    return o;
  }
  struct Login {
    std::string user = "ana", password = "pencil", domain = "OFFICE", address = "127.0.0.1", device = "";
  };
  // The challenge, held by the client.
  struct Held {
    uint64_t id;
    Sent answer;
  };
  Held challenge(const Login& login) {
    auto start = begin("NTLM", login.address);
    start.client_id = login.device;
    start.has_initial = true;
    start.initial = ntlm::negotiate_message();
    Sent answer = answer_to(start);
    return {start.id, answer};
  }
  Sent respond(const Held& held, const Login& login) {
    auto message =
        ntlm::authenticate_message({login.user, login.domain, Secret(std::string(login.password))},
                                   wire::SaslStep::decode(held.answer.payload)->data, clock, base::system_random());
    EXPECT_TRUE(message);
    return ask(gateway, Type::SaslStep, wire::SaslStep{held.id, *message});
  }
  Sent log_in(const Login& login) {
    const Held held = challenge(login);
    if (held.answer.type != Type::SaslChallenge) return held.answer;
    return respond(held, login);
  }
};

TEST_F(AuthdNtlmTest, the_domain_lets_in_whom_it_knows) {
  for (const Login& login : {Login{}, Login{.domain = ""}, Login{.domain = "office"}, Login{.user = "ANA"},
                             Login{.user = "ana@example.org", .domain = ""}}) {
    Sent s = log_in(login);
    ASSERT_EQ(s.type, Type::SaslDone) << login.user << " " << login.domain << g_log;
    EXPECT_EQ(wire::SaslDone::decode(s.payload)->account, "ana@example.org");
  }
  EXPECT_THAT(g_log, HasSubstr("mech=NTLM"));
  EXPECT_EQ(service->exchanges(), 0u);
  EXPECT_EQ(helpers.counts().alive, 4u);
  EXPECT_EQ(helpers.counts().talking, 0u);
}

TEST_F(AuthdNtlmTest, everybody_else_hears_the_same_refusal) {
  domain.users["max"] = {};
  std::vector<std::string> answers;
  for (const Login& login : {Login{.password = "crayon"}, Login{.user = "nobody"}, Login{.user = "max"},
                             Login{.user = "eva", .domain = "ELSEWHERE"}}) {
    wire::SaslFail f = failure(log_in(login));
    f.id = 0;
    answers.push_back(f.encode());
  }
  for (const std::string& answer : answers) EXPECT_EQ(answer, answers[0]);
  EXPECT_EQ(domain.verdicts, 1u) << "nobody without a mailbox here is asked about";
  EXPECT_THAT(g_log, HasSubstr("NT_STATUS_WRONG_PASSWORD"));
  EXPECT_THAT(g_log, HasSubstr("domain ELSEWHERE is not in ntlm.domains"));
  domain.users["eva"].disabled = true;
  EXPECT_EQ(failure(log_in({.user = "eva"})).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("NT_STATUS_ACCOUNT_DISABLED"));
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_EQ(failure(log_in({})).kind, 0);
  EXPECT_EQ(domain.verdicts, 2u);
}

TEST_F(AuthdNtlmTest, ntlmv1_and_rubbish_never_reach_the_domain) {
  const Held held = challenge({});
  ASSERT_EQ(held.answer.type, Type::SaslChallenge);
  // An AUTHENTICATE with a response of 24 bytes is NTLMv1.
  std::string old = *ntlm::authenticate_message(
      {"ana", "OFFICE", Secret("pencil")}, wire::SaslStep::decode(held.answer.payload)->data, clock, base::system_random());
  old[20] = 24, old[21] = 0;
  EXPECT_EQ(failure(ask(gateway, Type::SaslStep, wire::SaslStep{held.id, old})).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("NTLMv2 only"));
  const Held other = challenge({});
  EXPECT_EQ(failure(ask(gateway, Type::SaslStep, wire::SaslStep{other.id, "rubbish"})).kind, 2);
  EXPECT_EQ(domain.verdicts, 0u);
  EXPECT_EQ(helpers.counts().talking, 0u) << "the helper is free again";
  EXPECT_EQ(log_in({}).type, Type::SaslDone) << "and in order";
}

TEST_F(AuthdNtlmTest, a_domain_that_cannot_judge_is_no_refusal_and_no_guess) {
  domain.refusal = "NA NT_STATUS_NO_LOGON_SERVERS";
  EXPECT_EQ(failure(log_in({.address = "192.0.2.1"})).kind, 1);
  domain.refusal = "BH NT_STATUS_ACCESS_DENIED";
  EXPECT_EQ(failure(log_in({.address = "192.0.2.1"})).kind, 1);
  EXPECT_THAT(command({"guard", "list"}).output, HasSubstr("nobody is under suspicion"));
  domain.refusal.clear();
  domain.instead = "BH winbindd is not there";
  EXPECT_EQ(failure(log_in({})).kind, 1);
  EXPECT_EQ(helpers.counts().alive, 4u) << "it has answered in order";
}

TEST_F(AuthdNtlmTest, a_helper_that_ends_or_talks_nonsense_is_let_go_and_another_one_serves) {
  domain.instead = "AF OFFICE\\ana";
  EXPECT_EQ(failure(log_in({})).kind, 1) << "a verdict before the question";
  EXPECT_EQ(helpers.counts().alive, 3u);
  domain.instead.clear();
  domain.dies = true;
  EXPECT_EQ(failure(log_in({})).kind, 1);
  EXPECT_EQ(helpers.counts().alive, 2u);
  domain.dies = false;
  EXPECT_EQ(log_in({}).type, Type::SaslDone);
  domain.tasks.cancel();  // all processes end
  EXPECT_EQ(failure(log_in({})).kind, 1);
  EXPECT_EQ(helpers.counts().alive, 0u);
  EXPECT_THAT(g_log, HasSubstr("no NTLM helper runs"));
  helpers.add(domain.start());
  EXPECT_EQ(log_in({}).type, Type::SaslDone);
}

TEST_F(AuthdNtlmTest, a_silent_helper_costs_its_time_and_no_more) {
  helpers.set_limits({.answer = base::Millis(20), .waiting = 10});
  domain.silent = true;
  EXPECT_EQ(failure(log_in({})).kind, 1);
  EXPECT_EQ(helpers.counts().alive, 3u);
  domain.silent = false;
  helpers.set_limits({});
  EXPECT_EQ(log_in({}).type, Type::SaslDone);
}

TEST_F(AuthdNtlmTest, a_client_that_keeps_the_challenge_loses_its_helper) {
  Options o = ntlm_options();
  o.ntlm.client_time = base::Millis(20);
  service->reload(o);
  const Held held = challenge({});
  ASSERT_EQ(held.answer.type, Type::SaslChallenge);
  run_until_sent(sent.size() + 1);
  EXPECT_EQ(failure(sent.back()).kind, 1);
  EXPECT_EQ(helpers.counts().talking, 0u);
  EXPECT_EQ(service->exchanges(), 0u);
}

TEST_F(AuthdNtlmTest, those_who_wait_are_served_in_order_and_one_address_has_half_at_most) {
  auto start = [&](std::string_view address) {
    auto s = begin("NTLM", address);
    s.has_initial = true;
    s.initial = ntlm::negotiate_message();
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart), s.encode());
    return s.id;
  };
  std::vector<uint64_t> greedy;
  size_t before = sent.size();
  for (int i = 0; i < 6; ++i) greedy.push_back(start("192.0.2.1"));
  run_until_sent(before + 2);
  EXPECT_EQ(helpers.counts().talking, 2u);
  EXPECT_EQ(helpers.counts().waiting, 4u);
  EXPECT_EQ(log_in({.address = "192.0.2.9"}).type, Type::SaslDone) << "the other half is for the rest";
  EXPECT_EQ(log_in({}).type, Type::SaslDone) << "a trusted one has no share to keep to";
  before = sent.size();
  service->message(gateway, static_cast<uint8_t>(Type::SaslAbort), wire::SaslAbort{greedy[0]}.encode());
  run_until_sent(before + 1);
  EXPECT_EQ(wire::SaslStep::decode(sent.back().payload)->id, greedy[2]) << "the first in the line";
  EXPECT_EQ(helpers.counts().waiting, 3u);
  service->peer_down(gateway);
  while (service->exchanges() != 0) {  // those who had their turn meanwhile hear the challenge before they go
    loop.post([this] { loop.stop(); });
    loop.run();
  }
  EXPECT_EQ(helpers.counts().talking, 0u);
  EXPECT_EQ(helpers.counts().alive, 4u);
}

TEST_F(AuthdNtlmTest, a_line_that_is_full_or_slow_sends_away) {
  std::vector<Held> held;
  for (int i = 0; i < 4; ++i) held.push_back(challenge({}));
  helpers.set_limits({.answer = base::Millis(30), .waiting = 1});
  auto waits = begin("NTLM");
  waits.has_initial = true;
  waits.initial = ntlm::negotiate_message();
  service->message(gateway, static_cast<uint8_t>(Type::SaslStart), waits.encode());
  EXPECT_EQ(helpers.counts().waiting, 1u);
  EXPECT_EQ(failure(log_in({})).kind, 1) << "full";
  EXPECT_THAT(g_log, HasSubstr("too many wait"));
  run_until_sent(sent.size() + 1);
  EXPECT_EQ(failure(sent.back()).kind, 1);
  EXPECT_EQ(failure(sent.back()).id, waits.id);
  EXPECT_THAT(g_log, HasSubstr("had time"));
}

TEST_F(AuthdNtlmTest, a_device_with_an_old_password_does_not_lock_its_owner_out) {
  const Login phone{.password = "old", .device = "iPhone Mail"};
  for (int i = 0; i < 20; ++i) EXPECT_EQ(failure(log_in(phone)).kind, 0);
  EXPECT_EQ(domain.users["ana"].wrong, 3u);
  EXPECT_THAT(g_log, HasSubstr("the domain is not asked again"));
  EXPECT_THAT(g_log, HasSubstr("stale_password account=ana@example.org"));
  EXPECT_THAT(command({"guard", "stale"}).output, HasSubstr("\"iPhone Mail\"  20 times"));
  EXPECT_EQ(log_in({.device = "Laptop"}).type, Type::SaslDone) << "another device is not meant";
  EXPECT_EQ(domain.users["ana"].wrong, 0u);
  clock.advance(base::Millis(30 * 60'000));
  EXPECT_EQ(failure(log_in(phone)).kind, 0);
  EXPECT_EQ(domain.users["ana"].wrong, 1u) << "its time was over";
  EXPECT_EQ(command({"guard", "forget", "ana@example.org"}).exit_status, 0u);
  EXPECT_EQ(log_in({.device = "iPhone Mail"}).type, Type::SaslDone);
}

TEST_F(AuthdNtlmTest, a_slip_of_the_hand_is_forgotten_with_the_next_login) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2; ++i) EXPECT_EQ(failure(log_in({.password = "crayon"})).kind, 0);
    EXPECT_EQ(log_in({}).type, Type::SaslDone) << round;
  }
}

TEST_F(AuthdNtlmTest, strangers_cannot_spend_the_domains_patience) {
  Options o = ntlm_options();
  o.guard.max_account_failures = 4;
  service->reload(o);
  ASSERT_EQ(log_in({.address = "198.51.100.7"}).type, Type::SaslDone);
  size_t put_off = 0;
  for (int i = 0; i < 30; ++i)
    put_off += failure(log_in({.password = "guess", .address = "203.0.113." + std::to_string(i)})).kind == 1;
  EXPECT_EQ(domain.users["ana"].wrong, 4u);
  EXPECT_EQ(put_off, 26u);
  EXPECT_EQ(log_in({.address = "198.51.100.7"}).type, Type::SaslDone) << "at home";
  EXPECT_THAT(g_log, HasSubstr("offence peer=203.0.113.0 service=imap kind=guess"));
}

TEST_F(AuthdNtlmTest, a_user_principal_name_of_a_domain_without_mailboxes_is_who_the_directory_says) {
  corp->other_names = {"cleo", "cleo@corp.test"};
  domain.users["cleo"] = {};
  domain.users["max"] = {};
  const Sent s = log_in({.user = "cleo@corp.test", .domain = ""});
  ASSERT_EQ(s.type, Type::SaslDone) << g_log;
  EXPECT_EQ(wire::SaslDone::decode(s.payload)->account, "cleo@example.org");
  EXPECT_EQ(failure(log_in({.user = "max@corp.test", .domain = ""})).kind, 0);
  EXPECT_EQ(domain.verdicts, 1u) << "nobody without a mailbox here is asked about";
  auto told = command({"directory", "test", "cleo@corp.test", "--password-stdin"}, "pencil\n");
  EXPECT_THAT(told.output, HasSubstr("+ NTLM: the domain says it is OFFICE\\cleo"));
  EXPECT_EQ(told.exit_status, 0u) << told.output;
}

TEST_F(AuthdNtlmTest, strangers_gain_no_answers_of_the_domain_by_other_names) {
  Options o = ntlm_options();
  o.guard.max_account_failures = 4;
  service->reload(o);
  corp->other_names = {"cleo", "cleo@corp.test"};
  domain.users["cleo"] = {};
  domain.lock_after = 100;
  for (int i = 0; i < 8; ++i) {
    const std::string user = i % 2 ? "cleo" : "cleo@corp.test";
    EXPECT_EQ(failure(log_in({.user = user, .password = "guess", .address = "203.0.113." + std::to_string(i)})).kind, 0);
  }
  EXPECT_EQ(domain.users["cleo"].wrong, 4u);
  EXPECT_THAT(g_log, HasSubstr("many guess at this account by its other names: the domain is not asked for a stranger"));
}

TEST_F(AuthdNtlmTest, guesses_from_one_address_are_slowed_down_and_ended) {
  for (int i = 0; i < 25; ++i) {
    domain.users["ana"].wrong = 0;
    (void)log_in({.password = "guess", .address = "192.0.2.1", .device = std::to_string(i)});
  }
  EXPECT_THAT(slept, testing::Contains(testing::Ge(base::Millis(2000))));
  EXPECT_EQ(failure(log_in({.address = "192.0.2.1"})).kind, 1);
  EXPECT_THAT(g_log, HasSubstr("kind=closed"));
}

TEST_F(AuthdNtlmTest, the_domain_names_the_account_and_it_must_be_the_one_the_client_named) {
  domain.separator = '+';
  EXPECT_EQ(log_in({}).type, Type::SaslDone);
  domain.refusal = "AF OFFICE\\eva";
  EXPECT_EQ(failure(log_in({})).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("somebody else here"));
  domain.refusal = "AF OTHER\\ana";
  EXPECT_EQ(failure(log_in({})).kind, 0);
}

TEST_F(AuthdNtlmTest, logins_under_way_when_we_end_leave_nothing_behind) {
  domain.silent = true;
  for (int i = 0; i < 6; ++i) {
    auto start = begin("NTLM");
    start.has_initial = true;
    start.initial = ntlm::negotiate_message();
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
  }
  EXPECT_EQ(helpers.counts().talking, 4u);
  service.reset();
  EXPECT_EQ(helpers.counts().talking, 0u);
}

TEST_F(AuthdNtlmTest, directory_test_asks_the_domain_as_a_client_would) {
  EXPECT_THAT(command({"directory", "test", "ana"}).output, HasSubstr("NTLM: 4 helpers run, 0 talk; domain OFFICE"));
  auto good = command({"directory", "test", "ana", "--password-stdin"}, "pencil\n");
  EXPECT_THAT(good.output, HasSubstr("+ NTLM: the domain says it is OFFICE\\ana"));
  EXPECT_EQ(good.exit_status, 0u);
  domain.users["ana"].password = "other";
  EXPECT_THAT(command({"directory", "test", "ana", "--password-stdin"}, "pencil\n").output,
              HasSubstr("  NTLM: the domain says NT_STATUS_WRONG_PASSWORD"));
  domain.tasks.cancel();
  EXPECT_THAT(command({"directory", "test", "ana"}).output, HasSubstr("no helper runs"));
  EXPECT_THAT(g_log, Not(HasSubstr("pencil")));
}

}  // namespace
}  // namespace bz::authd

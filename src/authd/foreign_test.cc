// Accounts whose mailbox is on another server: what auth tells egress, the gateway and mta.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "authd/service.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/ticket.h"
#include "directory/chain.h"
#include "kv/memory.h"
#include "sasl/client.h"

namespace bz::authd {
namespace {
using testing::HasSubstr;
using wire::Type;

constexpr crypto::PasswordCost kCheap{64, 1, 1};

struct Sent {
  PeerId to;
  Type type;
  std::string payload;
};

struct Counting : directory::Chain {
  using Chain::Chain;
  Task<Result<directory::Account>> by_id(AccountId id) override {
    ++looked_up;
    return Chain::by_id(id);
  }
  int looked_up = 0;
};

struct ForeignTest : testing::Test {
  net::Loop loop;
  net::BlockingPool pool{1, 100};
  base::ManualClock clock;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  std::vector<Sent> sent;
  bool egress_down = false;
  std::unique_ptr<directory::Embedded> directory;
  std::unique_ptr<Counting> chain;
  std::unique_ptr<Service> service;
  const PeerId gateway{"gateway", 0}, mta{"mta", 0}, egress{"egress", 0};
  uint64_t next_id = 0;

  ForeignTest() {
    log::set_level(log::Err);
    directory::Options ours;
    ours.domains = {"x.test"};
    ours.cost = kCheap;
    directory =
        std::move(*base::run_now(directory::Embedded::open(*store, loop, std::move(ours), clock, base::system_random())));
    chain = std::make_unique<Counting>(*directory);
    Options options;
    options.host = "mail.x.test";
    options.offers["door"] = {sasl::Kind::Plain, sasl::Kind::ScramSha256};
    options.secrets = {kCheap, 4096, {}, "x.test"};
    options.guard.trusted = {*directory::Network::parse("127.0.0.0/8")};
    ForeignServer old{"old", "imap.old.test"}, bare{"bare", "imap.bare.test"};
    old.imap = old.delivery = old.has_master = true;
    bare.imap = true;
    old.local_part = true;
    old.sent_copy = bare.sent_copy = true;
    options.routes.servers = {old, bare};
    options.routes.own_host = "mail.x.test";
    World world{loop,
                pool,
                clock,
                base::system_random(),
                [this](const PeerId& to, Type type, std::string_view payload) -> Result<void> {
                  if (to.role == "egress" && egress_down) return fail(Errc::Unavailable, "down");
                  sent.push_back({to, type, std::string(payload)});
                  if (to.role != "egress") loop.stop();
                  return {};
                },
                [](base::Millis) -> Task<void> { co_return; }};
    service = std::make_unique<Service>(std::move(world), *directory, *chain, std::move(options));
    for (const PeerId& peer : {gateway, mta, egress}) service->peer_up(peer);
    for (const char* name : {"ana", "ben"}) EXPECT_EQ(command({"account", "add", name}, "pencil\n").exit_status, 0u);
    EXPECT_EQ(command({"account", "route", "ana", "old"}).exit_status, 0u);
    sent.clear();
  }
  ~ForeignTest() override { log::set_level(log::Info); }

  Task<void> keep(Task<wire::ControlAnswer> task, std::optional<wire::ControlAnswer>& out) {
    out = co_await std::move(task);
    loop.post([this] { loop.stop(); });
  }
  wire::ControlAnswer command(std::vector<std::string> arguments, std::string input = "") {
    std::optional<wire::ControlAnswer> out;
    auto all = keep(service->command({"auth", std::move(arguments), std::move(input)}), out);
    all.start();
    while (!out) loop.run();
    return *out;
  }
  // The answer to a message, and what went to egress before it.
  Sent ask(const PeerId& from, Type type, const std::string& payload) {
    net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "no answer"); });
    guard.arm(net::Deadline::in(base::Millis(20'000)));
    sent.clear();
    service->message(from, static_cast<uint8_t>(type), payload);
    while (sent.empty() || sent.back().to.role == "egress") loop.run();
    return sent.back();
  }
  wire::SaslStart start(std::string mechanism, wire::Service what = wire::Service::Imap) {
    wire::SaslStart s;
    s.id = ++next_id;
    s.service = what;
    s.mechanism = std::move(mechanism);
    s.listener = "door";
    s.session_id = "abcdefghjkmn";
    s.client_address = "127.0.0.1";
    s.tls_version = "TLSv1.3";
    return s;
  }
  Sent plain(std::string_view user, wire::Service what = wire::Service::Imap, std::string_view password = "pencil") {
    auto s = start("PLAIN", what);
    s.has_initial = true;
    s.initial = '\0' + std::string(user) + '\0' + std::string(password);
    return ask(gateway, Type::SaslStart, s.encode());
  }
  Sent scram(std::string user) {
    auto client = sasl::make_client(sasl::Kind::ScramSha256, {.user = std::move(user), .password = Secret("pencil")},
                                    base::system_random());
    auto s = start("SCRAM-SHA-256");
    s.has_initial = true;
    s.initial = *client->initial();
    Sent answer = ask(gateway, Type::SaslStart, s.encode());
    auto challenge = wire::SaslStep::decode(answer.payload);
    BZ_CHECK(answer.type == Type::SaslChallenge && challenge, "SCRAM's challenge");
    return ask(gateway, Type::SaslStep, wire::SaslStep{s.id, *client->next(challenge->data)}.encode());
  }
};

TEST_F(ForeignTest, egress_hears_of_the_password_before_the_gateway_hears_of_the_ticket) {
  for (int round = 0; round < 2; ++round) {  // the second time from the cache
    Sent answer = plain("ana");
    ASSERT_EQ(answer.type, Type::SaslDone);
    auto done = *wire::SaslDone::decode(answer.payload);
    EXPECT_EQ(done.route, "egress");
    EXPECT_THAT(done.verdict, HasSubstr("mailbox on server old at imap.old.test"));
    EXPECT_EQ(answer.payload.find("pencil"), std::string::npos);
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[0].to, egress);
    ASSERT_EQ(sent[0].type, Type::ForeignLogin);
    auto login = *wire::ForeignLogin::decode(sent[0].payload);
    EXPECT_EQ(login.ticket_sha256, crypto::sha256(done.ticket));
    EXPECT_EQ(login.server, "old");
    EXPECT_EQ(login.host, "imap.old.test");
    EXPECT_EQ(login.user, "ana");
    EXPECT_EQ(login.password, "pencil");
    crypto::TicketVerifier verifier(service->ticket_public_key(), "egress", clock);
    EXPECT_TRUE(verifier.verify(done.ticket, "abcdefghjkmn", "127.0.0.1"));
  }
  EXPECT_EQ(wire::SaslDone::decode(plain("ben").payload)->route, "mailstore");
  EXPECT_EQ(sent.size(), 1u);
  EXPECT_EQ(plain("ana", wire::Service::Imap, "wrong").type, Type::SaslFail);
  EXPECT_EQ(sent.size(), 1u) << "a wrong password goes nowhere";
}

TEST_F(ForeignTest, without_a_password_the_master_user_goes_or_nobody) {
  EXPECT_EQ(scram("ana").type, Type::SaslDone);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(wire::ForeignLogin::decode(sent[0].payload)->password, "");
  EXPECT_EQ(command({"account", "route", "ana", "bare"}).exit_status, 0u);
  Sent refused = scram("ana");
  ASSERT_EQ(refused.type, Type::SaslFail);
  EXPECT_EQ(wire::SaslFail::decode(refused.payload)->kind, 3);  // another mechanism may do
  EXPECT_EQ(plain("ana").type, Type::SaslDone);
}

TEST_F(ForeignTest, what_cannot_be_routed_is_temporary_and_never_ours) {
  const auto kind = [](const Sent& answer) {
    return answer.type == Type::SaslFail ? wire::SaslFail::decode(answer.payload)->kind : 99;
  };
  egress_down = true;
  EXPECT_EQ(kind(plain("ana")), 1);
  egress_down = false;
  EXPECT_EQ(kind(plain("ana", wire::Service::Pop3)), 1);
  Sent submission = plain("ana", wire::Service::Submission);  // the server has none: through our mta
  EXPECT_EQ(wire::SaslDone::decode(submission.payload)->route, "mta");
  ASSERT_TRUE(base::run_now(directory->set_route("ana@x.test", "evil.test", "")));
  EXPECT_EQ(kind(plain("ana")), 1);
  auto verdict = *wire::RecipientVerdict::decode(
      ask(mta, Type::LookupRecipient, wire::LookupRecipient{1, "ana@x.test"}.encode()).payload);
  EXPECT_EQ(verdict.kind, 3);
  EXPECT_TRUE(verdict.recipients.empty());
  EXPECT_EQ(wire::AccountInfo::decode(ask(mta, Type::LookupAccount, wire::LookupAccount{1, 1}.encode()).payload)->server,
            "evil.test");
}

TEST_F(ForeignTest, mail_goes_where_the_mailbox_is) {
  const auto look_up = [&](const char* address) {
    return *wire::RecipientVerdict::decode(
        ask(mta, Type::LookupRecipient, wire::LookupRecipient{1, address}.encode()).payload);
  };
  auto verdict = look_up("ana@x.test");
  ASSERT_EQ(verdict.recipients.size(), 1u);
  EXPECT_EQ(verdict.recipients[0].server, "old");
  EXPECT_EQ(verdict.recipients[0].host, "imap.old.test");
  EXPECT_EQ(look_up("ben@x.test").recipients[0].server, "");
  EXPECT_EQ(wire::AccountInfo::decode(ask(mta, Type::LookupAccount, wire::LookupAccount{1, 1}.encode()).payload)->server,
            "old");
  EXPECT_EQ(command({"account", "route", "ana", "bare"}).exit_status, 0u);
  EXPECT_EQ(look_up("ana@x.test").kind, 3) << "a server without delivery: mail waits";
}

TEST_F(ForeignTest, the_queue_hears_where_a_mailbox_is_and_what_it_takes) {
  const auto info = [&] {
    return *wire::AccountInfo::decode(ask(mta, Type::LookupAccount, wire::LookupAccount{1, 1}.encode()).payload);
  };
  auto at_old = info();
  EXPECT_EQ(at_old.host, "imap.old.test");
  EXPECT_EQ(at_old.user, "ana");
  EXPECT_TRUE(at_old.takes_mail && at_old.takes_sent_copy);
  EXPECT_THAT(command({"directory", "test", "ana"}).output,
              HasSubstr("    mailbox: on server old at imap.old.test, as ana\n"
                        "    sent copy: the master user files"));
  EXPECT_EQ(command({"account", "route", "ana", "bare"}).exit_status, 0u);
  auto at_bare = info();
  EXPECT_EQ(at_bare.user, "ana@x.test");
  EXPECT_FALSE(at_bare.takes_mail || at_bare.takes_sent_copy);
  EXPECT_THAT(command({"directory", "test", "ana"}).output, HasSubstr("    sent copy: off: the server has no master_user"));
  EXPECT_THAT(command({"directory", "test", "ben"}).output, HasSubstr("    mailbox: in our own mail store\n"));
}

TEST_F(ForeignTest, a_recipient_is_looked_up_once_where_there_is_one_place_to_be) {
  const auto look_up = [&] {
    chain->looked_up = 0;
    ask(mta, Type::LookupRecipient, wire::LookupRecipient{1, "ben@x.test"}.encode());
    return chain->looked_up;
  };
  EXPECT_EQ(look_up(), 1);  // where is he?
  service->reload(Options{});
  EXPECT_EQ(look_up(), 0);
}

TEST_F(ForeignTest, a_new_route_ends_the_sessions_of_before) {
  EXPECT_EQ(command({"account", "route", "ana", "bare"}).exit_status, 0u);
  size_t told = 0;
  for (const Sent& s : sent) told += s.type == Type::EndSessions && s.to == egress;
  EXPECT_EQ(told, 1u);
  EXPECT_THAT(command({"account", "show", "ana", "--json"}).output, HasSubstr("\"mail_host\":\"bare\""));
  EXPECT_THAT(command({"account", "list"}).output, HasSubstr("  on bare"));
  auto refused = command({"account", "route", "ana", "no-such"});
  EXPECT_EQ(refused.exit_status, 1u);
  EXPECT_THAT(refused.error, HasSubstr("no [[server]] allows"));
  EXPECT_EQ(command({"account", "route", "ana", "-"}).exit_status, 0u);
  EXPECT_EQ(wire::SaslDone::decode(plain("ana").payload)->route, "mailstore");
  EXPECT_EQ(command({"account", "route", "ana"}).exit_status, 2u);
}

}  // namespace
}  // namespace bz::authd

// The whole way of a session: hand-over, ticket, credential, a scripted server, bytes both ways, and every way it can fail.
#include "egress/service.h"

#include <gmock/gmock.h>

#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "egress/client_facts.h"
#include "net/passing.h"

namespace bz::egress {
namespace {
using testing::HasSubstr;
using testing::StartsWith;

net::Deadline soon() { return net::Deadline::in(net::Millis(10'000)); }

Task<std::string> hear(net::Stream& stream, std::string until) {
  std::string heard;
  while (until.empty() || heard.find(until) == std::string::npos) {
    char buffer[4096];
    auto reading = stream.read_some(buffer, soon());
    auto got = co_await reading;
    if (!got || *got == 0) break;
    heard.append(buffer, *got);
  }
  co_return heard;
}

Task<void> tell(net::Stream& stream, std::string words) {
  auto writing = stream.write_all(words, soon());
  (void)co_await writing;
}

struct Rig {
  Rig() : keys(crypto::make_sign_key(random)), verifier(keys.public_key, "egress", base::system_clock()) {
    log::set_level(std::getenv("BUZON_TEST_LOG") ? log::Debug : log::Err);
    auto server = std::make_shared<Server>();
    server->name = "old";
    server->imap = {1143, TlsUse::None};
    server->submission = {1587, TlsUse::None};
    server->master_user = "master";
    server->master_password = Secret("mpw");
    auto bare = std::make_shared<Server>(*server);
    bare->master_user.clear();
    auto all = std::make_shared<Settings>();
    all->host = "mail.test";
    all->servers = {{"old", server}, {"bare", bare}};
    all->login_time = Millis(300);
    all->credential_time = Millis(200);
    settings = all;
    service = std::make_unique<Service>(outside, base::system_clock(), settings, [this] { return &verifier; });
  }
  ~Rig() { log::set_level(log::Info); }

  Task<Result<std::unique_ptr<net::Stream>>> connect(net::Endpoint to, net::Deadline) {
    connected.push_back(to.to_string());
    if (down) co_return fail(Errc::Unavailable, "connection refused");
    BZ_CO_TRY(auto ends, net::socket_pair());
    server = std::make_unique<net::Stream>(loop, ends.second);
    if (play) tasks.spawn(play(*server));
    co_return std::make_unique<net::Stream>(loop, ends.first);
  }
  Task<Result<std::vector<std::string>>> resolve(std::string host) {
    asked.push_back(host);
    if (host == "nowhere.test") co_return fail(Errc::NotFound, "no such name");
    co_return std::vector<std::string>{addresses};
  }

  std::string ticket(AccountId account, const std::string& audience = "egress") {
    crypto::Ticket t;
    t.audience = audience;
    t.service = "imap";
    t.account = account;
    t.account_name = "ana@example.test";
    t.session = "sid1";
    t.client_address = "192.0.2.7";
    return *crypto::issue_ticket(keys.private_key, t, base::system_clock(), random);
  }
  wire::Handoff handoff(std::string its_ticket) {
    wire::Handoff h;
    h.session_id = "sid1";
    h.peer_address = "192.0.2.7";
    h.peer_port = 50'000;
    h.local_address = "198.51.100.1";
    h.local_port = 993;
    h.tag = "a1";
    h.ticket = std::move(its_ticket);
    return h;
  }
  static wire::ForeignLogin login(const std::string& ticket, std::string host = "imap.old.test",
                                  std::string password = "pw", std::string server = "old") {
    return {crypto::sha256(ticket), std::move(server), std::move(host), "ana", std::move(password)};
  }
  // The gateway's end of a leg.
  std::unique_ptr<net::Stream> leg() {
    auto ends = net::socket_pair();
    BZ_CHECK(ends.has_value(), "socket_pair");
    service->accept(ends->second);
    return std::make_unique<net::Stream>(loop, ends->first);
  }
  void run(Task<void> task) {
    net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "the test does not end"); });
    guard.arm(net::Deadline::in(net::Millis(20'000)));
    tasks.spawn(then_stop(std::move(task)));
    loop.run();
    service.reset();
  }
  Task<void> then_stop(Task<void> task) {
    co_await std::move(task);
    loop.stop();
  }

  net::Loop loop;
  net::BlockingPool pool{1, 10};
  base::SeededRandom random{1};
  crypto::SignKeyPair keys;
  crypto::TicketVerifier verifier;
  Outside outside{loop, pool, random, [this](std::string host) { return resolve(std::move(host)); },
                  [this](net::Endpoint to, net::Deadline deadline) { return connect(std::move(to), deadline); }};
  std::shared_ptr<const Settings> settings;
  std::unique_ptr<Service> service;
  std::unique_ptr<net::Stream> server;
  std::function<Task<void>(net::Stream&)> play;
  std::vector<std::string> connected, asked, addresses{"127.0.0.1"};
  bool down = false;
  net::TaskGroup tasks{loop};
};

Task<void> good_server(net::Stream& stream) {
  auto step1 = tell(stream, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n");
  co_await std::move(step1);
  auto hearing = hear(stream, "\r\n");
  auto heard = co_await std::move(hearing);
  EXPECT_EQ(heard, "B1 AUTHENTICATE PLAIN " + base::base64(std::string("\0ana\0pw", 7)) + "\r\n");
  auto step2 = tell(stream, "B1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n* 1 EXISTS\r\n");
  co_await std::move(step2);
  auto command = hear(stream, "\r\n");
  heard = co_await std::move(command);
  EXPECT_EQ(heard, "a2 NOOP\r\n");
  auto step3 = tell(stream, "a2 OK done\r\n");
  co_await std::move(step3);
}

Task<void> wrong_password(net::Stream& stream) {
  auto step4 = tell(stream, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n");
  co_await std::move(step4);
  auto step5 = hear(stream, "\r\n");
  co_await std::move(step5);
  auto step6 = tell(stream, "B1 NO [AUTHENTICATIONFAILED] no\r\n");
  co_await std::move(step6);
}

Task<void> says(net::Stream& stream, std::string words) { co_await tell(stream, std::move(words)); }

Task<std::string> first_words(Rig& rig, wire::Handoff handoff, std::string rest, std::string until) {
  auto leg = rig.leg();
  auto step7 = tell(*leg, handoff.encode() + rest);
  co_await std::move(step7);
  auto hearing = hear(*leg, until);
  auto heard = co_await std::move(hearing);
  co_return heard;
}

Task<void> opens(Rig& rig) {
  std::string ticket = rig.ticket(AccountId(7));
  rig.play = good_server;
  auto leg = rig.leg();
  // The credential comes a moment after the leg: its channel is another one.
  auto step8 = tell(*leg, rig.handoff(ticket).encode() + "a2 NOOP\r\n");
  co_await std::move(step8);
  rig.loop.post([&rig, ticket] { rig.service->credential(Rig::login(ticket)); });
  auto hearing = hear(*leg, "a2 OK done\r\n");
  auto heard = co_await std::move(hearing);
  EXPECT_EQ(heard, "a1 OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n* 1 EXISTS\r\na2 OK done\r\n");
  EXPECT_EQ(rig.connected, std::vector<std::string>{"127.0.0.1:1143"});
  // The account moves: BYE behind the whole line, then the end.
  EXPECT_EQ(rig.service->end_sessions(AccountId(8), "", "x"), 0u);
  EXPECT_EQ(rig.service->end_sessions(AccountId(7), "", "the mailbox has moved"), 1u);
  auto ending = hear(*leg, "");
  heard = co_await std::move(ending);
  EXPECT_EQ(heard, "* BYE the mailbox has moved\r\n");
}

TEST(Service, moves_a_session_to_its_server_and_ends_it_politely) {
  Rig rig;
  rig.run(opens(rig));
}

Task<void> within_a_literal(net::Stream& stream) {
  auto step1 = tell(stream, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n");
  co_await std::move(step1);
  auto step2 = hear(stream, "\r\n");
  co_await std::move(step2);
  auto step3 = tell(stream, "B1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n");
  co_await std::move(step3);
  auto step4 = hear(stream, "\r\n");
  co_await std::move(step4);
  auto step5 = tell(stream, "* 1 FETCH (BODY[] {100}\r\nSubject: x\r\n");
  co_await std::move(step5);
}

// A line's end within a message is none: our BYE there would be a part of it.
Task<void> ends_within_a_literal(Rig& rig) {
  std::string ticket = rig.ticket(AccountId(7));
  rig.play = within_a_literal;
  rig.service->credential(Rig::login(ticket));
  auto leg = rig.leg();
  auto step = tell(*leg, rig.handoff(ticket).encode() + "a2 FETCH 1 BODY[]\r\n");
  co_await std::move(step);
  auto hearing = hear(*leg, "Subject: x\r\n");
  auto heard = co_await std::move(hearing);
  EXPECT_THAT(heard, HasSubstr("{100}\r\nSubject: x\r\n"));
  EXPECT_EQ(rig.service->end_sessions(AccountId(7), "", "the mailbox has moved"), 1u);
  auto ending = hear(*leg, "");
  heard = co_await std::move(ending);
  EXPECT_EQ(heard, "");
}

TEST(Service, says_nothing_in_the_middle_of_a_message) {
  Rig rig;
  rig.run(ends_within_a_literal(rig));
}

// Another role has ended a session by the same order, and the client is back before we have read it.
Task<void> back_before_the_order(Rig& rig) {
  rig.play = good_server;
  std::string ticket = rig.ticket(AccountId(7));
  auto leg = rig.leg();
  auto step = tell(*leg, rig.handoff(ticket).encode() + "a2 NOOP\r\n");
  co_await std::move(step);
  rig.loop.post([&rig, ticket] {
    EXPECT_EQ(rig.service->end_sessions(AccountId(7), "", "the mailbox has moved"), 0u);
    rig.service->credential(Rig::login(ticket));
  });
  auto hearing = hear(*leg, "a2 OK done\r\n");
  auto heard = co_await std::move(hearing);
  EXPECT_THAT(heard, StartsWith("a1 OK "));
}

TEST(Service, serves_who_is_back_before_the_order_that_ended_his_session) {
  Rig rig;
  rig.run(back_before_the_order(rig));
}

Task<void> fails(Rig& rig, wire::ForeignLogin login, std::string ticket, std::string expected) {
  rig.service->credential(std::move(login));
  auto words = first_words(rig, rig.handoff(ticket), "", "");
  auto heard = co_await std::move(words);
  EXPECT_THAT(heard, StartsWith(expected));
  EXPECT_THAT(heard, HasSubstr("* BYE"));
}

TEST(Service, says_what_failed_in_the_clients_words) {
  struct Case {
    const char* what;
    std::function<void(Rig&)> arrange;
    std::string host, password, server, expected;
  };
  const std::string away = "a1 NO [UNAVAILABLE] ", wrong = "a1 NO [AUTHENTICATIONFAILED] ";
  const auto saying = [](std::string words) {
    return [words](Rig& rig) { rig.play = [words](net::Stream& stream) { return says(stream, words); }; };
  };
  const Case cases[] = {
      {"wrong password", [](Rig& rig) { rig.play = wrong_password; }, "imap.old.test", "pw", "old", wrong},
      {"no such name", [](Rig&) {}, "nowhere.test", "pw", "old", away},
      {"nobody listens", [](Rig& rig) { rig.down = true; }, "imap.old.test", "pw", "old", away},
      {"silence", [](Rig&) {}, "imap.old.test", "pw", "old", away},
      {"not IMAP", saying("220 smtp\r\n"), "imap.old.test", "pw", "old", away},
      {"a public address without TLS", [](Rig& rig) { rig.addresses = {"192.0.2.9"}; }, "imap.old.test", "pw", "old", away},
      {"an unknown server", [](Rig&) {}, "imap.old.test", "pw", "gone", away},
      {"neither password nor master", [](Rig&) {}, "imap.old.test", "", "bare", away},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    Rig rig;
    c.arrange(rig);
    std::string ticket = rig.ticket(AccountId(7));
    rig.run(fails(rig, Rig::login(ticket, c.host, c.password, c.server), ticket, c.expected));
    for (const auto& address : rig.connected) EXPECT_EQ(address, "127.0.0.1:1143");
  }
}

Task<void> refuses_tickets(Rig& rig) {
  rig.play = good_server;
  struct Case {
    std::string ticket, with;
  };
  std::string good = rig.ticket(AccountId(7)), other = rig.ticket(AccountId(7), "mailstore");
  const std::vector<Case> cases = {{other, other}, {"", ""}, {"junk", "junk"}, {good, rig.ticket(AccountId(9))}};
  for (const Case& c : cases) {
    rig.service->credential(Rig::login(c.with));
    auto words = first_words(rig, rig.handoff(c.ticket), "", "\r\n");
    auto heard = co_await std::move(words);
    EXPECT_THAT(heard, StartsWith("a1 NO [UNAVAILABLE]"));
  }
  // One that was signed before the account was changed: auth sends the credential with it.
  std::string old = rig.ticket(AccountId(11));
  rig.service->credential(Rig::login(old));
  rig.service->end_sessions(AccountId(11), "", "moved");
  auto words = first_words(rig, rig.handoff(old), "", "");
  auto heard = co_await std::move(words);
  EXPECT_EQ(heard, "* BYE Please connect again\r\n");
  EXPECT_TRUE(rig.connected.empty());
}

TEST(Service, goes_nowhere_without_a_ticket_and_its_own_credential) {
  Rig rig;
  rig.run(refuses_tickets(rig));
}

Task<void> down_once(Rig& rig) {
  rig.down = true;
  for (int i = 0; i < 5; ++i) {
    std::string ticket = rig.ticket(AccountId(7));
    rig.service->credential(Rig::login(ticket));
    auto words = first_words(rig, rig.handoff(ticket), "", "\r\n");
    auto heard = co_await std::move(words);
    EXPECT_THAT(heard, StartsWith("a1 NO [UNAVAILABLE]"));
  }
  EXPECT_EQ(rig.connected.size(), 1u) << "a server that is down is not asked by everybody";
}

TEST(Service, asks_a_dead_server_once) {
  Rig rig;
  rig.run(down_once(rig));
}

Task<void> quiet_server(net::Stream& stream) {
  auto greeting = tell(stream, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n");
  co_await std::move(greeting);
  auto hearing = hear(stream, "\r\n");
  co_await std::move(hearing);
  auto yes = tell(stream, "B1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n");
  co_await std::move(yes);
}

// A gateway on this host, and a server that is reached without TLS: the gateway gets the socket.
struct HandedBack {
  std::unique_ptr<net::Stream> leg;
  std::string words;
  std::unique_ptr<net::Stream> session;
};
Task<HandedBack> handed_back(Rig& rig, std::string rest) {
  std::string ticket = rig.ticket(AccountId(7));
  rig.service->credential(Rig::login(ticket));
  auto ends = net::socket_pair();
  HandedBack out{std::make_unique<net::Stream>(rig.loop, ends->first), std::string(4096, ' '), nullptr};
  rig.service->accept(ends->second, true);
  auto step = tell(*out.leg, rig.handoff(ticket).encode() + rest);
  co_await std::move(step);
  os::Fd socket;
  auto reading = net::read_with(*out.leg, out.words, socket, soon());
  auto got = co_await std::move(reading);
  out.words.resize(got ? *got : 0);
  BZ_CHECK(socket, "no socket came");
  out.session = std::make_unique<net::Stream>(rig.loop, socket.release());
  co_return std::move(out);
}

Task<void> goes_on_without_us(Rig& rig) {
  rig.play = good_server;
  auto handing = handed_back(rig, "a2 NOOP\r\n");
  auto got = co_await std::move(handing);
  EXPECT_THAT(got.words, StartsWith("a1 OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n"));
  auto hearing = hear(*got.session, "a2 OK done\r\n");
  auto heard = co_await std::move(hearing);
  EXPECT_THAT(got.words + heard, testing::EndsWith("\r\n* 1 EXISTS\r\na2 OK done\r\n"))
      << "what the client had said already was passed on";
  EXPECT_EQ(rig.service->sessions(), 1u);
  EXPECT_EQ(rig.service->end_sessions(AccountId(8), "", "x"), 0u);
  EXPECT_EQ(rig.service->end_sessions(AccountId(7), "", "x"), 1u);
  auto cut = hear(*got.session, "");
  heard = co_await std::move(cut);
  EXPECT_EQ(heard, "") << "whatever the gateway does";
  auto end = hear(*rig.server, "");
  heard = co_await std::move(end);
  EXPECT_EQ(heard, "");
}

TEST(HandBack, the_session_goes_on_without_us_until_an_order_ends_it) {
  Rig rig;
  rig.run(goes_on_without_us(rig));
}

Task<void> ends_with_its_leg(Rig& rig) {
  rig.play = quiet_server;
  auto handing = handed_back(rig, "");
  auto got = co_await std::move(handing);
  EXPECT_EQ(rig.service->sessions(), 1u);
  got.leg.reset();  // a gateway that died; another process might still have the socket
  auto end = hear(*rig.server, "");
  auto heard = co_await std::move(end);
  EXPECT_EQ(heard, "");
  EXPECT_EQ(rig.service->sessions(), 0u);
}

TEST(HandBack, ends_with_the_gateway_s_leg) {
  Rig rig;
  rig.run(ends_with_its_leg(rig));
}

Task<void> ends_with_the_role(Rig& rig) {
  rig.play = quiet_server;
  auto handing = handed_back(rig, "");
  auto got = co_await std::move(handing);
  rig.service->end_all("going down");
  auto cut = hear(*got.session, "");
  auto heard = co_await std::move(cut);
  EXPECT_EQ(heard, "");
}

TEST(HandBack, ends_with_the_role) {
  Rig rig;
  rig.run(ends_with_the_role(rig));
}

TEST(ClientFacts, are_said_in_the_words_of_each_protocol) {
  wire::Handoff h;
  h.session_id = "s=1";
  h.peer_address = "2001:db8::7";
  h.peer_port = 50'000;
  h.local_address = "192.0.2.1";
  h.local_port = 993;
  h.id_pairs = {{"name", "Phone"}, {"X-Originating-IP", "127.0.0.1"}};
  auto id = id_fields(h);
  ASSERT_EQ(id.size(), 6u);
  EXPECT_EQ(id[0], std::make_pair(std::string("x-originating-ip"), h.peer_address));
  EXPECT_EQ(id[5].first, "name");
  h.service = wire::Service::Pop3;
  EXPECT_EQ(xclient_attributes(h, "ana"), "ADDR=2001:db8::7 PORT=50000 SESSION=s+3D1");
  h.service = wire::Service::Submission;
  h.ehlo = "a b\r\nMAIL";
  EXPECT_EQ(xclient_attributes(h, "ana@x"),
            "ADDR=IPV6:2001:db8::7 PORT=50000 HELO=a+20b+0D+0AMAIL PROTO=ESMTP LOGIN=ana@x");
  EXPECT_EQ(base::hex(proxy_header(h, SendClient::Proxy)),
            "0d0a0d0a000d0a515549540a2121002420010db8000000000000000000000007"
            "00000000000000000000ffffc0000201c35003e1");
  h.peer_address = "192.0.2.7";
  EXPECT_EQ(base::hex(proxy_header(h, SendClient::Proxy)), "0d0a0d0a000d0a515549540a2111000cc0000207c0000201c35003e1");
  EXPECT_EQ(proxy_header(h, SendClient::ProxyV1), "PROXY TCP4 192.0.2.7 192.0.2.1 50000 993\r\n");
  EXPECT_EQ(proxy_header(h, SendClient::Id), "");
  h.peer_address = "unix";
  EXPECT_EQ(base::hex(proxy_header(h, SendClient::Proxy)), "0d0a0d0a000d0a515549540a20000000");
  EXPECT_EQ(proxy_header(h, SendClient::ProxyV1), "PROXY UNKNOWN\r\n");
}

}  // namespace
}  // namespace bz::egress

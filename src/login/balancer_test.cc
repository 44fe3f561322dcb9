// Doors behind balancers: who may say whose connection it is, and whose address counts then.
#include "login/balancer.h"

#include "login/rig_test.h"
#include "wire/proxy_protocol.h"

namespace bz::login::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kGreeting = "* OK [CAPABILITY";
const wire::ProxyAddresses kClient{"203.0.113.9", "198.51.100.1", 50'000, 993};

Door behind(const char* network) {
  Door door{"imap", wire::Service::Imap, TlsMode::None, {"PLAIN", "LOGIN"}};
  door.balancers = *Networks::parse({network});
  return door;
}

// A connection over loopback, so that it has an address; the client's end.
Task<std::unique_ptr<net::Stream>> dial(Rig& rig, Door door) {
  if (!rig.gate) rig.gate = std::make_unique<Gate>(rig.services, rig.settings, rig.capacity);
  auto shared = std::make_shared<const Door>(std::move(door));
  auto fd = net::listen_tcp({"127.0.0.1", 0});
  BZ_CHECK(fd.has_value(), "listen");
  net::Listener listener(rig.loop, *fd, [&rig, shared](int connection) { rig.gate->accept(shared, connection); });
  auto connecting = net::connect(rig.loop, listener.local(), soon());
  auto stream = co_await connecting;
  BZ_CHECK(stream.has_value(), "connect");
  listener.take_waiting();
  co_return std::move(*stream);
}

// What the client at this door sees and auth is told after `header` and a login.
struct Seen {
  std::string heard;
  std::string address;  // of the client, as auth was told
};
Task<Seen> log_in(Rig& rig, Door door, std::string header, size_t piece) {
  rig.starts.clear();
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mailstore").encode()); };
  auto dialing = dial(rig, std::move(door));
  auto phone = co_await dialing;
  for (size_t at = 0; at < header.size(); at += piece) {
    auto writing = phone->write_all(std::string_view(header).substr(at, piece), soon());
    (void)co_await writing;
    co_await rig.loop.sleep(net::Deadline::in(Millis(0)));
  }
  auto talking = talk(*phone, "a1 LOGIN ana pw\r\n", "ready\r\n");
  Seen seen;
  seen.heard = co_await std::move(talking);
  if (seen.heard == "not written") seen.heard.clear();  // it was gone already
  if (seen.heard.empty()) co_return seen;
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto leg = std::move(rig.legs.front().second);
  rig.legs.pop_front();
  auto taking = take(*leg);
  Taken taken = co_await std::move(taking);
  seen.address = rig.starts.at(0).client_address;
  EXPECT_EQ(taken.header.peer_address, seen.address);
  if (seen.address == kClient.peer_address) {
    EXPECT_EQ(taken.header.peer_port, kClient.peer_port);
    EXPECT_EQ(taken.header.local_address, kClient.local_address);
    EXPECT_EQ(taken.header.local_port, kClient.local_port);
  }
  co_return seen;
}

Task<void> believes(Rig& rig) {
  for (const std::string& header : {wire::proxy_v1_header(kClient), wire::proxy_v2_header(kClient)}) {
    for (size_t piece : {size_t{1}, size_t{5}, size_t{1000}}) {
      auto logging_in = log_in(rig, behind("127.0.0.0/8"), header, piece);
      Seen seen = co_await std::move(logging_in);
      EXPECT_THAT(seen.heard, StartsWith(kGreeting)) << header;
      EXPECT_EQ(seen.address, kClient.peer_address);
    }
  }
}
TEST(Balancer, address_it_names_counts_for_login_and_hand_over) {
  Rig rig;
  rig.run(believes(rig));
}

Task<void> takes_local(Rig& rig) {
  for (const std::string& header : {wire::proxy_v1_header({}), wire::proxy_v2_header({})}) {
    auto logging_in = log_in(rig, behind("127.0.0.1"), header, 1000);
    Seen seen = co_await std::move(logging_in);
    EXPECT_THAT(seen.heard, StartsWith(kGreeting));
    EXPECT_EQ(seen.address, "127.0.0.1");
  }
}
TEST(Balancer, health_check_counts_by_its_own_address) {
  Rig rig;
  rig.run(takes_local(rig));
}

Task<void> refuses(Rig& rig) {
  struct Case {
    const char* network;
    std::string bytes;
  };
  const std::string v2 = wire::proxy_v2_header(kClient);
  for (const auto& [network, bytes] : {
           Case{"127.0.0.2", v2},                        // not on the list
           Case{"127.0.0.1", "a0 NOOP\r\na0 NOOP\r\n"},  // no header
           Case{"127.0.0.1", std::string("\x16\x03\x01", 3) + std::string(30, 'x')},
           Case{"127.0.0.1", v2.substr(0, 12) + std::string(4, '\xff')},
       }) {
    auto logging_in = log_in(rig, behind(network), bytes, 1000);
    Seen seen = co_await std::move(logging_in);
    EXPECT_EQ(seen.heard, "") << bytes;
    EXPECT_TRUE(rig.starts.empty());
  }
}
TEST(Balancer, strangers_and_connections_without_a_header_hear_nothing) {
  Rig rig;
  rig.run(refuses(rig));
}

Task<void> ends_early(Rig& rig) {
  for (std::string_view bytes : {"", "PROXY TCP4 192"}) {
    auto dialing = dial(rig, behind("127.0.0.1"));
    auto phone = co_await dialing;
    auto writing = phone->write_all(bytes, soon());
    (void)co_await writing;
    auto ending = phone->shutdown(soon());
    (void)co_await ending;
    auto hearing = hear(*phone, "");
    std::string heard = co_await std::move(hearing);
    EXPECT_EQ(heard, "");
  }
}
TEST(Balancer, that_only_looks_whether_the_port_is_open_leaves_in_peace) {
  Rig rig;
  rig.run(ends_early(rig));
}

Task<void> is_slow(Rig& rig) {
  rig.settings->limits.proxy_header = Millis(30);
  auto dialing = dial(rig, behind("127.0.0.1"));
  auto phone = co_await dialing;
  auto talking = talk(*phone, "PROXY TCP4 ", "");
  std::string heard = co_await std::move(talking);
  EXPECT_EQ(heard, "");
  EXPECT_EQ(rig.gate->sessions(), 0u);
}
TEST(Balancer, that_sends_no_whole_header_is_not_waited_for) {
  Rig rig;
  rig.run(is_slow(rig));
}

Task<void> counts(Rig& rig) {
  rig.capacity.before_login = {100, 1, {}};
  auto first = dial(rig, behind("127.0.0.1"));
  auto one = co_await first;
  const std::string header = wire::proxy_v2_header(kClient);
  auto talking = talk(*one, header, "ready\r\n");
  std::string heard = co_await std::move(talking);
  EXPECT_THAT(heard, StartsWith(kGreeting));
  for (const char* address : {"203.0.113.9", "203.0.113.10"}) {
    auto again = dial(rig, behind("127.0.0.1"));
    auto other = co_await again;
    const std::string its_header = wire::proxy_v2_header({address, "198.51.100.1", 1, 993});
    auto said = talk(*other, its_header, "ready\r\n");
    std::string answer = co_await std::move(said);
    EXPECT_EQ(answer.empty(), std::string_view(address) == "203.0.113.9") << address;
  }
}
TEST(Balancer, many_clients_behind_it_are_not_one_address) {
  Rig rig;
  rig.run(counts(rig));
}

// Without a list a header is what a confused client says, in every protocol; the address stays that of the connection.
Task<void> is_garbage(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mailstore").encode()); };
  struct Case {
    wire::Service service;
    const char* until;
    const char* refusal;
  };
  for (const auto& [service, until, refusal] :
       {Case{wire::Service::Imap, "x LOGOUT", "BAD"}, Case{wire::Service::Pop3, "QUIT", "-ERR"},
        Case{wire::Service::Submission, "QUIT", "50"}}) {
    for (const std::string& header : {wire::proxy_v1_header(kClient), wire::proxy_v2_header(kClient)}) {
      auto dialing = dial(rig, Door{"open", service, TlsMode::None, {"PLAIN"}});
      auto phone = co_await dialing;
      const std::string words = header + "\r\n" + until + "\r\n";
      auto talking = talk(*phone, words, "");
      std::string heard = co_await std::move(talking);
      EXPECT_THAT(heard, HasSubstr(refusal)) << header;
    }
  }
  auto dialing = dial(rig, Door{"open", wire::Service::Imap, TlsMode::None, {"PLAIN", "LOGIN"}});
  auto phone = co_await dialing;
  const std::string words = wire::proxy_v1_header(kClient) + "a1 LOGIN ana pw\r\n";
  auto talking = talk(*phone, words, "BAD");
  std::string heard = co_await std::move(talking);
  EXPECT_THAT(heard, HasSubstr("PROXY BAD"));
  while (rig.starts.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  EXPECT_EQ(rig.starts[0].client_address, "127.0.0.1");
}
TEST(Balancer, header_at_a_door_without_a_list_is_garbage) {
  Rig rig;
  rig.run(is_garbage(rig));
}

}  // namespace
}  // namespace bz::login::test

// The client against a server of a few lines that behaves well, badly, or not at all. Real sockets on loopback, no TLS
// here: tests/interop/directories.py has that with slapd.
#include "ldap/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

namespace bz::ldap {
namespace {

using base::Millis;
using testing::HasSubstr;
using testing::Not;

std::string tlv(char tag, const std::string& content) {
  std::string out(1, tag);
  if (content.size() < 128) {
    out += static_cast<char>(content.size());
  } else {
    out += static_cast<char>(0x82);
    out += static_cast<char>(content.size() >> 8);
    out += static_cast<char>(content.size() & 0xff);
  }
  return out + content;
}

enum class Manner { Good, Silent, Holds, Garbage, Dribble, Endless, Busy, ClosesEarly };

// One thread per connection; answers binds (right password: "right") and searches (one entry).
class FakeServer {
 public:
  explicit FakeServer(Manner manner) : manner_(manner) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    BZ_CHECK(::bind(listening_, reinterpret_cast<sockaddr*>(&at), size) == 0 && ::listen(listening_, 100) == 0, "listen");
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
    threads_.emplace_back([this] { accept_all(); });
  }
  ~FakeServer() { stop(); }
  void stop() {
    if (stopping_.exchange(true)) return;
    if (manner_ == Manner::Holds) behave(Manner::Silent);
    wake();
    for (size_t i = 0;; ++i) {
      std::unique_lock lock(mutex_);
      if (i >= threads_.size()) break;
      std::thread& thread = threads_[i];
      lock.unlock();
      thread.join();
    }
    ::close(listening_);
  }
  void close_connections() {
    std::lock_guard lock(mutex_);
    for (int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  void behave(Manner manner) {
    manner_ = manner;
    manner_.notify_all();
  }
  Server server() const { return {"127.0.0.1", port, Tls::None}; }
  uint16_t port = 0;
  std::atomic<int> connections = 0;

 private:
  void wake() {
    std::lock_guard lock(mutex_);
    ::shutdown(listening_, SHUT_RDWR);
    for (int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  void accept_all() {
    for (;;) {
      int fd = ::accept(listening_, nullptr, nullptr);
      if (fd < 0) return;
      ++connections;
      std::lock_guard lock(mutex_);
      open_.push_back(fd);
      if (stopping_) ::shutdown(fd, SHUT_RDWR);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  static std::string read_some(int fd, size_t size) {
    std::string out(size, '\0');
    size_t have = 0;
    while (have < size) {
      ssize_t got = ::recv(fd, out.data() + have, size - have, 0);
      if (got <= 0) return {};
      have += static_cast<size_t>(got);
    }
    return out;
  }
  bool send(int fd, const std::string& bytes) const {
    size_t step = manner_ == Manner::Dribble ? 1 : bytes.size();
    for (size_t i = 0; i < bytes.size(); i += step)
      if (::send(fd, bytes.data() + i, std::min(step, bytes.size() - i), MSG_NOSIGNAL) < 0) return false;
    return true;
  }
  void serve(int fd) {
    for (;;) {
      std::string head = read_some(fd, 2);
      if (head.empty()) break;
      size_t size = static_cast<unsigned char>(head[1]);
      if (size == 0x81) {
        size = static_cast<unsigned char>(read_some(fd, 1)[0]);
      } else if (size == 0x82) {
        std::string more = read_some(fd, 2);
        size = static_cast<size_t>(static_cast<unsigned char>(more[0])) << 8 | static_cast<unsigned char>(more[1]);
      } else if (size == 0x84) {
        std::string more = read_some(fd, 4);
        size = static_cast<size_t>(static_cast<unsigned char>(more[2])) << 8 | static_cast<unsigned char>(more[3]);
      }
      std::string body = read_some(fd, size);
      if (body.empty() || manner_ == Manner::ClosesEarly) break;
      size_t id_size = static_cast<unsigned char>(body[1]);
      if (!answer(fd, body.substr(0, 2 + id_size), body.substr(2 + id_size))) break;
    }
    ::shutdown(fd, SHUT_RDWR);
    std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }
  bool answer(int fd, const std::string& id, const std::string& operation) {
    manner_.wait(Manner::Holds);  // until it behaves otherwise
    if (manner_ == Manner::Silent) return true;
    if (manner_ == Manner::Garbage) return send(fd, std::string("\x30\x05\xff\xff\xff\xff\xff garbage", 15));
    char code = manner_ == Manner::Busy ? 51 : 0;
    auto result = [&](char tag, char c) {
      return tlv('\x30', id + tlv(tag, std::string("\x0a\x01", 2) + c + std::string("\x04\x00\x04\x00", 4)));
    };
    if (operation[0] == '\x60')
      return send(fd,
                  result('\x61', code                                                                              ? code
                                 : operation.ends_with("right") || operation.ends_with(std::string("\x80\x00", 2)) ? 0
                                                                                                                   : 49));
    if (operation[0] != '\x63') return operation[0] != '\x42';
    std::string values = tlv('\x31', tlv('\x04', "ana"));
    std::string entry =
        tlv('\x30', id + tlv('\x64', tlv('\x04', "uid=ana,dc=x") + tlv('\x30', tlv('\x30', tlv('\x04', "uid") + values))));
    while (manner_ == Manner::Endless)
      if (!send(fd, entry)) return false;
    return send(fd, code ? result('\x65', code) : entry + result('\x65', 0));
  }
  std::atomic<Manner> manner_;
  int listening_ = -1;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<int> open_;
  std::deque<std::thread> threads_;
};

// A server that answers is never too slow for this one on a busy machine; only the silence of a server is waited for, and
// then for kSilence, which the good server next to it must keep to as well.
constexpr Millis kPatience{20'000}, kSilence{1500};

struct LdapClientTest : testing::Test {
  net::Loop loop;
  static ClientOptions options(std::vector<Server> servers) {
    static const bool ready = (init_library(), true);
    (void)ready;
    ClientOptions o;
    o.name = "corp";
    o.servers = std::move(servers);
    o.ca_file = "/etc/ssl/certs/ca-certificates.crt";
    o.server_time = kPatience;
    o.probe_first = Millis(20);
    o.probe_max = Millis(50);
    return o;
  }
  template <class T>
  Task<void> keep(Task<Result<T>> task, std::optional<Result<T>>& out) {
    out.emplace(co_await std::move(task));
    loop.stop();
  }
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    std::optional<Result<T>> out;
    net::TaskGroup tasks(loop);
    loop.post([&] { tasks.spawn(keep(std::move(task), out)); });
    net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "no end"); });
    guard.arm(net::Deadline::in(Millis(60'000)));
    loop.run();
    return std::move(*out);
  }
  Task<Result<bool>> pause() {
    auto waiting = loop.sleep(net::Deadline::in(Millis(10)));
    co_await std::move(waiting);
    co_return true;
  }
  static Search ana() { return {"dc=x", Search::Scope::Subtree, "(uid=ana)", {"uid"}, 2}; }
  static net::Deadline soon() { return net::Deadline::in(2 * kPatience); }
};

TEST_F(LdapClientTest, searches_and_binds) {
  FakeServer server(Manner::Good);
  Client client(loop, options({server.server()}));
  for (int i = 0; i < 3; ++i) {
    auto found = run(client.search(ana(), soon()));
    ASSERT_TRUE(found) << found.error().to_string();
    ASSERT_EQ(found->entries.size(), 1u);
    EXPECT_EQ(found->entries[0].attributes.at("UID")[0], "ana");
  }
  EXPECT_TRUE(run(client.check("uid=ana,dc=x", Secret("right"), soon()))->right);
  EXPECT_FALSE(run(client.check("uid=ana,dc=x", Secret("wrong"), soon()))->right);
  EXPECT_EQ(server.connections, 2) << "one for searches, one for binds";
  EXPECT_FALSE(run(client.check("uid=ana,dc=x", Secret(""), soon()))->right) << "never sent";
}

TEST_F(LdapClientTest, reads_answers_that_come_byte_by_byte) {
  FakeServer server(Manner::Dribble);
  Client client(loop, options({server.server()}));
  auto found = run(client.search(ana(), soon()));
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(found->entries.size(), 1u);
}

TEST_F(LdapClientTest, a_server_that_is_silent_closes_or_talks_nonsense_costs_its_time_once) {
  for (Manner manner : {Manner::Silent, Manner::Garbage, Manner::ClosesEarly, Manner::Busy}) {
    SCOPED_TRACE(static_cast<int>(manner));
    FakeServer bad(manner), good(Manner::Good);
    ClientOptions o = options({bad.server(), good.server()});
    if (manner == Manner::Silent) o.server_time = kSilence;
    Client client(loop, std::move(o));
    auto found = run(client.search(ana(), soon()));
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_EQ(found->server, good.server().to_string());
    EXPECT_TRUE(run(client.check("uid=ana,dc=x", Secret("right"), soon()))->right);
    EXPECT_THAT(client.state(), HasSubstr("down"));
  }
}

TEST_F(LdapClientTest, all_down_is_unavailable_at_once_and_a_server_that_is_back_is_found) {
  FakeServer server(Manner::Silent);
  ClientOptions o = options({server.server()});
  o.server_time = kSilence;
  Client client(loop, std::move(o));
  EXPECT_EQ(run(client.search(ana(), soon())).error().code(), Errc::Unavailable);
  EXPECT_FALSE(client.any_up());
  auto nobody =
      base::run_now(client.check("uid=ana,dc=x", Secret("right"), soon()));  // waits for nothing, or stops the test
  EXPECT_EQ(nobody.error().code(), Errc::Unavailable);
  server.behave(Manner::Good);
  while (!client.any_up()) EXPECT_TRUE(run(pause()));
  EXPECT_TRUE(run(client.search(ana(), soon())));
}

TEST_F(LdapClientTest, a_connection_closed_while_idle_is_no_fault_of_the_server) {
  FakeServer server(Manner::Good);
  Client client(loop, options({server.server()}));
  ASSERT_TRUE(run(client.search(ana(), soon())));
  ASSERT_TRUE(run(client.check("uid=ana,dc=x", Secret("right"), soon())));
  server.close_connections();
  EXPECT_TRUE(run(client.search(ana(), soon())));
  EXPECT_TRUE(run(client.check("uid=ana,dc=x", Secret("right"), soon()))->right);
  EXPECT_TRUE(client.any_up());
}

TEST_F(LdapClientTest, a_server_that_sends_entries_without_end_is_left) {
  FakeServer server(Manner::Endless);
  Client client(loop, options({server.server()}));
  EXPECT_EQ(run(client.search(ana(), soon())).error().code(), Errc::Limit);
}

TEST_F(LdapClientTest, an_operation_ends_by_its_deadline) {
  FakeServer one(Manner::Silent), two(Manner::Silent), three(Manner::Silent);
  Client client(loop, options({one.server(), two.server(), three.server()}));
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run(client.search(ana(), net::Deadline::in(Millis(50)))).error().code(), Errc::Timeout);
  EXPECT_EQ(run(client.check("uid=ana,dc=x", Secret("right"), net::Deadline::in(Millis(50)))).error().code(),
            Errc::Timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience) << "the time of one server";
  EXPECT_THAT(client.state(), Not(HasSubstr("down"))) << "none had its time";
}

// Strangers' guesses must not take the directory away from everybody.
TEST_F(LdapClientTest, a_burst_that_waits_for_connections_in_use_does_not_mark_the_server_down) {
  FakeServer server(Manner::Holds);
  ClientOptions o = options({server.server()});
  o.bind_connections = 1;
  Client client(loop, std::move(o));
  std::optional<Result<Client::Verdict>> first;
  net::TaskGroup tasks(loop);
  tasks.spawn(keep(client.check("uid=ana,dc=x", Secret("right"), soon()), first));
  for (int i = 0; i < 3; ++i) {
    auto late = run(client.check("uid=ana,dc=x", Secret("wrong"), net::Deadline::in(Millis(20))));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), Errc::Timeout);
    EXPECT_EQ(late.error().text(), "all connections for binds are in use");
    EXPECT_TRUE(client.any_up());
  }
  server.behave(Manner::Good);
  if (!first) loop.run();
  ASSERT_TRUE(first && *first) << "the one in front was not disturbed";
  EXPECT_TRUE((*first)->right);
  EXPECT_FALSE(run(client.check("uid=ana,dc=x", Secret("wrong"), soon()))->right);
  EXPECT_EQ(server.connections, 1);
}

TEST_F(LdapClientTest, a_bind_that_is_not_answered_in_the_servers_time_marks_it_down_for_those_who_wait_too) {
  FakeServer server(Manner::Silent);
  ClientOptions o = options({server.server()});
  o.bind_connections = 1;
  o.server_time = kSilence;
  Client client(loop, std::move(o));
  std::optional<Result<Client::Verdict>> first;
  net::TaskGroup tasks(loop);
  tasks.spawn(keep(client.check("uid=ana,dc=x", Secret("right"), soon()), first));
  auto second = run(client.check("uid=ana,dc=x", Secret("right"), soon()));
  if (!first) loop.run();
  EXPECT_FALSE(second);
  EXPECT_EQ(first->error().code(), Errc::Unavailable);
  EXPECT_THAT(client.state(), HasSubstr("down (no answer in time)"));
}

TEST_F(LdapClientTest, many_binds_share_the_connections) {
  FakeServer server(Manner::Good);
  Client client(loop, options({server.server()}));
  net::TaskGroup tasks(loop);
  int right = 0, left = 100;
  struct Count {
    static Task<void> one(Client& client, net::Loop& loop, int& right, int& left, bool good) {
      auto checking = client.check("uid=ana,dc=x", Secret(good ? "right" : "wrong"), soon());
      auto verdict = co_await std::move(checking);
      right += verdict && verdict->right == good;
      if (--left == 0) loop.stop();
    }
  };
  loop.post([&] {
    for (int i = 0; i < 100; ++i) tasks.spawn(Count::one(client, loop, right, left, i % 2 == 0));
  });
  loop.run();
  EXPECT_EQ(right, 100);
  EXPECT_LE(server.connections, 4);
}

}  // namespace
}  // namespace bz::ldap

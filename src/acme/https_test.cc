// The HTTP client against servers that lie, stall and flood. In clear, on loopback.
#include "acme/https.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "net/stream.h"
#include "net/test_util.h"

namespace bz::acme {
namespace {

using testing::HasSubstr;
using testing::Not;

// Answers every request with the same bytes and closes; empty: says nothing.
struct Server {
  net::Loop& loop;
  std::string answer;
  std::string asked;  // the last request
  net::TaskGroup tasks{loop};
  net::Endpoint at;
  std::unique_ptr<net::Listener> listener;

  explicit Server(net::Loop& l) : loop(l) {
    const int fd = *net::listen_tcp({"127.0.0.1", 0});
    at = *net::local_of(fd);
    listener = std::make_unique<net::Listener>(loop, fd, [this](int connection) { tasks.spawn(serve(connection)); });
  }
  Task<void> serve(int fd) {
    net::Stream stream(loop, fd);
    const net::Deadline deadline = net::Deadline::in(net::Millis(15'000));
    std::array<char, 4096> buffer{};
    std::string request;
    while (request.find("\r\n\r\n") == request.npos) {
      auto got = co_await stream.read_some(buffer, deadline);
      if (!got || *got == 0) co_return;
      request.append(buffer.data(), *got);
    }
    asked = request;
    if (answer.empty()) {
      auto gone = co_await stream.wait_readable(deadline);
      co_return;
    }
    auto written = co_await stream.write_all(answer, deadline);
    if (!written) co_return;
    auto ended = co_await stream.shutdown(deadline);
    if (!ended) co_return;
  }
  std::string url(const std::string& path = "/x") const { return "http://" + at.to_string() + path; }
};

Task<void> ask(Https& http, HttpRequest request, std::optional<Result<HttpReply>>& out) {
  auto sending = http.send(std::move(request));
  out.emplace(co_await sending);
}

struct HttpsTest : testing::Test {
  net::Loop loop;
  Server server{loop};
  Https http{loop, Https::Allow::ClearOnly};
  static void SetUpTestSuite() { ASSERT_TRUE(Https::prepare()); }
  Result<HttpReply> get(std::string url, std::string method = "GET", std::string body = {}) {
    std::optional<Result<HttpReply>> out;
    net::test::run(loop, ask(http, {std::move(method), std::move(url), std::move(body), "application/x-test", {}}, out));
    return std::move(*out);
  }
};

TEST_F(HttpsTest, a_reply_with_what_acme_reads_of_it) {
  server.answer =
      "HTTP/1.1 429 No\r\nreplay-NONCE: abc \r\nLocation: https://ca/o\r\nRetry-After: 5\r\nContent-Length: 4\r\n\r\nbody";
  auto reply = get(server.url(), "POST", "question");
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 429);
  EXPECT_EQ(reply->nonce, "abc");
  EXPECT_EQ(reply->location, "https://ca/o");
  EXPECT_EQ(reply->retry_after, "5");
  EXPECT_EQ(reply->body, "body");
  EXPECT_THAT(server.asked, HasSubstr("POST /x HTTP/1.1\r\n"));
  EXPECT_THAT(server.asked, HasSubstr("Content-Type: application/x-test\r\n"));
  EXPECT_THAT(server.asked, HasSubstr("User-Agent: buzon/"));
}

TEST_F(HttpsTest, redirects_are_not_followed) {
  server.answer = "HTTP/1.1 302 There\r\nLocation: " + server.url("/secret") + "\r\nContent-Length: 0\r\n\r\n";
  auto reply = get(server.url());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 302);
  EXPECT_THAT(server.asked, Not(HasSubstr("/secret")));
}

TEST_F(HttpsTest, floods_are_cut_off) {
  server.answer = "HTTP/1.1 200 OK\r\n\r\n" + std::string(kMaxReply + 1, 'x');
  EXPECT_EQ(get(server.url()).error().code(), Errc::TooLarge);
  server.answer = "HTTP/1.1 200 OK\r\n\r\n" + std::string(kMaxReply, 'x');
  EXPECT_TRUE(get(server.url()));
  server.answer = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 1000; ++i) server.answer += "X-" + std::to_string(i) + ": " + std::string(50, 'y') + "\r\n";
  EXPECT_FALSE(get(server.url()));
}

TEST_F(HttpsTest, what_is_no_http_is_an_error) {
  for (const char* answer :
       {"\x16\x03\x01", "hello\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "HTTP/1.1 200 OK"}) {
    server.answer = answer;
    EXPECT_FALSE(get(server.url())) << answer;
  }
}

TEST_F(HttpsTest, only_addresses_of_its_kind) {
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  EXPECT_FALSE(get("https://" + server.at.to_string() + "/"));
  EXPECT_FALSE(get("file:///etc/passwd"));
  EXPECT_FALSE(get("ftp://" + server.at.to_string() + "/"));
  Https tls(loop, Https::Allow::TlsOnly);
  std::optional<Result<HttpReply>> out;
  net::test::run(loop, ask(tls, {"GET", server.url(), {}, {}, {}}, out));
  EXPECT_FALSE(*out);
  EXPECT_EQ(server.asked, "") << "nobody was asked";
}

TEST_F(HttpsTest, nobody_there_is_told_with_what_to_do) {
  server.listener.reset();
  EXPECT_THAT(get(server.url()).error().text(), HasSubstr("may this machine connect outward"));
}

// The role ends while a server stalls: within about a second, not thirty.
TEST_F(HttpsTest, ends_in_the_middle_of_a_request) {
  auto stalled = std::make_unique<Https>(loop, Https::Allow::ClearOnly);
  std::optional<Result<HttpReply>> out;
  net::TaskGroup tasks(loop);
  tasks.spawn(ask(*stalled, {"GET", server.url(), {}, {}, {}}, out));
  std::function<void()> look_again;
  net::Loop::Timer look(loop, [&] { server.asked.empty() ? look_again() : loop.stop(); });
  look_again = [&] { look.arm(net::Deadline::in(net::Millis(10))); };
  look_again();
  loop.run();
  tasks.cancel();
  const auto began = std::chrono::steady_clock::now();
  stalled.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

}  // namespace
}  // namespace bz::acme

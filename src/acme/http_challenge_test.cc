#include "acme/http_challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "net/test_util.h"

namespace bz::acme {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const Authorizations kShown{{"tok-en_1", "tok-en_1.print"}};

TEST(HttpChallenge, the_token_and_nothing_else) {
  EXPECT_THAT(
      answer_request("GET /.well-known/acme-challenge/tok-en_1 HTTP/1.1\r\nHost: a\r\n\r\n", kShown),
      testing::AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\r\n\r\ntok-en_1.print"), HasSubstr("Content-Length: 14\r\n")));
  for (const char* path :
       {"/", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/other", "/.well-known/acme-challenge/tok-en_1/",
        "/.well-known/acme-challenge/tok-en_1?x", "/.well-known/acme-challenge/../acme-challenge/tok-en_1",
        "/account-key.pem", "http://a/.well-known/acme-challenge/tok-en_1"}) {
    auto reply = answer_request("GET " + std::string(path) + " HTTP/1.1\r\n\r\n", kShown);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 404 ")) << path;
    EXPECT_THAT(reply, Not(HasSubstr("print")));
  }
}

TEST(HttpChallenge, what_is_no_get_is_refused) {
  for (const char* head :
       {"", "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "\x16\x03\x01", "GET / SIP/2.0\r\n\r\n"})
    EXPECT_THAT(answer_request(head, kShown), Not(StartsWith("HTTP/1.1 200"))) << head;
  EXPECT_THAT(answer_request("POST /.well-known/acme-challenge/tok-en_1 HTTP/1.1\r\n\r\n", kShown),
              StartsWith("HTTP/1.1 405 "));
}

// What a client gets for the given pieces, each written by itself; empty: closed without an answer.
Task<void> visit(net::Loop& loop, net::Endpoint to, std::vector<std::string> pieces, std::string& got) {
  const net::Deadline deadline = net::Deadline::in(net::Millis(10'000));
  auto connecting = net::connect(loop, std::move(to), deadline);
  auto stream = co_await connecting;
  BZ_CHECK(stream, "connect");
  for (const std::string& piece : pieces) {
    auto written = co_await (*stream)->write_all(piece, deadline);
    if (!written) break;
    co_await loop.sleep(net::Deadline::in(net::Millis(1)));
  }
  std::array<char, 4096> buffer{};
  while (true) {
    auto read = co_await (*stream)->read_some(buffer, deadline);
    if (!read || *read == 0) break;
    got.append(buffer.data(), *read);
  }
}

struct HttpDoorTest : testing::Test {
  net::Loop loop;
  HttpDoor door{loop};
  net::Endpoint at;
  HttpDoorTest() {
    const int fd = *net::listen_tcp({"127.0.0.1", 0});
    at = *net::local_of(fd);
    door.listen({fd});
    door.show("tok-en_1", "tok-en_1.print");
  }
  std::string visited(std::vector<std::string> pieces) {
    std::string got;
    net::test::run(loop, visit(loop, at, std::move(pieces), got));
    return got;
  }
};

TEST_F(HttpDoorTest, a_request_may_come_in_any_pieces) {
  const std::string request = "GET /.well-known/acme-challenge/tok-en_1 HTTP/1.1\r\nHost: a\r\n\r\n";
  for (size_t at_byte = 1; at_byte < request.size(); at_byte += 5)
    EXPECT_THAT(visited({request.substr(0, at_byte), request.substr(at_byte)}), EndsWith("tok-en_1.print")) << at_byte;
}

TEST_F(HttpDoorTest, what_is_too_long_gets_no_answer) {
  EXPECT_EQ(visited({"GET /" + std::string(kMaxRequest, 'a')}), "");
  EXPECT_THAT(visited({"GET / HTTP/1.1\r\n\r\n"}), StartsWith("HTTP/1.1 404 ")) << "and the door goes on";
}

TEST_F(HttpDoorTest, a_proof_that_is_taken_away_is_gone) {
  door.hide("tok-en_1");
  EXPECT_THAT(visited({"GET /.well-known/acme-challenge/tok-en_1 HTTP/1.1\r\n\r\n"}), StartsWith("HTTP/1.1 404 "));
}

}  // namespace
}  // namespace bz::acme

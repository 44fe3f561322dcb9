#include "acme/http_challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace bz::acme

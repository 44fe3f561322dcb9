#include "acme/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "acme/explain.h"

namespace bz::acme {
namespace {

using testing::HasSubstr;

TEST(Reply, a_directory_needs_its_three_addresses) {
  auto directory = parse_directory(
      R"({"newNonce":"https://ca/n","newAccount":"https://ca/a","newOrder":"https://ca/o","revokeCert":7,"meta":{"termsOfService":"https://ca/t","externalAccountRequired":true}})");
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->new_order, "https://ca/o");
  EXPECT_EQ(directory->terms, "https://ca/t");
  EXPECT_TRUE(directory->needs_external_account);
  for (const char* bad : {"", "null", "[]", "{}", R"({"newNonce":"https://ca/n","newAccount":"https://ca/a"})",
                          R"({"newNonce":"http://ca/n","newAccount":"https://ca/a","newOrder":"https://ca/o"})",
                          R"({"newNonce":"https://ca/n","newAccount":"file:///etc/passwd","newOrder":"https://ca/o"})"})
    EXPECT_FALSE(parse_directory(bad)) << bad;
}

TEST(Reply, addresses_are_https_and_plain) {
  EXPECT_TRUE(is_https_url("https://ca.test/x?y=%20"));
  for (std::string bad : {std::string("http://ca.test/"), std::string("https://"), std::string("https://a b"),
                          std::string("https://a\r\nX: y"), "https://" + std::string(kMaxUrl, 'a'),
                          std::string("https://a\"b"), std::string("HTTPS://a/")})
    EXPECT_FALSE(is_https_url(bad)) << bad;
}

TEST(Reply, depth_count_and_size_have_limits) {
  EXPECT_FALSE(parse_directory(std::string(kMaxReply + 1, ' ')));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "{\"a\":";
  EXPECT_FALSE(parse_order(deep));
  std::string many = R"({"status":"pending","finalize":"https://ca/f","authorizations":[)";
  for (size_t i = 0; i <= kMaxAuthorizations; ++i)
    many += std::string(i ? "," : "") + "\"https://ca/" + std::to_string(i) + "\"";
  EXPECT_EQ(parse_order(many + "]}").error().code(), Errc::Limit);
}

TEST(Reply, challenges_of_unknown_kinds_are_passed_over) {
  auto authorization = parse_authorization(
      R"({"status":"pending","identifier":{"type":"dns","value":"Mail.Test"},"wildcard":false,"challenges":[
        {"type":"x-99","url":"https://ca/c/0"},
        {"type":"http-01","url":"https://ca/c/1","token":"abcdefghijklmnopqrstuv","status":"pending"},
        {"type":"dns-01","url":"https://ca/c/2","token":"../../../../etc/passwd-and-more","status":"pending"},
        {"type":"tls-alpn-01","url":"https://ca/c/3","token":"short","status":"pending"},"no object"]})");
  ASSERT_TRUE(authorization);
  EXPECT_EQ(authorization->name, "mail.test");
  ASSERT_EQ(authorization->offers.size(), 1u) << "tokens are long and base64url";
  EXPECT_EQ(authorization->offers[0].type, "http-01");
  EXPECT_FALSE(parse_authorization(R"({"status":"pending","identifier":{"type":"ip","value":"192.0.2.1"}})"));
}

TEST(Reply, an_order_that_is_valid_has_a_certificate) {
  EXPECT_FALSE(parse_order(R"({"status":"valid","finalize":"https://ca/f"})"));
  EXPECT_TRUE(parse_order(R"({"status":"valid","finalize":"https://ca/f","certificate":"https://ca/c"})"));
  EXPECT_FALSE(parse_order(R"({"status":"mysterious","finalize":"https://ca/f"})"));
}

TEST(Reply, problems_come_out_plain) {
  Problem problem = parse_problem(
      R"({"type":"urn:ietf:params:acme:error:caa","detail":"no\u001b[31m\nred","status":403,"subproblems":[{"type":"urn:ietf:params:acme:error:dns","detail":"d","identifier":{"type":"dns","value":"a.test"}}]})");
  EXPECT_EQ(problem.type, "caa");
  EXPECT_EQ(problem.detail, "no [31m red");
  ASSERT_EQ(problem.parts.size(), 1u);
  EXPECT_EQ(problem.parts[0].name, "a.test");
  EXPECT_THAT(explain(problem, "a.test", "http-01"), HasSubstr("a.test: dns, d"));
  EXPECT_EQ(parse_problem("<html>busy</html>").detail, "<html>busy</html>");
  EXPECT_EQ(parse_problem("").detail, "an empty reply");
  EXPECT_EQ(parse_problem("{}").detail, "{}");
  EXPECT_EQ(plain(std::string(2 * kMaxText, 'x')).size(), kMaxText);
  EXPECT_EQ(plain(std::string(kMaxText - 1, 'x') + "\xc3\xa9").size(), kMaxText - 1) << "not half of a character";
  EXPECT_EQ(plain("\xff\xfe"), "(no readable text)");
}

TEST(Reply, retry_after_in_both_forms) {
  constexpr int64_t kNow = 1'794'000'000;
  EXPECT_EQ(retry_after("120", kNow), 120);
  EXPECT_EQ(retry_after(" 120 ", kNow), 120);
  EXPECT_EQ(retry_after("4000000000", kNow), 7 * 86'400);
  EXPECT_EQ(retry_after("Thu, 01 Jan 1970 00:00:10 GMT", 4), 6);
  EXPECT_EQ(retry_after("Thu, 01 Jan 1970 00:00:10 GMT", kNow), 0) << "the past";
  for (const char* bad : {"", "-5", "soon", "Thu, 01 Jan 1970 00:00:10 GMTx", "99999999999999999999"})
    EXPECT_EQ(retry_after(bad, kNow), 0) << bad;
}

}  // namespace
}  // namespace bz::acme

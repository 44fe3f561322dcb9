#include "apns/push.h"

#include <gtest/gtest.h>

#include <map>

namespace bz::apns {
namespace {

Judgement of(int status, std::string body = {}) {
  return judge(https::Reply{.status = status, .headers = {}, .body = std::move(body)});
}

TEST(Push, is_a_knock_that_names_the_account_on_the_device_and_nothing_else) {
  const https::Request request =
      request_of({7, "ab12", "0715A26B-CA09"}, "https://push.example:443", "com.apple.mail.XServer.x", 1'000);
  EXPECT_EQ(request.url, "https://push.example:443/3/device/ab12");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.body.reveal(), R"({"aps":{"account-id":"0715A26B-CA09"}})");
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : request.headers) headers[name] = value.reveal();
  EXPECT_EQ(headers, (std::map<std::string, std::string>{{"content-type", "application/json"},
                                                         {"apns-topic", "com.apple.mail.XServer.x"},
                                                         {"apns-push-type", "background"},
                                                         {"apns-priority", "5"},
                                                         {"apns-expiration", "87400"}}));
}

TEST(Push, an_account_id_cannot_leave_its_quotes) {
  const https::Request request = request_of({7, "ab", "a\"},\"x\":{\"\\\n"}, "https://x", "t", 0);
  EXPECT_EQ(request.body.reveal(), R"({"aps":{"account-id":"a\"},\"x\":{\"\\\n"}})");
}

TEST(Push, what_the_answers_mean) {
  EXPECT_EQ(of(200).verdict, Verdict::Sent);
  const Judgement gone = of(410, R"({"reason":"Unregistered","timestamp":1629000000123})");
  EXPECT_EQ(gone.verdict, Verdict::Gone);
  EXPECT_EQ(gone.gone_at, 1629000000123);
  EXPECT_EQ(gone.reason, "status 410 Unregistered");
  EXPECT_EQ(of(410).gone_at, -1);
  EXPECT_EQ(of(400, R"({"reason":"BadDeviceToken"})").verdict, Verdict::Gone);
  EXPECT_EQ(of(400, R"({"reason":"DeviceTokenNotForTopic"})").verdict, Verdict::Lost);
  EXPECT_EQ(of(400, R"({"reason":"TopicDisallowed"})").verdict, Verdict::Barred);
  EXPECT_EQ(of(400).verdict, Verdict::Lost);
  EXPECT_EQ(of(403, R"({"reason":"BadCertificate"})").verdict, Verdict::Barred);
  EXPECT_EQ(of(413).verdict, Verdict::Lost);
  EXPECT_EQ(of(429, R"({"reason":"TooManyRequests"})").verdict, Verdict::Slower);
  EXPECT_EQ(of(500).verdict, Verdict::Later);
  EXPECT_EQ(of(503).verdict, Verdict::Later);
  const Judgement unreached = judge(fail(Errc::Unavailable, "it cannot be reached"));
  EXPECT_EQ(unreached.verdict, Verdict::Later);
  EXPECT_EQ(unreached.reason, "it cannot be reached");
}

TEST(Push, answers_that_are_no_answers) {
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string(R"({"reason":7,"timestamp":"x"})"), std::string(5000, '['),
        R"({"reason":")" + std::string(5000, 'x') + "\"}", std::string(R"({"timestamp":1e300})")}) {
    const Judgement judgement = of(410, body);
    EXPECT_EQ(judgement.verdict, Verdict::Gone);
    EXPECT_EQ(judgement.reason, "status 410");
    EXPECT_EQ(judgement.gone_at, -1);
  }
  EXPECT_EQ(of(400, "{\"reason\":\"a\\u0000\\nb\\u00e4\"}").reason, "status 400 a??b??");
  EXPECT_EQ(of(400, R"({"reason":")" + std::string(100, 'x') + "\"}").reason.size(), 11u + 64);
}

}  // namespace
}  // namespace bz::apns

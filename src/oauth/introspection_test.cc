#include "oauth/introspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "oauth/key_schedule.h"

namespace bz::oauth {
namespace {

using base::Millis;
using testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'000;
const Options kOptions{.issuer = "https://id.test", .audiences = {"mail"}, .user_claim = "email", .skew_seconds = 60};

TEST(Introspection, the_question_is_a_form) {
  EXPECT_EQ(introspection_form(Secret("ab+/=~")).reveal(), "token=ab%2B%2F%3D~&token_type_hint=access_token");
  EXPECT_EQ(client_credentials("my client", Secret("s:\xc3\xa4")).reveal(),
            "Basic " + base::base64("my%20client:s%3A%C3%A4"));
}

TEST(Introspection, answers) {
  const std::string ours = R"("iss":"https://id.test","aud":["x","mail"],"email":"ana@x.test")";
  auto active = [&](const std::string& more) { return R"({"active":true,)" + more + "}"; };
  struct {
    std::string json, user;
    Errc code = Errc::Denied;
    std::string why{};
  } const cases[] = {
      {active(ours), "ana@x.test"},
      {active(ours + ",\"exp\":1700000100.5"), "ana@x.test"},
      {active(ours + ",\"exp\":1699999941"), "ana@x.test"},
      {active(ours + ",\"email_verified\":true"), "ana@x.test"},
      {R"({"active":false})", "", Errc::Denied, "not active"},
      {active(ours + ",\"exp\":1699999940"), "", Errc::Denied, "expired"},
      {active(ours + ",\"nbf\":1700000061"), "", Errc::Denied, "not valid yet"},
      {active(ours + ",\"nbf\":\"now\""), "", Errc::Denied, "not valid yet"},
      {active(ours + ",\"email_verified\":false"), "", Errc::Denied, "verified"},
      {active(R"("iss":"https://other","aud":"mail","email":"a@x")"), "", Errc::Denied, "issuer"},
      {active(R"("aud":"mail","email":"a@x")"), "", Errc::Denied, "issuer"},
      {active(R"("iss":"https://id.test","aud":"calendar","email":"a@x")"), "", Errc::Denied, "audience"},
      {active(R"("iss":"https://id.test","email":"a@x")"), "", Errc::Denied, "audience"},
      {active(R"("iss":"https://id.test","aud":"mail")"), "", Errc::Denied, "claim"},
      {active(R"("iss":"https://id.test","aud":"mail","email":7)"), "", Errc::Denied, "claim"},
      {R"({"active":"true"})", "", Errc::Invalid, "active"},
      {R"({})", "", Errc::Invalid, "active"},
      {R"([true])", "", Errc::Invalid, "object"},
      {"<html>", "", Errc::Invalid, "JSON"},
      {"", "", Errc::Invalid, "JSON"},
      {active(ours + ",\"exp\":\"soon\""), "", Errc::Invalid, "expiry"},
      {active(ours + ",\"exp\":1e300"), "", Errc::Invalid, "expiry"},
      {active(ours + ",\"exp\":-5"), "", Errc::Invalid, "expiry"},
      {std::string(kMaxIntrospection + 1, ' '), "", Errc::TooLarge, "bytes"},
  };
  for (const auto& c : cases) {
    auto answer = parse_introspection(c.json, kOptions, kNow);
    EXPECT_EQ(answer ? answer->user : "", c.user) << c.json;
    if (answer) continue;
    EXPECT_EQ(answer.error().code(), c.code) << c.json;
    EXPECT_THAT(answer.error().text(), HasSubstr(c.why));
  }
  EXPECT_EQ(parse_introspection(active(ours + ",\"exp\":1700000100"), kOptions, kNow)->expires, 1700000100);
  EXPECT_EQ(
      parse_introspection(active(R"("username":"ana")"), {.issuer = "", .audiences = {}, .user_claim = "username"}, kNow)
          ->user,
      "ana")
      << "what is not set need not be there";
}

TEST(KeySchedule, cache_control_within_the_intervals) {
  const KeyIntervals intervals{Millis(300'000), Millis(86'400'000)};
  struct {
    const char* header;
    int64_t seconds;
  } const cases[] = {
      {"", 3600},
      {"max-age=7200", 7200},
      {"public, Max-Age=600 , must-revalidate", 600},
      {"max-age=1", 300},
      {"max-age=4294967295", 86400},
      {"max-age=99999999999999999999", 300},
      {"no-store", 300},
      {"max-age=7200, no-cache", 300},
      {"max-age=-1", 300},
      {"max-age=", 300},
      {"private", 3600},
      {",,,=,", 3600},
  };
  for (const auto& c : cases) EXPECT_EQ(key_life(c.header, intervals), Millis(c.seconds * 1000)) << c.header;
}

TEST(KeySchedule, strangers_cause_one_fetch_an_interval) {
  KeySchedule schedule({Millis(1000), Millis(5000)});
  base::MonoTime now{};
  EXPECT_TRUE(schedule.may_fetch(now));
  schedule.began(now);
  EXPECT_FALSE(schedule.may_fetch(now));
  EXPECT_FALSE(schedule.may_fetch(now + Millis(999)));
  EXPECT_TRUE(schedule.may_fetch(now + Millis(1000)));
  EXPECT_EQ(schedule.failed(), Millis(1000));
}

}  // namespace
}  // namespace bz::oauth

#include "egress/smtp_login.h"

#include <gmock/gmock.h>

#include "base/text.h"
#include "egress/script_test.h"

namespace bz::egress {
namespace {
using testing::HasSubstr;
using testing::Not;
using namespace test;

const std::string kPlain = base::base64(std::string("\0ana\0pw", 7));

TEST(SmtpLogin, says_ehlo_again_after_tls_and_after_xclient) {
  LoginPlan plan = plan_of("ana", "pw");
  plan.tls = false;
  plan.starttls = true;
  plan.xclient = "ADDR=192.0.2.7";
  for (size_t piece : kPieces) {
    auto talk = play<SmtpLogin>(plan,
                                {{"", "220-hello\r\n220 there\r\n"},
                                 {"EHLO mx.test\r\n", "250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"},
                                 {"STARTTLS\r\n", "220 go\r\n"},
                                 {"<TLS>", "250-x\r\n250-XCLIENT ADDR\r\n250 AUTH PLAIN\r\n"},
                                 {"XCLIENT ADDR=192.0.2.7\r\n", "220 hello\r\n"},
                                 {"EHLO mx.test\r\n", "250-x\r\n250-XCLIENT ADDR\r\n250 AUTH LOGIN PLAIN\r\n"},
                                 {"AUTH PLAIN " + kPlain + "\r\n", "235 2.7.0 in\r\n"}},
                                piece);
    EXPECT_EQ(talk.verdict, Verdict::Open) << talk.reason;
  }
}

TEST(SmtpLogin, says_a_long_response_only_when_asked) {
  const std::string longest(600, 'x');
  auto talk = play<SmtpLogin>(plan_of("ana", longest),
                              {{"", "220 x\r\n"},
                               {"EHLO mx.test\r\n", "250-x\r\n250 AUTH PLAIN\r\n"},
                               {"AUTH PLAIN\r\n", "334 \r\n"},
                               {base::base64(std::string("\0ana\0", 5) + longest) + "\r\n", "235 in\r\n"}},
                              1);
  EXPECT_EQ(talk.verdict, Verdict::Open) << talk.reason;
}

TEST(SmtpLogin, takes_refusals_for_what_they_are) {
  struct Case {
    std::string answer;
    Verdict verdict;
  };
  const Case cases[] = {{"535 5.7.8 no\r\n", Verdict::Refused},
                        {"454 4.7.0 later\r\n", Verdict::Unavailable},
                        {"421 4.3.2 bye\r\n", Verdict::Unavailable},
                        {"504 5.5.4 no\r\n", Verdict::Broken},
                        {"334 !!\r\n334 !!\r\n", Verdict::Broken},
                        {"354 go\r\n", Verdict::Broken},
                        {"hello\r\n", Verdict::Broken},
                        {"235 x\n", Verdict::Broken}};
  for (const Case& c : cases) {
    auto talk = play<SmtpLogin>(plan_of("ana", "pw"),
                                {{"", "220 x\r\n"},
                                 {"EHLO mx.test\r\n", "250-x\r\n250 AUTH PLAIN\r\n"},
                                 {"AUTH PLAIN " + kPlain + "\r\n", c.answer}},
                                100'000);
    EXPECT_EQ(talk.verdict, c.verdict) << c.answer << talk.reason;
  }
  LoginPlan plan = plan_of("ana", "pw-very-secret");
  plan.tls = false;
  plan.starttls = true;
  const std::vector<std::vector<Line>> scripts = {
      {{"", "220 x\r\n"}, {"EHLO mx.test\r\n", "250-x\r\n250 AUTH PLAIN\r\n"}},  // STARTTLS was taken out
      {{"", "220 x\r\n"}, {"EHLO mx.test\r\n", "250-x\r\n250 STARTTLS\r\n"}, {"STARTTLS\r\n", "454 no\r\n"}},
      {{"", "554 not you\r\n"}},
  };
  for (const auto& script : scripts) {
    auto talk = play<SmtpLogin>(plan, script, 1);
    EXPECT_EQ(talk.verdict, Verdict::Broken) << talk.reason;
    EXPECT_THAT(talk.heard, Not(HasSubstr("AUTH")));
  }
  auto injected = play<SmtpLogin>(
      plan,
      {{"", "220 x\r\n"}, {"EHLO mx.test\r\n", "250-x\r\n250 STARTTLS\r\n"}, {"STARTTLS\r\n", "220 go\r\n235 in\r\n"}},
      100'000);
  EXPECT_EQ(injected.verdict, Verdict::Broken);
}

}  // namespace
}  // namespace bz::egress

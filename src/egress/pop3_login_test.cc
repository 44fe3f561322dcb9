#include "egress/pop3_login.h"

#include <gmock/gmock.h>

#include "base/text.h"
#include "egress/script_test.h"

namespace bz::egress {
namespace {
using testing::HasSubstr;
using testing::Not;
using namespace test;

const std::string kPlain = base::base64(std::string("\0ana\0pw", 7));

TEST(Pop3Login, uses_sasl_where_offered_and_user_and_pass_elsewhere) {
  for (size_t piece : kPieces) {
    auto sasl = play<Pop3Login>(plan_of("ana", "pw"),
                                {{"", "+OK hello\r\n"},
                                 {"CAPA\r\n", "+OK\r\nTOP\r\nSASL LOGIN PLAIN\r\nUIDL\r\n.\r\n"},
                                 {"AUTH PLAIN " + kPlain + "\r\n", "+OK in\r\n"}},
                                piece);
    EXPECT_EQ(sasl.verdict, Verdict::Open) << sasl.reason;
    auto old = play<Pop3Login>(
        plan_of("ana", "p w"),
        {{"", "+OK\r\n"}, {"CAPA\r\n", "-ERR what\r\n"}, {"USER ana\r\n", "+OK\r\n"}, {"PASS p w\r\n", "+OK in\r\n"}},
        piece);
    EXPECT_EQ(old.verdict, Verdict::Open) << old.reason;
    auto second = play<Pop3Login>(plan_of("ana", "pw"),
                                  {{"", "+OK\r\n"},
                                   {"CAPA\r\n", "+OK\r\nSASL LOGIN\r\n.\r\n"},
                                   {"AUTH LOGIN\r\n", "+ VXNlcm5hbWU6\r\n"},
                                   {"YW5h\r\n", "+ UGFzc3dvcmQ6\r\n"},
                                   {"cHc=\r\n", "+OK\r\n"}},
                                  piece);
    EXPECT_EQ(second.verdict, Verdict::Open) << second.reason;
  }
}

TEST(Pop3Login, starts_tls_tells_the_client_and_goes_on) {
  LoginPlan plan = plan_of("ana", "pw");
  plan.tls = false;
  plan.starttls = true;
  plan.xclient = "ADDR=192.0.2.7 PORT=5";
  for (size_t piece : kPieces) {
    auto talk = play<Pop3Login>(plan,
                                {{"", "+OK hello\r\n"},
                                 {"STLS\r\n", "+OK go\r\n"},
                                 {"<TLS>", "+OK\r\nXCLIENT\r\nUSER\r\n.\r\n"},
                                 {"XCLIENT ADDR=192.0.2.7 PORT=5\r\n", "-ERR you are not trusted\r\n"},
                                 {"USER ana\r\n", "+OK\r\n"},
                                 {"PASS pw\r\n", "+OK\r\n"}},
                                piece);
    EXPECT_EQ(talk.verdict, Verdict::Open) << talk.reason;
  }
  for (const char* answer : {"-ERR no\r\n", "+OK go\r\n+OK injected\r\n"}) {
    auto talk = play<Pop3Login>(plan, {{"", "+OK hello\r\n"}, {"STLS\r\n", answer}}, 100'000);
    EXPECT_EQ(talk.verdict, Verdict::Broken) << answer;
    EXPECT_THAT(talk.heard, Not(HasSubstr("pw")));
  }
}

TEST(Pop3Login, takes_refusals_for_what_they_are) {
  struct Case {
    std::string answer;
    Verdict verdict;
  };
  const Case cases[] = {{"-ERR [AUTH] no\r\n", Verdict::Refused},
                        {"-ERR no\r\n", Verdict::Refused},
                        {"-ERR [SYS/TEMP] x\r\n", Verdict::Unavailable},
                        {"-ERR [in-use] x\r\n", Verdict::Unavailable},
                        {"NO x\r\n", Verdict::Broken},
                        {"+ x\r\n", Verdict::Broken},
                        {std::string(20'000, '-'), Verdict::Broken}};
  for (const Case& c : cases) {
    auto talk = play<Pop3Login>(
        plan_of("ana", "pw"),
        {{"", "+OK\r\n"}, {"CAPA\r\n", "-ERR\r\n"}, {"USER ana\r\n", "+OK\r\n"}, {"PASS pw\r\n", c.answer}}, 100'000);
    EXPECT_EQ(talk.verdict, c.verdict) << c.answer.substr(0, 50) << talk.reason;
  }
  EXPECT_EQ(play<Pop3Login>(plan_of("ana", "pw"), {{"", "-ERR [SYS/TEMP] full\r\n"}}, 1).verdict, Verdict::Unavailable);
  EXPECT_EQ(play<Pop3Login>(plan_of("ana", "pw"), {{"", "* OK imap\r\n"}}, 1).verdict, Verdict::Broken);
  auto breaks = play<Pop3Login>(plan_of("ana", "p\r\nDELE 1"), {{"", "+OK\r\n"}, {"CAPA\r\n", "-ERR\r\n"}}, 1);
  EXPECT_EQ(breaks.verdict, Verdict::Refused);
  EXPECT_THAT(breaks.heard, Not(HasSubstr("DELE")));
}

}  // namespace
}  // namespace bz::egress

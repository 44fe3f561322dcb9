#include "egress/imap_login.h"

#include <gmock/gmock.h>

#include "base/text.h"
#include "crypto/digest.h"
#include "egress/script_test.h"
#include "sasl/mechanism.h"

namespace bz::egress {
namespace {
using testing::HasSubstr;
using testing::Not;
using namespace test;

const std::string kPlain = base::base64(std::string("\0ana\0pw", 7));

std::string capability(const std::string& words, const std::string& tag) {
  return "* CAPABILITY IMAP4rev1 " + words + "\r\n" + tag + " OK done\r\n";
}

TEST(ImapLogin, goes_from_the_greeting_to_the_capabilities_after_login) {
  for (size_t piece : kPieces) {
    ImapLogin* machine = nullptr;
    auto talk = play<ImapLogin>(
        plan_of("ana", "pw"),
        {{"", "* OK hello\r\n"},
         {"B1 CAPABILITY\r\n", capability("SASL-IR AUTH=PLAIN", "B1")},
         {"B2 AUTHENTICATE PLAIN " + kPlain + "\r\n", "B2 OK in\r\n"},
         {"B3 CAPABILITY\r\n", capability("IDLE AUTH=X STARTTLS COMPRESS=DEFLATE", "B3") + "* 3 EXISTS\r\n"}},
        piece, &machine);
    // Bytes behind the last line are the client's; cut up, the driver keeps them itself.
    if (piece > 1000) EXPECT_EQ(talk.rest, "* 3 EXISTS\r\n");
    EXPECT_EQ(talk.verdict, Verdict::Open) << talk.reason;
    EXPECT_EQ(machine->capabilities(), "IMAP4rev1 IDLE COMPRESS=DEFLATE");
    EXPECT_TRUE(machine->greeted());
  }
}

TEST(ImapLogin, takes_capabilities_from_greeting_and_answer_without_asking) {
  for (size_t piece : kPieces) {
    ImapLogin* machine = nullptr;
    auto talk = play<ImapLogin>(plan_of("ana", "pw"),
                                {{"", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n"},
                                 {"B1 AUTHENTICATE PLAIN\r\n", "+ \r\n"},
                                 {kPlain + "\r\n", "B1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"}},
                                piece, &machine);
    EXPECT_EQ(talk.verdict, Verdict::Open) << talk.reason;
    EXPECT_EQ(machine->capabilities(), "IMAP4rev1 IDLE");
  }
}

TEST(ImapLogin, starts_tls_first_and_forgets_what_was_said_before) {
  LoginPlan plan = plan_of("ana", "pw");
  plan.tls = false;
  plan.starttls = true;
  for (size_t piece : kPieces) {
    auto talk = play<ImapLogin>(plan,
                                {{"", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n"},
                                 {"B1 STARTTLS\r\n", "B1 OK go\r\n"},
                                 {"<TLS>", capability("AUTH=LOGIN", "B2")},
                                 {"B3 AUTHENTICATE LOGIN\r\n", "+ VXNlcm5hbWU6\r\n"},
                                 {"YW5h\r\n", "+ UGFzc3dvcmQ6\r\n"},
                                 {"cHc=\r\n", "B3 OK [CAPABILITY IMAP4rev1] in\r\n"}},
                                piece);
    EXPECT_EQ(talk.verdict, Verdict::Open) << talk.reason;
  }
}

TEST(ImapLogin, says_nothing_of_the_password_to_who_has_no_tls) {
  LoginPlan plan = plan_of("ana", "pw-very-secret");
  plan.tls = false;
  plan.starttls = true;
  const std::vector<std::vector<Line>> scripts = {
      {{"", "* OK hello\r\n"}, {"B1 STARTTLS\r\n", "B1 NO not here\r\n"}},
      {{"", "* OK hello\r\n"}, {"B1 STARTTLS\r\n", "B1 BAD what\r\n"}},
      {{"", "* OK hello\r\n"}, {"B1 STARTTLS\r\n", "B1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"}},  // injected
      {{"", "* PREAUTH hello\r\n"}},
  };
  for (const auto& script : scripts) {
    auto talk = play<ImapLogin>(plan, script, 100'000);
    EXPECT_EQ(talk.verdict, Verdict::Broken);
    EXPECT_THAT(talk.heard, Not(HasSubstr("pw-very")));
    EXPECT_EQ(talk.rest, "");
  }
  plan.starttls = false;
  auto talk = play<ImapLogin>(plan, {{"", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n"}}, 1);
  EXPECT_EQ(talk.verdict, Verdict::Broken);
  EXPECT_EQ(talk.reason, "no TLS");
}

TEST(ImapLogin, sends_odd_passwords_as_literals) {
  const std::string odd = "p\"\\\xc3\xa4\r\nB9 LOGOUT";
  for (size_t piece : kPieces) {
    auto at_once = play<ImapLogin>(plan_of("ana", odd),
                                   {{"", "* OK [CAPABILITY IMAP4rev1 LITERAL+] hello\r\n"},
                                    {"B1 LOGIN \"ana\" {16+}\r\n" + odd + "\r\n", "B1 OK [CAPABILITY IMAP4rev1] in\r\n"}},
                                   piece);
    EXPECT_EQ(at_once.verdict, Verdict::Open) << at_once.reason;
    auto asked = play<ImapLogin>(plan_of("an\xc3\xa4", odd),
                                 {{"", "* OK [CAPABILITY IMAP4rev1] hello\r\n"},
                                  {"B1 LOGIN {4}\r\n", "+ go\r\n"},
                                  {"an\xc3\xa4 {16}\r\n", "+ go\r\n"},
                                  {odd + "\r\n", "B1 OK [CAPABILITY IMAP4rev1] in\r\n"}},
                                 piece);
    EXPECT_EQ(asked.verdict, Verdict::Open) << asked.reason;
  }
  auto nul = play<ImapLogin>(plan_of("ana", std::string("a\0b", 3)), {{"", "* OK [CAPABILITY IMAP4rev1] hello\r\n"}}, 1);
  EXPECT_EQ(nul.verdict, Verdict::Refused);
}

TEST(ImapLogin, acts_for_another_user_by_sasl_only) {
  LoginPlan plan = plan_of("master", "mpw");
  plan.authzid = "ana";
  const std::string both = base::base64(std::string("ana\0master\0mpw", 14));
  auto talk = play<ImapLogin>(plan,
                              {{"", "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=LOGIN AUTH=PLAIN] hello\r\n"},
                               {"B1 AUTHENTICATE PLAIN " + both + "\r\n", "B1 OK [CAPABILITY IMAP4rev1] in\r\n"}},
                              100'000);
  EXPECT_EQ(talk.verdict, Verdict::Open);
  talk = play<ImapLogin>(plan, {{"", "* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN] hello\r\n"}}, 1);
  EXPECT_EQ(talk.verdict, Verdict::Broken);
}

TEST(ImapLogin, tells_who_the_client_is_where_id_is_known) {
  LoginPlan plan = plan_of("ana", "pw");
  plan.id = {{"x-originating-ip", "192.0.2.7"}, {"name", "Phone \"x\"\r\nB9"}};
  for (size_t piece : kPieces) {
    auto talk = play<ImapLogin>(plan,
                                {{"", "* OK [CAPABILITY IMAP4rev1 ID SASL-IR AUTH=PLAIN] hello\r\n"},
                                 {"B1 ID (\"x-originating-ip\" \"192.0.2.7\" \"name\" \"\")\r\n",
                                  "* ID (\"name\" {5}\r\nB1 OK \"x\" NIL)\r\nB1 OK done\r\n"},
                                 {"B2 AUTHENTICATE PLAIN " + kPlain + "\r\n", "B2 OK [CAPABILITY IMAP4rev1] in\r\n"}},
                                piece);
    EXPECT_EQ(talk.verdict, Verdict::Open) << talk.reason;
  }
}

TEST(ImapLogin, takes_the_servers_refusals_for_what_they_are) {
  struct Case {
    std::string answer;
    Verdict verdict;
  };
  const Case cases[] = {
      {"B1 NO [AUTHENTICATIONFAILED] no\r\n", Verdict::Refused},
      {"B1 NO wrong\r\n", Verdict::Refused},
      {"B1 NO [EXPIRED] old\r\n", Verdict::Refused},
      {"B1 NO [UNAVAILABLE] ldap is away\r\n", Verdict::Unavailable},
      {"B1 NO [inuse] locked\r\n", Verdict::Unavailable},
      {"* BYE going down\r\nB1 NO x\r\n", Verdict::Unavailable},
      {"B1 BAD what\r\n", Verdict::Broken},
      {"B1 MAYBE\r\n", Verdict::Broken},
      {"B7 OK other tag\r\n", Verdict::Broken},
      {"+ !!\r\n+ !!\r\n", Verdict::Broken},
      {"HTTP/1.1 400 Bad Request\r\n", Verdict::Broken},
      {std::string(20'000, 'x'), Verdict::Broken},
      {"* ID {99999999}\r\n", Verdict::Broken},
      {"* ID {99999999999999999999}\r\n" + std::string(140'000, '\n'), Verdict::Broken},
  };
  for (const Case& c : cases) {
    auto talk = play<ImapLogin>(plan_of("ana", "pw"),
                                {{"", "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n"},
                                 {"B1 AUTHENTICATE PLAIN " + kPlain + "\r\n", c.answer}},
                                100'000);
    EXPECT_EQ(talk.verdict, c.verdict) << c.answer.substr(0, 60) << ": " << talk.reason;
    EXPECT_EQ(talk.reason.find_first_of("\r\n"), std::string::npos);
  }
  for (const char* greeting : {"220 smtp.test ESMTP\r\n", "+OK pop\r\n", "* NO\r\n", "\r\n", "* PREAUTH x\r\n"}) {
    auto talk = play<ImapLogin>(plan_of("ana", "pw"), {{"", greeting}}, 1);
    EXPECT_EQ(talk.verdict, Verdict::Broken) << greeting;
  }
  EXPECT_EQ(play<ImapLogin>(plan_of("ana", "pw"), {{"", "* BYE full\r\n"}}, 1).verdict, Verdict::Unavailable);
}

TEST(ImapLogin, keeps_a_password_that_the_server_repeats_out_of_the_log) {
  auto talk =
      play<ImapLogin>(plan_of("ana", "pw-very-secret"),
                      {{"", "* OK [CAPABILITY IMAP4rev1] hello\r\n"},
                       {"B1 LOGIN \"ana\" \"pw-very-secret\"\r\n", "B1 NO cannot log in ana with pw-very-secret\r\n"}},
                      1);
  EXPECT_EQ(talk.verdict, Verdict::Refused);
  EXPECT_THAT(talk.reason, Not(HasSubstr("pw-very")));
}

// Both ends of SCRAM, on a wire without TLS: the server must prove that it knows the password too.
TEST(ImapLogin, proves_by_scram_and_wants_proof) {
  for (bool honest : {true, false}) {
    base::SeededRandom random(3);
    LoginPlan plan = plan_of("ana", "pw");
    plan.tls = false;
    plan.clear = true;
    ImapLogin machine(plan, random);
    machine.input("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=SCRAM-SHA-256] hello\r\n");
    std::string out = machine.take_output();
    ASSERT_TRUE(out.starts_with("B1 AUTHENTICATE SCRAM-SHA-256 ")) << out;
    auto server = sasl::make_server(sasl::Kind::ScramSha256, {}, base::system_clock(), random);
    auto step = server->start(*base::from_base64(base::trim(out.substr(30))));
    sasl::Credentials known;
    known.known = true;
    known.scram = sasl::make_scram_keys(crypto::Hash::Sha256, Secret("pw"), "0123456789abcdef", 4096);
    step = server->supply(known);
    const auto say = [&](const std::string& bytes) {
      machine.input("+ " + base::base64(bytes) + "\r\n");
      while (machine.want() == LoginMachine::Want::Work) machine.work_done(machine.work()());
    };
    say(std::get<sasl::Challenge>(step).bytes);
    out = machine.take_output();
    step = server->next(*base::from_base64(base::trim(out)));
    if (honest) {
      say(std::get<sasl::Done>(step).final_data);
      EXPECT_EQ(machine.take_output(), "\r\n");
    }
    machine.input("B1 OK [CAPABILITY IMAP4rev1] in\r\n");
    EXPECT_EQ(machine.verdict(), honest ? Verdict::Open : Verdict::Broken) << machine.reason();
  }
}

TEST(ImapLogin, that_was_cut_off_may_be_tried_again) {
  base::SeededRandom random(1);
  ImapLogin machine(plan_of("ana", "pw"), random);
  machine.lost(fail(Errc::Timeout, "silence"));
  EXPECT_EQ(machine.verdict(), Verdict::Unavailable);
  EXPECT_FALSE(machine.greeted());
  machine.input("* OK late\r\n");
  EXPECT_EQ(machine.take_output(), "");
}

}  // namespace
}  // namespace bz::egress

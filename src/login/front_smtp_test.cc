#include "login/rig_test.h"

namespace bz::login::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const Door kOpen{"submission", wire::Service::Submission, TlsMode::None, {"PLAIN", "LOGIN"}};
const Door kSubmission{"submission", wire::Service::Submission, TlsMode::StartTls, {"PLAIN", "LOGIN"}};
const Door kMx{"mx", wire::Service::Mx, TlsMode::StartTls, {}};

Task<void> before_login(Rig& rig) {
  auto client = rig.connect(kOpen);
  auto talking = talk(*client,
                      "NOOP\r\nMAIL FROM:<a@b>\r\nAUTH PLAIN\r\nEHLO [192.0.2.1]\r\nRSET\r\nMAIL FROM:<a@b>\r\n"
                      "AUTH NTLM\r\nXYZ\r\nVRFY x\r\nQUIT\r\n",
                      "");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, StartsWith("220 mail.example.test ESMTP"));
  EXPECT_THAT(text, HasSubstr("\r\n503 5.5.1"));
  EXPECT_THAT(text, HasSubstr("250-mail.example.test\r\n250-PIPELINING"));
  EXPECT_THAT(text, HasSubstr("AUTH PLAIN LOGIN"));
  EXPECT_THAT(text, HasSubstr("530 5.7.0"));
  EXPECT_THAT(text, HasSubstr("504 5.5.4"));
  EXPECT_THAT(text, HasSubstr("500 5.5.2"));
  EXPECT_THAT(text, HasSubstr("221 2.0.0"));
}
TEST(SmtpFront, answers_before_login) {
  Rig rig;
  rig.run(before_login(rig));
}

Task<void> submission(Rig& rig) {
  uint8_t kind = 0;
  rig.on_start = [&](const wire::SaslStart& s) {
    if (s.has_initial) return rig.answer(wire::Type::SaslFail, wire::SaslFail{s.id, kind, "wrong"}.encode());
    rig.answer(wire::Type::SaslChallenge, wire::SaslStep{s.id, "Username:"}.encode());
  };
  rig.on_step = [&](const wire::SaslStep& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mta").encode()); };
  auto client = rig.connect(kOpen);
  auto t1 = talk(*client, "EHLO phone.test\r\nAUTH PLAIN AHUAcA==\r\n", "535");
  std::string text = co_await std::move(t1);
  EXPECT_THAT(text, HasSubstr("535 5.7.8"));
  kind = 4;
  auto t0 = talk(*client, "AUTH PLAIN AHUAcA==\r\n", "535");
  text = co_await std::move(t0);
  EXPECT_THAT(text, HasSubstr("535 5.7.0 wrong"));
  auto t2 = talk(*client, "AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n");
  co_await std::move(t2);
  auto t3 = talk(*client, "*\r\nAUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n");
  text = co_await std::move(t3);
  EXPECT_THAT(text, HasSubstr("501 5.7.0"));
  auto written = co_await client->write_all("dXNlcg==\r\nMAIL FROM:<a@b>\r\nRCPT", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto& [role, leg] = rig.legs.front();
  EXPECT_EQ(role, "mta");
  auto taking = take(*leg);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(taken.header.service, wire::Service::Submission);
  EXPECT_EQ(taken.header.ehlo, "phone.test");
  EXPECT_TRUE(taken.header.esmtp);
  EXPECT_EQ(taken.header.mechanism, "LOGIN");
  EXPECT_EQ(taken.rest, "MAIL FROM:<a@b>\r\nRCPT");
  auto answering = leg->write_all("235 2.7.0 in\r\n", soon());
  auto answered = co_await std::move(answering);
  EXPECT_TRUE(answered.has_value());
  auto hearing = hear(*client, "in\r\n");
  text = co_await std::move(hearing);
  EXPECT_EQ(text, "235 2.7.0 in\r\n");
}
TEST(SmtpFront, auth_hands_over_with_every_unread_byte) {
  Rig rig;
  rig.run(submission(rig));
}

Task<void> mx(Rig& rig) {
  auto client = rig.connect(kMx);
  auto talking = talk(*client, "AUTH PLAIN AHUAcA==\r\nHELO Other.test\r\n", "250 ");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr("503 5.5.1"));
  auto written = co_await client->write_all("MAIL  from:<> SIZE=1\r\nRCPT TO:<x@y>\r\n", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto taking = take(*rig.legs.front().second);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(taken.header.service, wire::Service::Mx);
  EXPECT_EQ(taken.header.ticket, "");
  EXPECT_EQ(taken.header.ehlo, "Other.test");
  EXPECT_FALSE(taken.header.esmtp);
  EXPECT_EQ(taken.rest, "MAIL  from:<> SIZE=1\r\nRCPT TO:<x@y>\r\n");
  rig.back_ends_down = true;
  client = rig.connect(kMx);
  auto second = talk(*client, "EHLO x\r\nMAIL FROM:<>\r\n", "");
  text = co_await std::move(second);
  EXPECT_THAT(text, HasSubstr("421 4.3.2"));
  EXPECT_THAT(text, Not(HasSubstr("AUTH")));
}
TEST(SmtpFront, mx_hands_the_first_mail_command_over_unread) {
  Rig rig;
  rig.run(mx(rig));
}

Task<void> injection(Rig& rig) {
  crypto::TlsContext tls = client_tls();
  auto client = rig.connect(kSubmission);
  auto t1 = talk(*client, "EHLO x\r\n", "STARTTLS");
  std::string text = co_await std::move(t1);
  EXPECT_THAT(text, Not(HasSubstr("AUTH")));
  auto t2 = talk(*client, "STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@x>\r\n", "220 2.0.0");
  text = co_await std::move(t2);
  EXPECT_THAT(text, HasSubstr("220 2.0.0"));
  auto secured = co_await client->connect_tls(tls, "mail.example.test", soon());
  EXPECT_TRUE(secured.has_value());
  if (!secured) co_return;
  // Neither the injected name nor the command is remembered.
  auto t3 = talk(*client, "AUTH PLAIN AHUAcA==\r\n", "\r\n");
  text = co_await std::move(t3);
  EXPECT_THAT(text, StartsWith("503 5.5.1"));
  auto t4 = talk(*client, "EHLO y\r\n", "AUTH");
  text = co_await std::move(t4);
  EXPECT_THAT(text, StartsWith("250-mail.example.test\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("STARTTLS")));
  EXPECT_THAT(text, HasSubstr("AUTH PLAIN LOGIN"));
}
TEST(SmtpFront, what_was_said_in_clear_behind_starttls_is_forgotten) {
  Rig rig;
  give_certificate(rig);
  rig.run(injection(rig));
}

// Phones try 587, 465 and then 25 (contracts: a login on 25 makes it a submission).
Task<void> login_on_25(Rig& rig) {
  crypto::TlsContext tls = client_tls();
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mta").encode()); };
  Door door = kMx;
  door.mechanisms = {"PLAIN"};
  auto client = rig.connect(door);
  auto t1 = talk(*client, "EHLO x\r\nAUTH PLAIN AHUAcA==\r\nSTARTTLS\r\n", "220 2.0.0");
  std::string text = co_await std::move(t1);
  EXPECT_THAT(text, HasSubstr("530 5.7.0"));
  auto secured = co_await client->connect_tls(tls, "mail.example.test", soon());
  EXPECT_TRUE(secured.has_value());
  if (!secured) co_return;
  auto t2 = talk(*client, "EHLO x\r\n", "AUTH PLAIN");
  text = co_await std::move(t2);
  EXPECT_THAT(text, HasSubstr("AUTH PLAIN\r\n"));
  auto written = co_await client->write_all("AUTH PLAIN AHUAcA==\r\n", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto taking = take(*rig.legs.front().second);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(taken.header.service, wire::Service::Submission);
  EXPECT_EQ(taken.header.ticket, "ticket");
  EXPECT_EQ(rig.starts.at(0).service, wire::Service::Submission);
}
TEST(SmtpFront, a_login_on_port_25_is_a_submission) {
  Rig rig;
  give_certificate(rig);
  rig.run(login_on_25(rig));
}

Task<void> probing(Rig& rig) {
  crypto::TlsContext tls = client_tls();
  auto client = rig.connect(kSubmission);
  auto secured = co_await client->connect_tls(tls, "mail.example.test", soon());
  EXPECT_TRUE(secured.has_value());
  if (!secured) co_return;
  auto talking = talk(*client, "EHLO phone\r\n", "AUTH PLAIN");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, StartsWith("220 mail.example.test"));
  EXPECT_THAT(text, HasSubstr("AUTH PLAIN"));
}
TEST(SmtpFront, tls_hello_before_the_greeting_is_served) {
  Rig rig;
  give_certificate(rig);
  rig.settings->limits.tls_sniff = Millis(5000);
  rig.run(probing(rig));
}

Task<void> hostile_lines(Rig& rig) {
  auto client = rig.connect(kOpen);
  auto t1 = talk(*client, "EHLO a\nMAIL\r\nNOOP\r\n", "250 2.0.0");
  std::string text = co_await std::move(t1);
  EXPECT_THAT(text, HasSubstr("500 5.5.2"));
  std::string long_line = "EHLO " + std::string(20'000, 'x') + "\r\nNOOP\r\n";
  auto t2 = talk(*client, long_line, "250 2.0.0");
  text = co_await std::move(t2);
  EXPECT_THAT(text, HasSubstr("500 5.5.2"));
  std::string bad;
  for (int i = 0; i < 20; ++i) bad += "BAD\r\n";
  auto t3 = talk(*client, bad, "");
  text = co_await std::move(t3);
  EXPECT_THAT(text, HasSubstr("421 4.7.0"));
}
TEST(SmtpFront, hostile_lines) {
  Rig rig;
  rig.run(hostile_lines(rig));
}

}  // namespace
}  // namespace bz::login::test

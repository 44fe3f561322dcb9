#include "login/rig_test.h"

namespace bz::login::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const Door kOpen{"pop3s", wire::Service::Pop3, TlsMode::None, {"PLAIN", "LOGIN", "SCRAM-SHA-256"}};
const Door kApop{"pop3s", wire::Service::Pop3, TlsMode::None, {"PLAIN", "APOP"}};
const Door kStls{"pop3", wire::Service::Pop3, TlsMode::StartTls, {"PLAIN"}};

Task<void> says_what_it_can(Rig& rig) {
  auto phone = rig.connect(kOpen);
  auto hearing = hear(*phone, "ready\r\n");
  std::string greeting = co_await std::move(hearing);
  EXPECT_EQ(greeting, "+OK buzon ready\r\n");  // no timestamp: APOP is not offered
  auto talking =
      talk(*phone, "CAPA\r\nSTAT\r\nauth\r\nLANG\r\nLANG de\r\nUTF8\r\nAPOP a b\r\nXYZ\r\nRETR 1\r\nQUIT\r\n", "");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, StartsWith("+OK Capabilities follow\r\nTOP\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nUSER\r\nSASL PLAIN LOGIN SCRAM-SHA-256\r\n.\r\n-ERR Log in first\r\n"));
  EXPECT_THAT(text, HasSubstr("+OK Mechanisms follow\r\nPLAIN\r\nLOGIN\r\nSCRAM-SHA-256\r\n.\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nen English\r\n.\r\n-ERR That language is not known here\r\n+OK UTF-8 it is\r\n"));
  EXPECT_THAT(
      text,
      EndsWith("-ERR That way to log in is not offered\r\n-ERR Unknown command\r\n-ERR Log in first\r\n+OK Goodbye\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("STLS")));
}
TEST(Pop3Front, says_what_it_can_before_login) {
  Rig rig;
  rig.run(says_what_it_can(rig));
}

// The session may go to any server: its own CAPA tells after the login what it can do.
Task<void> promises_nothing(Rig& rig) {
  Door door = kOpen;
  door.any_server = true;
  auto phone = rig.connect(door);
  auto talking = talk(*phone, "CAPA\r\nUTF8\r\nLANG\r\nQUIT\r\n", "");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, EndsWith(".\r\n-ERR Not before login\r\n-ERR Not before login\r\n+OK Goodbye\r\n"));
  EXPECT_THAT(text, HasSubstr("follow\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nUSER\r\nSASL PLAIN"));
}
TEST(Pop3Front, promises_nothing_while_the_server_is_not_known) {
  Rig rig;
  rig.run(promises_nothing(rig));
}

Task<void> hands_over(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mailstore").encode()); };
  auto phone = rig.connect(kOpen);
  auto written = co_await phone->write_all("USER ana\r\nPASS  se cret\r\nSTAT\r\nUID", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto& [role, leg] = rig.legs.front();
  EXPECT_EQ(role, "mailstore");
  auto taking = take(*leg);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(rig.starts.at(0).service, wire::Service::Pop3);
  EXPECT_EQ(rig.starts.at(0).mechanism, "PLAIN");
  EXPECT_EQ(rig.starts.at(0).initial, std::string("\0ana\0 se cret", 13));
  EXPECT_EQ(taken.header.service, wire::Service::Pop3);
  EXPECT_EQ(taken.header.ticket, "ticket");
  EXPECT_EQ(taken.header.account, "ana@example.test");
  EXPECT_EQ(taken.header.mechanism, "PLAIN");
  EXPECT_EQ(taken.rest, "STAT\r\nUID");
  // The gateway has said its last word: the +OK is the back end's.
  auto answering = talk(*leg, "+OK in\r\n", "L\r\n");
  auto said = phone->write_all("L\r\n", soon());
  auto sent = co_await std::move(said);
  EXPECT_TRUE(sent.has_value());
  std::string rest = co_await std::move(answering);
  EXPECT_EQ(rest, "L\r\n");
  auto hearing = hear(*phone, "in\r\n");
  std::string text = co_await std::move(hearing);
  EXPECT_THAT(text, EndsWith("+OK Now the password\r\n+OK in\r\n"));
  EXPECT_EQ(rig.gate->before_login(), 0u);
}
TEST(Pop3Front, user_and_pass_hand_over_with_every_unread_byte) {
  Rig rig;
  rig.run(hands_over(rig));
}

Task<void> sasl_dialogue(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) {
    rig.answer(wire::Type::SaslChallenge, wire::SaslStep{s.id, "r=1"}.encode());
  };
  rig.on_step = [&](const wire::SaslStep& s) {
    wire::SaslDone done = Rig::done(s.id, "mailstore");
    done.final_data = "v=x";
    rig.answer(wire::Type::SaslDone, done.encode());
  };
  auto phone = rig.connect(kOpen);
  auto first = talk(*phone, "auth scram-sha-256 biws\r\n", "+ cj0x\r\n");
  co_await std::move(first);
  auto second = talk(*phone, "Yz0y\r\n", "+ dj14\r\n");
  std::string text = co_await std::move(second);
  EXPECT_THAT(text, HasSubstr("+ dj14\r\n"));
  auto written = co_await phone->write_all("\r\nNOOP\r\n", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto taking = take(*rig.legs.front().second);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(taken.rest, "NOOP\r\n");
  EXPECT_EQ(taken.header.mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(rig.starts.at(0).initial, "n,,");
  EXPECT_EQ(rig.steps.at(0), "c=2");
}
TEST(Pop3Front, auth_relays_challenges_and_acknowledges_the_last_one) {
  Rig rig;
  rig.run(sasl_dialogue(rig));
}

Task<void> apop(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) {
    rig.answer(wire::Type::SaslFail, wire::SaslFail{s.id, 0, "wrong"}.encode());
  };
  auto phone = rig.connect(kApop);
  auto hearing = hear(*phone, "\r\n");
  const std::string greeting = co_await std::move(hearing);
  // RFC 1939 section 7: a msg-id in brackets, different each time.
  EXPECT_THAT(greeting, testing::MatchesRegex("\\+OK buzon ready <[a-z0-9]+@mail.example.test>\r\n"));
  auto talking = talk(*phone, "AUTH APOP\r\nAPOP ana c4c9334bac560ecc979e58001b3e22fb\r\n", "[AUTH]");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, StartsWith("-ERR That way to log in is not offered\r\n-ERR [AUTH]"));
  const std::string timestamp = greeting.substr(greeting.find('<'), greeting.find('>') + 1 - greeting.find('<'));
  EXPECT_EQ(rig.starts.at(0).mechanism, "APOP");
  EXPECT_EQ(rig.starts[0].initial, timestamp + std::string("\0ana\0c4c9334bac560ecc979e58001b3e22fb", 37));
  auto other = rig.connect(kApop);
  auto again = hear(*other, "\r\n");
  const std::string second = co_await std::move(again);
  EXPECT_NE(second, greeting);
}
TEST(Pop3Front, apop_carries_timestamp_user_and_digest) {
  Rig rig;
  rig.run(apop(rig));
}

Task<void> refusals(Rig& rig) {
  uint8_t kind = 0;
  rig.on_start = [&](const wire::SaslStart& s) {
    if (s.has_initial) return rig.answer(wire::Type::SaslFail, wire::SaslFail{s.id, kind, "wrong"}.encode());
    rig.answer(wire::Type::SaslChallenge, wire::SaslStep{s.id, ""}.encode());
  };
  auto phone = rig.connect(kOpen);
  auto t1 =
      talk(*phone, "PASS p\r\nUSER u\r\nPASS p\r\nPASS p\r\n", "[AUTH] Name or password is wrong\r\n-ERR USER first\r\n");
  std::string text = co_await std::move(t1);
  EXPECT_THAT(
      text,
      HasSubstr("-ERR USER first\r\n+OK Now the password\r\n-ERR [AUTH] Name or password is wrong\r\n-ERR USER first"));
  kind = 1;
  auto t2 = talk(*phone, "USER u\r\nPASS p\r\n", "-ERR");
  text = co_await std::move(t2);
  EXPECT_THAT(text, HasSubstr("-ERR [SYS/TEMP]"));
  auto t3 = talk(*phone, "AUTH PLAIN\r\n", "+ \r\n");
  co_await std::move(t3);
  auto t4 = talk(*phone, "*\r\n", "-ERR");
  text = co_await std::move(t4);
  EXPECT_THAT(text, HasSubstr("-ERR Cancelled"));
  auto t5 = talk(*phone, "AUTH PLAIN\r\n", "+ \r\n");
  co_await std::move(t5);
  auto t6 = talk(*phone, "no base64!\r\nAUTH PLAIN =AAA\r\nAUTH NTLM\r\n", "offered");
  text = co_await std::move(t6);
  EXPECT_THAT(text, HasSubstr("-ERR Malformed"));
  EXPECT_THAT(text, HasSubstr("-ERR The initial response is no base64"));
  EXPECT_EQ(rig.aborts, 2u);
  kind = 4;
  auto t8 = talk(*phone, "USER u\r\nPASS p\r\n", "wrong");
  text = co_await std::move(t8);
  EXPECT_THAT(text, HasSubstr("-ERR [AUTH] wrong\r\n"));
  kind = 0;
  std::string tries;
  for (int i = 0; i < 5; ++i) tries += "AUTH PLAIN AHUAcA==\r\n";
  auto t7 = talk(*phone, tries, "");
  text = co_await std::move(t7);
  EXPECT_EQ(rig.starts.size(), 7u);  // two and the unavailable one, two that were not finished, one that is not allowed,
                                     // and two more
}
TEST(Pop3Front, refusals_keep_the_connection_up_to_a_limit) {
  Rig rig;
  rig.run(refusals(rig));
}

Task<void> nobody_home(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mailstore").encode()); };
  rig.back_ends_down = true;
  auto phone = rig.connect(kOpen);
  auto talking = talk(*phone, "USER u\r\nPASS p\r\n", "");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr("-ERR [SYS/TEMP]"));
  rig.auth_down = true;
  phone = rig.connect(kOpen);
  auto last = talk(*phone, "USER u\r\nPASS p\r\n", "-ERR");
  text = co_await std::move(last);
  EXPECT_THAT(text, HasSubstr("-ERR [SYS/TEMP]"));
}
TEST(Pop3Front, says_temporary_when_somebody_is_missing) {
  Rig rig;
  rig.run(nobody_home(rig));
}

Task<void> injection(Rig& rig) {
  crypto::TlsContext tls = client_tls();
  auto phone = rig.connect(kStls);
  auto t1 = talk(*phone, "USER ana\r\nPASS p\r\nAUTH PLAIN AHUAcA==\r\nAUTH\r\nCAPA\r\n", ".\r\n");
  std::string text = co_await std::move(t1);
  EXPECT_THAT(text, HasSubstr("-ERR STLS first\r\n-ERR STLS first\r\n-ERR STLS first\r\n-ERR STLS first\r\n+OK Capa"));
  EXPECT_THAT(text, HasSubstr("STLS\r\n.\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("SASL")));
  auto t2 = talk(*phone, "STLS\r\nUSER evil\r\nPASS", "Begin TLS\r\n");
  text = co_await std::move(t2);
  EXPECT_EQ(text, "+OK Begin TLS\r\n");
  auto secured = co_await phone->connect_tls(tls, "mail.example.test", soon());
  EXPECT_TRUE(secured.has_value());
  if (!secured) co_return;
  // Neither the injected name nor the half command is remembered.
  auto t3 = talk(*phone, "PASS p\r\nSTLS\r\nCAPA\r\n", ".\r\n");
  text = co_await std::move(t3);
  EXPECT_THAT(text, StartsWith("-ERR USER first\r\n-ERR STLS is not possible now\r\n"));
  EXPECT_THAT(text, EndsWith("USER\r\nSASL PLAIN\r\n.\r\n"));
  EXPECT_TRUE(rig.starts.empty());
}
TEST(Pop3Front, no_login_in_clear_and_what_was_said_behind_stls_is_forgotten) {
  Rig rig;
  give_certificate(rig);
  rig.run(injection(rig));
}

Task<void> hostile_lines(Rig& rig) {
  auto phone = rig.connect(kOpen);
  const std::string bad_lines = "USER a\rb\r\nUSER " + std::string(20'000, 'x') + "\r\nCAPA\r\n";
  auto t1 = talk(*phone, bad_lines, ".\r\n");
  std::string text = co_await std::move(t1);
  EXPECT_THAT(text, HasSubstr("-ERR CR or NUL within a line\r\n-ERR Line too long\r\n+OK Capa"));
  const std::string endless(200'000, 'x');
  auto t2 = talk(*phone, endless, "");
  text = co_await std::move(t2);
  EXPECT_THAT(text, testing::AnyOf("-ERR Line too long\r\n", "not written"));
  phone = rig.connect(kOpen);
  std::string bad;
  for (int i = 0; i < 20; ++i) bad += "BAD\r\n";
  auto t3 = talk(*phone, bad, "");
  text = co_await std::move(t3);
  EXPECT_EQ(text.size(), std::string("+OK buzon ready\r\n").size() + 10 * std::string("-ERR Unknown command\r\n").size());
}
TEST(Pop3Front, hostile_lines) {
  Rig rig;
  rig.run(hostile_lines(rig));
}

}  // namespace
}  // namespace bz::login::test

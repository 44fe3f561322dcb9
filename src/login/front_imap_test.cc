#include "login/rig_test.h"

namespace bz::login::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Door kOpen{"imap", wire::Service::Imap, TlsMode::None, {"PLAIN", "LOGIN", "SCRAM-SHA-256"}};
const Door kStartTls{"imap", wire::Service::Imap, TlsMode::StartTls, {"PLAIN"}};

Task<void> says_what_it_can(Rig& rig) {
  auto phone = rig.connect(kOpen);
  auto hearing = hear(*phone, "ready\r\n");
  std::string greeting = co_await std::move(hearing);
  EXPECT_THAT(greeting, StartsWith("* OK [CAPABILITY IMAP4rev1 "));
  EXPECT_THAT(greeting, HasSubstr("AUTH=SCRAM-SHA-256"));
  auto talking = talk(*phone, "1 NOOP\r\n2 ID (\"name\" \"x\")\r\n3 SELECT INBOX\r\n4 X\r\n5 LOGOUT\r\n", "5 OK Done\r\n");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr("1 OK"));
  EXPECT_THAT(text, HasSubstr("* ID (\"name\" \"buzon\")\r\n2 OK"));
  EXPECT_THAT(text, HasSubstr("3 BAD Log in first"));
  EXPECT_THAT(text, HasSubstr("4 BAD"));
  EXPECT_THAT(text, HasSubstr("* BYE"));
  auto end = hear(*phone, "");
  std::string rest = co_await std::move(end);
  EXPECT_EQ(rest, "");
}
TEST(ImapFront, says_what_it_can_before_login) {
  Rig rig;
  rig.run(says_what_it_can(rig));
}

Task<void> speaks_spanish(Rig& rig) {
  auto phone = rig.connect(kOpen);
  auto hearing = hear(*phone, "ready\r\n");
  std::string greeting = co_await std::move(hearing);
  EXPECT_THAT(greeting, HasSubstr(" LANGUAGE "));
  auto talking =
      talk(*phone, "1 LANGUAGE\r\n2 LANGUAGE fr\r\n3 LANGUAGE es-ES\r\n4 SELECT x\r\n5 LOGOUT\r\n", "5 OK Hecho\r\n");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr("* LANGUAGE (i-default en es)\r\n1 OK Done\r\n2 NO None of these"));
  EXPECT_THAT(text,
              HasSubstr("* LANGUAGE (es)\r\n3 OK Idioma cambiado\r\n4 BAD Primero hay que iniciar sesi\xC3\xB3n\r\n"));
}
TEST(ImapFront, speaks_the_language_that_is_chosen_before_login) {
  Rig rig;
  rig.run(speaks_spanish(rig));
}

Task<void> shows_what_the_connection_can(Rig& rig) {
  Door door = kOpen;
  door.mechanisms = {"PLAIN", "EXTERNAL", "SCRAM-SHA-256-PLUS", "APOP", "NTLM"};
  auto phone = rig.connect(door);
  auto hearing = hear(*phone, "ready\r\n");
  std::string greeting = co_await std::move(hearing);
  EXPECT_THAT(greeting, HasSubstr("AUTH=PLAIN AUTH=NTLM]"));
  auto talking =
      talk(*phone, "1 AUTHENTICATE EXTERNAL =\r\n2 AUTHENTICATE SCRAM-SHA-256-PLUS\r\n3 AUTHENTICATE APOP\r\n", "3 ");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr("1 NO [CANNOT]"));
  EXPECT_THAT(text, HasSubstr("2 NO [CANNOT]"));
  EXPECT_THAT(text, HasSubstr("3 NO [CANNOT]"));
}
TEST(ImapFront, shows_external_and_plus_only_where_the_connection_has_what_they_need) {
  Rig rig;
  rig.run(shows_what_the_connection_can(rig));
}

// Where the session may go to any server, nothing is promised; and the login there may take its time.
Task<void> promises_nothing(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "egress").encode()); };
  rig.settings->limits.back_end = Millis(1);
  Door door = kOpen;
  door.capabilities = "IMAP4rev1 SASL-IR ID";
  auto phone = rig.connect(door);
  auto hearing = hear(*phone, "ready\r\n");
  std::string greeting = co_await std::move(hearing);
  EXPECT_THAT(greeting, StartsWith("* OK [CAPABILITY IMAP4rev1 SASL-IR ID AUTH=PLAIN "));
  auto written = co_await phone->write_all("a1 LOGIN ana pw\r\n", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto& [role, leg] = rig.legs.front();
  EXPECT_EQ(role, "egress");
  auto taking = take(*leg);
  co_await std::move(taking);
  co_await rig.loop.sleep(net::Deadline::in(Millis(20)));
  auto said = co_await leg->write_all("a1 NO [UNAVAILABLE] later\r\n", soon());
  EXPECT_TRUE(said.has_value());
  auto end = hear(*phone, "later\r\n");
  std::string text = co_await std::move(end);
  EXPECT_EQ(text, "a1 NO [UNAVAILABLE] later\r\n");
}
TEST(ImapFront, promises_nothing_while_the_server_is_not_known) {
  Rig rig;
  rig.run(promises_nothing(rig));
}

Task<void> hands_over(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mailstore").encode()); };
  auto phone = rig.connect(kOpen);
  auto talking =
      talk(*phone, "0 ID (\"os\" \"iOS\" \"name\" \"iPhone\" \"x\" \"y\" \"version\" NIL)\r\na1 LOGIN {3}\r\n", "+ ");
  std::string text = co_await std::move(talking);
  auto written = co_await phone->write_all("ana \"se cret\"\r\na2 LIST \"\" *\r\na3 NO", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto& [role, leg] = rig.legs.front();
  EXPECT_EQ(role, "mailstore");
  auto taking = take(*leg);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(rig.starts.at(0).mechanism, "PLAIN");
  EXPECT_EQ(rig.starts.at(0).initial, std::string("\0ana\0se cret", 12));
  EXPECT_EQ(taken.header.tag, "a1");
  EXPECT_EQ(taken.header.ticket, "ticket");
  EXPECT_EQ(taken.header.account, "ana@example.test");
  EXPECT_EQ(taken.header.session_id, rig.starts[0].session_id);
  EXPECT_EQ(taken.header.id_pairs.at(1).second, "iPhone");
  EXPECT_EQ(rig.starts.at(0).client_id, "iPhone iOS");
  EXPECT_EQ(taken.rest, "a2 LIST \"\" *\r\na3 NO");
  // From here on only the back end speaks, and bytes go both ways.
  auto answering = talk(*leg, "a1 OK in\r\n* LIST () \"/\" INBOX\r\na2 OK\r\n", "OP\r\n");
  auto said = phone->write_all("OP\r\n", soon());
  auto sent = co_await std::move(said);
  EXPECT_TRUE(sent.has_value());
  std::string rest = co_await std::move(answering);
  EXPECT_EQ(rest, "OP\r\n");
  auto hearing = hear(*phone, "a2 OK\r\n");
  text = co_await std::move(hearing);
  EXPECT_THAT(text, testing::EndsWith("a1 OK in\r\n* LIST () \"/\" INBOX\r\na2 OK\r\n"));
  EXPECT_EQ(rig.gate->before_login(), 0u);
}
TEST(ImapFront, login_hands_over_with_every_unread_byte) {
  Rig rig;
  rig.run(hands_over(rig));
}

// The mail store's process is killed. With an answer half said the client must not take our words for its end.
Task<void> back_end_dies(Rig& rig, std::string_view said, std::string_view after) {
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mailstore").encode()); };
  auto phone = rig.connect(kOpen);
  auto talking = talk(*phone, "a1 LOGIN ana secret\r\n", "ready\r\n");
  std::string text = co_await std::move(talking);
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto leg = std::move(rig.legs.front().second);
  auto taking = take(*leg);
  Taken taken = co_await std::move(taking);
  const std::string first = "a1 OK in\r\n";
  auto answering = leg->write_all(first, soon());
  auto answered = co_await std::move(answering);
  EXPECT_TRUE(answered.has_value());
  auto hearing = hear(*phone, first);
  text = co_await std::move(hearing);
  auto saying = leg->write_all(said, soon());
  auto written = co_await std::move(saying);
  EXPECT_TRUE(written.has_value());
  auto asking = phone->write_all("a2 NOOP\r\n", soon());  // it will never be read
  auto asked = co_await std::move(asking);
  EXPECT_TRUE(asked.has_value());
  leg.reset();
  auto ending = hear(*phone, "");
  text = co_await std::move(ending);
  EXPECT_EQ(text, std::string(said) + std::string(after));
}
TEST(ImapFront, says_bye_for_a_mail_store_that_died_at_the_beginning_of_a_line_only) {
  constexpr std::string_view kBye = "* BYE [UNAVAILABLE] The mail store has ended the session, please connect again\r\n";
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", kBye},
      {"* 2 EXISTS\r\n", kBye},
      {"* 2 EXI", ""},
      {"* 1 FETCH (BODY[] {100}\r\nhalf of it\r\n", ""},
      {"* 1 FETCH (BODY[] {4}\r\nall\n)\r\n", kBye},
      {"* BYE [UNAVAILABLE] The store has failed\r\n", ""},
  };
  for (const auto& [said, after] : cases) {
    Rig rig;
    rig.run(back_end_dies(rig, said, after));
  }
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
  auto first = talk(*phone, "a AUTHENTICATE SCRAM-SHA-256 biws\r\n", "+ cj0x\r\n");
  co_await std::move(first);
  auto second = talk(*phone, "Yz0y\r\n", "+ dj14\r\n");  // "c=2"; then the server's last word, "v=x"
  std::string text = co_await std::move(second);
  EXPECT_THAT(text, HasSubstr("+ dj14\r\n"));
  auto written = co_await phone->write_all("\r\nb NOOP\r\n", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  auto taking = take(*rig.legs.front().second);
  Taken taken = co_await std::move(taking);
  EXPECT_EQ(taken.rest, "b NOOP\r\n");
  EXPECT_EQ(taken.header.mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(rig.starts.at(0).initial, "n,,");
  EXPECT_EQ(rig.steps.at(0), "c=2");
}
TEST(ImapFront, relays_challenges_and_acknowledges_the_last_one) {
  Rig rig;
  rig.run(sasl_dialogue(rig));
}

Task<void> refusals(Rig& rig) {
  uint8_t kind = 0;
  rig.on_start = [&](const wire::SaslStart& s) {
    if (s.has_initial) return rig.answer(wire::Type::SaslFail, wire::SaslFail{s.id, kind, "wrong"}.encode());
    rig.answer(wire::Type::SaslChallenge, wire::SaslStep{s.id, ""}.encode());
  };
  auto phone = rig.connect(kOpen);
  auto t1 = talk(*phone, "a LOGIN u p\r\n", "a NO");
  std::string text = co_await std::move(t1);
  EXPECT_THAT(text, HasSubstr("a NO [AUTHENTICATIONFAILED]"));
  kind = 1;
  auto t2 = talk(*phone, "b LOGIN u p\r\n", "b NO");
  text = co_await std::move(t2);
  EXPECT_THAT(text, HasSubstr("b NO [UNAVAILABLE]"));
  auto t3 = talk(*phone, "c AUTHENTICATE PLAIN\r\n", "+ \r\n");
  co_await std::move(t3);
  auto t4 = talk(*phone, "*\r\n", "c BAD");
  text = co_await std::move(t4);
  EXPECT_THAT(text, HasSubstr("c BAD Cancelled"));
  auto t5 = talk(*phone, "d AUTHENTICATE PLAIN\r\n", "+ \r\n");
  co_await std::move(t5);
  auto t6 = talk(*phone, "no base64!\r\ne AUTHENTICATE NTLM\r\n", "e NO");
  text = co_await std::move(t6);
  EXPECT_THAT(text, HasSubstr("d BAD"));
  EXPECT_THAT(text, HasSubstr("e NO [CANNOT]"));
  EXPECT_EQ(rig.aborts, 2u);
  kind = 4;
  auto t8 = talk(*phone, "e2 LOGIN u p\r\n", "e2 NO");
  text = co_await std::move(t8);
  EXPECT_THAT(text, HasSubstr("e2 NO [AUTHORIZATIONFAILED] wrong"));
  kind = 0;
  auto t7 = talk(*phone, "f LOGIN u p\r\ng LOGIN u p\r\nh LOGIN u p\r\ni LOGIN u p\r\n", "");
  text = co_await std::move(t7);
  EXPECT_THAT(text, HasSubstr("g NO"));
  EXPECT_THAT(text, HasSubstr("* BYE Too many failed logins"));
  EXPECT_THAT(text, testing::Not(HasSubstr("h NO")));
}
TEST(ImapFront, refusals_keep_the_connection_up_to_a_limit) {
  Rig rig;
  rig.run(refusals(rig));
}

Task<void> nobody_home(Rig& rig) {
  rig.on_start = [&](const wire::SaslStart& s) { rig.answer(wire::Type::SaslDone, Rig::done(s.id, "mailstore").encode()); };
  rig.back_ends_down = true;
  auto phone = rig.connect(kOpen);
  auto talking = talk(*phone, "a LOGIN u p\r\n", "");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr("a NO [UNAVAILABLE]"));
  // One that takes the session and dies before it has said a word.
  rig.back_ends_down = false;
  phone = rig.connect(kOpen);
  auto written = co_await phone->write_all("b LOGIN u p\r\n", soon());
  EXPECT_TRUE(written.has_value());
  while (rig.legs.empty()) co_await rig.loop.sleep(net::Deadline::in(Millis(1)));
  rig.legs.clear();
  auto hearing = hear(*phone, "");
  text = co_await std::move(hearing);
  EXPECT_THAT(text, HasSubstr("b NO [UNAVAILABLE]"));
  rig.auth_down = true;
  phone = rig.connect(kOpen);
  auto last = talk(*phone, "c LOGIN u p\r\n", "c NO");
  text = co_await std::move(last);
  EXPECT_THAT(text, HasSubstr("c NO [UNAVAILABLE]"));
}
TEST(ImapFront, says_unavailable_when_somebody_is_missing) {
  Rig rig;
  rig.run(nobody_home(rig));
}

Task<void> limits(Rig& rig) {
  auto phone = rig.connect(kOpen);
  std::string words;
  for (int i = 0; i < 20; ++i) words += "t X\r\n";
  auto talking = talk(*phone, words, "");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr("* BYE Too many errors"));
  phone = rig.connect(kOpen);
  std::string line = "a LOGIN " + std::string(100'000, 'u') + " p\r\n";
  auto flooding = talk(*phone, line, "");
  text = co_await std::move(flooding);
  EXPECT_THAT(text, testing::AnyOf(HasSubstr("BYE"), HasSubstr("BAD"), HasSubstr("not written")));
  phone = rig.connect(kOpen);
  auto appending = talk(*phone, "a APPEND INBOX {5}\r\n", "a BAD");
  text = co_await std::move(appending);
  EXPECT_THAT(text, HasSubstr("a BAD"));
}
TEST(ImapFront, has_limits) {
  Rig rig;
  rig.run(limits(rig));
}

// RFC 2971 section 3.3: 30 pairs, names of 30 octets, values of 1024.
Task<void> longest_id(Rig& rig) {
  auto phone = rig.connect(kOpen);
  std::string id = "a ID (";
  for (int i = 0; i < 30; ++i) {
    if (i > 0) id += ' ';
    id += '"' + std::string(1, static_cast<char>('a' + i % 26)) + std::string(29, 'x') + "\" \"" + std::string(1024, 'y') +
          '"';
  }
  id += ")\r\n";
  auto talking = talk(*phone, id, "a OK");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr("* ID ("));
  EXPECT_THAT(text, HasSubstr("a OK"));
}
TEST(ImapFront, takes_the_longest_id_that_is_legal) {
  Rig rig;
  rig.run(longest_id(rig));
}

Task<void> no_password_in_clear(Rig& rig) {
  auto phone = rig.connect(kStartTls);
  auto talking = talk(*phone, "a LOGIN u p\r\nb AUTHENTICATE PLAIN AHUAcA==\r\n", "b NO");
  std::string text = co_await std::move(talking);
  EXPECT_THAT(text, HasSubstr(" STARTTLS LOGINDISABLED]"));
  EXPECT_THAT(text, HasSubstr("a NO [PRIVACYREQUIRED]"));
  EXPECT_THAT(text, HasSubstr("b NO [PRIVACYREQUIRED]"));
  EXPECT_TRUE(rig.starts.empty());
  // A TLS hello that comes too late ends the connection without a word, and is no offence.
  phone = rig.connect(kStartTls);
  auto hello = talk(*phone, "\x16\x03\x01", "");
  text = co_await std::move(hello);
  EXPECT_THAT(text, testing::EndsWith("ready\r\n"));
}
TEST(ImapFront, no_password_in_clear) {
  Rig rig;
  rig.run(no_password_in_clear(rig));
}

}  // namespace
}  // namespace bz::login::test

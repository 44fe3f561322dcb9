// UTF8=ACCEPT (RFC 6855).
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kMail =
    "From: Jos\xC3\xA9 <jos\xC3\xA9@example.org>\r\nTo: \"a\" <a@example.org>\r\nSubject: caf\xC3\xA9\r\nMIME-Version: "
    "1.0\r\n"
    "Content-Type: text/plain; name=\"\xC3\xB1.txt\"\r\n\r\nbody\r\n";

TEST(Utf8, names_of_mailboxes_are_utf8_once_it_is_enabled) {
  World w;
  Client c(w), old(w);
  EXPECT_THAT(c.ask("a CAPABILITY"), HasSubstr(" UTF8=ACCEPT "));
  EXPECT_EQ(c.ask("b ENABLE UTF8=ACCEPT"), "* ENABLED UTF8=ACCEPT\r\nb OK ENABLE completed\r\n");
  EXPECT_EQ(c.ask("b ENABLE UTF8=ACCEPT"), "* ENABLED\r\nb OK ENABLE completed\r\n");
  EXPECT_THAT(c.ask("c CREATE \"Entw\xC3\xBCrfe & mehr\""), StartsWith("c OK "));
  EXPECT_THAT(c.ask("d LIST \"\" \"Entw\xC3\xBC*\""), HasSubstr(" \"/\" \"Entw\xC3\xBCrfe & mehr\"\r\n"));
  EXPECT_THAT(c.ask("e STATUS \"Entw\xC3\xBCrfe & mehr\" (MESSAGES)"),
              StartsWith("* STATUS \"Entw\xC3\xBCrfe & mehr\" (MESSAGES 0)\r\n"));
  EXPECT_THAT(c.ask("f SUBSCRIBE \"Entw\xC3\xBCrfe & mehr\""), StartsWith("f OK "));
  EXPECT_THAT(c.ask("g LSUB \"\" \"Entw%\""), HasSubstr("\"Entw\xC3\xBCrfe & mehr\"\r\n"));
  EXPECT_THAT(old.ask("d LIST \"\" Entw*"), HasSubstr(" \"/\" \"Entw&APw-rfe &- mehr\"\r\n"));
  // "&" is a character like any other now.
  EXPECT_THAT(c.ask("h CREATE a&b"), StartsWith("h OK "));
  EXPECT_THAT(old.ask("h LIST \"\" a*"), HasSubstr(" a&-b\r\n"));
}
TEST(Utf8, quoted_names_in_utf8_are_taken_before_too) {
  World w;
  Client c(w);
  EXPECT_THAT(c.ask("a CREATE \"\xC3\xA4\""), StartsWith("a OK "));
  EXPECT_THAT(c.ask("b LIST \"\" %"), HasSubstr(" &AOQ-\r\n"));
  for (const char* name : {"\"\xC3\"", "\"\xC2\x85\"", "\"\xE2\x80\xA8\"", "\"\xE2\x80\xA9x\""})
    EXPECT_THAT(c.ask("c CREATE " + std::string(name)), StartsWith("c NO [CANNOT] ")) << name;
}
TEST(Utf8, strings_that_are_no_utf8_are_bad_once_it_is_enabled) {
  World w;
  w.fill(1);
  Client c(w);
  c.ask("s SELECT INBOX");
  EXPECT_THAT(c.ask("a SEARCH SUBJECT \"\xE9\""), HasSubstr("a OK "));
  c.ask("b ENABLE UTF8=ACCEPT");
  EXPECT_THAT(c.ask("c SEARCH SUBJECT \"\xE9\""), StartsWith("c BAD "));
  EXPECT_THAT(c.ask("d SEARCH CHARSET UTF-8 SUBJECT x"), StartsWith("d BAD "));
  EXPECT_THAT(c.ask("e SEARCH SUBJECT \"\xC3\xA9\""), HasSubstr("e OK "));
}
TEST(Utf8, headers_are_shown_as_they_are_or_without_their_utf8) {
  World w;
  w.append("INBOX", kMail);
  w.append("INBOX", "Subject: \xE9\r\n\r\nno UTF-8\r\n");
  Client c(w), old(w);
  c.ask("a ENABLE UTF8=ACCEPT");
  c.ask("b SELECT INBOX");
  old.ask("b SELECT INBOX");
  const std::string shown = c.ask("c FETCH 1 (ENVELOPE BODYSTRUCTURE)");
  EXPECT_THAT(shown, HasSubstr("\"caf\xC3\xA9\" ((\"Jos\xC3\xA9\" NIL \"jos\xC3\xA9\" \"example.org\"))"));
  EXPECT_THAT(shown, HasSubstr(" \"name\" \"\xC3\xB1.txt\""));
  EXPECT_THAT(shown, HasSubstr("c OK FETCH completed"));
  const std::string hidden = old.ask("c FETCH 1:2 (ENVELOPE BODY)");
  EXPECT_THAT(hidden, HasSubstr("((\"=?"));
  EXPECT_THAT(hidden, HasSubstr(" NIL \"invalid\" \"internationalized-address.invalid\"))"));
  EXPECT_THAT(hidden, HasSubstr("c OK [DOWNGRADED 1] FETCH completed"));
  for (const char octet : hidden) EXPECT_GE(octet, 0);
  EXPECT_THAT(c.ask("d FETCH 2 ENVELOPE"), HasSubstr("\"=?"));
  EXPECT_EQ(old.ask("e FETCH 1 BODY.PEEK[]"),
            "* 1 FETCH (BODY[] {" + std::to_string(kMail.size()) + "}\r\n" + kMail + ")\r\ne OK FETCH completed\r\n");
  EXPECT_THAT(old.ask("f FETCH 1 FLAGS"), Not(HasSubstr("DOWNGRADED")));
}
TEST(Utf8, append_takes_the_utf8_form) {
  World w;
  Client c(w);
  c.ask("a ENABLE UTF8=ACCEPT");
  c.send("b APPEND INBOX (\\Seen) UTF8 (~{" + std::to_string(kMail.size()) + "}\r\n");
  EXPECT_EQ(c.until("+"), "+ Go ahead\r\n");
  c.bytewise(kMail + ") UTF8 (~{3+}\r\nabc) CATENATE (UTF8 (~{2+}\r\nde) TEXT {1+}\r\nf)\r\n");
  EXPECT_THAT(c.until("b"), HasSubstr(" 1:3] APPEND completed"));
  c.send("d APPEND INBOX UTF8 (~{3+}\r\nabc\r\n");
  EXPECT_THAT(c.until("d"), StartsWith("d BAD "));
  c.send("e APPEND INBOX UTF8 ({3+}\r\nabc)\r\n");
  EXPECT_THAT(c.until("e"), StartsWith("e BAD "));
}
TEST(Utf8, eight_bit_headers_can_be_refused_of_those_who_did_not_enable_it) {
  World w;
  w.session_config.refuse_eight_bit_headers = true;
  Client c(w);
  const std::string append = " APPEND INBOX {" + std::to_string(kMail.size()) + "+}\r\n" + kMail + "\r\n";
  c.send("a" + append);
  EXPECT_THAT(c.until("a"), StartsWith("a NO [CANNOT] "));
  c.send("b APPEND INBOX {15+}\r\nA: b\r\n\r\ncaf\xC3\xA9\r\n\r\n");
  EXPECT_THAT(c.until("b"), StartsWith("b OK ")) << "bodies are another thing";
  c.ask("c ENABLE UTF8=ACCEPT");
  c.send("d" + append);
  EXPECT_THAT(c.until("d"), StartsWith("d OK "));
}

}  // namespace
}  // namespace bz::imapd

// CATENATE (RFC 4469).
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string text(const std::string& octets) { return "TEXT {" + std::to_string(octets.size()) + "+}\r\n" + octets; }
std::string validity(World& w, const char* mailbox) {
  return std::to_string(w.account->find(mailbox)->uid_validity.value());
}

const std::string kMail =
    "From: a@example.org\r\nSubject: two parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nX: 1\r\n\r\nfirst\r\n--b\r\nX: 2\r\n\r\nsecond\r\n--b--\r\n";

TEST(Catenate, puts_texts_and_parts_of_messages_together) {
  World w;
  w.append("INBOX", kMail);
  Client c(w);
  const std::string url = "/INBOX;UIDVALIDITY=" + validity(w, "INBOX") + "/;UID=1/;section=";
  c.send("a APPEND Drafts (\\Draft) CATENATE (URL \"" + url + "HEADER\" " + text("\r\n--b\r\n") + " URL \"" + url +
         "1.MIME\" URL {" + std::to_string(url.size() + 1) + "}\r\n");
  EXPECT_EQ(c.until("+"), "+ Go ahead\r\n");
  c.bytewise(url + "1 " + text("\r\n--b--\r\n") + ")\r\n");
  EXPECT_THAT(c.until("a"), HasSubstr("a OK [APPENDUID "));
  c.ask("b SELECT Drafts");
  const std::string all = kMail.substr(0, kMail.find("--b\r\n")) + "\r\n--b\r\nX: 1\r\n\r\nfirst\r\n--b--\r\n";
  EXPECT_THAT(c.ask("c FETCH 1 (FLAGS BODY.PEEK[])"),
              HasSubstr("* 1 FETCH (FLAGS (\\Draft \\Recent) BODY[] {" + std::to_string(all.size()) + "}\r\n" + all));
  // The copied message was not read by that.
  EXPECT_THAT(c.ask("d STATUS INBOX (UNSEEN)"), HasSubstr("UNSEEN 1"));
}
TEST(Catenate, urls_alone_need_no_literal) {
  World w;
  w.append("INBOX", kMail);
  Client c(w);
  EXPECT_THAT(c.ask("a APPEND Drafts CATENATE (URL \"/inbox/;uid=1\")"), HasSubstr("a OK [APPENDUID "));
  EXPECT_THAT(c.ask("b APPEND Drafts CATENATE (URL \"/INBOX/;uid=1/;section=HEADER.FIELDS%20(Subject)\" URL "
                    "/INBOX/;UID=1/;SECTION=1)"),
              HasSubstr("b OK "));
  c.ask("c SELECT Drafts");
  EXPECT_THAT(c.ask("d FETCH 2 BODY.PEEK[]"), HasSubstr("{27}\r\nSubject: two parts\r\n\r\nfirst)"));
}
TEST(Catenate, windows_of_parts) {
  World w;
  w.append("INBOX", kMail);
  Client c(w);
  const std::string url = " URL /INBOX/;UID=1/;SECTION=2/;PARTIAL=";
  c.send("a APPEND Drafts CATENATE (" + text("X: y\r\n\r\n") + url + "1.3" + url + "4" + url + "100.1)\r\n");
  EXPECT_THAT(c.until("a"), HasSubstr("a OK "));
  c.ask("b SELECT Drafts");
  EXPECT_THAT(c.ask("c FETCH 1 BODY.PEEK[TEXT]"), StartsWith("* 1 FETCH (BODY[TEXT] {5}\r\necond)"));
}
TEST(Catenate, what_cannot_be_had_is_told_with_its_url_and_nothing_is_added) {
  World w;
  w.append("INBOX", kMail);
  Client c(w);
  for (const char* url : {"/INBOX/;UID=2", "/Nope/;UID=1", "/INBOX;UIDVALIDITY=1/;UID=1", "/INBOX/;UID=1/;SECTION=3",
                          "imap://ana@h/INBOX/;UID=1", "/INBOX", ";UID=1", "/INBOX/;UID=1;URLAUTH=anonymous",
                          "/INBOX/;UID=1/;SECTION=1.HEADER"}) {
    const std::string wanted = "a NO [BADURL " + std::string(url) + "] ";
    EXPECT_THAT(c.ask("a APPEND Drafts CATENATE (URL \"" + std::string(url) + "\")"), StartsWith(wanted));
    c.send("a APPEND Drafts CATENATE (" + text("X: y\r\n\r\n") + " URL \"" + url + "\" " + text("z") + ")\r\n");
    EXPECT_THAT(c.until("a"), StartsWith(wanted));
  }
  c.send("a APPEND Drafts CATENATE (URL {8+}\r\na]\r\n\" \x7F\xC3)\r\n");
  EXPECT_THAT(c.until("a"), StartsWith("a NO [BADURL a???\"???] "));
  EXPECT_THAT(c.ask("a APPEND Drafts CATENATE (URL \"\")"), StartsWith("a NO [BADURL ?] "));
  EXPECT_THAT(c.ask("a APPEND Nope CATENATE (URL \"/INBOX/;UID=1\")"), StartsWith("a NO [TRYCREATE] "));
  EXPECT_THAT(c.ask("b STATUS Drafts (MESSAGES)"), HasSubstr("MESSAGES 0"));
}
TEST(Catenate, a_synchronizing_part_behind_a_bad_url_is_never_asked_for) {
  World w;
  Client c(w);
  EXPECT_THAT(c.ask("a APPEND Drafts CATENATE (URL /INBOX/;UID=9 TEXT {5}"), StartsWith("a NO [BADURL "));
  EXPECT_EQ(c.ask("b NOOP"), "b OK NOOP completed\r\n");
}
TEST(Catenate, the_whole_counts_against_the_limit) {
  World w;
  w.config.append_limit = 300;
  w.reopen();
  w.append("INBOX", kMail);
  Client c(w);
  EXPECT_THAT(c.ask("a APPEND Drafts CATENATE (URL /INBOX/;UID=1 URL /INBOX/;UID=1)"), StartsWith("a NO [TOOBIG] "));
  EXPECT_THAT(c.ask("b APPEND Drafts CATENATE (URL /INBOX/;UID=1 TEXT {200}"), StartsWith("b NO [TOOBIG] "));
  EXPECT_THAT(c.ask("c APPEND Drafts CATENATE (URL /INBOX/;UID=1/;PARTIAL=500)"), StartsWith("c NO Cancelled"));
}
TEST(Catenate, joins_several_messages_in_one_command) {
  World w;
  w.append("INBOX", kMail);
  Client c(w);
  c.send("a APPEND Drafts CATENATE (URL /INBOX/;UID=1) (\\Flagged) {3+}\r\nabc CATENATE (" + text("de") + " " + text("f") +
         ") " + "(\\Seen) CATENATE (URL /INBOX/;UID=1/;SECTION=1)\r\n");
  EXPECT_THAT(c.until("a"), HasSubstr(" 1:4] APPEND completed\r\n"));
  c.ask("b SELECT Drafts");
  EXPECT_THAT(c.ask("c FETCH 2:4 (FLAGS BODY.PEEK[])"),
              testing::AllOf(HasSubstr("* 2 FETCH (FLAGS (\\Flagged \\Recent) BODY[] {3}\r\nabc)"),
                             HasSubstr("* 3 FETCH (FLAGS (\\Recent) BODY[] {3}\r\ndef)"),
                             HasSubstr("* 4 FETCH (FLAGS (\\Seen \\Recent) BODY[] {5}\r\nfirst)")));
}
TEST(Catenate, a_source_that_is_expunged_while_the_message_comes_is_a_bad_url) {
  World w;
  w.append("INBOX", kMail);
  Client c(w), other(w);
  c.send("a APPEND Drafts CATENATE (URL /INBOX/;UID=1 TEXT {3}\r\n");
  c.until("+");
  other.ask("b SELECT INBOX");
  other.ask("c STORE 1 +FLAGS (\\Deleted)");
  other.ask("d EXPUNGE");
  c.send("abc URL /INBOX/;UID=1)\r\n");
  EXPECT_THAT(c.until("a"), StartsWith("a NO [BADURL /INBOX/;UID=1] "));
}

}  // namespace
}  // namespace bz::imapd

// REPLACE (RFC 8508).
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string counted(const std::string& octets) { return "{" + std::to_string(octets.size()) + "+}\r\n" + octets; }
std::string uid_code(World& w, const char* mailbox, int uid) {
  return "* OK [APPENDUID " + std::to_string(w.account->find(mailbox)->uid_validity.value()) + " " + std::to_string(uid) +
         "] The new message is there\r\n";
}

TEST(Replace, tells_the_new_uid_first_and_the_old_number_then) {
  World w;
  w.fill(4);
  Client c(w);
  c.ask("a SELECT INBOX");
  c.send("b REPLACE 2 INBOX (\\Draft) {3}\r\n");
  EXPECT_EQ(c.until("+"), "+ Go ahead\r\n");
  c.bytewise("new\r\n");
  EXPECT_EQ(c.until("b"),
            uid_code(w, "INBOX", 5) + "* 2 EXPUNGE\r\n* 4 EXISTS\r\n* 4 RECENT\r\nb OK REPLACE completed\r\n");
  c.send("c UID REPLACE 5 Drafts " + counted("abc") + "\r\n");
  EXPECT_EQ(c.until("c"), uid_code(w, "Drafts", 1) + "* 4 EXPUNGE\r\nc OK REPLACE completed\r\n");
  c.send("d REPLACE * INBOX " + counted("xyz") + "\r\n");
  EXPECT_EQ(c.until("d"),
            uid_code(w, "INBOX", 6) + "* 3 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\nd OK REPLACE completed\r\n");
  EXPECT_THAT(c.ask("e FETCH 1:* (UID)"), StartsWith("* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 3)\r\n* 3 FETCH (UID 6)\r\n"));
}
TEST(Replace, needs_a_mailbox_that_may_be_changed_and_a_message) {
  World w;
  w.fill(1);
  Client c(w);
  const std::string rest = " INBOX " + counted("abc") + "\r\n";
  c.send("a REPLACE 1" + rest);
  EXPECT_THAT(c.until("a"), StartsWith("a BAD No mailbox is selected"));
  c.ask("b EXAMINE INBOX");
  c.send("a REPLACE 1" + rest);
  EXPECT_THAT(c.until("a"), StartsWith("a NO [READ-ONLY]"));
  c.ask("b SELECT INBOX");
  c.send("a REPLACE 2" + rest);
  EXPECT_THAT(c.until("a"), StartsWith("a BAD No such message number"));
  c.send("a UID REPLACE 9" + rest);
  EXPECT_THAT(c.until("a"), StartsWith("a NO No such message"));
  c.send("a REPLACE 1 Nope " + counted("abc") + "\r\n");
  EXPECT_THAT(c.until("a"), StartsWith("a NO [TRYCREATE]"));
  c.send("a REPLACE 1 INBOX " + counted("abc") + " " + counted("def") + "\r\n");
  EXPECT_THAT(c.until("a"), StartsWith("a BAD REPLACE takes one message"));
  EXPECT_THAT(c.ask("a REPLACE 1 INBOX"), StartsWith("a BAD "));
  EXPECT_EQ(c.ask("b NOOP"), "b OK NOOP completed\r\n");
  EXPECT_THAT(c.ask("c STATUS INBOX (MESSAGES UIDNEXT)"), HasSubstr("MESSAGES 1 UIDNEXT 2"));
}
TEST(Replace, a_message_that_another_session_expunged_is_not_replaced) {
  World w;
  w.fill(2);
  Client c(w), other(w);
  c.ask("a SELECT INBOX");
  other.ask("a SELECT INBOX");
  c.send("b REPLACE 1 INBOX {3}\r\n");
  c.until("+");
  other.ask("c STORE 1 +FLAGS (\\Deleted)");
  other.ask("d EXPUNGE");
  c.send("abc\r\n");
  EXPECT_EQ(c.until("b"), "b NO [EXPUNGEISSUED] The message is gone\r\n");
  EXPECT_THAT(c.ask("e NOOP"), StartsWith("* 1 EXPUNGE\r\n"));
}
TEST(Replace, with_qresync_it_vanishes_and_the_modseq_is_told) {
  World w;
  w.fill(2);
  Client c(w), other(w);
  c.ask("a ENABLE QRESYNC");
  c.ask("b SELECT INBOX");
  other.ask("b SELECT INBOX");
  c.send("c UID REPLACE 1 INBOX CATENATE (URL /INBOX/;UID=1 TEXT " + counted("more\r\n") + ")\r\n");
  const std::string answer = c.until("c");
  EXPECT_THAT(answer, StartsWith(uid_code(w, "INBOX", 3) + "* VANISHED 1\r\n* 2 EXISTS\r\n"));
  EXPECT_THAT(answer,
              HasSubstr("c OK [HIGHESTMODSEQ " + std::to_string(w.account->find("INBOX")->highest_modseq) + "] REPLACE"));
  EXPECT_THAT(other.ask("d NOOP"), StartsWith("* 1 EXPUNGE\r\n* 2 EXISTS\r\n"));
  EXPECT_THAT(other.ask("e FETCH 2 BODY.PEEK[TEXT]"), HasSubstr("hello 1\r\nmore\r\n"));
}

}  // namespace
}  // namespace bz::imapd

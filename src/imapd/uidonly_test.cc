// UIDONLY (RFC 9586): no message number in either direction.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct UidOnly : testing::Test {
  World w;
  std::unique_ptr<Client> made;
  Client& open() {  // UIDs 3 to 5 are there
    w.fill(5);
    made = std::make_unique<Client>(w);
    Client& c = *made;
    c.ask("s1 SELECT INBOX");
    c.ask("s2 UID STORE 1:2 +FLAGS.SILENT (\\Deleted)");
    c.ask("s3 EXPUNGE");
    EXPECT_EQ(c.ask("s4 ENABLE UIDONLY"), "* ENABLED UIDONLY\r\ns4 OK ENABLE completed\r\n");
    return c;
  }
};

TEST_F(UidOnly, commands_with_numbers_are_refused_and_others_not) {
  Client& c = open();
  const char* refused[] = {"FETCH 1 FLAGS",
                           "STORE 1 +FLAGS (\\Seen)",
                           "COPY 1 Trash",
                           "MOVE 1 Trash",
                           "SEARCH ALL",
                           "FETCH $ FLAGS",
                           "UID SEARCH 1:*",
                           "UID SEARCH NOT (OR 2 SEEN)",
                           "SORT (DATE) UTF-8 ALL",
                           "THREAD REFS UTF-8 ALL",
                           "UID SORT (DATE) UTF-8 1:2",
                           "UID THREAD REFS UTF-8 *",
                           "SELECT INBOX (QRESYNC (1 2 1:5 (1,2 3,4)))"};
  for (const char* command : refused)
    EXPECT_EQ(c.ask("a " + std::string(command)).find("a BAD [UIDREQUIRED] "), 0u) << command;
  EXPECT_THAT(c.ask("b1 UID SEARCH RETURN (SAVE) UID 4:*"), StartsWith("b1 OK"));
  EXPECT_THAT(c.ask("b2 UID SEARCH $ ALL"), HasSubstr("* SEARCH 4 5\r\n"));
  EXPECT_THAT(c.ask("b3 UID FETCH $ UID"), HasSubstr("* 4 UIDFETCH (UID 4)\r\n* 5 UIDFETCH (UID 5)\r\n"));
  EXPECT_THAT(c.ask("b4 UID SORT (REVERSE ARRIVAL) UTF-8 ALL"), HasSubstr("* SORT "));
}

TEST_F(UidOnly, answers_are_uidfetch_and_vanished) {
  Client& c = open();
  EXPECT_EQ(c.ask("a1 UID FETCH 1:* FLAGS"),
            "* 3 UIDFETCH (FLAGS (\\Recent))\r\n* 4 UIDFETCH (FLAGS (\\Recent))\r\n* 5 UIDFETCH (FLAGS (\\Recent))\r\n"
            "a1 OK FETCH completed\r\n");
  EXPECT_THAT(c.ask("a2 UID STORE 4 +FLAGS (\\Flagged)"), StartsWith("* 4 UIDFETCH (FLAGS (\\Flagged \\Recent))\r\n"));
  EXPECT_THAT(c.ask("a3 UID FETCH 5 BODY[HEADER.FIELDS (SUBJECT)]"),
              StartsWith("* 5 UIDFETCH (FLAGS (\\Seen \\Recent) BODY[HEADER.FIELDS (SUBJECT)]"));
  std::string moved = c.ask("a4 UID MOVE 3 Trash");
  EXPECT_THAT(moved, HasSubstr("* OK [COPYUID "));
  EXPECT_THAT(moved, HasSubstr("* VANISHED 3\r\na4 OK"));
  c.ask("a5 UID STORE 4 +FLAGS.SILENT (\\Deleted)");
  EXPECT_THAT(c.ask("a6 EXPUNGE"), StartsWith("* VANISHED 4\r\na6 OK"));
}

TEST_F(UidOnly, news_of_others_has_no_numbers) {
  Client& c = open();
  Client other(w);
  other.ask("b1 SELECT INBOX");
  other.ask("b2 UID STORE 5 +FLAGS (\\Answered)");
  other.ask("b3 UID STORE 3 +FLAGS (\\Deleted)");
  other.ask("b4 EXPUNGE");
  std::string news = c.ask("a1 NOOP");
  EXPECT_THAT(news, HasSubstr("* VANISHED 3\r\n"));
  EXPECT_THAT(news, HasSubstr("* 5 UIDFETCH (FLAGS (\\Answered \\Recent))\r\n"));
  EXPECT_THAT(news, Not(HasSubstr(" FETCH ")));
  EXPECT_THAT(news, Not(HasSubstr(" EXPUNGE")));
}

TEST_F(UidOnly, works_with_condstore_and_qresync) {
  Client& c = open();
  c.ask("a1 ENABLE QRESYNC");
  std::string select = c.ask("a2 SELECT INBOX");
  EXPECT_THAT(select, Not(HasSubstr("[UNSEEN")));
  EXPECT_THAT(select, HasSubstr("* 3 EXISTS\r\n"));
  EXPECT_THAT(c.ask("a3 UID STORE 5 +FLAGS.SILENT (\\Seen)"),
              testing::ContainsRegex("\\* 5 UIDFETCH \\(MODSEQ \\([0-9]+\\)\\)\r\n"));
  std::string changed = c.ask("a4 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)");
  EXPECT_THAT(changed, HasSubstr("* VANISHED (EARLIER) 1:2\r\n"));
  EXPECT_THAT(changed, testing::ContainsRegex("\\* 5 UIDFETCH \\(FLAGS \\(.Seen\\) MODSEQ"));
}

}  // namespace
}  // namespace bz::imapd

// MESSAGELIMIT and SAVELIMIT (RFC 9738): what one command takes, from the highest UID down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct MessageLimit : testing::Test {
  World w;
  std::unique_ptr<Client> made;
  Client& open(bool saves_only = false) {  // six messages, four at once
    w.session_config.message_limit = {1000, 4, saves_only};
    w.fill(6);
    made = std::make_unique<Client>(w);
    made->ask("s SELECT INBOX");
    return *made;
  }
};

TEST_F(MessageLimit, is_shown_and_not_enforced_by_default) {
  w.session_config.message_limit = {1000, 0, false};
  w.fill(6);
  Client c(w);
  EXPECT_THAT(c.ask("a1 CAPABILITY"), HasSubstr(" MESSAGELIMIT=1000"));
  c.ask("a2 SELECT INBOX");
  EXPECT_THAT(c.ask("a3 FETCH 1:* UID"), EndsWith("a3 OK FETCH completed\r\n"));
}

TEST_F(MessageLimit, fetch_takes_the_highest_first) {
  Client& c = open();
  EXPECT_EQ(c.ask("a1 UID FETCH 1:6 UID"),
            "* 6 FETCH (UID 6)\r\n* 5 FETCH (UID 5)\r\n* 4 FETCH (UID 4)\r\n* 3 FETCH (UID 3)\r\n"
            "a1 OK [MESSAGELIMIT 4 3] Completed for the last 4 messages\r\n");
  EXPECT_EQ(c.ask("a2 FETCH 1:2 UID"), "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\na2 OK FETCH completed\r\n");
  EXPECT_THAT(c.ask("a3 UID FETCH 1:* UID (PARTIAL -1:-5)"), StartsWith("a3 NO [MESSAGELIMIT 4] "));
  EXPECT_THAT(c.ask("a4 UID FETCH 1:* UID (PARTIAL -1:-4)"), EndsWith("a4 OK FETCH completed\r\n"));
}

TEST_F(MessageLimit, with_expunged_messages_goes_into_an_untagged_no) {
  Client& c = open();
  Client other(w);
  other.ask("b1 SELECT INBOX");
  other.ask("b2 STORE 5 +FLAGS (\\Deleted)");
  other.ask("b3 EXPUNGE");
  std::string reply = c.ask("a1 FETCH 1:6 UID");
  EXPECT_THAT(reply, HasSubstr("* NO [MESSAGELIMIT 4 3] "));
  EXPECT_THAT(reply, HasSubstr("a1 OK [EXPUNGEISSUED] "));
}

TEST_F(MessageLimit, of_store_move_and_uid_expunge) {
  Client& c = open();
  EXPECT_THAT(c.ask("a1 UID STORE 1:6 +FLAGS.SILENT (\\Deleted)"), StartsWith("a1 OK [MESSAGELIMIT 4 3] "));
  EXPECT_THAT(c.ask("a2 UID SEARCH UID 3:6 DELETED"), HasSubstr("* SEARCH 3 4 5 6\r\n"));
  EXPECT_THAT(c.ask("a3 UID STORE 1:2 +FLAGS.SILENT (\\Deleted)"), StartsWith("a3 OK STORE"));
  std::string expunged = c.ask("a4 UID EXPUNGE 1:6");
  EXPECT_THAT(expunged, HasSubstr("a4 OK [MESSAGELIMIT 4 3] "));
  EXPECT_THAT(c.ask("a5 UID SEARCH ALL"), HasSubstr("* SEARCH 1 2\r\n"));
  EXPECT_THAT(c.ask("a6 EXPUNGE"), HasSubstr(" EXPUNGE\r\na6 OK EXPUNGE"));
}

TEST_F(MessageLimit, move_takes_a_part_and_copy_nothing) {
  Client& c = open();
  EXPECT_EQ(c.ask("a1 UID COPY 1:6 Trash"), "a1 NO [MESSAGELIMIT 4 3] Too many messages to copy, try a smaller subset\r\n");
  std::string moved = c.ask("a2 UID MOVE 1:6 Trash");
  EXPECT_THAT(moved, testing::ContainsRegex("\\* OK \\[COPYUID [0-9]+ 3:6 1:4\\]"));
  EXPECT_THAT(moved, HasSubstr("a2 OK [MESSAGELIMIT 4 3] "));
  EXPECT_THAT(c.ask("a3 UID MOVE 1:6 Trash"), HasSubstr("a3 OK MOVE completed"));
  EXPECT_THAT(c.ask("a4 STATUS Trash (MESSAGES)"), HasSubstr("(MESSAGES 6)"));
}

TEST_F(MessageLimit, search_counts_what_it_looks_at) {
  Client& c = open();
  EXPECT_EQ(c.ask("a1 UID SEARCH ALL"),
            "* SEARCH 3 4 5 6\r\na1 OK [MESSAGELIMIT 4 3] Completed for the last 4 messages\r\n");
  EXPECT_THAT(c.ask("a2 UID SEARCH UID 1:4 ALL"), HasSubstr("* SEARCH 1 2 3 4\r\na2 OK SEARCH"));
  EXPECT_THAT(c.ask("a3 SEARCH 1:5 SUBJECT number"), HasSubstr("* SEARCH 2 3 4 5\r\na3 OK [MESSAGELIMIT 4 2]"));
  EXPECT_THAT(c.ask("a4 UID SEARCH RETURN (SAVE) ALL"), StartsWith("a4 OK [MESSAGELIMIT 4 3] "));
  EXPECT_THAT(c.ask("a5 UID SEARCH $"), HasSubstr("* SEARCH 3 4 5 6\r\n"));
  EXPECT_THAT(c.ask("a6 UID SORT (DATE) UTF-8 ALL"), StartsWith("a6 NO [MESSAGELIMIT 4] "));
  EXPECT_THAT(c.ask("a7 UID THREAD REFS UTF-8 ALL"), StartsWith("a7 NO [MESSAGELIMIT 4] "));
  EXPECT_THAT(c.ask("a8 UID SORT (DATE) UTF-8 UID 1:4"), HasSubstr("a8 OK SORT"));
}

TEST_F(MessageLimit, for_saves_alone_is_a_savelimit) {
  Client& c = open(true);
  std::string words = c.ask("a1 CAPABILITY");
  EXPECT_THAT(words, HasSubstr(" SAVELIMIT=1000"));
  EXPECT_THAT(words, Not(HasSubstr("MESSAGELIMIT")));
  EXPECT_THAT(c.ask("a2 UID FETCH 1:6 UID"), EndsWith("a2 OK FETCH completed\r\n"));
  EXPECT_THAT(c.ask("a3 COPY 1:6 Trash"), StartsWith("a3 NO [MESSAGELIMIT 4 3] "));
  EXPECT_THAT(c.ask("a4 COPY 1:4 Trash"), StartsWith("a4 OK [COPYUID "));
}

TEST_F(MessageLimit, uidafter_and_uidbefore_are_ranges_that_may_be_empty) {
  Client& c = open(true);
  EXPECT_THAT(c.ask("a1 UID SEARCH UIDAFTER 4"), HasSubstr("* SEARCH 5 6\r\n"));
  EXPECT_THAT(c.ask("a2 UID SEARCH UIDAFTER 6"), HasSubstr("* SEARCH\r\n"));
  EXPECT_THAT(c.ask("a3 UID SEARCH UIDAFTER 4294967295"), HasSubstr("* SEARCH\r\n"));
  EXPECT_THAT(c.ask("a4 UID SEARCH UIDBEFORE 3"), HasSubstr("* SEARCH 1 2\r\n"));
  EXPECT_THAT(c.ask("a5 UID SEARCH UIDBEFORE 1"), HasSubstr("* SEARCH\r\n"));
  EXPECT_THAT(c.ask("a6 UID SEARCH NOT UIDBEFORE 5"), HasSubstr("* SEARCH 5 6\r\n"));
  EXPECT_THAT(c.ask("a7 UID SEARCH UIDAFTER 0"), StartsWith("a7 BAD"));
  EXPECT_THAT(c.ask("a8 UID SEARCH UIDAFTER *"), StartsWith("a8 BAD"));
}

}  // namespace
}  // namespace bz::imapd

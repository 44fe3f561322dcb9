// Messages of a selected mailbox: FETCH, STORE, COPY, MOVE, EXPUNGE, SEARCH, and what other sessions see of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Inbox : testing::Test {
  World w;
  std::unique_ptr<Client> made;
  Client& open(int messages) {
    w.fill(messages);
    made = std::make_unique<Client>(w);
    made->ask("s SELECT INBOX");
    return *made;
  }
};

TEST_F(Inbox, fetch_of_sections_and_windows) {
  Client& c = open(1);
  EXPECT_EQ(c.ask("a FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]"),
            "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {21}\r\nSubject: number 1\r\n\r\n)\r\na OK FETCH completed\r\n");
  EXPECT_EQ(c.ask("a UID FETCH 1 (UID BODY.PEEK[1]<0.5>)"),
            "* 1 FETCH (UID 1 BODY[1]<0> {5}\r\nhello)\r\na OK FETCH completed\r\n");
  EXPECT_THAT(c.ask("a UID FETCH 1 BODY.PEEK[1]<6.100>"), HasSubstr("(UID 1 BODY[1]<6> {3}\r\n1\r\n)\r\n"));
  EXPECT_THAT(c.ask("a UID FETCH 1 BODY.PEEK[TEXT]<9999.100>"), HasSubstr("BODY[TEXT]<9999> \"\")\r\n"));
  EXPECT_THAT(c.ask("a FETCH 1 BODY.PEEK[7]"), HasSubstr("BODY[7] NIL)\r\n"));
  EXPECT_THAT(c.ask("a FETCH 1 RFC822.HEADER"), HasSubstr("(RFC822.HEADER {42}\r\nFrom: a@example.org\r\n"));
  EXPECT_THAT(c.ask("a FETCH 1 (ENVELOPE BODYSTRUCTURE)"), HasSubstr("ENVELOPE (NIL \"number 1\" "));
  EXPECT_THAT(c.ask("a FETCH 2 FLAGS"), HasSubstr("a BAD"));
  EXPECT_EQ(c.ask("a UID FETCH 5:9 FLAGS"), "a OK FETCH completed\r\n");
}
TEST_F(Inbox, only_bodies_without_peek_set_seen_and_not_in_examine) {
  Client& c = open(2);
  EXPECT_THAT(c.ask("a FETCH 1 (BODY.PEEK[] RFC822.HEADER FLAGS)"), HasSubstr("FLAGS (\\Recent)"));
  EXPECT_THAT(c.ask("a FETCH 1 BODY[TEXT]"), HasSubstr("* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] "));
  EXPECT_EQ(c.ask("a NOOP"), "a OK NOOP completed\r\n");
  EXPECT_THAT(c.ask("a EXAMINE INBOX"), HasSubstr("* OK [CLOSED]"));
  c.ask("a FETCH 2 BODY[]");
  EXPECT_THAT(c.ask("a FETCH 2 FLAGS"), HasSubstr("FLAGS ()"));
  EXPECT_THAT(c.ask("a STORE 2 +FLAGS (\\Seen)"), HasSubstr("a NO [READ-ONLY]"));
  EXPECT_THAT(c.ask("a EXPUNGE"), HasSubstr("a NO [READ-ONLY]"));
}
TEST_F(Inbox, a_large_message_comes_whole) {
  std::string big = "Subject: big\r\n\r\n";
  while (big.size() < 900'000) big += "0123456789012345678901234567890123456789\r\n";
  w.append("INBOX", big);
  Client& c = open(0);
  std::string answer = c.ask("a UID FETCH 1 BODY.PEEK[]");
  EXPECT_THAT(answer, HasSubstr("BODY[] {" + std::to_string(big.size()) + "}\r\n" + big.substr(0, 50)));
  EXPECT_EQ(answer.substr(answer.find("Subject"), big.size()), big);
  answer = c.ask("a UID FETCH 1 BODY.PEEK[]<300000.1000>");
  EXPECT_THAT(answer, HasSubstr("{1000}\r\n" + big.substr(300000, 1000) + ")\r\n"));
}
TEST_F(Inbox, more_messages_than_a_slice) {
  Client& c = open(600);
  std::string answer = c.ask("a FETCH 1:* (UID)");
  EXPECT_THAT(answer, HasSubstr("* 600 FETCH (UID 600)\r\na OK"));
  EXPECT_EQ(static_cast<size_t>(std::count(answer.begin(), answer.end(), '\n')), 601u);
}
TEST_F(Inbox, store_tells_the_result_and_others_hear_of_it) {
  Client& c = open(2);
  Client other(w);
  other.ask("s SELECT INBOX");
  std::string answer = c.ask("a STORE 1 +FLAGS ($MailFlagBit0 \\Flagged)");
  EXPECT_THAT(answer, HasSubstr("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $MailFlagBit0)\r\n"));
  EXPECT_THAT(answer, HasSubstr("* 1 FETCH (FLAGS (\\Flagged \\Recent $MailFlagBit0))\r\n"));
  EXPECT_EQ(c.ask("a STORE 2 +FLAGS.SILENT (\\Seen)"), "a OK STORE completed\r\n");
  answer = other.ask("b NOOP");
  EXPECT_THAT(answer, HasSubstr("* 1 FETCH (FLAGS (\\Flagged $MailFlagBit0))\r\n* 2 FETCH (FLAGS (\\Seen))\r\n"));
  EXPECT_EQ(c.ask("a NOOP"), "a OK NOOP completed\r\n");
}
TEST_F(Inbox, condstore) {
  Client& c = open(3);
  EXPECT_THAT(c.ask("a UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 0)"),
              HasSubstr("* 3 FETCH (UID 3 FLAGS (\\Recent) MODSEQ ("));
  uint64_t before = w.account->find("INBOX")->highest_modseq;
  Client other(w);
  other.ask("s SELECT INBOX");
  other.ask("b STORE 2 +FLAGS.SILENT (\\Seen)");
  std::string answer = c.ask("a UID FETCH 1:* (FLAGS) (CHANGEDSINCE " + std::to_string(before) + ")");
  EXPECT_THAT(answer, HasSubstr("UID 2 "));
  EXPECT_THAT(answer, Not(HasSubstr("UID 1 ")));
  answer = c.ask("a STORE 1,2 (UNCHANGEDSINCE " + std::to_string(before) + ") +FLAGS.SILENT (\\Answered)");
  EXPECT_THAT(answer, HasSubstr("* 1 FETCH (UID 1 MODSEQ ("));
  EXPECT_THAT(answer, HasSubstr("a OK [MODIFIED 2]"));
  EXPECT_THAT(c.ask("a SEARCH MODSEQ 1 SEEN"), HasSubstr("* SEARCH 2 (MODSEQ "));
  EXPECT_EQ(c.ask("a ENABLE CONDSTORE X"), "* ENABLED\r\na OK ENABLE completed\r\n");
}
TEST_F(Inbox, expunge_is_held_back_during_commands_by_number) {
  Client& c = open(3);
  Client other(w);
  other.ask("s SELECT INBOX");
  other.ask("b STORE 2 +FLAGS.SILENT (\\Deleted)");
  EXPECT_EQ(other.ask("b EXPUNGE"), "* 2 EXPUNGE\r\nb OK EXPUNGE completed\r\n");
  EXPECT_THAT(c.ask("a FETCH 1:3 UID"), Not(HasSubstr("EXPUNGE\r\n")));
  EXPECT_THAT(c.ask("a FETCH 3 UID"), HasSubstr("* 3 FETCH (UID 3)"));
  EXPECT_THAT(c.ask("a FETCH 2 UID"), HasSubstr("a OK [EXPUNGEISSUED]"));
  EXPECT_THAT(c.ask("a SEARCH ALL"), Not(HasSubstr("EXPUNGE\r\n")));
  EXPECT_EQ(c.ask("a NOOP"), "* 2 EXPUNGE\r\na OK NOOP completed\r\n");
  EXPECT_THAT(c.ask("a FETCH 2 UID"), HasSubstr("UID 3"));
}
TEST_F(Inbox, uid_expunge_takes_only_what_it_names) {
  Client& c = open(3);
  c.ask("a STORE 1:3 +FLAGS.SILENT (\\Deleted)");
  EXPECT_EQ(c.ask("a UID EXPUNGE 2:2"), "* 2 EXPUNGE\r\na OK EXPUNGE completed\r\n");
  EXPECT_THAT(c.ask("a CLOSE"), StartsWith("a OK"));
  EXPECT_THAT(c.ask("a STATUS INBOX (MESSAGES)"), HasSubstr("MESSAGES 0"));
}
TEST_F(Inbox, move_is_idempotent_and_copy_says_uids) {
  Client& c = open(3);
  EXPECT_THAT(c.ask("a UID COPY 1:2 Archive"), HasSubstr(" 1:2 1:2] COPY completed"));
  std::string moved = c.ask("a UID MOVE 2:3 Trash");
  EXPECT_THAT(moved, StartsWith("* OK [COPYUID "));
  EXPECT_THAT(moved, HasSubstr("* 2 EXPUNGE\r\n* 2 EXPUNGE\r\na OK"));
  EXPECT_THAT(c.ask("a UID MOVE 2:3 Trash"), StartsWith("a OK"));
  EXPECT_THAT(c.ask("a UID MOVE 1 Nope"), StartsWith("a NO [TRYCREATE]"));
  EXPECT_THAT(c.ask("a COPY 9 Trash"), StartsWith("a BAD"));
}
TEST_F(Inbox, search) {
  w.append("INBOX", "Subject: =?UTF-8?Q?=C3=91and=C3=BA?=\r\n\r\nx\r\n");
  Client& c = open(2);
  EXPECT_EQ(c.ask("a SEARCH SUBJECT number"), "* SEARCH 2 3\r\na OK SEARCH completed\r\n");
  c.send("a UID SEARCH CHARSET UTF-8 SUBJECT {7}\r\n");
  c.until("+");
  c.send(
      "\xc3\xb1"
      "and\xc3\xba\r\n");
  EXPECT_EQ(c.until("a"), "* SEARCH 1\r\na OK SEARCH completed\r\n");
  EXPECT_THAT(c.ask("b SEARCH CHARSET X-NONE SUBJECT a"), HasSubstr("b NO [BADCHARSET"));
  EXPECT_EQ(c.ask("c UID SEARCH RETURN () SUBJECT nothing"), "* ESEARCH (TAG \"c\") UID\r\nc OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("d UID SEARCH UID 1,3:* NOT DELETED"), "* SEARCH 1 3\r\nd OK SEARCH completed\r\n");
}
TEST_F(Inbox, deleted_under_a_session_ends_it) {
  ASSERT_TRUE(w.run(w.account->create("Temp", store::SpecialUse::None)).has_value());
  Client c(w), other(w);
  c.ask("a SELECT Temp");
  other.ask("b DELETE Temp");
  c.send("a NOOP\r\n");
  EXPECT_THAT(c.rest(), HasSubstr("* BYE The selected mailbox was deleted"));
}

TEST_F(Inbox, previews_are_made_at_delivery) {
  w.append("INBOX",
           "Subject: x\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<style>p{}</style><p>Ma\xF1"
           "ana &amp; hoy</p>");
  Client& c = open(0);
  EXPECT_EQ(c.ask("a FETCH 1 PREVIEW"),
            "* 1 FETCH (PREVIEW {13}\r\nMa\xC3\xB1"
            "ana & hoy)\r\na OK FETCH completed\r\n");
  EXPECT_THAT(c.ask("a FETCH 1 (UID PREVIEW (LAZY))"), HasSubstr("(UID 1 PREVIEW {13}\r\n"));
  EXPECT_THAT(c.ask("a UID FETCH 1 PREVIEW (CHANGEDSINCE 1)"), HasSubstr("UID 1 PREVIEW {13}\r\n"));
  EXPECT_THAT(c.ask("a FETCH 1 PREVIEW (LAZY EAGER)"), StartsWith("a BAD"));
  EXPECT_THAT(c.ask("a FETCH 1 FLAGS"), Not(HasSubstr("Seen")));
}
TEST_F(Inbox, object_ids_follow_a_message_and_a_mailbox_wherever_they_go) {
  Client& c = open(2);
  EXPECT_EQ(c.ask("a FETCH 1 (EMAILID THREADID)"), "* 1 FETCH (EMAILID (E1) THREADID NIL)\r\na OK FETCH completed\r\n");
  c.ask("a COPY 2 Trash");
  c.ask("a MOVE 1 Trash");
  std::string answer = c.ask("a SELECT Trash");
  std::string mailbox =
      answer.substr(answer.find("MAILBOXID"), answer.find(']', answer.find("MAILBOXID")) - answer.find("MAILBOXID"));
  EXPECT_THAT(mailbox, testing::MatchesRegex("MAILBOXID \\(M[0-9]+\\)"));
  answer = c.ask("a UID FETCH 1:* EMAILID");
  EXPECT_THAT(answer, HasSubstr("(UID 1 EMAILID (E2))")) << "the copy";
  EXPECT_THAT(answer, HasSubstr("(UID 2 EMAILID (E1))")) << "the moved one";
  EXPECT_THAT(c.ask("a UID SEARCH EMAILID E1"), StartsWith("* SEARCH 2\r\n"));
  EXPECT_THAT(c.ask("a UID SEARCH NOT EMAILID E1"), StartsWith("* SEARCH 1\r\n"));
  EXPECT_THAT(c.ask("a UID SEARCH OR EMAILID E01 EMAILID e1"), StartsWith("* SEARCH\r\n"));
  EXPECT_THAT(c.ask("a UID SEARCH THREADID T1"), StartsWith("* SEARCH\r\n"));
  EXPECT_THAT(c.ask("a UID SEARCH EMAILID a+b"), StartsWith("a BAD"));
  EXPECT_THAT(c.ask("a STATUS Trash (MESSAGES MAILBOXID)"), HasSubstr("Trash (MESSAGES 2 " + mailbox + ")\r\n"));
  c.ask("a UNSELECT");
  c.ask("a RENAME Trash Rubbish");
  EXPECT_THAT(c.ask("a STATUS Rubbish (MAILBOXID)"), HasSubstr("Rubbish (" + mailbox + ")\r\n"));
  answer = c.ask("a CREATE Trash");
  EXPECT_THAT(answer, testing::MatchesRegex("a OK \\[MAILBOXID \\(M[0-9]+\\)\\] CREATE completed\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr(mailbox))) << "an identifier is never used again";
  EXPECT_THAT(c.ask("a EXAMINE Trash"), HasSubstr("* OK [MAILBOXID (M"));
}
TEST_F(Inbox, idle_tells_new_mail_and_ends_with_done_and_more) {
  Client& c = open(1);
  c.send("C9 IDLE\r\n");
  EXPECT_EQ(c.until("+"), "+ idling\r\n");
  w.fill(1);
  EXPECT_EQ(c.until_line("* 2 EXISTS"), "* 2 EXISTS\r\n");
  c.send("DONE\r\nC10 UID MOVE 1 Trash\r\nC11 UID FETCH 2 (FLAGS)\r\n");
  EXPECT_THAT(c.until("C9"), HasSubstr("C9 OK"));
  EXPECT_THAT(c.until("C10"), HasSubstr("* 1 EXPUNGE"));
  EXPECT_THAT(c.until("C11"), HasSubstr("UID 2 FLAGS"));
}
TEST_F(Inbox, idle_takes_done_in_pieces_and_a_second_idle) {
  Client& c = open(1);
  c.send("C9 IDLE\r\n");
  c.until("+");
  c.bytewise("DONE\r\nC13 NOOP\r\n");
  c.until("C9");
  c.until("C13");
  c.send("8.569 IDLE\r\n");
  c.until("+");
  c.send("8.570 IDLE\r\n");
  EXPECT_EQ(c.until("+"), "8.569 OK IDLE completed\r\n+ idling\r\n");
  c.send("DONE\r\n");
  EXPECT_THAT(c.until("8.570"), HasSubstr("8.570 OK"));
  c.send("D1 IDLE\r\n");
  c.until("+");
  EXPECT_EQ(c.ask("D2 NOOP"), "D1 BAD DONE was expected\r\nD2 OK NOOP completed\r\n");
}
TEST_F(Inbox, idle_is_kept_alive_and_can_be_stopped) {
  w.session_config.keepalive = base::Millis(5);
  Client& c = open(0);
  c.send("i IDLE\r\n");
  c.until("+");
  EXPECT_EQ(c.until_line("* OK"), "* OK Still here\r\n");
  c.session().stop("Password changed");
  std::string end = c.rest();
  EXPECT_THAT(end, EndsWith("* BYE Password changed\r\n"));
  EXPECT_THAT(end, Not(HasSubstr("BAD"))) << "the client did nothing wrong";
}
TEST_F(Inbox, idle_outlasts_the_time_a_silent_client_has) {
  w.session_config.keepalive = base::Millis(5);
  w.session_config.idle_timeout = base::Millis(20);
  Client& c = open(0);
  c.send("i IDLE\r\n");
  c.until("+");
  for (int i = 0; i < 8; ++i) EXPECT_EQ(c.until_line("* OK"), "* OK Still here\r\n") << i;
  c.send("DONE\r\n");
  EXPECT_THAT(c.until("i"), HasSubstr("i OK IDLE completed"));
}
TEST_F(Inbox, a_failed_commit_ends_the_session) {
  Client& c = open(1);
  w.store->fail_commit(1);
  c.send("a STORE 1 +FLAGS (\\Seen)\r\n");
  std::string end = c.rest();
  EXPECT_THAT(end, HasSubstr("a NO ["));
  EXPECT_THAT(end, HasSubstr("* BYE"));
}

TEST_F(Inbox, sort) {
  auto mail = [](const char* from, const char* subject, const char* day) {
    return std::string("From: ") + from + "\r\nTo: Zoe <a@x.org>\r\nSubject: " + subject + "\r\nDate: " + day +
           " Feb 2025 10:00:00 +0000\r\n\r\nx\r\n";
  };
  w.append("INBOX", mail("=?utf-8?q?=C3=81lvaro?= <zz@x.org>", "Re: beta", "3"));
  w.append("INBOX", mail("Bob <bb@x.org>", "alpha", "2"));
  w.append("INBOX", mail("aa@x.org", "[list] Beta and more", "1"));
  Client& c = open(0);
  EXPECT_EQ(c.ask("a SORT (SUBJECT) UTF-8 ALL"), "* SORT 2 1 3\r\na OK SORT completed\r\n");
  EXPECT_EQ(c.ask("a UID SORT (REVERSE DATE) US-ASCII ALL"), "* SORT 1 2 3\r\na OK SORT completed\r\n");
  EXPECT_EQ(c.ask("a SORT (FROM) UTF-8 ALL"), "* SORT 3 2 1\r\na OK SORT completed\r\n");
  EXPECT_EQ(c.ask("a SORT (DISPLAYFROM) UTF-8 ALL"), "* SORT 3 1 2\r\na OK SORT completed\r\n");
  EXPECT_EQ(c.ask("a SORT (TO REVERSE ARRIVAL SIZE CC) UTF-8 2:3"), "* SORT 2 3\r\na OK SORT completed\r\n");
  EXPECT_EQ(c.ask("a SORT (DATE) UTF-8 SUBJECT nothing"), "* SORT\r\na OK SORT completed\r\n");
  EXPECT_EQ(c.ask("b SORT RETURN (MIN MAX ALL COUNT SAVE) (DATE) UTF-8 ALL"),
            "* ESEARCH (TAG \"b\") MIN 3 MAX 1 ALL 3,2,1 COUNT 3\r\nb OK SORT completed\r\n");
  EXPECT_EQ(c.ask("b SORT RETURN (PARTIAL -1:-2) (FROM) UTF-8 $"),
            "* ESEARCH (TAG \"b\") PARTIAL (-1:-2 2,1)\r\nb OK SORT completed\r\n");
  EXPECT_THAT(c.ask("c SORT (DATE) X-NONE ALL"), StartsWith("c NO [BADCHARSET"));
  EXPECT_THAT(c.ask("c SORT () UTF-8 ALL"), StartsWith("c BAD"));
  EXPECT_THAT(c.ask("c SORT (DATE) ALL"), StartsWith("c BAD"));
}
TEST_F(Inbox, thread) {
  w.append("INBOX", "Message-ID: <a@x>\r\nSubject: one\r\n\r\n");
  w.append("INBOX", "Message-ID: <b@x>\r\nReferences: <a@x>\r\nIn-Reply-To: <c@x>\r\nSubject: Re: two\r\n\r\n");
  w.append("INBOX", "Message-ID: <c@x>\r\nIn-Reply-To: \"Ana\" <a@x> <zz@x>\r\nSubject: three\r\n\r\n");
  Client& c = open(0);
  EXPECT_EQ(c.ask("a UID THREAD REFERENCES UTF-8 ALL"), "* THREAD (1 (2)(3))\r\na OK THREAD completed\r\n");
  EXPECT_EQ(c.ask("a THREAD ORDEREDSUBJECT UTF-8 2:3"), "* THREAD (2)(3)\r\na OK THREAD completed\r\n");
  EXPECT_EQ(c.ask("a THREAD REFS UTF-8 SUBJECT nothing"), "* THREAD\r\na OK THREAD completed\r\n");
  EXPECT_THAT(c.ask("a THREAD X UTF-8 ALL"), StartsWith("a BAD"));
}

}  // namespace
}  // namespace bz::imapd

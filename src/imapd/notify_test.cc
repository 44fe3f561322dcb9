// NOTIFY (RFC 5465): what a session is told without asking.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kQuiet = "zz OK NOOP completed\r\n";
std::string noop(Client& c) { return c.ask("zz NOOP"); }

TEST(Notify, tells_of_new_messages_between_commands_with_what_was_asked_for) {
  World w;
  w.fill(2);
  Client c(w);
  c.ask("a1 SELECT INBOX");
  EXPECT_EQ(c.ask("a2 NOTIFY SET (selected (MessageNew (flags body.peek[header.fields (subject)]) MessageExpunge))"),
            "a2 OK NOTIFY completed\r\n");
  w.append("INBOX", World::mail(3), {kFlagged, {}});
  EXPECT_EQ(c.until_line(")"),
            "* 3 EXISTS\r\n* 3 RECENT\r\n* 3 FETCH (UID 3 FLAGS (\\Flagged \\Recent) "
            "BODY[HEADER.FIELDS (subject)] {21}\r\nSubject: number 3\r\n\r\n)\r\n");
  EXPECT_EQ(noop(c), kQuiet);
}

TEST(Notify, in_idle_tells_the_same) {
  World w;
  w.fill(1);
  Client c(w);
  c.ask("a1 SELECT INBOX");
  c.ask("a2 NOTIFY SET (selected (MessageNew (uid) MessageExpunge)) (mailboxes Archive (MessageNew MessageExpunge))");
  c.send("a3 IDLE\r\n");
  c.until_line("+ idling");
  w.append("INBOX", World::mail(2));
  EXPECT_THAT(c.until_line("* 2 FETCH"), HasSubstr("* 2 FETCH (UID 2)\r\n"));
  w.append("Archive", World::mail(3));
  EXPECT_EQ(c.until_line("* STATUS"), "* STATUS Archive (MESSAGES 1 UIDNEXT 2)\r\n");
  c.send("DONE\r\n");
  EXPECT_EQ(c.until("a3"), "a3 OK IDLE completed\r\n");
}

// Section 6.1: at once, or when a command allows it.
TEST(Notify, expunges_come_at_once_or_wait) {
  World w;
  w.fill(3);
  Client now(w), later(w), other(w);
  for (Client* c : {&now, &later, &other}) c->ask("a1 SELECT INBOX");
  now.ask("a2 NOTIFY SET (selected (MessageNew MessageExpunge))");
  later.ask("a2 NOTIFY SET (selected-delayed (MessageNew MessageExpunge))");
  other.ask("b1 STORE 2 +FLAGS.SILENT (\\Deleted)");
  other.ask("b2 EXPUNGE");
  w.append("INBOX", World::mail(4));
  EXPECT_EQ(now.until_line("* 3 EXISTS"), "* 2 EXPUNGE\r\n* 3 EXISTS\r\n");
  EXPECT_THAT(later.until_line("* 4 EXISTS"), Not(HasSubstr("EXPUNGE")));
  EXPECT_THAT(later.ask("a3 FETCH 1 UID"), AllOf(HasSubstr("* 1 FETCH"), Not(HasSubstr("EXPUNGE"))));
  EXPECT_THAT(noop(later), HasSubstr("* 2 EXPUNGE\r\n"));
}

TEST(Notify, flags_are_told_only_to_those_who_want_them_and_later_when_they_do) {
  World w;
  w.fill(2);
  Client c(w), other(w);
  c.ask("a1 SELECT INBOX");
  other.ask("b1 SELECT INBOX");
  c.ask("a2 NOTIFY SET (selected (MessageNew MessageExpunge))");
  other.ask("b2 STORE 1 +FLAGS.SILENT (\\Seen)");
  EXPECT_EQ(noop(c), kQuiet);
  EXPECT_THAT(c.ask("a3 NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))"),
              HasSubstr("* 1 FETCH (UID 1 FLAGS (\\Seen"));
  other.ask("b3 STORE 2 +FLAGS.SILENT (\\Answered)");
  EXPECT_THAT(c.until_line("* 2 FETCH"), HasSubstr("* 2 FETCH (UID 2 FLAGS (\\Answered"));
}

// NONE, and a SET without SELECTED: nothing of the selected mailbox until the next SET, but what a command answers.
TEST(Notify, none_is_silence_until_the_next_set) {
  World w;
  w.fill(3);
  Client c(w), other(w);
  c.ask("a1 SELECT INBOX");
  other.ask("b1 SELECT INBOX");
  for (const char* none :
       {"a2 NOTIFY NONE", "a2 NOTIFY SET (selected NONE)", "a2 NOTIFY SET (personal (MessageNew MessageExpunge))"}) {
    EXPECT_EQ(c.ask(none), "a2 OK NOTIFY completed\r\n");
    w.append("INBOX", World::mail(4));
    EXPECT_EQ(noop(c), kQuiet) << none;
    EXPECT_THAT(c.ask("a3 NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))"), HasSubstr(" EXISTS\r\n")) << none;
  }
  c.ask("a4 NOTIFY NONE");
  c.ask("a5 STORE 1 +FLAGS.SILENT (\\Deleted)");
  EXPECT_THAT(c.ask("a6 EXPUNGE"), HasSubstr("* 1 EXPUNGE\r\n"));
}

TEST(Notify, counts_of_other_mailboxes_come_as_status) {
  World w;
  w.append("Archive", World::mail(1));
  Client c(w), other(w);
  other.ask("b1 SELECT Archive");
  EXPECT_THAT(c.ask("a1 NOTIFY SET STATUS (mailboxes (Archive Nowhere) (MessageNew MessageExpunge)) "
                    "(mailboxes Junk (MessageNew MessageExpunge FlagChange)) (mailboxes Drafts (MailboxName))"),
              AllOf(HasSubstr("* STATUS Archive (MESSAGES 1 UIDNEXT 2 UIDVALIDITY "),
                    HasSubstr("* STATUS Junk (MESSAGES 0"), HasSubstr(" HIGHESTMODSEQ "), Not(HasSubstr("Drafts"))));
  w.append("Archive", World::mail(2));
  EXPECT_EQ(c.until_line("* STATUS"), "* STATUS Archive (MESSAGES 2 UIDNEXT 3)\r\n");
  other.ask("b2 STORE 1 +FLAGS.SILENT (\\Deleted)");  // FlagChange was not asked for
  EXPECT_EQ(noop(c), kQuiet);
  other.ask("b3 EXPUNGE");
  EXPECT_EQ(c.until_line("* STATUS"), "* STATUS Archive (MESSAGES 1 UIDNEXT 3)\r\n");
  w.append("Sent", World::mail(3));
  EXPECT_EQ(noop(c), kQuiet);
}

// Section 5.1: HIGHESTMODSEQ for those who know it, else UNSEEN.
TEST(Notify, flags_in_other_mailboxes_come_as_highestmodseq_or_unseen) {
  World w;
  w.append("Archive", World::mail(1));
  Client c(w), plain(w), other(w);
  other.ask("b1 SELECT Archive");
  c.ask("a0 ENABLE CONDSTORE");
  for (Client* client : {&c, &plain}) client->ask("a1 NOTIFY SET (subtree Archive (MessageNew MessageExpunge FlagChange))");
  other.ask("b2 STORE 1 +FLAGS.SILENT (\\Flagged)");
  EXPECT_THAT(c.until_line("* STATUS"),
              AllOf(HasSubstr("UIDVALIDITY"), HasSubstr("HIGHESTMODSEQ"), Not(HasSubstr("MESSAGES"))));
  EXPECT_EQ(noop(plain), kQuiet);
  other.ask("b3 STORE 1 +FLAGS.SILENT (\\Seen)");
  EXPECT_EQ(plain.until_line("* STATUS"), "* STATUS Archive (UNSEEN 0)\r\n");
  EXPECT_THAT(c.until_line("* STATUS"), AllOf(HasSubstr("UNSEEN 0"), HasSubstr("HIGHESTMODSEQ")));
}

// Section 5: "The server SHOULD omit notifying the client if the event is caused by this client."
TEST(Notify, what_the_session_does_itself_is_not_told) {
  World w;
  w.fill(3);
  Client c(w);
  c.ask("a1 SELECT INBOX");
  c.ask(
      "a2 NOTIFY SET (selected (MessageNew (uid) MessageExpunge)) (personal (MessageNew MessageExpunge MailboxName "
      "SubscriptionChange))");
  EXPECT_THAT(c.ask("a3 COPY 1 Archive"), AllOf(HasSubstr("a3 OK"), Not(HasSubstr("STATUS"))));
  EXPECT_THAT(c.ask("a4 MOVE 1 Archive"), AllOf(HasSubstr("* 1 EXPUNGE"), Not(HasSubstr("STATUS"))));
  EXPECT_THAT(c.ask("a5 COPY 1 INBOX"), AllOf(HasSubstr("* 3 EXISTS"), Not(HasSubstr("FETCH"))));
  c.send("a6 APPEND INBOX {3+}\r\na\r\n\r\n");
  c.until("a6");
  c.until_line("* 4 EXISTS");
  EXPECT_THAT(noop(c), Not(HasSubstr("FETCH")));
  for (const char* command :
       {"b1 CREATE Own/Below", "b2 RENAME Own/Below Own/There", "b3 SUBSCRIBE Own/There", "b4 UNSUBSCRIBE Own/There",
        "b5 DELETE Own/There", "b6 SUBSCRIBE Nowhere", "b7 UNSUBSCRIBE Nowhere"})
    EXPECT_THAT(c.ask(command), AllOf(HasSubstr(" OK "), Not(HasSubstr("Own/")), Not(HasSubstr("Nowhere"))));
  w.append("Archive", World::mail(9));  // by others: what it tells is all there is
  EXPECT_EQ(c.until_line("* STATUS"), "* STATUS Archive (MESSAGES 3 UIDNEXT 4)\r\n");
}

TEST(Notify, names_come_as_list) {
  World w;
  Client c(w), other(w);
  c.ask("a1 NOTIFY SET (personal (MailboxName SubscriptionChange))");
  other.ask("b1 CREATE Work/Plans");
  std::string made = c.until_line("* LIST (\\HasNoChildren) \"/\" Work/Plans");
  EXPECT_THAT(made, HasSubstr("* LIST (\\HasChildren) \"/\" Work\r\n"));
  other.ask("b2 RENAME Work Archive/Old");
  made = c.until_line("* LIST (\\HasChildren \\Subscribed \\Archive) \"/\" Archive");
  EXPECT_THAT(made, HasSubstr("* LIST (\\HasChildren) \"/\" Archive/Old (\"OLDNAME\" (Work))\r\n"));
  EXPECT_THAT(made, Not(HasSubstr("Plans")));  // section 5.4: none for children
  other.ask("b3 SUBSCRIBE Archive/Old");
  EXPECT_EQ(c.until_line("* LIST"), "* LIST (\\HasChildren \\Subscribed) \"/\" Archive/Old\r\n");
  other.ask("b4 UNSUBSCRIBE Archive/Old");
  EXPECT_EQ(c.until_line("* LIST"), "* LIST (\\HasChildren) \"/\" Archive/Old\r\n");
  other.ask("b5 DELETE Archive/Old/Plans");
  EXPECT_THAT(c.until_line("* LIST (\\NonExistent)"), HasSubstr("* LIST (\\NonExistent) \"/\" Archive/Old/Plans\r\n"));
  other.ask("b6 SUBSCRIBE Later");
  EXPECT_EQ(c.until_line("* LIST (\\NonExistent"), "* LIST (\\NonExistent \\Subscribed) \"/\" Later\r\n");
}

// Decision 0023: INBOX keeps its MAILBOXID and its children, so what RENAME INBOX made is new (RFC 8474 section 4).
TEST(Notify, rename_inbox_is_a_new_mailbox_and_inbox_is_not_told) {
  World w;
  Client c(w), other(w);
  other.ask("a CREATE INBOX/Below");
  w.append("INBOX", World::mail(1));
  c.ask("a1 NOTIFY SET (personal (MailboxName))");
  other.ask("b RENAME INBOX Kept");
  EXPECT_EQ(c.until_line("* LIST"), "* LIST (\\HasNoChildren) \"/\" Kept\r\n");
  EXPECT_THAT(noop(c), Not(HasSubstr("LIST")));
}

// Its OLDNAME moves the child, and so the child must be told gone under its new name.
TEST(Notify, a_child_deleted_while_its_parent_is_renamed_is_told_where_it_went) {
  World w;
  Client c(w), other(w);
  other.ask("a CREATE Work/Plans");
  other.ask("b CREATE Work/Kept");
  c.ask("a1 NOTIFY SET (personal (MailboxName))");
  other.send("c RENAME Work Old\r\nd DELETE Old/Plans\r\ne RENAME Old/Kept Kept\r\n");
  other.until("e");
  EXPECT_THAT(noop(c),
              AllOf(HasSubstr(" \"/\" Old (\"OLDNAME\" (Work))\r\n"), HasSubstr("(\\NonExistent) \"/\" Old/Plans\r\n"),
                    HasSubstr(" \"/\" Kept (\"OLDNAME\" (Old/Kept))\r\n")));
}

TEST(Notify, filters_choose_by_name) {
  World w;
  Client c(w), other(w);
  c.ask(
      "a1 NOTIFY SET (inboxes (MessageNew MessageExpunge)) (subscribed (MessageNew MessageExpunge)) "
      "(subtree (A) (MessageNew MessageExpunge)) (mailboxes \"A*\" (MessageNew MessageExpunge))");
  other.ask("b1 UNSUBSCRIBE Junk");
  for (const char* name : {"A/B", "AB"}) other.ask(std::string("b2 CREATE ") + name);
  for (const char* name : {"Junk", "AB", "A/B"}) w.append(name, World::mail(1));
  EXPECT_THAT(c.until_line("* STATUS"), HasSubstr("* STATUS A/B (MESSAGES 1 UIDNEXT 2"));
  other.ask("b3 SUBSCRIBE Junk");  // section 6.4: reevaluated
  EXPECT_THAT(c.until_line("* STATUS"), HasSubstr("* STATUS Junk (MESSAGES 1 UIDNEXT 2 UIDVALIDITY "));
  w.append("INBOX", World::mail(2));
  EXPECT_EQ(c.until_line("* STATUS"), "* STATUS INBOX (MESSAGES 1 UIDNEXT 2)\r\n");
}

TEST(Notify, a_mailbox_made_anew_has_another_uidvalidity) {
  World w;
  w.append("Junk", World::mail(1));
  Client c(w), other(w);
  c.ask("a1 NOTIFY SET (mailboxes Junk (MessageNew MessageExpunge FlagChange))");
  other.ask("b1 DELETE Junk");
  EXPECT_EQ(noop(c), kQuiet);
  other.ask("b2 CREATE Junk");
  EXPECT_THAT(c.until_line("* STATUS"), HasSubstr("* STATUS Junk (MESSAGES 0 UIDNEXT 1 UIDVALIDITY "));
}

// What happened behind the back of a session that had the mailbox selected, and what it has not heard when it leaves.
TEST(Notify, the_selected_mailbox_is_watched_again_when_it_is_left) {
  World w;
  w.fill(1);
  Client c(w);
  c.ask("a1 NOTIFY SET (personal (MessageNew MessageExpunge))");
  c.ask("a2 SELECT INBOX");
  w.append("INBOX", World::mail(2));
  EXPECT_EQ(noop(c), kQuiet);
  EXPECT_THAT(c.ask("a3 UNSELECT"), HasSubstr("* STATUS INBOX (MESSAGES 2 UIDNEXT 3)\r\n"));
  w.append("INBOX", World::mail(3));
  EXPECT_EQ(c.until_line("* STATUS"), "* STATUS INBOX (MESSAGES 3 UIDNEXT 4)\r\n");
}

TEST(Notify, speaks_the_forms_that_were_enabled) {
  World w;
  w.fill(2);
  Client c(w), other(w);
  c.ask("a0 ENABLE QRESYNC UTF8=ACCEPT");
  c.ask("a1 SELECT INBOX");
  c.ask("a2 NOTIFY SET (selected (MessageNew (body.peek[text]) MessageExpunge FlagChange)) (personal (MailboxName))");
  other.ask("b1 SELECT INBOX");
  other.ask("b2 STORE 1 +FLAGS.SILENT (\\Deleted)");
  EXPECT_THAT(c.until_line("* 1 FETCH"), HasSubstr("* 1 FETCH (UID 1 FLAGS (\\Deleted"));
  other.ask("b3 EXPUNGE");
  EXPECT_EQ(c.until_line("* VANISHED"), "* VANISHED 1\r\n");
  w.append("INBOX", World::mail(3));
  EXPECT_THAT(c.until_line(" MODSEQ"), HasSubstr("* 2 FETCH (UID 3 BODY[TEXT] {9}\r\nhello 3\r\n MODSEQ ("));
  other.ask("b4 CREATE Entw&APw-rfe");
  EXPECT_THAT(c.until_line("* LIST"), HasSubstr("\"Entw\xC3\xBCrfe\""));

  Client u(w);
  u.ask("a0 ENABLE UIDONLY");
  u.ask("a1 SELECT INBOX");
  u.ask("a2 NOTIFY SET (selected (MessageNew (uid rfc822.size) MessageExpunge))");
  w.append("INBOX", World::mail(4));
  EXPECT_THAT(u.until_line("* 4 UIDFETCH"), HasSubstr("* 4 UIDFETCH (UID 4 RFC822.SIZE "));
}

// Sections 5.6 and 5.7: without ENABLE METADATA, and only of the mailboxes that are named.
TEST(Notify, annotations_that_others_change_are_told_by_name) {
  World w;
  Client c(w), other(w);
  EXPECT_THAT(c.ask("a1 NOTIFY SET (selected (MailboxMetadataChange))"), HasSubstr("a1 BAD"));
  EXPECT_EQ(c.ask("a2 NOTIFY SET (mailboxes Sent (MailboxMetadataChange))"), "a2 OK NOTIFY completed\r\n");
  other.ask("b1 SETMETADATA INBOX (/private/comment \"x\")");
  other.ask("b2 SETMETADATA \"\" (/private/comment \"x\")");
  other.ask("b3 SETMETADATA Sent (/private/comment \"x\" /shared/comment \"y\")");
  EXPECT_EQ(c.until_line("* METADATA"), "* METADATA Sent /private/comment /shared/comment\r\n");
  c.ask("a3 SETMETADATA Sent (/private/comment \"mine\")");
  EXPECT_EQ(noop(c), kQuiet);
  EXPECT_EQ(c.ask("a4 NOTIFY SET (personal (MailboxName ServerMetadataChange))"), "a4 OK NOTIFY completed\r\n");
  other.ask("b4 SETMETADATA Sent (/private/comment NIL)");
  other.ask("b5 SETMETADATA \"\" (/private/comment NIL)");
  EXPECT_EQ(c.until_line("* METADATA"), "* METADATA \"\" /private/comment\r\n");
  EXPECT_EQ(c.ask("a5 NOTIFY NONE"), "a5 OK NOTIFY completed\r\n");
  other.ask("b6 SETMETADATA \"\" (/private/comment \"x\")");
  EXPECT_EQ(noop(c), kQuiet);
}

TEST(Notify, refuses_what_it_cannot_tell) {
  World w;
  w.session_config.notify_mailboxes = 5;
  Client c(w), other(w);
  EXPECT_THAT(c.ask("a1 NOTIFY SET (personal (MailboxName NewsOfTheWorld))"),
              HasSubstr("a1 NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
                        "MailboxMetadataChange ServerMetadataChange)]"));
  EXPECT_THAT(c.ask("a2 NOTIFY SET (personal (FlagChange))"), HasSubstr("a2 BAD"));
  EXPECT_THAT(c.ask("a3 NOTIFY SET (personal (MessageNew MessageExpunge))"), HasSubstr("a3 NO [NOTIFICATIONOVERFLOW]"));
  EXPECT_EQ(c.ask("a4 NOTIFY SET (subtree X (MessageNew MessageExpunge))"), "a4 OK NOTIFY completed\r\n");
  for (char name = 'a'; name <= 'f'; ++name) other.ask(std::string("b1 CREATE X/") + name);
  EXPECT_THAT(c.until_line("* OK"), HasSubstr("* OK [NOTIFICATIONOVERFLOW]"));
  w.append("X/a", World::mail(1));
  EXPECT_EQ(noop(c), kQuiet);
}

TEST(Notify, too_many_new_messages_end_it) {
  World w;
  w.session_config.notify_messages = 2;
  w.fill(3);
  Client c(w), other(w);
  c.ask("a1 SELECT INBOX");
  other.ask("b1 SELECT INBOX");
  c.ask("a2 NOTIFY SET (selected (MessageNew (uid) MessageExpunge))");
  other.ask("b2 COPY 1:3 INBOX");
  EXPECT_THAT(c.until_line("* OK"),
              AllOf(HasSubstr("* 6 EXISTS"), Not(HasSubstr("FETCH")), HasSubstr("[NOTIFICATIONOVERFLOW]")));
  w.append("INBOX", World::mail(1));
  EXPECT_EQ(noop(c), kQuiet);
}

// A client that is in the middle of a command, and one whose mailbox goes.
TEST(Notify, waits_for_a_command_that_has_begun) {
  World w;
  w.fill(1);
  Client c(w), other(w);
  c.ask("a1 SELECT INBOX");
  c.ask("a2 NOTIFY SET (selected (MessageNew (uid) MessageExpunge))");
  c.send("a3 LIST \"\" {5}\r\n");
  c.until_line("+ ");
  w.append("INBOX", World::mail(2));
  other.ask("b1 NOOP");
  c.send("INBOX\r\n");
  std::string heard = c.until("a3");
  EXPECT_LT(heard.find("* LIST"), heard.find("* 2 EXISTS")) << heard;
}

TEST(Notify, ends_with_the_selected_mailbox) {
  World w;
  w.append("Junk", World::mail(1));
  Client c(w), other(w);
  c.ask("a1 SELECT Junk");
  c.ask("a2 NOTIFY SET (selected (MessageNew MessageExpunge))");
  other.ask("b1 DELETE Junk");
  EXPECT_THAT(c.rest(), HasSubstr("* BYE"));
}

}  // namespace
}  // namespace bz::imapd

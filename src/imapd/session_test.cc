#include "imapd/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/commands/list_match.h"
#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(ListMatch, percent_stops_at_the_separator_and_inbox_has_no_case) {
  EXPECT_TRUE(list_match("*", "a/b"));
  EXPECT_FALSE(list_match("%", "a/b"));
  EXPECT_TRUE(list_match("%/%", "a/b"));
  EXPECT_TRUE(list_match("a*b%c", "axxb/b1c"));
  EXPECT_TRUE(list_match("inbox", "INBOX"));
  EXPECT_TRUE(list_match("Inbox/%", "INBOX/x"));
  EXPECT_FALSE(list_match("sent", "Sent"));
  EXPECT_FALSE(list_match("", "x"));
  std::string hostile;
  for (int i = 0; i < 500; ++i) hostile += "*a";
  EXPECT_FALSE(list_match(hostile + "b", std::string(1000, 'a')));
}

TEST(Session, greets_with_capabilities_and_takes_buffered_commands) {
  World w;
  Client c(w, "a1 NOOP\r\na2 CAPABILITY\r\na3 NO");
  EXPECT_EQ(c.until("a1"), "a1 OK NOOP completed\r\n");
  EXPECT_THAT(c.until("a2"), HasSubstr("* CAPABILITY IMAP4rev1 LITERAL+"));
  c.send("OP\r\n");
  EXPECT_EQ(c.until("a3"), "a3 OK NOOP completed\r\n");
}
TEST(Session, first_sync_of_a_phone) {
  World w;
  w.fill(2);
  Client c(w);
  EXPECT_THAT(c.ask("A2 ID (\"name\" \"com.apple.email.maild\")"), StartsWith("* ID ("));
  c.send("A3 NAMESPACE\r\nA4 LIST \"\" \"*\" RETURN (SPECIAL-USE)\r\n");
  EXPECT_EQ(c.until("A3"), "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nA3 OK NAMESPACE completed\r\n");
  std::string list = c.until("A4");
  EXPECT_THAT(list, HasSubstr("* LIST (\\HasNoChildren) \"/\" INBOX\r\n"));
  EXPECT_THAT(list, HasSubstr("* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"));
  std::string select = c.ask("A5 SELECT INBOX");
  for (const char* line : {"* 2 EXISTS\r\n", "* 2 RECENT\r\n", "* OK [UNSEEN 1]", "* OK [UIDNEXT 3]",
                           "* OK [HIGHESTMODSEQ ", "\\*)]", "A5 OK [READ-WRITE]"})
    EXPECT_THAT(select, HasSubstr(line));
  EXPECT_EQ(c.ask("A6 UID SEARCH RETURN (MIN MAX COUNT) UNSEEN"),
            "* ESEARCH (TAG \"A6\") UID MIN 1 MAX 2 COUNT 2\r\nA6 OK SEARCH completed\r\n");
  EXPECT_THAT(c.ask("A7 LOGOUT"), HasSubstr("* BYE"));
  EXPECT_EQ(c.rest(), "");
}
TEST(Session, xlist_names_the_special_uses_as_gmail_did) {
  World w;
  Client c(w);
  std::string list = c.ask("a1 XLIST \"\" \"*\"");
  EXPECT_THAT(list, HasSubstr("* XLIST (\\HasNoChildren \\Inbox) \"/\" INBOX\r\n"));
  EXPECT_THAT(list, HasSubstr("* XLIST (\\HasNoChildren \\Spam) \"/\" Junk\r\n"));
  EXPECT_THAT(list, HasSubstr("* XLIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"));
  EXPECT_EQ(c.ask("a2 XLIST \"\" \"\""), "* XLIST (\\Noselect) \"/\" \"\"\r\na2 OK LIST completed\r\n");
  EXPECT_THAT(c.ask("a3 XLIST \"\" % RETURN (SPECIAL-USE)"), StartsWith("a3 BAD"));
}
TEST(Session, capabilities_follow_the_rules_for_a_client) {
  World w;
  w.session_config.client_rules = std::make_shared<const imap::ClientRules>(
      std::vector<imap::ClientRule>{{"Old*", "", {"UIDONLY", "APPENDLIMIT"}, {}, "test"}}, true);
  Client c(w);
  EXPECT_THAT(c.ask("a1 CAPABILITY"), HasSubstr(" UIDONLY "));
  c.ask("a2 ID (\"name\" \"old mailer\" \"version\" NIL)");
  std::string words = c.ask("a3 CAPABILITY");
  EXPECT_THAT(words, Not(HasSubstr("UIDONLY")));
  EXPECT_THAT(words, Not(HasSubstr("APPENDLIMIT")));
  EXPECT_THAT(words, HasSubstr("* CAPABILITY IMAP4rev1 "));
  EXPECT_EQ(c.ask("a4 ENABLE UIDONLY CONDSTORE"), "* ENABLED CONDSTORE\r\na4 OK ENABLE completed\r\n");
  c.ask("a5 ID NIL");
  EXPECT_THAT(c.ask("a6 CAPABILITY"), HasSubstr(" UIDONLY "));
}
TEST(Session, the_first_id_after_login_tells_what_the_client_calls_itself) {
  World w;
  Client c(w);
  (void)c.ask("a1 ID NIL");
  EXPECT_THAT(w.clients, testing::IsEmpty());
  Client phone(w);
  (void)phone.ask(R"(a1 ID ("os-version" "18.2" "NAME" "iPhone Mail" "vendor" "Apple" "version" "22C161" "os" NIL))");
  (void)phone.ask(R"(a2 ID ("name" "another"))");
  EXPECT_THAT(w.clients, testing::ElementsAre("iPhone Mail 22C161 18.2"));
}
TEST(Session, wrong_commands_are_bad_and_many_end_the_session) {
  World w;
  w.session_config.max_bad = 3;
  Client c(w);
  EXPECT_THAT(c.ask("b1 FETCH 1 FLAGS"), HasSubstr("b1 BAD No mailbox"));
  EXPECT_THAT(c.ask("b2 LOGIN a b"), HasSubstr("b2 BAD Already"));
  c.send("b3 FOO\r\n\x01\r\nb4 FETCH x\r\n");
  std::string end = c.rest();
  EXPECT_THAT(end, HasSubstr("b3 BAD Unknown command\r\n* BAD "));
  EXPECT_THAT(end, HasSubstr("b4 BAD"));
  EXPECT_THAT(end, HasSubstr("* BYE"));
}
TEST(Session, a_name_that_no_mailbox_can_have_is_no_and_no_error_of_syntax) {
  World w;
  w.session_config.max_bad = 1;
  Client c(w);
  EXPECT_THAT(c.ask("a SELECT !#$&'+,-.0123456789:;<=>?@^_`|[}"), HasSubstr("a NO [CANNOT]"));
  EXPECT_THAT(c.ask("a CREATE &Jjo!"), HasSubstr("a NO [CANNOT]"));
  c.send("a APPEND &Jjo! {3+}\r\nabc\r\n");
  EXPECT_EQ(c.until("a"), "a NO [CANNOT] Mailbox name is not modified UTF-7\r\n");
  EXPECT_EQ(c.ask("a LIST \"\" &Jjo!%*"), "a OK LIST completed\r\n");
}
TEST(Session, mailboxes_are_made_renamed_listed_and_removed) {
  World w;
  Client c(w);
  EXPECT_THAT(c.ask("a CREATE Entw&APw-rfe/2026"), HasSubstr("a OK"));
  EXPECT_THAT(c.ask("a CREATE INBOX"), HasSubstr("a NO [ALREADYEXISTS]"));
  EXPECT_THAT(c.ask("a CREATE x (USE (\\Sent))"), HasSubstr("a NO [USEATTR]"));
  EXPECT_EQ(c.ask("a LIST \"\" Entw%"), "* LIST (\\HasChildren) \"/\" Entw&APw-rfe\r\na OK LIST completed\r\n");
  EXPECT_EQ(c.ask("a LIST \"\" \"\""), "* LIST (\\Noselect) \"/\" \"\"\r\na OK LIST completed\r\n");
  EXPECT_THAT(c.ask("a RENAME Entw&APw-rfe Old"), HasSubstr("a OK"));
  EXPECT_THAT(c.ask("a LIST \"\" (Old Old/*) RETURN (STATUS (MESSAGES))"),
              HasSubstr("* LIST (\\HasNoChildren) \"/\" Old/2026\r\n* STATUS Old/2026 (MESSAGES 0)\r\n"));
  EXPECT_THAT(c.ask("a DELETE Old/2026"), HasSubstr("a OK"));
  EXPECT_THAT(c.ask("a DELETE Nope"), HasSubstr("a NO [NONEXISTENT]"));
  EXPECT_THAT(c.ask("a SUBSCRIBE Gone/x"), HasSubstr("a OK"));
  EXPECT_THAT(c.ask("a LIST (SUBSCRIBED) \"\" Gone/x"), HasSubstr("* LIST (\\NonExistent \\Subscribed) \"/\" Gone/x\r\n"));
  EXPECT_THAT(c.ask("a LSUB \"\" Gone/%"), HasSubstr("* LSUB () \"/\" Gone/x\r\n"));
  EXPECT_THAT(c.ask("a LSUB \"\" %"), HasSubstr("* LSUB (\\Noselect) \"/\" Gone\r\n"));
  EXPECT_THAT(c.ask("a STATUS INBOX (MESSAGES UIDNEXT RECENT APPENDLIMIT)"),
              HasSubstr("* STATUS INBOX (MESSAGES 0 RECENT 0 UIDNEXT 1 APPENDLIMIT 1048576)\r\n"));
  EXPECT_THAT(c.ask("a SELECT Nope"), HasSubstr("a NO [NONEXISTENT]"));
}

}  // namespace
}  // namespace bz::imapd

// IMAP4rev2 (RFC 9051): whom it is offered to, and what is otherwise once it is enabled.
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kId = R"(i ID ("name" "a good client" "version" "1"))";

struct Rev2 : testing::Test {
  World w;
  Rev2() { w.session_config.rev2 = imap::Offer::Always; }
  void enable(Client& c) { EXPECT_EQ(c.ask("e ENABLE IMAP4rev2"), "* ENABLED IMAP4rev2\r\ne OK ENABLE completed\r\n"); }
};

TEST(Rev2Offer, clients_that_have_not_said_what_they_are_do_not_see_it) {
  World w;
  Client c(w);
  EXPECT_THAT(c.ask("a CAPABILITY"), Not(HasSubstr("IMAP4rev2")));
  EXPECT_THAT(c.ask("b ENABLE IMAP4rev2"), StartsWith("* ENABLED\r\n"));
  c.ask(kId);
  EXPECT_THAT(c.ask("c CAPABILITY"), HasSubstr(" IMAP4rev2\r\n"));
  c.ask("d ID NIL");
  EXPECT_THAT(c.ask("e CAPABILITY"), Not(HasSubstr("IMAP4rev2")));
}
TEST(Rev2Offer, apples_clients_are_kept_from_it_until_the_administrator_shows_it_to_them) {
  World w;
  constexpr const char* kMaild = R"(i ID ("name" "com.apple.email.maild" "version" "3826.300.87.2.22"))";
  Client phone(w);
  phone.ask(kMaild);
  EXPECT_THAT(phone.ask("a CAPABILITY"), Not(HasSubstr("IMAP4rev2")));
  EXPECT_THAT(phone.ask("b ENABLE IMAP4rev2"), StartsWith("* ENABLED\r\n"));
  w.session_config.client_rules = std::make_shared<const imap::ClientRules>(
      std::vector<imap::ClientRule>{{"com.apple.*", "", {}, {"IMAP4rev2"}, "tried"}}, true);
  Client tried(w);
  tried.ask(kMaild);
  EXPECT_THAT(tried.ask("a CAPABILITY"), HasSubstr(" IMAP4rev2\r\n"));
}
TEST(Rev2Offer, never_and_always_are_the_administrators_word) {
  World w;
  w.session_config.rev2 = imap::Offer::Never;
  Client never(w);
  never.ask(kId);
  EXPECT_THAT(never.ask("a CAPABILITY"), Not(HasSubstr("IMAP4rev2")));
  EXPECT_THAT(never.ask("b ENABLE IMAP4rev2"), StartsWith("* ENABLED\r\n"));
  w.session_config.rev2 = imap::Offer::Always;
  Client always(w);
  const std::string words = always.ask("a CAPABILITY");
  EXPECT_THAT(words, AllOf(StartsWith("* CAPABILITY IMAP4rev1 "), HasSubstr(" IMAP4rev2\r\n")));
  EXPECT_EQ(always.ask("b ENABLE imap4REV2 IMAP4rev2"), "* ENABLED IMAP4rev2\r\nb OK ENABLE completed\r\n");
  EXPECT_EQ(always.ask("b ENABLE IMAP4rev2"), "* ENABLED\r\nb OK ENABLE completed\r\n");
  EXPECT_EQ(always.ask("a CAPABILITY"), words) << "ENABLE changes no capability (section 6.3.1)";
}

TEST_F(Rev2, select_has_list_and_neither_recent_nor_unseen) {
  w.fill(2);
  Client c(w), old(w);
  enable(c);
  const std::string select = c.ask("s SELECT INBOX");
  EXPECT_THAT(select, HasSubstr("* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\r\n"));
  EXPECT_THAT(select, Not(HasSubstr("RECENT")));
  EXPECT_THAT(select, Not(HasSubstr("UNSEEN")));
  EXPECT_THAT(select, AllOf(HasSubstr("* 2 EXISTS\r\n"), HasSubstr("[UIDNEXT 3]"), HasSubstr("[UIDVALIDITY "),
                            HasSubstr("[PERMANENTFLAGS ("), HasSubstr("* FLAGS (")));
  EXPECT_THAT(c.ask("t EXAMINE Sent"), AllOf(StartsWith("* OK [CLOSED] "), HasSubstr(" \\Sent) \"/\" Sent\r\n")));
  EXPECT_THAT(old.ask("s SELECT INBOX"),
              AllOf(HasSubstr(" RECENT\r\n"), HasSubstr("[UNSEEN 1]"), Not(HasSubstr("* LIST"))));
}
TEST_F(Rev2, recent_is_no_flag_and_news_has_no_recent_but_the_uid) {
  w.fill(1);
  Client c(w), other(w);
  enable(c);
  c.ask("s SELECT INBOX");
  EXPECT_EQ(c.ask("a FETCH 1 FLAGS"), "* 1 FETCH (FLAGS ())\r\na OK FETCH completed\r\n");
  w.append("INBOX", "Subject: new\r\n\r\nbody\r\n");
  EXPECT_EQ(c.ask("b NOOP"), "* 2 EXISTS\r\nb OK NOOP completed\r\n");
  other.ask("s SELECT INBOX");
  other.ask("t STORE 2 +FLAGS (\\Flagged)");
  EXPECT_EQ(c.ask("c NOOP"), "* 2 FETCH (UID 2 FLAGS (\\Flagged))\r\nc OK NOOP completed\r\n");
  EXPECT_EQ(c.ask("d STORE 2 +FLAGS (\\Seen)"), "* 2 FETCH (FLAGS (\\Flagged \\Seen))\r\nd OK STORE completed\r\n");
}
TEST_F(Rev2, search_is_answered_by_esearch) {
  w.fill(3);
  Client c(w);
  enable(c);
  c.ask("s SELECT INBOX");
  EXPECT_EQ(c.ask("a SEARCH ALL"), "* ESEARCH (TAG \"a\") ALL 1:3\r\na OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("b UID SEARCH RETURN () 2"), "* ESEARCH (TAG \"b\") UID ALL 2\r\nb OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("c SEARCH TEXT nowhere"), "* ESEARCH (TAG \"c\")\r\nc OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("d SEARCH RETURN (SAVE) 2:3"), "d OK SEARCH completed, result saved\r\n");
  EXPECT_EQ(c.ask("e UID SEARCH UID $"), "* ESEARCH (TAG \"e\") UID ALL 2:3\r\ne OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("f SEARCH CHARSET UTF-8 SUBJECT \"caf\xC3\xA9\""), "* ESEARCH (TAG \"f\")\r\nf OK SEARCH completed\r\n");
  EXPECT_THAT(c.ask("g SEARCH CHARSET X-NONE TEXT x"), StartsWith("g NO [BADCHARSET "));
  EXPECT_THAT(c.ask("h SEARCH MODSEQ 1"), AllOf(HasSubstr("* ESEARCH (TAG \"h\") ALL 1:3 MODSEQ "), HasSubstr("h OK ")));
}
TEST_F(Rev2, names_of_mailboxes_are_utf8_and_the_ampersand_is_one_of_their_characters) {
  Client c(w), old(w);
  enable(c);
  EXPECT_THAT(c.ask("a CREATE \"Entw\xC3\xBCrfe & mehr\""), StartsWith("a OK "));
  EXPECT_THAT(c.ask("b LIST \"\" \"Entw\xC3\xBC%\""), HasSubstr(" \"/\" \"Entw\xC3\xBCrfe & mehr\"\r\n"));
  EXPECT_THAT(c.ask("c STATUS \"Entw\xC3\xBCrfe & mehr\" (MESSAGES DELETED SIZE)"),
              StartsWith("* STATUS \"Entw\xC3\xBCrfe & mehr\" (MESSAGES 0 DELETED 0 SIZE 0)\r\n"));
  EXPECT_THAT(c.ask("d SELECT \"Entw\xC3\xBCrfe & mehr\""), HasSubstr(") \"/\" \"Entw\xC3\xBCrfe & mehr\"\r\n"));
  EXPECT_THAT(old.ask("e LIST \"\" Entw%"), HasSubstr(" \"/\" \"Entw&APw-rfe &- mehr\"\r\n"));
  EXPECT_THAT(c.ask("f STATUS \"Entw&APw-rfe &- mehr\" (MESSAGES)"), StartsWith("f NO [NONEXISTENT]"));
  EXPECT_THAT(c.ask("g CREATE \"\xC3\""), StartsWith("g BAD ")) << "a quoted string is UTF-8 (section 4.3)";
  EXPECT_THAT(c.ask("h CREATE \"a\xC2\x85\""), StartsWith("h NO [CANNOT]")) << "no Net-Unicode name";
}
TEST_F(Rev2, headers_are_shown_in_utf8) {
  w.append("INBOX", "From: Jos\xC3\xA9 <a@example.org>\r\nSubject: caf\xC3\xA9\r\n\r\nbody\r\n");
  Client c(w), old(w);
  enable(c);
  c.ask("s SELECT INBOX");
  old.ask("s SELECT INBOX");
  EXPECT_THAT(c.ask("a FETCH 1 ENVELOPE"),
              AllOf(HasSubstr("\"caf\xC3\xA9\" ((\"Jos\xC3\xA9\" NIL"), HasSubstr("a OK FETCH")));
  EXPECT_THAT(old.ask("a FETCH 1 ENVELOPE"), AllOf(HasSubstr("\"=?"), HasSubstr("a OK [DOWNGRADED 1]")));
}
TEST_F(Rev2, a_name_that_is_spelled_otherwise_here_comes_with_its_old_name) {
  Client c(w), old(w);
  enable(c);
  EXPECT_THAT(c.ask("a CREATE inbox/x"),
              StartsWith("* LIST (\\HasNoChildren) \"/\" INBOX/x (\"OLDNAME\" (inbox/x))\r\na OK "));
  EXPECT_THAT(c.ask("b SELECT inbox/x"), HasSubstr(") \"/\" INBOX/x (\"OLDNAME\" (inbox/x))\r\n"));
  EXPECT_THAT(c.ask("c SELECT inBOX"), HasSubstr(") \"/\" INBOX\r\n")) << "INBOX has no case, it has one name";
  EXPECT_THAT(c.ask("d CREATE y/"), StartsWith("d OK ")) << "the separator is a hint, no part of the name";
  EXPECT_EQ(c.ask("e RENAME y \"\xC3\xA9 z\""),
            "* LIST (\\HasNoChildren) \"/\" \"\xC3\xA9 z\" (\"OLDNAME\" (y))\r\ne OK RENAME completed\r\n");
  EXPECT_EQ(c.ask("f DELETE inbox/x"),
            "* LIST (\\NonExistent) \"/\" INBOX/x (\"OLDNAME\" (inbox/x))\r\nf OK DELETE completed\r\n");
  EXPECT_EQ(old.ask("g RENAME &AOk- y2"), "g NO [NONEXISTENT] No such mailbox\r\n");
  EXPECT_EQ(old.ask("h RENAME \"&AOk- z\" y"), "h OK RENAME completed\r\n");
  EXPECT_EQ(c.ask("i RENAME INBOX kept"), "i OK RENAME completed\r\n") << "INBOX is still there (section 6.3.6)";
}
TEST_F(Rev2, names_that_are_not_composed_are_taken_and_told_composed) {
  Client c(w);
  enable(c);
  EXPECT_THAT(c.ask("a CREATE \"u\xCC\x88\""),
              StartsWith("* LIST (\\HasNoChildren) \"/\" \"\xC3\xBC\" (\"OLDNAME\" (\"u\xCC\x88\"))\r\na OK "));
  EXPECT_THAT(c.ask("b SELECT \"u\xCC\x88\""), HasSubstr(" \"/\" \"\xC3\xBC\" (\"OLDNAME\" (\"u\xCC\x88\"))\r\n"));
  EXPECT_THAT(c.ask("c LIST \"\" \"u\xCC\x88\""), StartsWith("* LIST (\\HasNoChildren) \"/\" \"\xC3\xBC\"\r\n"));
  EXPECT_THAT(c.ask("d APPEND \"u\xCC\x88\" {3+}\r\nabc"), StartsWith("d OK [APPENDUID "));
  EXPECT_THAT(c.ask("e STATUS \"u\xCC\x88\" (MESSAGES)"), HasSubstr("* STATUS \"u\xCC\x88\" (MESSAGES 1)\r\n"));
}
TEST_F(Rev2, utf8_accept_beside_it_keeps_its_own_rule_about_charsets) {
  w.fill(1);
  Client c(w);
  EXPECT_EQ(c.ask("a ENABLE IMAP4rev2 UTF8=ACCEPT QRESYNC UIDONLY"),
            "* ENABLED QRESYNC UTF8=ACCEPT UIDONLY IMAP4rev2\r\na OK ENABLE completed\r\n");
  EXPECT_THAT(c.ask("s SELECT INBOX"), AllOf(HasSubstr("* LIST ("), Not(HasSubstr("RECENT"))));
  EXPECT_THAT(c.ask("b UID SEARCH CHARSET UTF-8 ALL"), StartsWith("b BAD "));
  EXPECT_EQ(c.ask("c UID SEARCH ALL"), "* ESEARCH (TAG \"c\") UID ALL 1\r\nc OK SEARCH completed\r\n");
  w.append("INBOX", "Subject: new\r\n\r\nbody\r\n");
  EXPECT_EQ(c.ask("d NOOP"), "* 2 EXISTS\r\nd OK NOOP completed\r\n");
  EXPECT_THAT(c.ask("e UID STORE 2 +FLAGS (\\Seen)"), StartsWith("* 2 UIDFETCH (FLAGS (\\Seen) MODSEQ ("));
}
TEST_F(Rev2, move_copy_and_expunge_speak_as_before) {
  w.fill(2);
  Client c(w);
  enable(c);
  c.ask("s SELECT INBOX");
  EXPECT_THAT(c.ask("a MOVE 1 Nowhere"), StartsWith("a NO [TRYCREATE]"));
  const std::string moved = c.ask("b MOVE 1 Sent");
  EXPECT_THAT(moved, StartsWith("* OK [COPYUID "));
  EXPECT_LT(moved.find("COPYUID"), moved.find("* 1 EXPUNGE\r\n"));
  EXPECT_THAT(c.ask("c COPY 1 Sent"), StartsWith("c OK [COPYUID "));
  c.ask("d STORE 1 +FLAGS.SILENT (\\Deleted)");
  EXPECT_EQ(c.ask("e EXPUNGE"), "* 1 EXPUNGE\r\ne OK EXPUNGE completed\r\n");
  EXPECT_EQ(c.ask("f UNSELECT"), "f OK UNSELECT completed\r\n");
}

TEST(MailboxTree, a_name_that_only_holds_others_cannot_be_deleted) {
  World w;
  Client c(w);
  c.ask("a CREATE up/down");
  EXPECT_THAT(c.ask("b DELETE up"), StartsWith("b OK ")) << "it could be selected; its name stays";
  EXPECT_THAT(c.ask("c LIST \"\" up"), HasSubstr("* LIST (\\Noselect \\HasChildren) \"/\" up\r\n"));
  EXPECT_EQ(c.ask("d DELETE up"), "d NO [HASCHILDREN] The name has mailboxes below it\r\n");
  EXPECT_THAT(c.ask("e DELETE up/down"), StartsWith("e OK "));
  EXPECT_THAT(c.ask("f DELETE up"), StartsWith("f OK "));
}
TEST(MailboxTree, status_stands_right_behind_its_list_and_only_where_there_is_one) {
  World w;
  Client c(w);
  c.ask("a CREATE up/down");
  c.ask("b DELETE up");
  c.ask("c SUBSCRIBE gone/x");
  c.ask("d SUBSCRIBE up/down");
  EXPECT_EQ(c.ask("e LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (gone up up/down) RETURN (STATUS (MESSAGES))"),
            "* LIST (\\HasNoChildren \\Subscribed) \"/\" up/down\r\n* STATUS up/down (MESSAGES 0)\r\n"
            "* LIST (\\NonExistent) \"/\" gone (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\ne OK LIST completed\r\n");
  EXPECT_EQ(c.ask("f LIST \"\" up% RETURN (CHILDREN STATUS (UNSEEN))"),
            "* LIST (\\Noselect \\HasChildren) \"/\" up\r\nf OK LIST completed\r\n");
  c.ask("g CREATE a/b");
  c.ask("h SUBSCRIBE a/b");
  EXPECT_EQ(c.ask("i LIST (SUBSCRIBED RECURSIVEMATCH) \"\" a% RETURN (STATUS (UNSEEN))"),
            "* LIST (\\HasChildren) \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\ni OK LIST completed\r\n")
      << "shown for its children: it is not subscribed";
}

}  // namespace
}  // namespace bz::imapd

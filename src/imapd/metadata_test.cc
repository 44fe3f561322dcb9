// RFC 5464 and RFC 9590 as a client sees them.
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kDone = "a OK SETMETADATA completed\r\n", kRead = "a OK GETMETADATA completed\r\n";

struct Metadata : ::testing::Test {
  World w;
  std::unique_ptr<Client> client = std::make_unique<Client>(w);
  Client& c = *client;
};

TEST_F(Metadata, is_set_read_and_taken_away) {
  EXPECT_THAT(c.ask("a CAPABILITY"), HasSubstr(" METADATA LIST-METADATA "));
  EXPECT_EQ(c.ask("a GETMETADATA INBOX /private/comment"), "* METADATA INBOX (/private/comment NIL)\r\n" + kRead);
  EXPECT_EQ(c.ask("a SETMETADATA INBOX (/private/comment \"mine\" /SHARED/Comment {9+}\r\ntwo\r\nline)"), kDone);
  EXPECT_EQ(c.ask("a GETMETADATA inbox (/private/comment /shared/comment)"),
            "* METADATA INBOX (/private/comment \"mine\" /shared/comment {9}\r\ntwo\r\nline)\r\n" + kRead);
  EXPECT_EQ(c.ask("a GETMETADATA INBOX /Private/COMMENT"), "* METADATA INBOX (/Private/COMMENT \"mine\")\r\n" + kRead);
  EXPECT_EQ(c.ask("a SETMETADATA INBOX (/private/comment NIL)"), kDone);
  EXPECT_THAT(c.ask("a GETMETADATA INBOX /private/comment"), HasSubstr("(/private/comment NIL)"));
  EXPECT_THAT(c.ask("a GETMETADATA Nowhere /private/comment"), StartsWith("a NO [NONEXISTENT] "));
  EXPECT_THAT(c.ask("a SETMETADATA Nowhere (/private/comment \"x\")"), StartsWith("a NO [NONEXISTENT] "));
}

TEST_F(Metadata, holds_any_octets) {
  c.send(std::string("a SETMETADATA INBOX (/private/comment ~{3+}\r\nx\0y)\r\n", 51));
  EXPECT_EQ(c.until("a"), kDone);
  EXPECT_EQ(c.ask("a GETMETADATA INBOX /private/comment"),
            std::string("* METADATA INBOX (/private/comment ~{3}\r\nx\0y)\r\n", 47) + kRead);
}

TEST_F(Metadata, options_bound_what_is_told) {
  ASSERT_EQ(
      c.ask("a SETMETADATA INBOX (/private/f/a \"12345\" /private/f/a/x \"1\" /private/f/b \"123\" /private/fb \"1\")"),
      kDone);
  EXPECT_EQ(c.ask("a GETMETADATA (DEPTH 1) INBOX /private/f"),
            "* METADATA INBOX (/private/f/a \"12345\" /private/f/b \"123\")\r\n" + kRead);
  EXPECT_EQ(c.ask("a GETMETADATA INBOX (DEPTH infinity) /private/f"),
            "* METADATA INBOX (/private/f/a \"12345\" /private/f/a/x \"1\" /private/f/b \"123\")\r\n" + kRead);
  EXPECT_THAT(c.ask("a GETMETADATA INBOX (DEPTH infinity) /private"), HasSubstr("/private/fb \"1\")"));
  EXPECT_EQ(c.ask("a GETMETADATA INBOX (DEPTH 1) /shared"), kRead);
  EXPECT_EQ(c.ask("a GETMETADATA INBOX (MAXSIZE 3 DEPTH 1) (/private/f /private/f/b)"),
            "* METADATA INBOX (/private/f/b \"123\")\r\na OK [METADATA LONGENTRIES 5] GETMETADATA completed\r\n");
  EXPECT_EQ(c.ask("a GETMETADATA (MAXSIZE 0) INBOX /private/f/b"),
            "a OK [METADATA LONGENTRIES 3] GETMETADATA completed\r\n");
}

TEST_F(Metadata, what_does_not_fit_changes_nothing) {
  EXPECT_THAT(c.ask("a SETMETADATA INBOX (/private/a \"1\" /private/b {4097+}\r\n" + std::string(4097, 'x') + ")"),
              StartsWith("a NO [METADATA MAXSIZE 4096] "));
  EXPECT_THAT(c.ask("a GETMETADATA INBOX /private/a"), HasSubstr("(/private/a NIL)"));
  std::string list;
  for (int i = 0; i < 100; ++i) list += (i ? " /private/n" : "/private/n") + std::to_string(i) + " \"x\"";
  EXPECT_EQ(c.ask("a SETMETADATA INBOX (" + list + ")"), kDone);
  EXPECT_THAT(c.ask("a SETMETADATA INBOX (/private/more \"x\")"), StartsWith("a NO [METADATA TOOMANY] "));
  EXPECT_THAT(c.ask("a SETMETADATA INBOX (" + list + " /private/more NIL)"), StartsWith("a BAD "));
}

TEST_F(Metadata, ill_formed_names_are_bad) {
  w.session_config.max_bad = 100;
  Client asking(w);
  for (const char* name : {"private/a", "/private", "/private/", "/private//a", "/other/a", "/private/a*", "/private/%",
                           "\"/private/\xc3\xa4\"", "/shared/vendor", "/private/vendor/x", "\"\""})
    EXPECT_THAT(asking.ask("a SETMETADATA INBOX (" + std::string(name) + " \"x\")"), StartsWith("a BAD ")) << name;
  for (const char* rest : {"", " INBOX", " INBOX ()", " INBOX (DEPTH 2) /private/a", " INBOX (MAXSIZE) /private/a",
                           " (DEPTH 1) (DEPTH 1) /private/a", " INBOX /private/*", " INBOX (SIZE 1) /private/a",
                           " INBOX (/private/a", " INBOX /other"})
    EXPECT_THAT(asking.ask("a GETMETADATA" + std::string(rest)), StartsWith("a BAD ")) << rest;
  EXPECT_THAT(asking.ask("a SETMETADATA INBOX /private/a \"x\""), StartsWith("a BAD "));
  EXPECT_THAT(asking.ask("a SETMETADATA INBOX (/private/a)"), StartsWith("a BAD "));
}

TEST_F(Metadata, of_the_server_is_the_administrators_where_it_is_shared) {
  EXPECT_THAT(c.ask("a SETMETADATA \"\" (/shared/comment \"mine\")"), StartsWith("a NO [NOPERM] "));
  EXPECT_THAT(c.ask("a SETMETADATA \"\" (/private/a \"1\" /shared/vendor/x/y \"2\")"), StartsWith("a NO [NOPERM] "));
  EXPECT_EQ(c.ask("a SETMETADATA \"\" (/private/vendor/x/y \"2\")"), kDone);
  EXPECT_EQ(c.ask("a GETMETADATA \"\" (/private/a /private/vendor/x/y /shared/admin)"),
            "* METADATA \"\" (/private/a NIL /private/vendor/x/y \"2\" /shared/admin NIL)\r\n" + kRead);
  w.session_config.server_admin = "mailto:root@example.org";
  w.session_config.server_comment = "down on Sundays";
  Client later(w);
  EXPECT_EQ(later.ask("a GETMETADATA (DEPTH infinity) \"\" /shared"),
            "* METADATA \"\" (/shared/admin \"mailto:root@example.org\" /shared/comment \"down on Sundays\")\r\n" + kRead);
}

TEST_F(Metadata, list_tells_it_of_each_mailbox) {
  ASSERT_EQ(c.ask("a SETMETADATA Sent (/private/comment \"s\")"), kDone);
  c.ask("a CREATE up/down");
  c.ask("a DELETE up");
  c.ask("a SUBSCRIBE gone");
  EXPECT_EQ(c.ask("a LIST \"\" (Sent up) RETURN (METADATA (/private/comment))"),
            "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n* METADATA Sent (/private/comment \"s\")\r\n"
            "* LIST (\\Noselect \\HasChildren) \"/\" up\r\n* METADATA up (/private/comment NIL)\r\n"
            "a OK LIST completed\r\n");
  const std::string both = c.ask("a LIST \"\" Sent RETURN (STATUS (MESSAGES) METADATA (/private/comment /shared/comment))");
  EXPECT_THAT(both, HasSubstr("* STATUS Sent (MESSAGES 0)\r\n"));
  EXPECT_THAT(both, HasSubstr("* METADATA Sent (/private/comment \"s\" /shared/comment NIL)\r\n"));
  EXPECT_THAT(c.ask("a LIST (SUBSCRIBED) \"\" gone RETURN (METADATA /private/comment)"), Not(HasSubstr("METADATA gone")));
  EXPECT_THAT(c.ask("a LIST \"\" * RETURN (METADATA)"), StartsWith("a BAD "));
  EXPECT_THAT(c.ask("a LIST \"\" * RETURN (METADATA ())"), StartsWith("a BAD "));
}

// The second example of RFC 9590 section 4: such a parent "doesn't match the selection criteria".
TEST_F(Metadata, list_tells_none_of_a_parent_that_is_shown_for_its_children_only) {
  c.ask("a CREATE up/down");
  c.ask("a SUBSCRIBE up/down");
  c.ask("a SETMETADATA up (/private/comment \"u\")");
  EXPECT_EQ(c.ask("a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" up RETURN (METADATA (/private/comment))"),
            "* LIST (\\HasChildren) \"/\" up (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\na OK LIST completed\r\n");
  EXPECT_EQ(c.ask("a LIST (SUBSCRIBED) \"\" up* RETURN (METADATA (/private/comment))"),
            "* LIST (\\HasNoChildren \\Subscribed) \"/\" up/down\r\n* METADATA up/down (/private/comment NIL)\r\n"
            "a OK LIST completed\r\n");
}

TEST_F(Metadata, others_hear_of_it_when_they_asked_to) {
  Client other(w), deaf(w);
  EXPECT_EQ(other.ask("e ENABLE METADATA"), "* ENABLED METADATA\r\ne OK ENABLE completed\r\n");
  EXPECT_EQ(c.ask("a ENABLE METADATA"), "* ENABLED METADATA\r\na OK ENABLE completed\r\n");
  EXPECT_EQ(c.ask("a ENABLE METADATA"), "* ENABLED\r\na OK ENABLE completed\r\n");
  EXPECT_EQ(c.ask("a SETMETADATA INBOX (/private/comment \"x\" /shared/comment \"y\")"), kDone);
  EXPECT_EQ(c.ask("a SETMETADATA \"\" (/private/a \"x\")"), kDone);
  EXPECT_EQ(c.ask("a NOOP"), "a OK NOOP completed\r\n");
  EXPECT_EQ(other.ask("b NOOP"),
            "* METADATA \"\" /private/a\r\n* METADATA INBOX /private/comment /shared/comment\r\nb OK NOOP completed\r\n");
  EXPECT_EQ(other.ask("b NOOP"), "b OK NOOP completed\r\n");
  EXPECT_EQ(deaf.ask("d NOOP"), "d OK NOOP completed\r\n");
}

TEST_F(Metadata, wakes_who_idles_and_forgets_what_was_deleted) {
  Client other(w);
  other.ask("e ENABLE METADATA");
  c.ask("a CREATE box");
  c.ask("a SETMETADATA box (/private/comment \"x\")");
  c.ask("a DELETE box");
  EXPECT_EQ(other.ask("b NOOP"), "b OK NOOP completed\r\n");
  other.send("i IDLE\r\n");
  other.until_line("+ ");
  EXPECT_EQ(c.ask("a SETMETADATA INBOX (/private/comment \"x\")"), kDone);
  EXPECT_THAT(other.until_line("* METADATA"), EndsWith("* METADATA INBOX /private/comment\r\n"));
  other.send("DONE\r\n");
  EXPECT_EQ(other.until("i"), "i OK IDLE completed\r\n");
}

}  // namespace
}  // namespace bz::imapd

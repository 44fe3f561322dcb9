// APPEND and what extends it.
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string counted(const std::string& octets) { return "{" + std::to_string(octets.size()) + "+}\r\n" + octets; }

TEST(Append, streams_the_message_and_says_its_uid) {
  World w;
  Client c(w);
  std::string message = World::mail(1);
  c.send("g1 APPEND Sent (\\Seen) \" 7-Feb-2025 10:00:00 +0000\" {" + std::to_string(message.size()) + "}\r\n");
  EXPECT_EQ(c.until("+"), "+ Go ahead\r\n");
  c.bytewise(message + "\r\ng2 NOOP\r\n");
  EXPECT_THAT(c.until("g1"), HasSubstr("g1 OK [APPENDUID "));
  c.until("g2");
  c.ask("g3 SELECT Sent");
  EXPECT_EQ(c.ask("g4 FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)"),
            "* 1 FETCH (FLAGS (\\Seen \\Recent) INTERNALDATE \" 7-Feb-2025 10:00:00 +0000\" RFC822.SIZE " +
                std::to_string(message.size()) + ")\r\ng4 OK FETCH completed\r\n");
}
TEST(Append, refusals_keep_the_session_in_step) {
  World w;
  Client c(w);
  c.send("g1 APPEND Nope {5}\r\ng2 APPEND INBOX {99999999}\r\ng3 APPEND INBOX {1100000+}\r\n" + std::string(1100000, 'x') +
         "\r\ng4 APPEND INBOX (\\Foo) {3+}\r\nabc\r\ng5 NOOP\r\n");
  EXPECT_EQ(c.until("g5"),
            "g1 NO [TRYCREATE] No such mailbox\r\ng2 NO [TOOBIG] Message too large\r\ng3 NO [TOOBIG] Message too large\r\n"
            "g4 BAD Unknown system flag\r\ng5 OK NOOP completed\r\n");
}
TEST(Append, nothing_untagged_comes_before_the_tagged_response) {
  World w;
  Client c(w);
  c.ask("a SELECT INBOX");
  c.send("g1 APPEND INBOX {3}\r\n");
  c.until("+");
  w.fill(1);
  c.send("abc\r\n");
  EXPECT_THAT(c.until("g1"), StartsWith("g1 OK [APPENDUID "));
  EXPECT_THAT(c.ask("g2 NOOP"), StartsWith("* 2 EXISTS\r\n"));
}
TEST(Append, a_client_that_hangs_up_leaves_nothing) {
  World w;
  {
    Client c(w);
    c.send("g1 APPEND INBOX {300}\r\n");
    c.until("+");
    c.send("half of it");
    c.hang_up();
    Client other(w);
    EXPECT_THAT(other.ask("a STATUS INBOX (MESSAGES)"), HasSubstr("MESSAGES 0"));
    w.group.cancel();
  }
}

// RFC 7888 section 5.
TEST(LiteralMinus, is_offered_instead_and_holds_for_every_command) {
  World w;
  w.session_config.literals = imap::Literals::Minus;
  Client c(w);
  const std::string offered = c.ask("a CAPABILITY");
  EXPECT_THAT(offered, HasSubstr(" LITERAL- "));
  EXPECT_THAT(offered, testing::Not(HasSubstr("LITERAL+")));
  const std::string most(4096, 'x'), more(4097, 'x');
  c.send("b APPEND INBOX " + counted(most) + "\r\nc APPEND INBOX " + counted(more) + "\r\nd APPEND INBOX " + counted(most) +
         " (\\Seen) " + counted(more) + "\r\ne STATUS " + counted(more) + " (MESSAGES)\r\nf NOOP\r\n");
  const std::string answers = c.until("f");
  EXPECT_THAT(answers, HasSubstr("b OK [APPENDUID "));
  for (const char* tag : {"c", "d", "e"})
    EXPECT_THAT(answers, HasSubstr(std::string("\r\n") + tag + " BAD [TOOBIG] ")) << tag;
  c.send("g APPEND INBOX {4097}\r\n");
  c.until("+");
  c.send(more + "\r\n");
  EXPECT_THAT(c.until("g"), HasSubstr("g OK [APPENDUID "));
  EXPECT_THAT(c.ask("h STATUS INBOX (MESSAGES)"), HasSubstr("MESSAGES 2"));
}
TEST(LiteralMinus, literals_beyond_all_patience_end_the_session) {
  World w;
  w.session_config.literals = imap::Literals::Minus;
  w.session_config.max_drain = 10'000;
  Client c(w);
  c.send("c APPEND INBOX {10001+}\r\n");
  EXPECT_EQ(c.rest(),
            "c BAD [TOOBIG] LITERAL- allows 4096 octets without waiting\r\n* BYE [TOOBIG] Too much data after a refused "
            "command\r\n");
}

TEST(MultiAppend, puts_all_messages_in_with_one_command) {
  World w;
  Client c(w);
  c.ask("a SELECT INBOX");
  c.send("m APPEND INBOX (\\Seen) {3}\r\n");
  EXPECT_EQ(c.until("+"), "+ Go ahead\r\n");
  c.bytewise("abc ($Work) \" 7-Feb-2025 10:00:00 +0000\" {4}\r\n");
  EXPECT_EQ(c.until("+"), "+ Go ahead\r\n");
  c.bytewise("defg {2+}\r\nhi\r\n");
  const std::string done = c.until("m");
  EXPECT_THAT(done, StartsWith("m OK [APPENDUID "));
  EXPECT_THAT(done, HasSubstr(" 1:3] APPEND completed\r\n"));
  EXPECT_THAT(c.ask("n NOOP"), HasSubstr("* 3 EXISTS\r\n"));
  EXPECT_THAT(c.ask("f FETCH 1:3 (FLAGS BODY.PEEK[])"),
              testing::AllOf(HasSubstr("* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[] {3}\r\nabc)"),
                             HasSubstr("* 2 FETCH (FLAGS (\\Recent $Work) BODY[] {4}\r\ndefg)"),
                             HasSubstr("* 3 FETCH (FLAGS (\\Recent) BODY[] {2}\r\nhi)")));
}
TEST(MultiAppend, nothing_is_kept_of_a_command_that_fails) {
  struct Case {
    const char* name;
    std::string command, answer;
  };
  const std::string good = "m APPEND INBOX " + counted(World::mail(1));
  const Case cases[] = {
      {"cancelled", good + " {0+}\r\n\r\n", "m NO Cancelled by an empty message\r\n"},
      {"wrong flag", good + " (\\Foo) {3+}\r\nabc\r\n", "m BAD Unknown system flag\r\n"},
      {"too large", good + " {1048577+}\r\n" + std::string(1048577, 'x') + "\r\n", "m NO [TOOBIG] Message too large\r\n"},
      {"NUL", good + " {3+}\r\na" + std::string(1, '\0') + "b " + counted("abc") + "\r\n", "m NO [CANNOT]"},
      {"text behind", good + " x\r\n", "m BAD APPEND needs a message literal\r\n"},
      {"no literal", "m APPEND INBOX (\\Seen)\r\n", "m BAD "},
      {"literal name only", "m APPEND {5+}\r\nINBOX\r\n", "m BAD "},
      {"name too long", "m APPEND {70000}\r\n", "m NO [TOOBIG] Literal too large\r\n"},
      {"line too long", good + " (" + std::string(70'000, 'k') + "\r\n", "m BAD Command line too long\r\n"},
  };
  World w;
  Client c(w);
  for (const Case& test : cases) {
    c.send(test.command + "n NOOP\r\n");
    EXPECT_THAT(c.until("n"), StartsWith(test.answer)) << test.name;
  }
  EXPECT_THAT(c.ask("a STATUS INBOX (MESSAGES)"), HasSubstr("MESSAGES 0"));
}
TEST(MultiAppend, more_messages_than_one_commit_takes_are_refused) {
  World w;
  Client c(w);
  std::string command = "m APPEND INBOX";
  for (size_t i = 0; i <= store::kAppendMessages; ++i) command += " " + counted("abc");
  c.send(command + "\r\nn NOOP\r\n");
  EXPECT_THAT(c.until("n"), StartsWith("m NO [LIMIT] "));
  EXPECT_THAT(c.ask("a STATUS INBOX (MESSAGES)"), HasSubstr("MESSAGES 0"));
}
TEST(MultiAppend, news_waits_until_the_command_is_over) {
  World w;
  Client c(w);
  c.ask("a SELECT INBOX");
  c.send("m APPEND INBOX {3}\r\n");
  c.until("+");
  w.fill(2);
  c.send("abc {3}\r\n");
  EXPECT_EQ(c.until("+"), "+ Go ahead\r\n");
  c.send("def\r\n");
  EXPECT_THAT(c.until("m"), StartsWith("m OK [APPENDUID "));
  EXPECT_THAT(c.ask("n NOOP"), StartsWith("* 4 EXISTS\r\n"));
}
TEST(MultiAppend, a_message_that_was_begun_when_the_store_said_no_ends_the_command) {
  World w;
  w.config.quota_bytes = 100;
  w.reopen();
  Client c(w);
  c.send("m APPEND INBOX " + counted(std::string(60, 'x')) + " " + counted(std::string(60, 'y')) + "\r\nn NOOP\r\n");
  EXPECT_THAT(c.until("n"), StartsWith("m NO [OVERQUOTA] "));
  EXPECT_THAT(c.ask("a STATUS INBOX (MESSAGES)"), HasSubstr("MESSAGES 0"));
}

}  // namespace
}  // namespace bz::imapd

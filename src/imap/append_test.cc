#include "imap/append.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace bz::imap {
namespace {

using Kind = AppendStep::Kind;
using Outcome = AppendReader::Outcome;

// The pieces of a command, each but the last in front of a literal; what was read, one word per step.
std::string read_all(const std::vector<std::string>& pieces, AppendReader& reader) {
  std::string said;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Outcome outcome = reader.read(pieces[i], i + 1 < pieces.size());
    if (outcome == Outcome::Error) return said + "error: " + reader.error().text;
    if (outcome == Outcome::Argument) said += "argument ";
    if (outcome == Outcome::Argument) continue;
    for (const AppendStep& step : reader.steps()) {
      if (step.kind == Kind::Message) said += "message ";
      if (step.kind == Kind::Literal) said += "literal:" + std::to_string(step.size) + " ";
      if (step.kind == Kind::Url) said += "url:" + step.url + " ";
      if (step.kind == Kind::Done) said += "done ";
    }
  }
  return said;
}
std::string read_all(const std::vector<std::string>& pieces) {
  AppendReader reader;
  return read_all(pieces, reader);
}

TEST(AppendReader, reads_mailbox_flags_and_date) {
  AppendReader reader;
  ASSERT_EQ(reader.read(R"(G4 APPEND "Sent" (\Seen $Forwarded) "22-Nov-2026 10:00:00 +0100" {51234})", true),
            Outcome::Steps);
  EXPECT_EQ(reader.tag(), "G4");
  EXPECT_EQ(reader.mailbox(), "Sent");
  ASSERT_EQ(reader.steps().size(), 2u);
  const AppendStep& message = reader.steps()[0];
  EXPECT_EQ(message.flags.system, kSeen);
  EXPECT_EQ(message.flags.keywords, std::vector<std::string>{"$Forwarded"});
  EXPECT_EQ(message.date->zone_minutes, 60);
  EXPECT_EQ(reader.steps()[1].size, 51234u);
}
TEST(AppendReader, reads_message_after_message) {
  EXPECT_EQ(read_all({"a APPEND x {1}", " (\\Seen) {2+}", " \" 7-Feb-1994 22:43:04 -0800\" {0}", ""}),
            "message literal:1 done message literal:2 done message literal:0 done ");
}
TEST(AppendReader, a_mailbox_may_be_a_literal) {
  AppendReader reader;
  EXPECT_EQ(read_all({"a APPEND {4}", "a APPEND {4}\r\nSent {0+}", ""}, reader), "argument message literal:0 done ");
  EXPECT_EQ(reader.mailbox(), "Sent");
}
TEST(AppendReader, a_literal8_may_hold_nul) {
  AppendReader reader;
  ASSERT_EQ(reader.read("a APPEND x ~{5}", true), Outcome::Steps);
  EXPECT_TRUE(reader.steps()[1].binary);
  ASSERT_EQ(reader.read(" (\\Seen) {6+}", true), Outcome::Steps);
  EXPECT_FALSE(reader.steps()[2].binary);
  EXPECT_EQ(read_all({"a APPEND ~{5+}", ""}), "error: Syntax error");
}
TEST(AppendReader, reads_messages_put_together) {
  EXPECT_EQ(read_all({"a APPEND x (\\Seen) CATENATE (URL \"/x/;UID=1/;section=HEADER\" TEXT {5}", " URL {3+}",
                      " URL {3+}\r\n/y) TEXT ~{6}", ")"}),
            "message url:/x/;UID=1/;section=HEADER literal:5 argument url:/y) literal:6 done ");
  EXPECT_EQ(read_all({"a APPEND x CATENATE (URL a URL b)"}), "message url:a url:b done ");
  EXPECT_EQ(read_all({"a APPEND x CATENATE (URL a) (\\Seen) {3}", " CATENATE (TEXT {4}", ") catenate (url z)"}),
            "message url:a done message literal:3 done message literal:4 done message url:z done ");
  for (const char* text : {"a APPEND x CATENATE ()", "a APPEND x CATENATE (URL)", "a APPEND x CATENATE (URL a",
                           "a APPEND x CATENATE (a)", "a APPEND x CATENATE URL a", "a APPEND x CATENATE (URL a) ",
                           "a APPEND x CATENATE (URL a ) x", "a APPEND x CATENATE(URL a)"})
    EXPECT_THAT(read_all({text}), testing::HasSubstr("error: ")) << text;
  EXPECT_THAT(read_all({"a APPEND x CATENATE (TEXT {1}", ""}), testing::HasSubstr("error: "));
  EXPECT_THAT(read_all({"a APPEND x CATENATE ({1}", ")"}), testing::HasSubstr("error: "));
}
TEST(AppendReader, reads_replace) {
  AppendReader reader;
  EXPECT_EQ(read_all({"a REPLACE 4 Drafts (\\Seen) {312}", ""}, reader), "message literal:312 done ");
  EXPECT_FALSE(reader.replaced()->uid);
  EXPECT_EQ(reader.replaced()->number, 4u);
  EXPECT_EQ(reader.mailbox(), "Drafts");
  AppendReader by_uid;
  EXPECT_EQ(read_all({"a uid replace * {6}", "a uid replace * {6}\r\nDrafts CATENATE (TEXT {7}", " URL a)"}, by_uid),
            "argument message literal:7 url:a done ");
  EXPECT_TRUE(by_uid.replaced()->uid);
  EXPECT_EQ(by_uid.replaced()->number, SequenceSet::kStar);
  EXPECT_EQ(read_all({"a REPLACE 4 x {1}", " {1}", ""}), "message literal:1 error: REPLACE takes one message");
  for (const char* text : {"a REPLACE 0 x {1}", "a REPLACE x {1}", "a REPLACE 1:2 x {1}", "a UID APPEND x {1}",
                           "a UID 1 x {1}", "a REPLACE $ x {1}"})
    EXPECT_THAT(read_all({text, ""}), testing::StartsWith("error: ")) << text;
  EXPECT_TRUE(is_append("a UID REPLACE 4 x {3}"));
  EXPECT_TRUE(is_append("a replace 4"));
  EXPECT_FALSE(is_append("a UID FETCH 4"));
}
TEST(AppendReader, many_messages_in_one_line_take_no_stack) {
  std::string line = "a APPEND x";
  for (int i = 0; i < 3000; ++i) line += " CATENATE (URL a)";
  AppendReader reader;
  EXPECT_EQ(reader.read(line, false), Outcome::Steps);
  EXPECT_EQ(reader.steps().size(), 9000u);
}
TEST(AppendReader, sizes_beyond_64_bits_are_just_large) {
  EXPECT_EQ(read_all({"a APPEND x {99999999999999999999999+}", ""}), "message literal:18446744073709551615 done ");
}
TEST(AppendReader, refuses_wrong_syntax) {
  for (const char* text :
       {"a APPEND x (\\Foo) {1}", "a APPEND x \"1-Jan\" {1}", "a APPEND x y {1}", "a APPEND x  {1}", "a APPEND x{1}",
        "a APPEND x (\\Seen){1}", "a APPEND x {+}", "a APPEND x CATENATE {1}", "a APPENDX x {1}", "+ APPEND x {1}"})
    EXPECT_TRUE(read_all({text, ""}).starts_with("error: ")) << text;
  for (const char* text : {"a APPEND x", "a APPEND x {1}", "a APPEND", "a APPEND x (\\Seen)", "a APPEND {1}"})
    EXPECT_TRUE(read_all({text}).starts_with("error: ")) << text;
  EXPECT_EQ(read_all({"a APPEND x {1}", "x"}), "message literal:1 error: Syntax error");
  EXPECT_EQ(read_all({"a APPEND x {1}", " (\\Seen)"}), "message literal:1 error: Syntax error");
  EXPECT_EQ(read_all({"a APPEND x {1}", "{1}", ""}), "message literal:1 error: Syntax error");
}
TEST(AppendReader, a_name_that_cannot_be_is_well_formed) {
  AppendReader reader;
  EXPECT_EQ(reader.read("a APPEND &Jjo! {3}", true), Outcome::Error);
  EXPECT_TRUE(reader.error().well_formed);
  EXPECT_EQ(reader.tag(), "a");
}
TEST(AppendReader, knows_the_command_by_its_name) {
  EXPECT_TRUE(is_append("a append x"));
  EXPECT_FALSE(is_append("a APPENDLIMIT x"));
  EXPECT_FALSE(is_append("APPEND x"));
}

}  // namespace
}  // namespace bz::imap

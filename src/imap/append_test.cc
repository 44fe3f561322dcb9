#include "imap/append.h"

#include <gtest/gtest.h>

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

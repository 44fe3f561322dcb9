#include "pop3/response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "pop3/capability.h"

namespace bz::pop3 {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string stuffed(const std::vector<std::string_view>& pieces) {
  DotStuffer stuffer;
  std::string out;
  for (auto piece : pieces) stuffer.add(piece, out);
  stuffer.finish(out);
  return out;
}

TEST(DotStuffer, dots_at_line_starts_are_doubled_however_the_message_is_cut) {
  struct Case {
    std::string_view message, wire;
  };
  const Case cases[] = {
      {"", ".\r\n"},
      {"a\r\n", "a\r\n.\r\n"},
      {"a", "a\r\n.\r\n"},
      {".", "..\r\n.\r\n"},
      {".\r\n", "..\r\n.\r\n"},
      {"..\r\n.\r\n", "...\r\n..\r\n.\r\n"},
      {"a.b\r\n.c\r\n\r\n.\r\n", "a.b\r\n..c\r\n\r\n..\r\n.\r\n"},
      {"a\n.\nb\n", "a\n..\nb\n\r\n.\r\n"},  // LF alone
      {"a\r.\r", "a\r.\r\r\n.\r\n"},         // CR alone begins no line
      {"a\n", "a\n\r\n.\r\n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(stuffed({c.message}), c.wire) << c.message;
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < c.message.size(); ++i) bytes.push_back(c.message.substr(i, 1));
    EXPECT_EQ(stuffed(bytes), c.wire) << c.message;
    for (size_t i = 0; i <= c.message.size(); ++i)
      EXPECT_EQ(stuffed({c.message.substr(0, i), c.message.substr(i)}), c.wire) << c.message << " cut at " << i;
  }
}

std::string top(uint32_t lines, const std::vector<std::string_view>& pieces) {
  TopFilter filter(lines);
  std::string out;
  for (auto piece : pieces) {
    if (filter.done()) break;
    out += filter.take(piece);
  }
  return out;
}

TEST(TopFilter, gives_the_header_the_empty_line_and_so_many_lines) {
  struct Case {
    std::string_view message;
    uint32_t lines;
    std::string_view out;
  };
  const Case cases[] = {
      {"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n", 0, "A: 1\r\nB: 2\r\n\r\n"},
      {"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n", 1, "A: 1\r\nB: 2\r\n\r\none\r\n"},
      {"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n", 9, "A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n"},
      {"A: 1\r\n\r\n\r\n\r\nx", 2, "A: 1\r\n\r\n\r\n\r\n"},
      {"\r\nno header\r\n", 0, "\r\n"},
      {"A: 1\n\nbody\nmore\n", 1, "A: 1\n\nbody\n"},
      {"A: 1\r\r\nB: 2\r\n\r\nbody", 0, "A: 1\r\r\nB: 2\r\n\r\n"},
      {"\r\r\nA: 1\r\n\r\nbody", 0, "\r\r\nA: 1\r\n\r\n"},
      {"A: no empty line", 5, "A: no empty line"},
      {"", 5, ""},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(top(c.lines, {c.message}), c.out) << c.message;
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < c.message.size(); ++i) bytes.push_back(c.message.substr(i, 1));
    EXPECT_EQ(top(c.lines, bytes), c.out) << c.message;
    for (size_t i = 0; i <= c.message.size(); ++i)
      EXPECT_EQ(top(c.lines, {c.message.substr(0, i), c.message.substr(i)}), c.out) << c.message << " cut at " << i;
  }
}

TEST(Response, one_line_with_or_without_a_code) {
  std::string out;
  ok(out, "fine");
  err(out, "wrong");
  err(out, "somebody else is in", kInUse);
  EXPECT_EQ(out, "+OK fine\r\n-ERR wrong\r\n-ERR [IN-USE] somebody else is in\r\n");
}

TEST(Response, language_is_english_by_any_name_and_nothing_else) {
  std::string out;
  language(out, "");
  EXPECT_EQ(out, "+OK Languages follow\r\nen English\r\n.\r\n");
  for (std::string_view range : {"*", "en", "EN"}) {
    out.clear();
    language(out, range);
    EXPECT_THAT(out, testing::StartsWith("+OK en ")) << range;
  }
  for (std::string_view range : {"de", "en-GB", "x", "e"}) {
    out.clear();
    language(out, range);
    EXPECT_THAT(out, testing::StartsWith("-ERR ")) << range;
  }
}

TEST(Capabilities, say_what_the_listener_and_tls_allow) {
  std::string out;
  capabilities(out, {.stls = true, .mechanisms = {}});
  EXPECT_EQ(out,
            "+OK Capabilities follow\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"
            "LOGIN-DELAY 0\r\nUTF8 USER\r\nLANG\r\nIMPLEMENTATION buzon\r\nSTLS\r\n.\r\n");
  out.clear();
  capabilities(out, {.mechanisms = {"PLAIN", "APOP", "SCRAM-SHA-256"}});
  EXPECT_THAT(out, HasSubstr("\r\nUSER\r\nSASL PLAIN SCRAM-SHA-256\r\n.\r\n"));
  EXPECT_THAT(out, Not(HasSubstr("STLS")));
  out.clear();
  capabilities(out, {.mechanisms = {"APOP"}});
  EXPECT_THAT(out, Not(HasSubstr("SASL")));
  EXPECT_THAT(out, Not(HasSubstr("\r\nUSER")));
}

}  // namespace
}  // namespace bz::pop3

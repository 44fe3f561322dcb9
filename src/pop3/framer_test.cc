#include "pop3/framer.h"

#include <gtest/gtest.h>

#include <vector>

namespace bz::pop3 {
namespace {

using Kind = Framer::Kind;

std::vector<std::string> drive(const std::vector<std::string_view>& pieces, Framer::Limits limits = {}) {
  Framer framer(limits);
  std::vector<std::string> events;
  for (auto piece : pieces) {
    for (auto e = framer.next(piece); e.kind != Kind::NeedMore; e = framer.next(piece)) {
      if (e.kind == Kind::Overrun) {
        events.emplace_back("overrun");
        return events;
      }
      events.push_back((e.kind == Kind::Line ? "line:" : "bad:") + std::string(e.bytes));
    }
  }
  return events;
}

// Cut in two at every place, and byte by byte: always the same.
void expect_however_cut(std::string_view text, const std::vector<std::string>& expected, Framer::Limits limits = {}) {
  EXPECT_EQ(drive({text}, limits), expected);
  for (size_t i = 1; i < text.size(); ++i)
    EXPECT_EQ(drive({text.substr(0, i), text.substr(i)}, limits), expected) << "cut at " << i;
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  EXPECT_EQ(drive(bytes, limits), expected);
}

TEST(Pop3Framer, lines_end_with_crlf_or_lf_however_they_are_cut) {
  expect_however_cut("STAT\r\nUIDL\nRETR 1\r\n\r\nQU", {"line:STAT", "line:UIDL", "line:RETR 1", "line:"});
}

TEST(Pop3Framer, cr_and_nul_within_a_line_make_it_bad_and_the_next_is_good) {
  expect_however_cut(
      std::string_view("A\rB\r\nC\0D\r\nNOOP\r\n\r\r\n", 20),
      {"bad:CR or NUL within a line", "bad:CR or NUL within a line", "line:NOOP", "bad:CR or NUL within a line"});
}

TEST(Pop3Framer, a_line_of_exactly_the_limit_is_good_and_a_longer_one_is_thrown_away) {
  const Framer::Limits limits{.line = 10, .auth_line = 20, .max_discard = 50};
  expect_however_cut("12345678\r\nNOOP\r\n", {"line:12345678", "line:NOOP"}, limits);
  expect_however_cut("123456789\r\nNOOP\r\n", {"bad:Line too long", "line:NOOP"}, limits);
  expect_however_cut(std::string(40, 'x') + "\r\nNOOP\r\n", {"bad:Line too long", "line:NOOP"}, limits);
  expect_however_cut(std::string(61, 'x') + "\r\nNOOP\r\n", {"overrun"}, limits);
  expect_however_cut(std::string(1000, 'x'), {"overrun"}, limits);
}

TEST(Pop3Framer, an_auth_line_may_be_longer) {
  const Framer::Limits limits{.line = 10, .auth_line = 20, .max_discard = 50};
  Framer framer(limits);
  framer.allow_auth_line(true);
  std::string_view in = "123456789012345678\r\n1234567890123456789\r\n";
  EXPECT_EQ(framer.next(in).kind, Kind::Line);
  EXPECT_EQ(framer.next(in).kind, Kind::BadLine);
  framer.allow_auth_line(false);
  in = "123456789\r\n";
  EXPECT_EQ(framer.next(in).kind, Kind::BadLine);
}

TEST(Pop3Framer, reset_forgets_half_a_line) {
  Framer framer(Framer::Limits{});
  std::string_view in = "USER evil";
  EXPECT_EQ(framer.next(in).kind, Kind::NeedMore);
  framer.reset();
  in = "NOOP\r\n";
  EXPECT_EQ(framer.next(in).bytes, "NOOP");
}

}  // namespace
}  // namespace bz::pop3

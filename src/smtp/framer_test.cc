#include "smtp/framer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bz::smtp {
namespace {

using Kind = Framer::Kind;

// What came out, with neighbouring chunks joined: independent of how the input was cut.
struct Log {
  std::vector<std::string> events;
  bool in_data = false;
  void add(const Framer::Event& e) {
    switch (e.kind) {
      case Kind::Line:
        events.push_back("line:" + std::string(e.bytes));
        break;
      case Kind::BadLine:
        events.push_back("bad:" + std::to_string(static_cast<int>(e.fault)));
        break;
      case Kind::Chunk:
        if (events.empty() || !events.back().starts_with("data:")) events.push_back("data:");
        events.back() += e.bytes;
        break;
      case Kind::End:
        events.push_back("end:" + std::to_string(static_cast<int>(e.fault)));
        break;
      case Kind::NeedMore:
        break;
    }
  }
};

// A little server: "DATA" switches to data, "BDAT n [LAST]" to a chunk.
std::vector<std::string> drive(const std::vector<std::string_view>& pieces, Framer::Limits limits = {}) {
  Framer framer(limits);
  Log log;
  for (auto piece : pieces) {
    for (auto e = framer.next(piece); e.kind != Kind::NeedMore; e = framer.next(piece)) {
      log.add(e);
      if (e.kind != Kind::Line) continue;
      if (e.bytes == "DATA") framer.expect_data();
      if (e.bytes == "MAIL") framer.begin_message();
      if (e.bytes.starts_with("BDAT ")) {
        framer.expect_bdat(std::stoull(std::string(e.bytes.substr(5))), e.bytes.ends_with("LAST"));
      }
    }
  }
  return log.events;
}

std::vector<std::string> whole(std::string_view text, Framer::Limits limits = {}) { return drive({text}, limits); }

// Cut in two at every place, and byte by byte: always the same.
void expect_same_however_cut(std::string_view text, Framer::Limits limits = {}) {
  const auto expected = whole(text, limits);
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_EQ(drive({text.substr(0, i), text.substr(i)}, limits), expected) << "cut at " << i << " of " << text;
    bytes.push_back(text.substr(i, 1));
  }
  EXPECT_EQ(drive(bytes, limits), expected) << "byte by byte: " << text;
}

using V = std::vector<std::string>;
const std::string kEndBare = "end:" + std::to_string(static_cast<int>(Fault::BareNewline));
const std::string kBadBare = "bad:" + std::to_string(static_cast<int>(Fault::BareNewline));

TEST(Framer, CutsPipelinedCommandsAndData) {
  const std::string_view text = "EHLO a\r\n\r\nDATA\r\nA: b\r\n\r\n..c\r\n.d\r\n\r\n.\r\nQUIT\r\n";
  EXPECT_EQ(whole(text),
            (V{"line:EHLO a", "line:", "line:DATA", "data:A: b\r\n\r\n.c\r\nd\r\n\r\n", "end:0", "line:QUIT"}));
  expect_same_however_cut(text);
}

TEST(Framer, EmptyMessageEndsAtOnce) {
  EXPECT_EQ(whole("DATA\r\n.\r\nNOOP\r\n"), (V{"line:DATA", "end:0", "line:NOOP"}));
  expect_same_however_cut("DATA\r\n.\r\nNOOP\r\n");
}

// Every known way to end a message for one server and not for another (SEC Consult 2023, RFC 5321 4.1.1.4). None of them
// ends it here; the smuggled commands stay content, the true end comes at the end, and the message is refused.
TEST(Framer, SmuggledEndsAreContentOfARefusedMessage) {
  const std::vector<std::pair<const char*, std::string>> variants = {
      {"LF . CRLF", "\n.\r\n"},
      {"LF . LF", "\n.\n"},
      {"LF . CR", "\n.\r"},
      {"CR . CRLF", "\r.\r\n"},
      {"CR . CR", "\r.\r"},
      {"CR . LF", "\r.\n"},
      {"CRLF . LF", "\r\n.\n"},
      {"CRLF . CR", "\r\n.\r"},
      {"CRLF . CR CRLF", "\r\n.\r\r\n"},
      {"CR CRLF . CR CRLF", "\r\r\n.\r\r\n"},
      {"CRLF . CR . CRLF", "\r\n.\r.\r\n"},
      {"LF CRLF . CRLF CR", "\n\r\n.\r"},
      {"CRLF . NUL LF", std::string("\r\n.\0\n", 5)},
      {"CRLF NUL . LF", std::string("\r\n\0.\n", 5)},
      {"LF LF . LF LF", "\n\n.\n\n"},
  };
  for (const auto& [name, end] : variants) {
    const std::string text = "DATA\r\nhello" + end + "MAIL FROM:<evil@a>\r\nRCPT TO:<b@c>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n";
    const auto events = whole(text);
    ASSERT_GE(events.size(), 3u) << name;
    const std::string nul = "end:" + std::to_string(static_cast<int>(Fault::BadByte));
    EXPECT_EQ(events[events.size() - 2], end.find('\0') == end.npos ? kEndBare : nul) << name;
    EXPECT_EQ(events.back(), "line:NOOP") << name;
    for (const auto& e : events) EXPECT_NE(e, "line:MAIL FROM:<evil@a>") << name;
    expect_same_however_cut(text);
  }
}

TEST(Framer, NulBetweenDotAndCrlfIsNoEndAndRefusesTheMessage) {
  using namespace std::string_literals;
  const std::string bad = "end:" + std::to_string(static_cast<int>(Fault::BadByte));
  const auto text = "DATA\r\na\r\n.\0\r\nb\r\n.\r\nNOOP\r\n"s;
  EXPECT_EQ(whole(text), (V{"line:DATA", "data:a\r\n", bad, "line:NOOP"}));
  expect_same_however_cut("DATA\r\n\0\r\n.\r\nNOOP\r\n"s);
}

TEST(Framer, BareNewlinesInCommandLinesAreRefusedAndKeepStep) {
  EXPECT_EQ(whole("EHLO a\nMAIL FROM:<x@y>\r\nNOOP\r\n"), (V{kBadBare, "line:NOOP"}));
  EXPECT_EQ(whole("EHLO a\rb\r\nNOOP\r\n"), (V{kBadBare, "line:NOOP"}));
  EXPECT_EQ(whole("EHLO a\r\r\nNOOP\r\n"), (V{kBadBare, "line:NOOP"}));
  expect_same_however_cut("EHLO a\nMAIL\r\rx\r\r\nNOOP\r\n");
}

TEST(Framer, NulInACommandLineIsRefused) {
  EXPECT_EQ(whole(std::string_view("NO\0OP\r\nNOOP\r\n", 13)),
            (V{"bad:" + std::to_string(static_cast<int>(Fault::BadByte)), "line:NOOP"}));
}

TEST(Framer, LongLinesAreRefusedAtTheLimitWithCrlf) {
  Framer::Limits limits;
  limits.line = 10;
  EXPECT_EQ(whole("12345678\r\n", limits), (V{"line:12345678"}));
  const std::string bad = "bad:" + std::to_string(static_cast<int>(Fault::TooLong));
  EXPECT_EQ(whole("123456789\r\nNOOP\r\n", limits), (V{bad, "line:NOOP"}));
  EXPECT_EQ(whole(std::string(100'000, 'x') + "\r\nNOOP\r\n", limits), (V{bad, "line:NOOP"}));
  Framer framer(limits);
  framer.allow_auth_line(true);
  std::string_view in = "12345678901\r\n";
  EXPECT_EQ(framer.next(in).kind, Kind::Line);
}

TEST(Framer, TooLargeMessageIsReadToItsEnd) {
  Framer::Limits limits;
  limits.max_message = 10;
  const std::string too_large = "end:" + std::to_string(static_cast<int>(Fault::TooLarge));
  EXPECT_EQ(whole("DATA\r\n12345678\r\n.\r\n", limits), (V{"line:DATA", "data:12345678\r\n", "end:0"}));
  EXPECT_EQ(whole("DATA\r\n1234567890\r\n.\r\nNOOP\r\n", limits).back(), "line:NOOP");
  EXPECT_EQ(whole("DATA\r\n1234567890\r\n.\r\n", limits).back(), too_large);
  EXPECT_EQ(whole("BDAT 11 LAST\r\n123456789\r\n", limits).back(), too_large);
}

TEST(Framer, SenderThatDoesNotStopIsOverrun) {
  Framer::Limits limits;
  limits.max_message = 10;
  limits.max_discard = 100;
  const std::string overrun = "end:" + std::to_string(static_cast<int>(Fault::Overrun));
  for (const char* unit : {"x", "\n", "\r", "\r\n", ".\r"}) {
    std::string text = "DATA\r\n";
    for (int i = 0; i < 500; ++i) text += unit;
    Framer framer(limits);
    std::string_view in = text;
    Log log;
    for (auto e = framer.next(in); e.kind != Kind::NeedMore; e = framer.next(in)) {
      log.add(e);
      if (e.kind == Kind::Line) framer.expect_data();
      if (e.kind == Kind::End) break;
    }
    EXPECT_EQ(log.events.back(), overrun) << unit;
  }
}

TEST(Framer, BdatCountsBytesAndNothingElse) {
  const std::string_view text = "MAIL\r\nBDAT 9\r\na\r\n.\r\nb\r\nBDAT 0\r\nBDAT 4 LAST\r\n.\r\nc\r\n";
  const auto events = whole("MAIL\r\nBDAT 7\r\na\r\n.\r\nbBDAT 0\r\nBDAT 2 LAST\r\n\r\nQUIT\r\n");
  EXPECT_EQ(events, (V{"line:MAIL", "line:BDAT 7", "data:a\r\n.\r\nb", "end:0", "line:BDAT 0", "end:0", "line:BDAT 2 LAST",
                       "data:\r\n", "end:0", "line:QUIT"}));
  expect_same_however_cut(text);
}

TEST(Framer, BdatSeesNewlinesAcrossChunks) {
  EXPECT_EQ(whole("MAIL\r\nBDAT 2\r\na\rBDAT 1 LAST\r\n\n").back(), "end:0") << "CR | LF is a CRLF";
  EXPECT_EQ(whole("MAIL\r\nBDAT 2\r\na\rBDAT 1 LAST\r\nb").back(), kEndBare);
  EXPECT_EQ(whole("MAIL\r\nBDAT 2 LAST\r\na\r").back(), kEndBare);
  EXPECT_EQ(whole("MAIL\r\nBDAT 2\r\na\nBDAT 1 LAST\r\nb").back(), kEndBare) << "a fault stays for the whole message";
}

TEST(Framer, ChunksAreViewsNotCopies) {
  Framer framer({});
  framer.expect_data();
  const std::string line(100'000, 'x');
  std::string_view in = line;
  const auto event = framer.next(in);
  EXPECT_EQ(event.bytes.data(), line.data());
  EXPECT_EQ(event.bytes.size(), line.size());
}

TEST(DotStuffer, RoundTripsThroughTheFramer) {
  const std::string message = ".\r\n..\r\n.a\r\nb.\r\n\r\n.\r\nend\r\n";
  for (size_t cut = 0; cut <= message.size(); ++cut) {
    DotStuffer stuffer;
    std::string wire = "DATA\r\n";
    stuffer.add(std::string_view(message).substr(0, cut), wire);
    stuffer.add(std::string_view(message).substr(cut), wire);
    stuffer.finish(wire);
    EXPECT_EQ(whole(wire), (V{"line:DATA", "data:" + message, "end:0"})) << cut;
  }
}

TEST(DotStuffer, CompletesTheLastLineAndNeverSendsBareNewlines) {
  const auto stuff = [](std::string_view text) {
    DotStuffer stuffer;
    std::string out;
    stuffer.add(text, out);
    stuffer.finish(out);
    return out;
  };
  EXPECT_EQ(stuff(""), ".\r\n");
  EXPECT_EQ(stuff("a"), "a\r\n.\r\n");
  EXPECT_EQ(stuff("a\n.\nb\r.\r"), "a\r\n..\r\nb\r\n..\r\n.\r\n");
}

}  // namespace
}  // namespace bz::smtp

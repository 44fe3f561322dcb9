#include "imap/framer.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace bz::imap {
namespace {

using Kind = Framer::Kind;

// What came out, as text: one line per event. Literals of APPEND are accepted up to 1000 octets, as arguments when they
// stand where the mailbox or a URL does; chunks are joined.
class Session {
 public:
  explicit Session(Framer::Limits limits = {}) : framer_(limits) {}
  void give(std::string_view bytes) {
    framer_.feed(bytes);
    for (;;) {
      Framer::Event e = framer_.next();
      if (e.kind == Kind::NeedMore) return;
      if (e.kind == Kind::AppendChunk) {
        chunks_ += e.text;
        continue;
      }
      log_.push_back(describe(e));
      if (e.kind == Kind::Fatal) return;
    }
  }
  Framer& framer() { return framer_; }
  const std::vector<std::string>& log() const { return log_; }
  bool fatal() const { return !log_.empty() && log_.back().starts_with("fatal"); }

 private:
  std::string describe(const Framer::Event& e) {
    switch (e.kind) {
      case Kind::Command:
        return std::string(e.text);
      case Kind::Continue:
        return "+";
      case Kind::AppendLiteral: {
        const size_t url = e.text.rfind("URL {"), text = e.text.rfind("TEXT {");
        const bool at_url = url != e.text.npos && (text == e.text.npos || url > text);
        const bool argument = at_url || e.text.ends_with("APPEND {4}");
        std::string line =
            said() + (argument ? "argument " : "append ") + std::string(e.text) + (e.sync ? " sync" : " nonsync");
        if (argument && framer_.accept_argument()) return line;
        if (argument) framer_.refuse_append(5000);
        if (argument) return line + " refused";
        if (e.size <= 1000)
          framer_.accept_append();
        else
          framer_.refuse_append(5000);
        return line;
      }
      case Kind::AppendEnd:
        return said() + "end" + std::string(e.text);
      case Kind::Refused:
        return "refused " + std::string(e.tag) + " " + std::string(e.text);
      default:
        return "fatal " + std::string(e.text);
    }
  }
  std::string said() { return chunks_.empty() ? "" : "<" + std::exchange(chunks_, {}) + "> "; }
  Framer framer_;
  std::vector<std::string> log_;
  std::string chunks_;
};

using Log = std::vector<std::string>;

Log all_at_once(std::string_view bytes, Framer::Limits limits = {}) {
  Session run(limits);
  run.give(bytes);
  return run.log();
}

void expect_same_at_every_split(std::string_view bytes, const Log& expected, Framer::Limits limits = {}) {
  EXPECT_EQ(all_at_once(bytes, limits), expected);
  Session slow(limits);
  for (char c : bytes) slow.give(std::string_view(&c, 1));
  EXPECT_EQ(slow.log(), expected) << "byte by byte";
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    Session run(limits);
    run.give(bytes.substr(0, cut));
    run.give(bytes.substr(cut));
    ASSERT_EQ(run.log(), expected) << "cut at " << cut;
  }
}

TEST(Framer, cuts_pipelined_commands_at_every_split) {
  expect_same_at_every_split("DONE\r\nL67 UID MOVE 112:113 \"Deleted Items\"\r\nL68 UID FETCH 9 (FLAGS)\r\n",
                             {"DONE", "L67 UID MOVE 112:113 \"Deleted Items\"", "L68 UID FETCH 9 (FLAGS)"});
}
TEST(Framer, keeps_literals_in_place) {
  expect_same_at_every_split("a LOGIN {4}\r\nu\r\nx {3+}\r\np w\r\nb NOOP\r\n",
                             {"+", "a LOGIN {4}\r\nu\r\nx {3+}\r\np w", "b NOOP"});
  expect_same_at_every_split("a SEARCH TEXT {0}\r\n\r\n", {"+", "a SEARCH TEXT {0}\r\n"});
}
TEST(Framer, a_lone_lf_ends_a_line_and_a_lone_cr_does_not) {
  expect_same_at_every_split("a NOOP\nb NOOP\rX\r\nc LOGIN {1}\nu p\n", {"a NOOP", "b NOOP\rX", "+", "c LOGIN {1}\nu p"});
}
TEST(Framer, empty_lines_are_no_commands) { expect_same_at_every_split("\r\n\na NOOP\r\n\r\n", {"a NOOP"}); }
TEST(Framer, a_brace_inside_an_atom_is_no_literal) {
  EXPECT_EQ(all_at_once("a LOGIN u pass{5}\r\nb NOOP\r\n"), (Log{"a LOGIN u pass{5}", "b NOOP"}));
}

TEST(Framer, streams_the_message_of_append) {
  expect_same_at_every_split("g APPEND Sent (\\Seen) {8}\r\nA: b\r\n\r\n\r\nh APPEND {4}\r\nSent {3+}\r\nabc\r\ni NOOP\r\n",
                             {"append g APPEND Sent (\\Seen) {8} sync", "<A: b\r\n\r\n> end", "argument h APPEND {4} sync",
                              "append h APPEND {4}\r\nSent {3+} nonsync", "<abc> end", "i NOOP"});
}
TEST(Framer, streams_one_message_after_the_other) {
  expect_same_at_every_split(
      "g APPEND Sent {3}\r\nabc (\\Seen) {4+}\r\ndefg {0}\r\n\r\nh NOOP\r\n",
      {"append g APPEND Sent {3} sync", "<abc> append  (\\Seen) {4+} nonsync", "<defg> append  {0} sync", "end", "h NOOP"});
}
TEST(Framer, keeps_arguments_between_messages_in_the_text) {
  expect_same_at_every_split(
      "g APPEND Sent CATENATE (TEXT {3}\r\nabc URL {5+}\r\n/a;UI URL {2}\r\n/b TEXT {1}\r\nz)\r\n",
      {"append g APPEND Sent CATENATE (TEXT {3} sync", "<abc> argument  URL {5+} nonsync",
       "argument  URL {5+}\r\n/a;UI URL {2} sync", "append  URL {5+}\r\n/a;UI URL {2}\r\n/b TEXT {1} sync", "<z> end)"});
}
TEST(Framer, an_empty_message_is_a_message) {
  expect_same_at_every_split("g APPEND Sent {0}\r\n\r\nh NOOP\r\n", {"append g APPEND Sent {0} sync", "end", "h NOOP"});
}
TEST(Framer, refused_synchronizing_message_sends_no_octets) {
  expect_same_at_every_split("g APPEND Sent {2000}\r\nh NOOP\r\n", {"append g APPEND Sent {2000} sync", "h NOOP"});
}
TEST(Framer, refused_non_synchronizing_message_is_skipped) {
  std::string message(2000, 'x');
  expect_same_at_every_split("g APPEND Sent {2000+}\r\n" + message + "\r\nh NOOP\r\n",
                             {"append g APPEND Sent {2000+} nonsync", "h NOOP"});
}
TEST(Framer, refused_message_larger_than_the_drain_is_fatal) {
  Log log = all_at_once("g APPEND Sent {234310148+}\r\nxxxxxxxxxxx\r\nh NOOP\r\n");
  ASSERT_EQ(log.size(), 2u);
  EXPECT_TRUE(log[1].starts_with("fatal"));
}
TEST(Framer, sizes_beyond_64_bits_are_just_large) {
  Log log = all_at_once("g APPEND Sent {99999999999999999999999}\r\nh NOOP\r\n");
  EXPECT_EQ(log, (Log{"append g APPEND Sent {99999999999999999999999} sync", "h NOOP"}));
  EXPECT_EQ(all_at_once("g LOGIN {99999999999999999999999}\r\nh NOOP\r\n"),
            (Log{"refused g [TOOBIG] Literal too large", "h NOOP"}));
}
TEST(Framer, the_text_behind_the_message_belongs_to_the_command) {
  expect_same_at_every_split("g APPEND Sent {3}\r\nabc x\r\nh NOOP\r\n",
                             {"append g APPEND Sent {3} sync", "<abc> end x", "h NOOP"});
}
TEST(Framer, a_later_message_that_is_refused_ends_the_command) {
  expect_same_at_every_split("g APPEND Sent {3}\r\nabc {2000}\r\nh NOOP\r\n",
                             {"append g APPEND Sent {3} sync", "<abc> append  {2000} sync", "h NOOP"});
  expect_same_at_every_split("g APPEND Sent {3}\r\nabc {2000+}\r\n" + std::string(2000, 'x') + " {3+}\r\nxyz\r\nh NOOP\r\n",
                             {"append g APPEND Sent {3} sync", "<abc> append  {2000+} nonsync", "h NOOP"});
}
TEST(Framer, the_text_of_append_has_the_limits_of_commands) {
  Framer::Limits limits{.line = 100, .literal = 20, .command = 150, .drain = 500};
  const Log log = all_at_once("g APPEND x {3}\r\nabc " + std::string(200, 'y') + "\r\nh NOOP\r\n", limits);
  EXPECT_EQ(log, (Log{"append g APPEND x {3} sync", "refused * Command line too long", "h NOOP"}));
  EXPECT_EQ(all_at_once("g APPEND x {3}\r\nabc URL {21}\r\nh NOOP\r\n", limits),
            (Log{"append g APPEND x {3} sync", "<abc> argument  URL {21} sync refused", "h NOOP"}));
}
TEST(Framer, too_long_a_line_is_refused_with_its_tag_and_skipped) {
  Framer::Limits limits{.line = 100, .literal = 20, .command = 150, .drain = 500};
  std::string line = "t1 SEARCH " + std::string(300, 'x');
  Session run(limits);
  for (char c : line + "\r\nt2 NOOP\r\n") run.give(std::string_view(&c, 1));
  EXPECT_EQ(run.log(), (Log{"refused t1 Command line too long", "t2 NOOP"}));
  EXPECT_EQ(all_at_once(line + "\r\nt2 NOOP\r\n", limits), run.log());
}
TEST(Framer, an_endless_line_is_fatal) {
  Framer::Limits limits{.line = 100, .literal = 20, .command = 150, .drain = 500};
  Session run(limits);
  for (int i = 0; i < 2000 && !run.fatal(); ++i) run.give("x");
  EXPECT_TRUE(run.fatal());
  EXPECT_LT(run.framer().buffered(), 200u);
}
TEST(Framer, too_large_literals_are_refused) {
  Framer::Limits limits{.line = 100, .literal = 20, .command = 60, .drain = 500};
  expect_same_at_every_split("a LOGIN {21}\r\nb NOOP\r\n", {"refused a [TOOBIG] Literal too large", "b NOOP"}, limits);
  std::string octets(30, 'y');
  expect_same_at_every_split("a LOGIN {30+}\r\n" + octets + " {5+}\r\nabcde\r\nb NOOP\r\n",
                             {"refused a [TOOBIG] Literal too large", "b NOOP"}, limits);
  expect_same_at_every_split("a LOGIN {20}\r\n" + std::string(20, 'u') + " {20}\r\nb NOOP\r\n",
                             {"+", "refused a [TOOBIG] Literal too large", "b NOOP"}, limits);
  EXPECT_TRUE(all_at_once("a LOGIN {600+}\r\n", limits).back().starts_with("fatal"));
}
TEST(Framer, literals_that_do_not_wait_may_have_a_limit_of_their_own) {
  Framer::Limits limits{.line = 100, .literal = 20, .non_sync = 5, .command = 150, .drain = 500};
  expect_same_at_every_split("a LOGIN {5+}\r\nhello {6}\r\nworlds\r\nb NOOP\r\n",
                             {"+", "a LOGIN {5+}\r\nhello {6}\r\nworlds", "b NOOP"}, limits);
  expect_same_at_every_split("a LOGIN {6+}\r\nhello! x\r\nb NOOP\r\n", {"refused a [TOOBIG] Literal too large", "b NOOP"},
                             limits);
}
TEST(Framer, plain_lines_know_no_literals) {
  Framer framer;
  framer.set_plain_lines(true);
  framer.feed("x {5}\r\n\r\nDONE\r\n");
  EXPECT_EQ(framer.next().text, "x {5}");
  EXPECT_EQ(framer.next().text, "");
  framer.set_plain_lines(false);
  EXPECT_EQ(framer.next().text, "DONE");
  EXPECT_EQ(framer.next().kind, Kind::NeedMore);
}
TEST(Framer, hands_over_what_it_did_not_consume) {
  Framer framer;
  framer.feed("a NOOP\r\nb SEL");
  EXPECT_EQ(framer.next().kind, Kind::Command);
  EXPECT_EQ(framer.next().kind, Kind::NeedMore);
  EXPECT_EQ(framer.take_rest(), "b SEL");
  EXPECT_EQ(framer.buffered(), 0u);
}
TEST(Framer, a_hundred_thousand_commands_in_one_packet_take_no_quadratic_time) {
  std::string bytes;
  for (int i = 0; i < 100000; ++i) bytes += "a NOOP\r\n";
  EXPECT_EQ(all_at_once(bytes).size(), 100000u);
}

}  // namespace
}  // namespace bz::imap

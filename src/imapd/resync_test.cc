// QRESYNC (RFC 7162), SEARCHRES (RFC 5182) and PARTIAL (RFC 9394) between sessions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Resync : public testing::Test {
 public:
  World w;
  // Five messages; 2 was expunged and 4 flagged after `modseq`.
  void SetUp() override {
    w.fill(5);
    modseq = w.account->find("INBOX")->highest_modseq;
    validity = w.account->find("INBOX")->uid_validity.value();
    Client other(w);
    other.ask("s SELECT INBOX");
    other.ask("s UID STORE 2 +FLAGS.SILENT (\\Deleted)");
    other.ask("s EXPUNGE");
    other.ask("s UID STORE 4 +FLAGS.SILENT (\\Flagged)");
    other.hang_up();
  }
  std::string select(Client& c, const std::string& more) {
    return c.ask("q SELECT INBOX (QRESYNC (" + std::to_string(validity) + " " + std::to_string(modseq) + more + "))");
  }
  uint64_t modseq = 0;
  uint32_t validity = 0;
};

TEST_F(Resync, needs_enable_first) {
  Client c(w);
  EXPECT_THAT(select(c, ""), StartsWith("q BAD"));
  c.ask("s SELECT INBOX");
  EXPECT_THAT(c.ask("f UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)"), StartsWith("f BAD"));
  EXPECT_THAT(c.ask("e ENABLE QRESYNC"), StartsWith("* ENABLED QRESYNC\r\n* OK [HIGHESTMODSEQ "));
  EXPECT_THAT(c.ask("g UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)"), HasSubstr("g OK"));
}
TEST_F(Resync, select_tells_what_vanished_and_what_changed) {
  Client c(w);
  EXPECT_THAT(c.ask("e ENABLE QRESYNC"), StartsWith("* ENABLED QRESYNC\r\n"));
  std::string answer = select(c, "");
  EXPECT_THAT(answer, HasSubstr("* 4 EXISTS\r\n"));
  EXPECT_THAT(answer, HasSubstr("* VANISHED (EARLIER) 2\r\n* 3 FETCH (UID 4 FLAGS (\\Flagged) MODSEQ ("));
  EXPECT_THAT(answer, Not(HasSubstr("FETCH (UID 1 ")));
  EXPECT_LT(answer.find("EXISTS"), answer.find("VANISHED"));
}
TEST_F(Resync, only_known_uids_are_told_of) {
  Client c(w);
  c.ask("e ENABLE QRESYNC");
  EXPECT_THAT(select(c, " 1,4:5"), Not(HasSubstr("VANISHED")));
  EXPECT_THAT(select(c, " 1:3"), Not(HasSubstr("FETCH (UID 4")));
}
TEST_F(Resync, a_sample_that_still_matches_hides_what_vanished_before_it) {
  Client c(w);
  c.ask("e ENABLE QRESYNC");
  EXPECT_THAT(select(c, " 1:5 (1,2 1,3)"), Not(HasSubstr("VANISHED")));         // number 2 is UID 3: it knows
  EXPECT_THAT(select(c, " 1:5 (1,2 1,2)"), HasSubstr("VANISHED (EARLIER) 2"));  // number 2 is not UID 2
  EXPECT_THAT(select(c, " 1:5 (1,9 1,9)"), HasSubstr("VANISHED (EARLIER) 2"));
}
TEST_F(Resync, another_uidvalidity_or_no_change_tells_nothing) {
  Client c(w);
  c.ask("e ENABLE QRESYNC");
  std::string answer = c.ask("q SELECT INBOX (QRESYNC (1 1))");
  EXPECT_THAT(answer, Not(HasSubstr("VANISHED")));
  EXPECT_THAT(answer, HasSubstr("q OK [READ-WRITE]"));
  modseq = w.account->find("INBOX")->highest_modseq;
  answer = select(c, "");
  EXPECT_THAT(answer, Not(HasSubstr("VANISHED")));
  EXPECT_THAT(answer, Not(HasSubstr("FETCH")));
}
TEST_F(Resync, uid_fetch_vanished_comes_before_fetch) {
  Client c(w);
  c.ask("e ENABLE QRESYNC");
  c.ask("s SELECT INBOX");
  EXPECT_THAT(c.ask("f UID FETCH 1:* (FLAGS) (CHANGEDSINCE " + std::to_string(modseq) + " VANISHED)"),
              StartsWith("* VANISHED (EARLIER) 2\r\n* 3 FETCH (UID 4 FLAGS (\\Flagged"));
  EXPECT_THAT(c.ask("g UID FETCH 3:* (FLAGS) (CHANGEDSINCE " + std::to_string(modseq) + " VANISHED)"),
              Not(HasSubstr("VANISHED")));
}
TEST_F(Resync, expunges_are_told_as_vanished_and_changes_with_uid) {
  Client c(w), other(w);
  c.ask("e ENABLE QRESYNC");
  c.ask("s SELECT INBOX");
  other.ask("s SELECT INBOX");
  other.ask("x UID STORE 1,5 +FLAGS.SILENT (\\Deleted)");
  EXPECT_THAT(c.ask("n NOOP"), HasSubstr("* 1 FETCH (UID 1 FLAGS (\\Deleted) MODSEQ ("));
  other.ask("x EXPUNGE");
  EXPECT_THAT(c.ask("n FETCH 2 FLAGS"), Not(HasSubstr("VANISHED")));
  EXPECT_THAT(c.ask("n UID SEARCH 1:4"), Not(HasSubstr("VANISHED")));
  EXPECT_EQ(c.ask("n NOOP"), "* VANISHED 1,5\r\nn OK NOOP completed\r\n");
  EXPECT_THAT(c.ask("m UID MOVE 3 Trash"), HasSubstr("* VANISHED 3\r\nm OK"));
  c.ask("d STORE 1 +FLAGS.SILENT (\\Deleted)");
  EXPECT_THAT(c.ask("d EXPUNGE"), StartsWith("* VANISHED 4\r\nd OK [HIGHESTMODSEQ "));
}
TEST_F(Resync, a_message_expunged_during_the_resync_is_news_and_not_history) {
  Client c(w), other(w);
  c.ask("e ENABLE QRESYNC");
  c.ask("s SELECT INBOX");
  other.ask("s SELECT INBOX");
  other.ask("x UID STORE 1 +FLAGS.SILENT (\\Deleted)");
  other.ask("x EXPUNGE");
  std::string answer = c.ask("f UID FETCH 1:* (FLAGS) (CHANGEDSINCE " + std::to_string(modseq) + " VANISHED)");
  EXPECT_THAT(answer, HasSubstr("* VANISHED (EARLIER) 2\r\n"));  // 1 is still there for this client
  EXPECT_THAT(answer, HasSubstr("* VANISHED 1\r\nf OK"));
}

TEST_F(Resync, saved_results_serve_the_commands_behind) {
  Client c(w);
  c.ask("s SELECT INBOX");
  EXPECT_EQ(c.ask("a UID SEARCH RETURN (SAVE) UID 3:5"), "a OK SEARCH completed, result saved\r\n");
  EXPECT_THAT(c.ask("b UID FETCH $ UID"),
              StartsWith("* 2 FETCH (UID 3)\r\n* 3 FETCH (UID 4)\r\n* 4 FETCH (UID 5)\r\nb OK"));
  EXPECT_EQ(c.ask("c UID SEARCH $ FLAGGED"), "* SEARCH 4\r\nc OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("d SEARCH RETURN (SAVE MIN) ALL"), "* ESEARCH (TAG \"d\") MIN 1\r\nd OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("e SEARCH UID $"), "* SEARCH 1\r\ne OK SEARCH completed\r\n");
  EXPECT_THAT(c.ask("f SEARCH RETURN (SAVE) CHARSET X-NONE ALL"), StartsWith("f NO"));
  EXPECT_EQ(c.ask("g FETCH $ UID"), "g OK FETCH completed\r\n");
  c.ask("h SEARCH RETURN (SAVE COUNT MIN) ALL");
  EXPECT_THAT(c.ask("i UID MOVE $ Trash"), HasSubstr("COPYUID"));
  EXPECT_EQ(c.ask("j UID FETCH $ UID"), "j OK FETCH completed\r\n");
}
TEST_F(Resync, parts_of_results) {
  Client c(w);
  c.ask("s SELECT INBOX");
  EXPECT_THAT(c.ask("a UID SEARCH RETURN (PARTIAL -1:-2 COUNT) ALL"),
              StartsWith("* ESEARCH (TAG \"a\") UID COUNT 4 PARTIAL (-1:-2 4:5)\r\n"));
  EXPECT_THAT(c.ask("b UID SEARCH RETURN (SAVE PARTIAL 2:2 MAX) ALL"), HasSubstr("MAX 5 PARTIAL (2:2 3)"));
  EXPECT_EQ(c.ask("c UID SEARCH UID $"), "* SEARCH 3 5\r\nc OK SEARCH completed\r\n");
  EXPECT_THAT(c.ask("d UID FETCH 1:* UID (PARTIAL 1:2)"), StartsWith("* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 3)\r\nd OK"));
  // First the part, then what changed in it (RFC 9394 section 3.4).
  EXPECT_THAT(c.ask("e UID FETCH 1:* UID (PARTIAL -1:-1 CHANGEDSINCE " + std::to_string(modseq) + ")"),
              Not(HasSubstr("FETCH (")));
}

// A client that was away and comes back with QRESYNC must see what one that reads everything sees.
class Returning {
 public:
  std::map<uint32_t, std::string> flags;  // by UID
  uint64_t modseq = 1;
  uint32_t validity = 0;

  void read_all(Client& c) {
    c.ask("r SELECT INBOX");
    flags.clear();
    take(c.ask("r UID FETCH 1:* (FLAGS)"));
    c.ask("r UNSELECT");
  }
  void resync(Client& c) {
    take(c.ask("q SELECT INBOX (QRESYNC (" + std::to_string(validity) + " " + std::to_string(modseq) + sample() + "))"));
    take(c.ask("q UID FETCH " + std::to_string(flags.empty() ? 1 : flags.rbegin()->first + 1) + ":* (FLAGS)"));
  }
  void take(const std::string& answer) {
    std::istringstream lines(answer);
    for (std::string line; std::getline(lines, line);) {
      std::smatch m;
      if (std::regex_search(line, m, std::regex("UID (\\d+) FLAGS \\(([^)]*)\\)")))
        flags[static_cast<uint32_t>(std::stoul(m[1]))] = sorted(m[2]);
      if (std::regex_search(line, m, std::regex("HIGHESTMODSEQ (\\d+)"))) modseq = std::stoull(m[1]);
      if (std::regex_search(line, m, std::regex("UIDVALIDITY (\\d+)"))) validity = static_cast<uint32_t>(std::stoul(m[1]));
      if (std::regex_search(line, m, std::regex("VANISHED (\\(EARLIER\\) )?([0-9:,]+)"))) forget(m[2]);
    }
  }
  bool use_sample = false;

 private:
  static std::string sorted(std::string text) {
    std::istringstream words(text);
    std::set<std::string> all{std::istream_iterator<std::string>(words), {}};
    all.erase("\\Recent");
    std::string out;
    for (const auto& word : all) out += word + " ";
    return out;
  }
  // Known UIDs and, of every third, number and UID.
  std::string sample() const {
    if (!use_sample || flags.size() < 3) return "";
    std::string numbers, uids;
    uint32_t n = 0;
    for (const auto& [uid, unused] : flags) {
      if (++n % 3 != 0) continue;
      numbers += (numbers.empty() ? "" : ",") + std::to_string(n);
      uids += (uids.empty() ? "" : ",") + std::to_string(uid);
    }
    return " 1:" + std::to_string(flags.rbegin()->first) + " (" + numbers + " " + uids + ")";
  }
  void forget(const std::string& set) {
    imap::ParsedCommand parsed = imap::parse_command("a UID EXPUNGE " + set);
    ASSERT_TRUE(parsed.command()) << set;
    UidSet gone = std::get<imap::Expunge>(*parsed.command()).uids->resolve(0);
    std::erase_if(flags, [&](const auto& one) { return gone.contains(one.first); });
  }
};

void change_something(World& w, Client& c, base::Random& random) {
  const std::string uid = std::to_string(1 + random.u64() % w.account->find("INBOX")->uid_next);
  switch (random.u64() % 6) {
    case 0:
      w.append("INBOX", World::mail(1));
      break;
    case 1:
      c.ask("x UID STORE " + uid + " +FLAGS.SILENT (\\Flagged k" + std::to_string(random.u64() % 5) + ")");
      break;
    case 2:
      c.ask("x UID STORE " + uid + ":* -FLAGS.SILENT (\\Flagged \\Seen)");
      break;
    case 3:
      c.ask("x UID STORE " + uid + " +FLAGS.SILENT (\\Deleted)");
      c.ask("x UID EXPUNGE " + uid);
      break;
    case 4:
      c.ask("x UID MOVE " + uid + " Trash");
      break;
    default:
      c.ask("x UID STORE 1:" + uid + " +FLAGS.SILENT (\\Seen)");
  }
}

TEST(ResyncProperty, a_client_that_comes_back_sees_what_one_that_reads_everything_sees) {
  const int histories = std::getenv("BUZON_FULL") ? 1000 : 40;
  for (int history = 0; history < histories; ++history) {
    base::SeededRandom random(static_cast<uint64_t>(history));
    World w;
    w.config.change_records = history % 3 == 0 ? 4 : 1000;  // also with a log that does not reach back
    w.reopen();
    w.fill(static_cast<int>(random.u64() % 12));
    Client returning(w), other(w);
    returning.ask("e ENABLE QRESYNC");
    other.ask("s SELECT INBOX");
    Returning phone, truth;
    phone.use_sample = history % 2 == 0;
    for (int round = 0; round < 6; ++round) {
      if (round == 0)
        phone.take(returning.ask("q SELECT INBOX")), phone.take(returning.ask("q UID FETCH 1:* (FLAGS)"));
      else
        phone.resync(returning);
      truth.read_all(other);
      other.ask("s SELECT INBOX");
      ASSERT_EQ(phone.flags, truth.flags) << "history " << history << " round " << round;
      returning.ask("u UNSELECT");
      for (uint64_t n = random.u64() % 8; n > 0; --n) change_something(w, other, random);
    }
  }
}

}  // namespace
}  // namespace bz::imapd

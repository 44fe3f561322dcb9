// Contexts (RFC 5267): results that the client keeps, and what it is told of their changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Contexts : ::testing::Test {
  World w;
  std::unique_ptr<Client> c, other;
  Contexts() { w.fill(5); }
  void open() {
    c = std::make_unique<Client>(w);
    other = std::make_unique<Client>(w);
    c->ask("a1 SELECT INBOX");
    other->ask("b1 SELECT INBOX");
  }
};

TEST_F(Contexts, a_search_is_told_what_matches_and_what_does_no_longer) {
  open();
  EXPECT_EQ(c->ask("s1 SEARCH RETURN (UPDATE ALL) SEEN"), "* ESEARCH (TAG \"s1\")\r\ns1 OK SEARCH completed\r\n");
  EXPECT_THAT(c->ask("a2 STORE 1:2,4 +FLAGS.SILENT (\\Seen)"), StartsWith("* ESEARCH (TAG \"s1\") ADDTO (0 1:2,4)\r\n"));
  other->ask("b2 STORE 2 -FLAGS (\\Seen)");
  std::string heard = c->ask("a3 NOOP");
  EXPECT_LT(heard.find("* 2 FETCH"), heard.find("* ESEARCH (TAG \"s1\") REMOVEFROM (0 2)"));
  w.append("INBOX", World::mail(6), {kSeen, {}});
  heard = c->ask("a4 NOOP");
  EXPECT_LT(heard.find("* 6 EXISTS"), heard.find("* ESEARCH (TAG \"s1\") ADDTO (0 6)"));
  other->ask("b3 STORE 1 +FLAGS (\\Deleted)");
  other->ask("b4 EXPUNGE");
  heard = c->ask("a5 NOOP");  // numbers of before the EXPUNGE
  EXPECT_LT(heard.find("* ESEARCH (TAG \"s1\") REMOVEFROM (0 1)"), heard.find("* 1 EXPUNGE"));
  EXPECT_EQ(c->ask("a6 CANCELUPDATE \"s1\""), "a6 OK CANCELUPDATE completed\r\n");
  EXPECT_THAT(c->ask("a7 STORE 1 +FLAGS.SILENT (\\Seen)"), Not(HasSubstr("ESEARCH")));
  EXPECT_THAT(c->ask("a8 CANCELUPDATE \"s1\""), StartsWith("a8 BAD"));
}

TEST_F(Contexts, a_sort_is_told_places) {
  open();
  EXPECT_THAT(c->ask("s1 UID SORT RETURN (UPDATE ALL) (REVERSE SUBJECT) UTF-8 UNSEEN"), HasSubstr("UID ALL 5,4,3,2,1\r\n"));
  other->ask("b2 STORE 2,3,5 +FLAGS (\\Seen)");
  EXPECT_THAT(c->ask("a2 NOOP"), HasSubstr("* ESEARCH (TAG \"s1\") UID REMOVEFROM (3 3,2 1 5)\r\n"));
  other->ask("b3 STORE 3,5 -FLAGS (\\Seen)");
  w.append("INBOX", "Subject: number 2a\r\n\r\n");
  EXPECT_THAT(c->ask("a3 NOOP"), HasSubstr("* ESEARCH (TAG \"s1\") UID ADDTO (1 5 3 3,6)\r\n"));
}

TEST_F(Contexts, come_in_idle_and_between_commands_with_notify) {
  open();
  c->ask("s1 UID SEARCH RETURN (UPDATE) TEXT \"hello 6\"");
  c->send("a2 IDLE\r\n");
  c->until_line("+ idling");
  w.append("INBOX", World::mail(6));
  EXPECT_THAT(c->until_line("* ESEARCH"), HasSubstr("* ESEARCH (TAG \"s1\") UID ADDTO (0 6)\r\n"));
  c->send("DONE\r\n");
  c->until("a2");
  c->ask("a3 NOTIFY SET (selected (MessageNew MessageExpunge))");
  w.append("INBOX", World::mail(6));
  EXPECT_THAT(c->until_line("* ESEARCH"), HasSubstr("* ESEARCH (TAG \"s1\") UID ADDTO (0 7)\r\n"));
}

// RFC 5465 section 7
TEST_F(Contexts, new_messages_that_match_are_fetched) {
  open();
  c->ask("s1 SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) TEXT \"hello 6\"");
  w.append("INBOX", World::mail(6));
  w.append("INBOX", World::mail(7));
  std::string heard = c->ask("a2 NOOP");
  EXPECT_LT(heard.find(" EXISTS"), heard.find("* 6 FETCH (UID 6 BODY[HEADER.FIELDS (SUBJECT)] {21}\r\nSubject: number 6"));
  EXPECT_LT(heard.find("* 6 FETCH"), heard.find("* ESEARCH (TAG \"s1\") ADDTO (0 6)"));
  EXPECT_THAT(heard, Not(HasSubstr("* 7 FETCH")));
  EXPECT_THAT(c->ask("a3 COPY 6 INBOX"), AllOf(HasSubstr("ADDTO (0 8)"), Not(HasSubstr("FETCH"))));
}

// Section 4.3: numbers in the search mean what they meant; "*" is another matter.
TEST_F(Contexts, numbers_stay_and_stars_move) {
  open();
  c->ask("s1 UID SEARCH RETURN (UPDATE) 2:3 SEEN");
  c->ask("s2 UID SEARCH RETURN (UPDATE) UID *");
  c->ask("s4 UID SEARCH RETURN (UPDATE) UID 7:*");
  other->ask("b2 STORE 1 +FLAGS.SILENT (\\Deleted)");
  other->ask("b3 EXPUNGE");
  c->ask("a2 NOOP");
  other->ask("b4 STORE 1:4 +FLAGS.SILENT (\\Seen)");
  EXPECT_THAT(c->ask("a3 NOOP"), HasSubstr("* ESEARCH (TAG \"s1\") UID ADDTO (0 2:3)\r\n"));
  w.append("INBOX", World::mail(6));
  EXPECT_THAT(
      c->ask("a4 NOOP"),
      AllOf(HasSubstr("* ESEARCH (TAG \"s2\") UID REMOVEFROM (0 5)\r\n* ESEARCH (TAG \"s2\") UID ADDTO (0 6)\r\n"),
            HasSubstr("* ESEARCH (TAG \"s4\") UID REMOVEFROM (0 5)\r\n* ESEARCH (TAG \"s4\") UID ADDTO (0 6)\r\n")));
  w.append("INBOX", World::mail(7));
  w.append("INBOX", World::mail(8));
  EXPECT_THAT(c->ask("a5 NOOP"),
              HasSubstr("* ESEARCH (TAG \"s4\") UID REMOVEFROM (0 6)\r\n* ESEARCH (TAG \"s4\") UID ADDTO (0 7:8)\r\n"));
}

TEST_F(Contexts, have_limits_and_names) {
  w.session_config.search_contexts = 2;
  w.session_config.context_messages = 40;
  open();
  c->ask("s1 SEARCH RETURN (UPDATE COUNT) ALL");
  EXPECT_THAT(c->ask("s1 SORT RETURN (UPDATE) (ARRIVAL) UTF-8 ALL"), StartsWith("s1 BAD"));
  EXPECT_THAT(c->ask("s2 SORT RETURN (UPDATE COUNT) (ARRIVAL) UTF-8 ALL"),  // too many for a SORT
              AllOf(HasSubstr("* NO [NOUPDATE \"s2\"]"), HasSubstr("COUNT 5"), HasSubstr("s2 OK")));
  c->ask("s3 SEARCH RETURN (UPDATE COUNT CONTEXT) ALL");
  EXPECT_THAT(c->ask("s4 SEARCH RETURN (UPDATE COUNT) ALL"), HasSubstr("* NO [NOUPDATE \"s4\"]"));
  c->ask("a2 SELECT INBOX");  // none is left
  EXPECT_THAT(c->ask("s1 SEARCH RETURN (UPDATE COUNT) ALL"), Not(HasSubstr("NOUPDATE")));
  EXPECT_THAT(c->ask("a3 CANCELUPDATE \"s3\" \"s1\""), StartsWith("a3 BAD"));  // and s1 ends
  EXPECT_THAT(c->ask("a4 CANCELUPDATE \"s1\""), StartsWith("a4 BAD"));
}

TEST_F(Contexts, end_when_their_results_grow_too_large) {
  w.session_config.context_messages = 6;
  open();
  c->ask("s1 SEARCH RETURN (UPDATE COUNT) ALL");
  w.append("INBOX", World::mail(6));
  EXPECT_THAT(c->ask("a2 NOOP"), HasSubstr("ADDTO (0 6)"));
  w.append("INBOX", World::mail(7));
  EXPECT_THAT(c->ask("a3 NOOP"), AllOf(HasSubstr("* NO [NOUPDATE \"s1\"]"), Not(HasSubstr("ADDTO"))));
  EXPECT_THAT(c->ask("a4 STORE 1 +FLAGS (\\Deleted)"), Not(HasSubstr("ESEARCH")));
}

// What time alone changes nobody judges again, and what is very long is not kept.
TEST_F(Contexts, are_refused_where_they_would_go_stale_or_be_large) {
  open();
  std::string many = "s3 SEARCH RETURN (UPDATE COUNT)";
  for (int i = 0; i < 1000; ++i) many += " SEEN";
  for (const std::string& command : {std::string("s1 SEARCH RETURN (UPDATE COUNT) NOT OLDER 60"),
                                     std::string("s2 SORT RETURN (UPDATE COUNT) (ARRIVAL) UTF-8 YOUNGER 60"), many,
                                     std::string("s4 SEARCH RETURN (UPDATE COUNT) FUZZY SUBJECT number")})
    EXPECT_THAT(c->ask(command), AllOf(HasSubstr("NOUPDATE"), HasSubstr("* ESEARCH"), HasSubstr(" OK "))) << command;
  EXPECT_THAT(c->ask("s5 SEARCH RETURN (UPDATE) NOT (SEEN DELETED)"), Not(HasSubstr("NOUPDATE")));
}

// Of a message that is gone and whose EXPUNGE may not be told yet places go on counting.
TEST_F(Contexts, places_of_a_sort_count_what_is_gone_and_not_told) {
  open();
  c->ask("s1 SORT RETURN (UPDATE) (REVERSE ARRIVAL REVERSE SUBJECT) UTF-8 NOT SEEN");  // 5 4 3 2 1
  other->ask("b2 STORE 4 +FLAGS.SILENT (\\Deleted)");
  other->ask("b3 EXPUNGE");
  c->ask("a2 FETCH 1 UID");
  w.append("INBOX", "Subject: number 4a\r\n\r\n");
  EXPECT_THAT(c->ask("a3 FETCH 1 UID"), HasSubstr("* ESEARCH (TAG \"s1\") ADDTO (2 6)\r\n"));  // 5 6 4 3 2 1
  EXPECT_THAT(c->ask("a4 NOOP"), HasSubstr("* ESEARCH (TAG \"s1\") REMOVEFROM (3 4)\r\n* 4 EXPUNGE\r\n"));
}

TEST_F(Contexts, speak_uids_once_nothing_else_is_allowed) {
  open();
  c->ask("s1 SEARCH RETURN (UPDATE) SEEN");
  other->ask("b2 STORE 1 +FLAGS.SILENT (\\Deleted)");
  other->ask("b3 EXPUNGE");
  c->ask("a2 NOOP");
  c->ask("a3 ENABLE UIDONLY");
  EXPECT_THAT(c->ask("a4 UID STORE 3 +FLAGS (\\Seen)"), HasSubstr("* ESEARCH (TAG \"s1\") UID ADDTO (0 3)\r\n"));
}

// Whatever a context costs, a command that changes nothing costs it nothing: nobody reads texts again.
TEST_F(Contexts, judge_what_changed_and_nothing_else) {
  struct Counted final : store::TextSearch {
    Task<Result<std::vector<Match>>> matching(store::Account& account, std::shared_ptr<const store::Query> query,
                                              std::vector<store::Candidate> messages, base::Executor& lane) override {
      read += messages.size();
      auto matching = scan->matching(account, std::move(query), std::move(messages), lane);
      auto found = co_await std::move(matching);
      co_return std::move(found);
    }
    size_t read = 0;
    std::unique_ptr<store::TextSearch> scan = store::make_scan(0);
  } texts;
  w.session_config.text_search = &texts;
  open();
  c->ask("s1 SEARCH RETURN (UPDATE) TEXT hello");
  EXPECT_EQ(std::exchange(texts.read, 0), 5u);
  c->ask("a2 NOOP");
  c->ask("a3 FETCH 1 UID");
  EXPECT_EQ(texts.read, 0u);
  other->ask("b2 STORE 2 +FLAGS (\\Seen)");
  c->ask("a4 NOOP");
  EXPECT_EQ(std::exchange(texts.read, 0), 1u);
  c->send("a5 NOTIFY SET (selected (MessageNew MessageExpunge))\r\n");
  c->until("a5");
  w.clock.advance(base::Millis(60'000));
  w.append("INBOX", World::mail(6));  // judged between commands: of none of them progress is said
  EXPECT_THAT(c->until_line("* ESEARCH"), AllOf(HasSubstr("ADDTO (0 6)"), Not(HasSubstr("INPROGRESS"))));
  w.group.cancel();  // the sessions end before `texts`
}

TEST_F(Contexts, hold_back_what_must_not_be_told_yet) {
  open();
  c->ask("s1 SEARCH RETURN (UPDATE) ALL");
  other->ask("b2 STORE 2 +FLAGS.SILENT (\\Deleted)");
  other->ask("b3 EXPUNGE");
  EXPECT_THAT(c->ask("a2 FETCH 3 UID"), AllOf(HasSubstr("* 3 FETCH (UID 3)"), Not(HasSubstr("REMOVEFROM"))));
  EXPECT_THAT(c->ask("a3 NOOP"), HasSubstr("* ESEARCH (TAG \"s1\") REMOVEFROM (0 2)\r\n* 2 EXPUNGE\r\n"));
}

}  // namespace
}  // namespace bz::imapd

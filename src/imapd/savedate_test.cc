// SAVEDATE (RFC 8514): when a message came into the mailbox it is in, whatever its other dates say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;

TEST(SaveDate, is_the_time_of_append_copy_and_move_and_stays) {
  World w;  // 18 November 2026
  w.fill(1);
  Client c(w);
  c.ask("a1 SELECT INBOX");
  EXPECT_THAT(c.ask("a2 FETCH 1 (SAVEDATE INTERNALDATE)"),
              HasSubstr("(SAVEDATE \"18-Nov-2026 11:06:40 +0000\" INTERNALDATE \"17-Jul-1996 09:44:25 +0000\")"));
  w.clock.advance(base::Millis(86'400'000));
  c.ask("a3 COPY 1 Archive");
  w.clock.advance(base::Millis(86'400'000));
  c.ask("a4 STORE 1 +FLAGS (\\Seen)");
  EXPECT_THAT(c.ask("a5 FETCH 1 SAVEDATE"), HasSubstr("(SAVEDATE \"18-Nov-2026 11:06:40 +0000\")"));
  c.ask("a6 UID MOVE 1 Archive");
  const char* copy = "* 1 FETCH (SAVEDATE \"19-Nov-2026 11:06:40 +0000\")";
  const char* moved = "* 2 FETCH (SAVEDATE \"20-Nov-2026 11:06:40 +0000\")";
  c.ask("a7 SELECT Archive");
  std::string both = c.ask("a8 FETCH 1:* SAVEDATE");
  EXPECT_THAT(both, HasSubstr(copy));
  EXPECT_THAT(both, HasSubstr(moved));
  EXPECT_THAT(c.ask("a9 SEARCH SAVEDON 19-Nov-2026"), HasSubstr("* SEARCH 1\r\n"));
  EXPECT_THAT(c.ask("b1 SEARCH SAVEDSINCE 20-Nov-2026"), HasSubstr("* SEARCH 2\r\n"));
  EXPECT_THAT(c.ask("b2 SEARCH SAVEDBEFORE 20-Nov-2026"), HasSubstr("* SEARCH 1\r\n"));
  EXPECT_THAT(c.ask("b3 SEARCH SAVEDATESUPPORTED"), HasSubstr("* SEARCH 1 2\r\n"));
  EXPECT_THAT(c.ask("b4 SEARCH SAVEDON"), HasSubstr("b4 BAD"));
}

// What is in memory is what is read back from changes and pages.
TEST(SaveDate, survives_the_fold_and_a_restart) {
  World w;
  w.fill(3);
  w.clock.advance(base::Millis(5'000));
  {
    Client c(w);
    c.ask("a1 SELECT INBOX");
    c.ask("a2 COPY 2:3 INBOX");
    for (int i = 0; i < 100; ++i) c.ask("a3 STORE 1 " + std::string(i % 2 ? "-" : "+") + "FLAGS (\\Flagged)");
    c.ask("a4 LOGOUT");
    c.rest();
  }
  w.reopen();
  Client c(w);
  c.ask("b1 SELECT INBOX");
  std::string all = c.ask("b2 FETCH 1:* SAVEDATE");
  for (const char* line :
       {"* 1 FETCH (SAVEDATE \"18-Nov-2026 11:06:40 +0000\")", "* 3 FETCH (SAVEDATE \"18-Nov-2026 11:06:40 +0000\")",
        "* 4 FETCH (SAVEDATE \"18-Nov-2026 11:06:45 +0000\")", "* 5 FETCH (SAVEDATE \"18-Nov-2026 11:06:45 +0000\")"})
    EXPECT_THAT(all, HasSubstr(line));
}

}  // namespace
}  // namespace bz::imapd

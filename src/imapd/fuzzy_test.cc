// SEARCH=FUZZY (RFC 6203).
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Fuzzy : testing::Test {
  World w;
  Client c{w};
  Fuzzy() {
    w.append("INBOX", "Subject: lunch\r\n\r\nabout the broken imap server\r\n");
    w.append("INBOX", "Subject: IMAP is broken\r\n\r\nhelp\r\n");
    w.append("INBOX", "Subject: nothing\r\n\r\nat all\r\n");
    w.append("INBOX", "Subject: the imap brokn\r\n\r\nx\r\n");
    c.ask("s SELECT INBOX");
  }
};

TEST_F(Fuzzy, finds_what_is_nearly_so) {
  EXPECT_THAT(c.ask("a CAPABILITY"), HasSubstr(" SEARCH=FUZZY "));
  EXPECT_EQ(c.ask("b SEARCH SUBJECT \"broken imap\""), "* SEARCH\r\nb OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("c SEARCH FUZZY (SUBJECT \"broken imap\")"), "* SEARCH 2 4\r\nc OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("d UID SEARCH FUZZY TEXT brokne NOT FUZZY SUBJECT lunhc"), "* SEARCH 2 4\r\nd OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("e UID THREAD REFERENCES UTF-8 FUZZY BODY sevrer"), "* THREAD (1)\r\ne OK THREAD completed\r\n");
}
TEST_F(Fuzzy, tells_the_relevancy_in_the_order_of_the_messages) {
  EXPECT_EQ(c.ask("a SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT \"imap broken\""),
            "* ESEARCH (TAG \"a\") ALL 1:2,4 RELEVANCY (40 80 55)\r\na OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("b UID SEARCH RETURN (RELEVANCY PARTIAL -1:-2) FUZZY TEXT \"imap broken\""),
            "* ESEARCH (TAG \"b\") UID PARTIAL (-1:-2 2,4) RELEVANCY (80 55)\r\nb OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("c SEARCH RETURN (RELEVANCY) FUZZY TEXT nowhereatall"),
            "* ESEARCH (TAG \"c\") RELEVANCY ()\r\nc OK SEARCH completed\r\n");
  EXPECT_EQ(c.ask("d SEARCH RETURN (ALL) FUZZY TEXT imap"), "* ESEARCH (TAG \"d\") ALL 1:2,4\r\nd OK SEARCH completed\r\n");
}
TEST_F(Fuzzy, sorts_by_relevancy) {
  EXPECT_EQ(c.ask("a SORT (RELEVANCY) UTF-8 FUZZY TEXT \"imap broken\""), "* SORT 2 4 1\r\na OK SORT completed\r\n");
  EXPECT_EQ(c.ask("b UID SORT RETURN (RELEVANCY ALL COUNT) (REVERSE RELEVANCY) UTF-8 FUZZY TEXT \"imap broken\""),
            "* ESEARCH (TAG \"b\") UID ALL 1,4,2 COUNT 3 RELEVANCY (40 55 80)\r\nb OK SORT completed\r\n");
  EXPECT_EQ(c.ask("c SORT RETURN (PARTIAL 1:2 RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT \"imap broken\""),
            "* ESEARCH (TAG \"c\") PARTIAL (1:2 2,4) RELEVANCY (80 55)\r\nc OK SORT completed\r\n");
}
TEST_F(Fuzzy, there_is_no_relevancy_without_a_fuzzy_key) {
  EXPECT_EQ(c.ask("a SEARCH RETURN (RELEVANCY) TEXT x"), "a BAD RELEVANCY goes with FUZZY\r\n");
  EXPECT_EQ(c.ask("b SORT (RELEVANCY) UTF-8 ALL"), "b BAD RELEVANCY goes with FUZZY\r\n");
  EXPECT_THAT(c.ask("c SEARCH FUZZY"), StartsWith("c BAD "));
}
TEST_F(Fuzzy, messages_that_go_meanwhile_take_their_relevancy_along) {
  Client other(w);
  other.ask("s SELECT INBOX");
  other.ask("d STORE 2 +FLAGS.SILENT (\\Deleted)");
  other.ask("e EXPUNGE");
  EXPECT_THAT(c.ask("a UID SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT \"imap broken\""),
              HasSubstr("* ESEARCH (TAG \"a\") UID ALL 1,4 RELEVANCY (40 55)\r\n"));
}

}  // namespace
}  // namespace bz::imapd

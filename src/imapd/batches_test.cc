// UIDBATCHES (RFC 10022).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct UidBatches : testing::Test {
  World w;
  std::unique_ptr<Client> made;
  // A mailbox of `count` messages, made by copying: UIDs 1 to count.
  Client& open(uint32_t count) {
    w.append("Trash", "m\r\n");
    made = std::make_unique<Client>(w);
    Client& c = *made;
    c.ask("s1 SELECT Trash");
    uint32_t there = 1;
    while (there * 2 <= count) {
      c.ask("s2 UID COPY 1:* Trash");
      there *= 2;
      c.ask("s3 NOOP");
    }
    if (there < count) c.ask("s4 UID COPY 1:" + std::to_string(count - there) + " Trash");
    c.ask("s5 NOOP");
    return c;
  }
  std::string ask(const std::string& command) { return made->ask("a " + command); }
};

TEST_F(UidBatches, cut_the_mailbox_from_the_newest_message) {
  open(1700);
  EXPECT_EQ(ask("UIDBATCHES 500"),
            "* UIDBATCHES (TAG \"a\") 1700:1201,1200:701,700:201,200:1\r\na OK UIDBATCHES completed\r\n");
  EXPECT_THAT(ask("UIDBATCHES 500 2:3"), StartsWith("* UIDBATCHES (TAG \"a\") 1200:701,700:201\r\n"));
  EXPECT_THAT(ask("UIDBATCHES 1000 2:50"), StartsWith("* UIDBATCHES (TAG \"a\") 700:1\r\n"));
  EXPECT_THAT(ask("UIDBATCHES 5000"), StartsWith("* UIDBATCHES (TAG \"a\") 1700:1\r\n"));
  EXPECT_THAT(ask("UIDBATCHES 500 9:10"), StartsWith("* UIDBATCHES (TAG \"a\")\r\n"));
}

TEST_F(UidBatches, have_no_more_messages_than_asked_for_when_there_are_gaps) {
  Client& c = open(1300);
  c.ask("b1 UID STORE 1:100,600:650,1000,1300 +FLAGS.SILENT (\\Deleted)");
  c.ask("b2 EXPUNGE");  // 1147 are left, the highest is 1299, the lowest 101
  EXPECT_THAT(ask("UIDBATCHES 500"), StartsWith("* UIDBATCHES (TAG \"a\") 1299:799,798:248,247:1\r\n"));
  EXPECT_THAT(ask("UID SEARCH RETURN (COUNT) UID 799:1299"), HasSubstr(" COUNT 500\r\n"));
  EXPECT_THAT(ask("UID SEARCH RETURN (COUNT) UID 248:798"), HasSubstr(" COUNT 500\r\n"));
  EXPECT_THAT(ask("UID SEARCH RETURN (COUNT) UID 1:247"), HasSubstr(" COUNT 147\r\n"));
}

TEST_F(UidBatches, refuse_what_the_specification_forbids) {
  open(1);
  EXPECT_THAT(ask("UIDBATCHES 499"), StartsWith("a NO [TOOFEW] "));
  EXPECT_THAT(ask("UIDBATCHES 2000 4:1"), StartsWith("a BAD [CLIENTBUG] "));
  EXPECT_THAT(ask("UIDBATCHES 2000 1:51"), StartsWith("a NO [TOOMANY] "));
  EXPECT_THAT(ask("UIDBATCHES 2000 1:50"), StartsWith("* UIDBATCHES (TAG \"a\") 1:1\r\n"));
  EXPECT_THAT(ask("UIDBATCHES 4294967295 1:4294967295"), StartsWith("a NO [TOOMANY] "));
  for (const char* bad : {"UIDBATCHES", "UIDBATCHES 0", "UIDBATCHES 500 1", "UIDBATCHES 500 0:1", "UIDBATCHES 500 1:*"})
    EXPECT_THAT(ask(bad), StartsWith("a BAD ")) << bad;
  made->ask("b CLOSE");
  EXPECT_THAT(ask("UIDBATCHES 500"), StartsWith("a BAD "));
}

TEST_F(UidBatches, of_an_empty_mailbox_are_none) {
  Client c(w);
  c.ask("a1 SELECT Archive");
  EXPECT_EQ(c.ask("a2 UIDBATCHES 500"), "* UIDBATCHES (TAG \"a2\")\r\na2 OK UIDBATCHES completed\r\n");
}

TEST_F(UidBatches, are_not_computed_again_before_half_a_batch_has_changed) {
  Client& c = open(1000);
  EXPECT_THAT(ask("UIDBATCHES 500"), StartsWith("* UIDBATCHES"));
  EXPECT_THAT(ask("UIDBATCHES 500"), StartsWith("a NO [LIMIT] "));
  c.ask("b1 UID STORE 1:249 +FLAGS.SILENT (\\Deleted)");
  c.ask("b2 EXPUNGE");
  EXPECT_THAT(ask("UIDBATCHES 500"), StartsWith("a NO [LIMIT] "));
  c.ask("b3 UID STORE 250 +FLAGS.SILENT (\\Deleted)");
  c.ask("b4 EXPUNGE");
  EXPECT_THAT(ask("UIDBATCHES 500"), StartsWith("* UIDBATCHES (TAG \"a\") 1000:501,500:1\r\n"));
  c.ask("b5 UID COPY 501:750 Trash");
  EXPECT_THAT(ask("UIDBATCHES 500"), StartsWith("* UIDBATCHES (TAG \"a\") 1250:751,750:1\r\n"));
  c.ask("b6 SELECT Trash");
  EXPECT_THAT(ask("UIDBATCHES 500"), StartsWith("* UIDBATCHES")) << "another selection";
}

TEST_F(UidBatches, leave_the_saved_result_alone) {
  Client& c = open(1000);
  c.ask("b1 UID SEARCH RETURN (SAVE) UID 7");
  ask("UIDBATCHES 500");
  EXPECT_THAT(c.ask("b2 UID SEARCH $"), HasSubstr("* SEARCH 7\r\n"));
}

}  // namespace
}  // namespace bz::imapd

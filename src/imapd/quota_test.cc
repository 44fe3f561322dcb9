// RFC 9208 as a client sees it.
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Quota : ::testing::Test {
  World w;
  Client open(uint64_t bytes, uint64_t messages, uint64_t mailboxes) {
    w.config.quota_bytes = bytes;
    w.config.quota_messages = messages;
    w.config.quota_mailboxes = mailboxes;
    w.reopen();
    return Client(w);
  }
};

TEST_F(Quota, tells_what_is_used_and_allowed) {
  Client c = open(10'000, 5, 9);
  w.fill(2);
  EXPECT_EQ(c.ask("a GETQUOTA \"\""), "* QUOTA \"\" (STORAGE 1 10 MESSAGE 2 5 MAILBOX 6 9)\r\na OK GETQUOTA completed\r\n");
  EXPECT_EQ(c.ask("a GETQUOTAROOT inbox"),
            "* QUOTAROOT INBOX \"\"\r\n* QUOTA \"\" (STORAGE 1 10 MESSAGE 2 5 MAILBOX 6 9)\r\n"
            "a OK GETQUOTAROOT completed\r\n");
  EXPECT_THAT(c.ask("a GETQUOTAROOT \"not &- there\""), HasSubstr("* QUOTAROOT \"not &- there\" \"\"\r\n"));
  EXPECT_THAT(c.ask("a GETQUOTA other"), StartsWith("a NO [NONEXISTENT] "));
  EXPECT_THAT(c.ask("a GETQUOTA"), StartsWith("a BAD "));
}

TEST_F(Quota, without_limits_names_the_store_s_own) {
  Client c = open(0, 0, 0);
  EXPECT_EQ(c.ask("a GETQUOTA \"\""), "* QUOTA \"\" (MAILBOX 6 10000)\r\na OK GETQUOTA completed\r\n");
}

// Section 4.1.3: QUOTASET is for those who may.
TEST_F(Quota, is_not_the_users_to_set) {
  Client c = open(10'000, 0, 0);
  const std::string capabilities = c.ask("a CAPABILITY");
  EXPECT_THAT(capabilities, HasSubstr(" QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE QUOTA=RES-MAILBOX "));
  EXPECT_THAT(capabilities, Not(HasSubstr("QUOTASET")));
  for (const char* list : {"()", "(STORAGE 100)", "(STORAGE 100 MESSAGE 9223372036854775807)"})
    EXPECT_THAT(c.ask(std::string("a SETQUOTA \"\" ") + list), StartsWith("a NO [NOPERM] "));
  EXPECT_THAT(c.ask("a SETQUOTA other (STORAGE 1)"), StartsWith("a NO [NONEXISTENT] "));
  for (const char* list : {"", "STORAGE 1", "(STORAGE)", "(STORAGE 1", "(STORAGE -1)", "(STORAGE 9223372036854775808)"})
    EXPECT_THAT(c.ask(std::string("a SETQUOTA \"\" ") + list), StartsWith("a BAD ")) << list;
  EXPECT_THAT(c.ask("a GETQUOTA \"\""), HasSubstr("(STORAGE 0 10 MAILBOX"));
}

TEST_F(Quota, deleted_messages_are_told_in_octets) {
  Client c = open(0, 0, 0);
  w.fill(3);
  EXPECT_THAT(c.ask("a STATUS INBOX (DELETED DELETED-STORAGE)"), HasSubstr("(DELETED 0 DELETED-STORAGE 0)"));
  c.ask("a SELECT INBOX");
  c.ask("a STORE 1,3 +FLAGS.SILENT (\\Deleted)");
  const std::string octets = std::to_string(w.mail(1).size() + w.mail(3).size());
  EXPECT_THAT(c.ask("a STATUS INBOX (DELETED-STORAGE MESSAGES DELETED)"),
              HasSubstr("(MESSAGES 3 DELETED 2 DELETED-STORAGE " + octets + ")"));
  EXPECT_THAT(c.ask("a LIST \"\" INBOX RETURN (STATUS (DELETED-STORAGE))"), HasSubstr("(DELETED-STORAGE " + octets + ")"));
  c.ask("a EXPUNGE");
  EXPECT_THAT(c.ask("a STATUS INBOX (DELETED-STORAGE)"), HasSubstr("(DELETED-STORAGE 0)"));
}

TEST_F(Quota, over_it_what_adds_is_refused_and_nothing_else) {
  Client c = open(0, 2, 7);
  w.fill(2);
  c.ask("a SELECT INBOX");
  EXPECT_THAT(c.ask("a COPY 1 Archive"), StartsWith("a NO [OVERQUOTA] "));
  EXPECT_THAT(c.ask("a MOVE 1 Archive"), HasSubstr("a OK MOVE completed"));
  EXPECT_THAT(c.ask("a CREATE one"), StartsWith("a OK "));
  EXPECT_THAT(c.ask("a CREATE two"), StartsWith("a NO [OVERQUOTA] "));
  EXPECT_THAT(c.ask("a UID REPLACE 2 INBOX {5+}\r\nhello"), HasSubstr("a OK REPLACE completed"));
  EXPECT_THAT(c.ask("a APPEND INBOX CATENATE (URL \"/INBOX/;UID=3\")"), StartsWith("a NO [OVERQUOTA] "));
}

// The client waits for "+", so it has not sent what is not wanted.
TEST_F(Quota, append_is_refused_before_the_message_comes) {
  Client c = open(100, 0, 0);
  EXPECT_THAT(c.ask("a APPEND INBOX {101}"), StartsWith("a NO [OVERQUOTA] "));
  EXPECT_THAT(c.ask("b APPEND INBOX {101+}\r\n" + std::string(101, 'x')), StartsWith("b NO [OVERQUOTA] "));
  EXPECT_THAT(c.ask("c APPEND INBOX {60+}\r\n" + std::string(60, 'x') + " {60+}\r\n" + std::string(60, 'y')),
              StartsWith("c NO [OVERQUOTA] "));
  EXPECT_THAT(c.ask("d STATUS INBOX (MESSAGES)"), HasSubstr("(MESSAGES 0)"));
  EXPECT_THAT(c.ask("e APPEND INBOX {60+}\r\n" + std::string(60, 'x')), StartsWith("e OK "));
}

}  // namespace
}  // namespace bz::imapd

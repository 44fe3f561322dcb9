// ESEARCH (RFC 7377): which mailboxes, what is said of each, and what it leaves as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct MultiSearch : ::testing::Test {
  World w;
  std::unique_ptr<Client> c;
  // "Subject: number n" of INBOX 1 to 3, Work 4, Work/A 5, Work/A/Deep 6, Other 7; Empty.
  MultiSearch() {
    w.fill(3);
    c = std::make_unique<Client>(w);
    int n = 4;
    for (const char* name : {"Work", "Work/A", "Work/A/Deep", "Other"}) {
      c->ask("m1 CREATE " + std::string(name));
      w.append(name, World::mail(n++));
    }
    c->ask("m2 CREATE Empty");
  }
  // The mailboxes of the ESEARCH responses to `command`, in their order.
  std::vector<std::string> found(const std::string& command, Client& client) {
    const std::string said = client.ask("f1 " + command);
    EXPECT_THAT(said, HasSubstr("f1 OK ESEARCH completed")) << command;
    std::vector<std::string> names;
    const std::string begin = "* ESEARCH (TAG \"f1\" MAILBOX ";
    for (size_t at = said.find(begin); at != std::string::npos; at = said.find(begin, at + 1)) {
      const size_t name = at + begin.size();
      names.push_back(said.substr(name, said.find(' ', name) - name));
    }
    return names;
  }
  std::vector<std::string> found(const std::string& command) { return found(command, *c); }
};
using Names = std::vector<std::string>;

TEST_F(MultiSearch, sources_name_the_mailboxes) {
  EXPECT_EQ(found("ESEARCH IN (personal) SUBJECT number"), (Names{"INBOX", "Other", "Work", "Work/A", "Work/A/Deep"}));
  EXPECT_EQ(found("ESEARCH IN (inboxes) ALL"), (Names{"INBOX"}));
  EXPECT_EQ(found("ESEARCH IN (mailboxes (Other work INBOX)) ALL"), (Names{"INBOX", "Other"}));  // names have their case
  EXPECT_EQ(found("ESEARCH IN (mailboxes Work/A) ALL"), (Names{"Work/A"}));
  EXPECT_EQ(found("ESEARCH IN (subtree Work) ALL"), (Names{"Work", "Work/A", "Work/A/Deep"}));
  EXPECT_EQ(found("ESEARCH IN (subtree-one Work) ALL"), (Names{"Work", "Work/A"}));
  for (const char* name : {"Other", "Work", "Work/A/Deep"}) c->ask("a1 SUBSCRIBE " + std::string(name));
  EXPECT_EQ(found("ESEARCH IN (subscribed) NOT SUBJECT \"number 6\""), (Names{"INBOX", "Other", "Work"}));
  EXPECT_EQ(found("ESEARCH IN (subtree Work mailboxes \"Work/A\" mailboxes (Gone Empty)) RETURN (COUNT) ALL"),
            (Names{"Work", "Work/A", "Work/A/Deep"}));
  EXPECT_EQ(found("ESEARCH IN (personal) TEXT nowhere"), Names{});
}

TEST_F(MultiSearch, each_mailbox_has_its_own_answer) {
  EXPECT_THAT(c->ask("a1 ESEARCH IN (mailboxes (INBOX Other)) SUBJECT number"),
              AllOf(HasSubstr("* ESEARCH (TAG \"a1\" MAILBOX INBOX UIDVALIDITY "), HasSubstr(") UID ALL 1:3\r\n"),
                    HasSubstr("* ESEARCH (TAG \"a1\" MAILBOX Other UIDVALIDITY "), HasSubstr(") UID ALL 1\r\n")));
  EXPECT_THAT(c->ask("a2 ESEARCH IN (mailboxes INBOX) RETURN (MIN MAX COUNT) 2:400"),
              HasSubstr(") UID MIN 2 MAX 3 COUNT 2\r\n"));
  EXPECT_THAT(c->ask("a3 ESEARCH IN (mailboxes INBOX) RETURN (PARTIAL -1:-2) ALL"),
              HasSubstr(") UID PARTIAL (-1:-2 2:3)\r\n"));
  EXPECT_THAT(c->ask("a4 ESEARCH IN (mailboxes INBOX) RETURN (PARTIAL 7:9) ALL"), HasSubstr(") UID PARTIAL (7:9 NIL)\r\n"));
  EXPECT_THAT(c->ask("a5 ESEARCH IN (mailboxes INBOX) MODSEQ 1"), HasSubstr(" MODSEQ "));
  EXPECT_THAT(c->ask("a6 ESEARCH IN (mailboxes INBOX) RETURN (ALL RELEVANCY) FUZZY SUBJECT number"),
              HasSubstr("RELEVANCY ("));
  EXPECT_THAT(c->ask("a7 ESEARCH IN (mailboxes INBOX) CHARSET KLINGON ALL"), StartsWith("a7 NO [BADCHARSET"));
  c->ask("a8 CREATE Entw&APw-rfe");
  w.append("Entw\xC3\xBCrfe", World::mail(9));
  EXPECT_THAT(c->ask("a9 ESEARCH IN (mailboxes Entw&APw-rfe) ALL"), HasSubstr(" MAILBOX Entw&APw-rfe UIDVALIDITY "));
}

// The selected mailbox stays, and is searched as the client knows it.
TEST_F(MultiSearch, leaves_the_selected_mailbox_as_it_was) {
  EXPECT_THAT(c->ask("a1 ESEARCH ALL"), StartsWith("a1 BAD"));
  EXPECT_THAT(c->ask("a2 ESEARCH IN (selected personal) ALL"), StartsWith("a2 BAD"));
  c->ask("a3 SELECT INBOX");
  EXPECT_EQ(found("ESEARCH ALL"), (Names{"INBOX"}));
  EXPECT_EQ(found("ESEARCH IN (selected) TEXT nowhere"), Names{});
  EXPECT_EQ(found("ESEARCH IN (selected mailboxes Other) SUBJECT number"), (Names{"INBOX", "Other"}));
  EXPECT_THAT(c->ask("a4 FETCH 3 UID"), HasSubstr("* 3 FETCH (UID 3)"));
  Client other(w);
  other.ask("b1 SELECT INBOX");
  other.ask("b2 STORE 1 +FLAGS.SILENT (\\Deleted)");
  other.ask("b3 EXPUNGE");
  w.append("INBOX", World::mail(8));
  // By number the old numbers count, and no EXPUNGE comes (RFC 3501 section 7.4.1, RFC 7162 section 3.2.10.2).
  EXPECT_THAT(c->ask("a5 ESEARCH IN (personal) 2"),
              AllOf(HasSubstr("INBOX UIDVALIDITY"), HasSubstr(") UID ALL 2\r\n"), Not(HasSubstr("EXPUNGE"))));
  EXPECT_THAT(c->ask("a6 ESEARCH IN (personal) SUBJECT number"),
              AllOf(HasSubstr(") UID ALL 2:4\r\n"), HasSubstr("* 1 EXPUNGE\r\n")));
  // \Recent of what others have not seen is not taken.
  EXPECT_THAT(other.ask("b4 SELECT Other"), HasSubstr("* 1 RECENT"));
}

TEST_F(MultiSearch, what_is_of_the_selected_mailbox_alone) {
  c->ask("a1 SELECT INBOX");
  c->ask("a2 UID SEARCH RETURN (SAVE) UID 2");
  EXPECT_THAT(c->ask("a3 ESEARCH IN (personal) $"), StartsWith("a3 BAD"));
  EXPECT_THAT(c->ask("a4 ESEARCH IN (selected) $"), HasSubstr(") UID ALL 2\r\n"));
  EXPECT_THAT(c->ask("a5 ESEARCH IN (selected mailboxes Other) RETURN (SAVE) ALL"), StartsWith("a5 BAD"));
  EXPECT_THAT(c->ask("a6 ESEARCH RETURN (SAVE) UID 3"), StartsWith("a6 OK"));
  EXPECT_THAT(c->ask("a7 ESEARCH $"), HasSubstr(") UID ALL 3\r\n"));
  c->ask("a8 ENABLE UIDONLY");
  EXPECT_THAT(c->ask("a9 ESEARCH IN (personal) 1"), StartsWith("a9 BAD [UIDREQUIRED]"));
}

// RFC 7377 section 2.2: updates are of the selected mailbox; here they name it.
TEST_F(MultiSearch, the_selected_mailbox_is_kept_up_to_date) {
  EXPECT_THAT(c->ask("a1 ESEARCH IN (mailboxes Other) RETURN (UPDATE) SEEN"), StartsWith("a1 BAD"));
  c->ask("a2 SELECT INBOX");
  EXPECT_THAT(c->ask("a3 ESEARCH IN (mailboxes Other) RETURN (UPDATE COUNT) ALL"),
              AllOf(HasSubstr("* NO [NOUPDATE \"a3\"]"), HasSubstr(") UID COUNT 1\r\n")));
  EXPECT_THAT(c->ask("s1 ESEARCH IN (personal) RETURN (UPDATE ALL) SEEN"), StartsWith("s1 OK"));
  EXPECT_THAT(c->ask("s1 ESEARCH RETURN (UPDATE) ALL"), StartsWith("s1 BAD"));
  EXPECT_THAT(c->ask("a4 STORE 2 +FLAGS (\\Seen)"),
              AllOf(HasSubstr("* ESEARCH (TAG \"s1\" MAILBOX INBOX UIDVALIDITY "), HasSubstr(") UID ADDTO (0 2)\r\n")));
  c->ask("a5 STORE 2 +FLAGS.SILENT (\\Deleted)");
  EXPECT_THAT(c->ask("a6 EXPUNGE"), HasSubstr(") UID REMOVEFROM (0 2)\r\n* 2 EXPUNGE\r\n"));
  EXPECT_THAT(c->ask("a7 CANCELUPDATE \"s1\""), StartsWith("a7 OK"));
}

TEST_F(MultiSearch, has_limits) {
  w.session_config.search_mailboxes = 5;
  w.session_config.message_limit = {3, 3, false};
  Client few(w);
  EXPECT_THAT(few.ask("a1 ESEARCH IN (personal) ALL"), StartsWith("a1 NO [LIMIT]"));  // with Empty there are six at least
  EXPECT_EQ(found("ESEARCH IN (subtree Work) ALL", few), (Names{"Work", "Work/A", "Work/A/Deep"}));
  EXPECT_THAT(few.ask("a2 ESEARCH IN (mailboxes (INBOX Other)) ALL"), StartsWith("a2 NO [MESSAGELIMIT 3"));
  EXPECT_EQ(found("ESEARCH IN (mailboxes INBOX) ALL", few), (Names{"INBOX"}));
}

TEST_F(MultiSearch, says_how_far_it_is_in_all_of_them) {
  Client slow(w);
  w.session_config.progress_every = base::Millis(0);
  Client c2(w);
  const std::string said = c2.ask("a1 ESEARCH IN (personal) TEXT number");
  EXPECT_THAT(said, AllOf(HasSubstr("* OK [INPROGRESS (\"a1\" 0 7)]"), HasSubstr("* OK [INPROGRESS (\"a1\" 3 7)]"),
                          HasSubstr("* OK [INPROGRESS (\"a1\" 6 7)]")));
  EXPECT_THAT(slow.ask("a1 ESEARCH IN (personal) TEXT number"), Not(HasSubstr("INPROGRESS")));
}

}  // namespace
}  // namespace bz::imapd

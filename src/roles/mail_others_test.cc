// Sessions of one user on mailboxes of another, whose account lives on another lane (and of a third, on the same one).
#include "roles/mail_others.h"

#include <gtest/gtest.h>

#include "kv/memory.h"
#include "roles/blocking_client_for_test.h"
#include "roles/mail_lane.h"
#include "roles/mailstore_verify.h"

namespace bz::roles {
namespace {

std::string name_of(uint64_t id) { return "user" + std::to_string(id) + "@here.test"; }

class Neighbours : public ::testing::Test {
 protected:
  void SetUp() override {
    store = kv::make_memory_store();
    store->set_delivery(kv::MemoryStore::Delivery::Posted);
    for (int i = 0; i < 2; ++i)
      lanes.push_back(std::make_unique<MailLane>(*store, MailLaneConfig(), [](base::Executor& home, AccountId id) {
        base::Completion<AccountFacts> done;
        Ferry<AccountFacts> ferry(home, done.promise());
        ferry.send(AccountFacts{name_of(id.value()), 0, 0, 0});
        return done;
      }));
    shares = std::make_unique<ShareIndex>(*store, lanes.front()->loop());
    for (auto& lane : lanes) {
      others.push_back(std::make_unique<LaneOthers>(lanes, *lane, *shares, ask_recipient));
      lane->set_others(*others.back());
    }
  }
  // user1 to user3 are here, list@ stands for two, far@ is on another server.
  static base::Completion<queue::RecipientVerdict> ask_recipient(base::Executor& home, const smtp::Address& address) {
    base::Completion<queue::RecipientVerdict> done;
    Ferry<queue::RecipientVerdict> ferry(home, done.promise());
    queue::RecipientVerdict verdict;
    verdict.kind = queue::RecipientVerdict::Kind::Unknown;
    const std::string text = address.to_string();
    for (uint64_t id : {1, 2, 3})
      if (text == name_of(id) || text == "list@here.test" || (text == "far@here.test" && id == 3)) {
        verdict.kind = queue::RecipientVerdict::Kind::Local;
        verdict.targets.push_back({AccountId(id), name_of(id), address});
        if (text == "far@here.test") verdict.targets.back().server = "other";
      }
    ferry.send(std::move(verdict));
    return done;
  }
  void TearDown() override {
    for (auto& lane : lanes) lane->stop();
    base::ManualExecutor executor;
    auto report = verify_store(*store, executor);
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->findings.size(), 0u) << report->to_text();
    others.clear();
    shares.reset();
    store.reset();
    for (auto& lane : lanes) lane->drain();
  }
  struct User {
    explicit User(int fd) : client(fd) {}
    Client client;
    std::string ask(const std::string& command) {
      client.say("a " + command + "\r\n");
      return rest_of("a ");
    }
    // Up to the line that begins so, and its end.
    std::string rest_of(const std::string& begin) {
      std::string heard = client.hear(begin);
      while (!heard.ends_with("\r\n" + begin) && heard != begin && heard.find("(silence)") == std::string::npos)
        heard += client.hear(begin);
      return heard + client.hear("\r\n");
    }
    std::string append(const std::string& mailbox, const std::string& text) {
      return ask("APPEND " + mailbox + " {" + std::to_string(text.size()) + "+}\r\n" + text);
    }
  };
  std::unique_ptr<User> login(uint64_t account) {
    auto ends = net::socket_pair();
    BZ_CHECK(ends, "socket_pair");
    MailLane& lane = lane_of(lanes, AccountId(account));
    lane.post([&lane, fd = ends->first, account] {
      lane.start_imap({fd, AccountId(account), name_of(account), "phone", "", {"sid", "t", "", {}}});
    });
    auto user = std::make_unique<User>(ends->second);
    EXPECT_NE(user->rest_of("t ").find(" ACL "), std::string::npos);
    return user;
  }
  std::unique_ptr<kv::MemoryStore> store;
  MailLanes lanes;
  std::unique_ptr<ShareIndex> shares;
  std::vector<std::unique_ptr<LaneOthers>> others;
};

#define HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
#define LACKS(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)
const std::string kMail = "Subject: one\r\n\r\nhello\r\n";

TEST_F(Neighbours, a_mailbox_of_another_lane_is_read_written_and_watched) {
  auto ana = login(1), eva = login(2);
  const std::string inbox = "\"Other Users/user1@here.test/INBOX\"";
  HAS(ana->append("INBOX", kMail), "a OK ");
  HAS(eva->ask("SELECT " + inbox), "a NO [NONEXISTENT] ");
  HAS(ana->ask("SETACL INBOX user2@here.test lrswipkxte"), "a OK ");
  HAS(eva->ask("LIST \"\" \"Other Users/*\" RETURN (STATUS (MESSAGES))"), "* STATUS " + inbox + " (MESSAGES 1)");
  std::string heard = eva->ask("SELECT " + inbox);
  HAS(heard, "* 1 EXISTS");
  HAS(heard, "[READ-WRITE]");
  heard = eva->ask("FETCH 1 (FLAGS ENVELOPE BODY.PEEK[])");
  HAS(heard, kMail);
  HAS(heard, "ENVELOPE (NIL \"one\"");
  HAS(eva->ask("SEARCH BODY hello"), "* SEARCH 1\r\n");
  HAS(ana->ask("SELECT INBOX"), "* 1 EXISTS");
  HAS(eva->ask("STORE 1 +FLAGS (\\Flagged $New)"), "FLAGS (\\Flagged ");
  HAS(ana->ask("NOOP"), "$New)");
  eva->client.say("i IDLE\r\n");
  eva->client.hear("+ idling\r\n");
  HAS(ana->append("INBOX", "Subject: two\r\n\r\n" + std::string(400'000, 'x') + "\r\n"), "a OK ");
  HAS(eva->rest_of("* 2 EXISTS"), "EXISTS");
  HAS(ana->ask("STORE 1 +FLAGS (\\Deleted)"), "a OK ");
  HAS(eva->client.hear("\\Deleted"), "* 1 FETCH");
  HAS(ana->ask("EXPUNGE"), "* 1 EXPUNGE");
  HAS(eva->client.hear("* 1 EXPUNGE\r\n"), "EXPUNGE");
  eva->client.say("DONE\r\n");
  HAS(eva->rest_of("i "), "OK");
  HAS(eva->ask("STATUS " + inbox + " (MESSAGES UIDNEXT)"), "(MESSAGES 1 UIDNEXT 3)");
  HAS(eva->ask("UID STORE 2 +FLAGS.SILENT (\\Deleted)"), "a OK ");
  HAS(eva->ask("EXPUNGE"), "* 1 EXPUNGE");
  HAS(ana->ask("NOOP"), "* 1 EXPUNGE");
  HAS(eva->ask("ENABLE QRESYNC"), "QRESYNC");
  HAS(eva->ask("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)"), "* VANISHED (EARLIER) 1:2");
}

TEST_F(Neighbours, append_copy_and_move_cross_lanes) {
  auto ana = login(1), eva = login(2);
  const std::string box = "\"Other Users/user1@here.test/box\"";
  ana->ask("CREATE box");
  ana->ask("SETACL box user2@here.test lrswite");
  const std::string large = "Subject: large\r\n\r\n" + std::string(1'500'000, 'y') + "\r\n";
  HAS(eva->append(box, kMail), "a OK [APPENDUID ");
  HAS(eva->append(box, large), "a OK [APPENDUID ");
  HAS(eva->ask("SELECT " + box), "* 2 EXISTS");
  HAS(eva->ask("COPY 1:2 Archive"), " 1:2 1:2] COPY completed");
  HAS(eva->ask("COPY 1 " + box), " 1 3] COPY completed");
  HAS(eva->ask("MOVE 1:2 INBOX"), "* 1 EXPUNGE\r\n* 1 EXPUNGE\r\na OK MOVE completed");
  HAS(ana->ask("STATUS box (MESSAGES)"), "(MESSAGES 1)");
  HAS(eva->ask("SELECT INBOX"), "* 2 EXISTS");
  HAS(eva->ask("FETCH 2 BODY.PEEK[]"), large);
  HAS(eva->ask("MOVE 2 " + box), "* 2 EXPUNGE\r\na OK MOVE completed");
  HAS(ana->ask("SELECT box"), "* 2 EXISTS");
  HAS(ana->ask("FETCH 2 BODY.PEEK[]"), large);
  HAS(eva->ask("SELECT " + box), "* 2 EXISTS");
  eva->append(box, kMail);
  const std::string replaced = eva->ask("REPLACE 3 " + box + " {" + std::to_string(kMail.size()) + "+}\r\n" + kMail);
  HAS(replaced, "* 3 EXPUNGE\r\n");
  HAS(replaced, "a OK ");
}

TEST_F(Neighbours, the_tree_of_another_lane_is_changed) {
  auto ana = login(1), eva = login(2);
  const std::string prefix = "\"Other Users/user1@here.test/";
  ana->ask("CREATE team");
  ana->ask("SETACL team user2@here.test lrkxa");
  HAS(eva->ask("CREATE " + prefix + "team/a\""), "a OK [MAILBOXID (A1-M");
  HAS(eva->ask("MYRIGHTS " + prefix + "team/a\""), "lrkxca");
  HAS(eva->ask("SETACL " + prefix + "team/a\" user3@here.test lr"), "a OK ");
  HAS(eva->ask("RENAME " + prefix + "team/a\" " + prefix + "team/b\""), "a OK ");
  HAS(ana->ask("GETACL team/b"), "user3@here.test lr");
  auto cyd = login(3);  // on ana's own lane
  HAS(cyd->ask("LIST \"\" \"Other Users/*\""), prefix + "team/b\"");
  HAS(cyd->ask("SELECT " + prefix + "team/b\""), "a OK [READ-ONLY]");
  eva->ask("SELECT " + prefix + "team/b\"");
  HAS(cyd->ask("DELETE " + prefix + "team/b\""), "a NO [NOPERM]");
  HAS(ana->ask("DELETE team/b"), "a OK ");
  eva->client.say("a NOOP\r\n");
  HAS(eva->client.hear("* BYE "), "* BYE ");
}

TEST_F(Neighbours, anyone_is_the_domain_and_nobody_is_no_account) {
  auto ana = login(1), eva = login(2);
  HAS(ana->ask("SETACL Sent anyone l"), "a OK ");
  HAS(eva->ask("LIST \"\" \"Other Users/*\""), "user1@here.test/Sent\"");
  LACKS(ana->ask("LIST \"\" \"Other Users/*\""), "* LIST");
  for (const char* nobody : {"list@here.test", "far@here.test", "nobody@here.test", "\"not an address\"", "x"})
    HAS(ana->ask(std::string("SETACL INBOX ") + nobody + " l"), "a NO No such user");
}

TEST_F(Neighbours, who_ends_first_disturbs_nobody) {
  auto ana = login(1);
  ana->ask("SETACL INBOX user2@here.test lrswite");
  const std::string inbox = "\"Other Users/user1@here.test/INBOX\"";
  for (int i = 0; i < 5; ++i) {
    auto eva = login(2), twin = login(2);
    HAS(eva->ask("SELECT " + inbox), "a OK ");
    HAS(twin->ask("EXAMINE " + inbox), "a OK ");
    twin.reset();
    HAS(eva->append(inbox, kMail), "a OK ");
    HAS(eva->ask("NOOP"), "a OK ");
    eva->client.say("a APPEND " + inbox + " {1000+}\r\nhalf of it");
  }
  HAS(ana->ask("STATUS INBOX (MESSAGES)"), "(MESSAGES 5)");
}

}  // namespace
}  // namespace bz::roles

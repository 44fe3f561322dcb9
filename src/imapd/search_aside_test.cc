// A SEARCH of texts takes its time aside: the account's other sessions go on, the client hears how far it is (RFC 9585),
// and nobody waits for a search whose session ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Reads nothing before it is let go.
class Held final : public store::TextSearch {
 public:
  Task<Result<std::vector<Match>>> matching(store::Account& account, std::shared_ptr<const store::Query> query,
                                            std::vector<store::Candidate> messages, base::Executor& lane) override {
    ++asked;
    largest = std::max(largest, messages.size());
    if (hold) {
      base::Completion<bool> released;
      release.emplace(released.promise());
      auto done = co_await released;
      BZ_CO_TRY_VOID(std::move(done));
    }
    auto matching = scan->matching(account, std::move(query), std::move(messages), lane);
    auto found = co_await std::move(matching);
    co_return std::move(found);
  }
  bool hold = true;
  int asked = 0;
  size_t largest = 0;
  std::optional<base::Completion<bool>::Promise> release;
  std::unique_ptr<store::TextSearch> scan = store::make_scan(1);
};

struct Aside : ::testing::Test {
  Held texts;
  World w;
  Aside() {
    w.session_config.text_search = &texts;
    w.fill(100);
  }
  // Until the search waits for its texts.
  void let_go(Client& other) {
    while (!texts.release) other.ask("w1 NOOP");
    texts.hold = false;
    std::exchange(texts.release, std::nullopt)->set(true);
  }
};

TEST_F(Aside, other_sessions_go_on_meanwhile) {
  Client c(w), other(w);
  c.ask("a1 SELECT INBOX");
  other.ask("b1 SELECT INBOX");
  c.send("a2 SEARCH OR BODY \"hello 7\" 1\r\n");
  while (!texts.release) other.ask("w1 NOOP");
  EXPECT_THAT(other.ask("b2 STORE 3 +FLAGS (\\Seen)"), HasSubstr("b2 OK"));
  EXPECT_THAT(other.ask("b3 FETCH 7 BODY.PEEK[TEXT]"), HasSubstr("hello 7"));
  EXPECT_THAT(other.ask("b4 SEARCH SEEN"), HasSubstr("* SEARCH 3\r\n"));  // entries say it: nobody is asked
  EXPECT_EQ(texts.asked, 1);
  let_go(other);
  EXPECT_THAT(c.until("a2"), HasSubstr("* SEARCH 1 7 70 71 72 73 74 75 76 77 78 79\r\n"));
  EXPECT_EQ(texts.asked, 4);
  EXPECT_LE(texts.largest, store::TextSearch::kBatch);
}

// With threads of its own the scan finds what it finds without.
TEST_F(Aside, finds_the_same_on_a_thread_as_on_the_lane) {
  texts.hold = false;
  w.append("INBOX",
           "From: =?utf-8?q?Zo=C3=AB?= <z@example.org>\r\nSubject: x\r\nContent-Type: text/plain; charset=utf-8\r\n"
           "Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==\r\n");
  Client aside(w);
  w.session_config.text_search = nullptr;
  Client plain(w);
  for (Client* c : {&aside, &plain}) c->ask("a1 SELECT INBOX");
  for (const char* query :
       {"BODY grusse", "TEXT zoe", "OR FROM zoe BODY \"hello 99\"", "NOT TEXT number", "SUBJECT \"number 5\" BODY 52",
        "OR (BODY hello SEEN) (TEXT \"hello 100\")", "TEXT \"\"", "HEADER From \"\" NOT BODY hello"}) {
    const std::string found = aside.ask("a2 SEARCH RETURN (ALL COUNT) " + std::string(query));
    EXPECT_EQ(found, plain.ask("a2 SEARCH RETURN (ALL COUNT) " + std::string(query))) << query;
    EXPECT_THAT(found, Not(HasSubstr("COUNT 0"))) << query;
  }
}

TEST_F(Aside, messages_that_go_meanwhile_are_not_found) {
  Client c(w), other(w);
  c.ask("a1 SELECT INBOX");
  other.ask("b1 SELECT INBOX");
  c.send("a2 UID SEARCH BODY \"hello 7\"\r\n");
  while (!texts.release) other.ask("w1 NOOP");
  other.ask("b2 STORE 7,71 +FLAGS.SILENT (\\Deleted)");
  other.ask("b3 EXPUNGE");
  let_go(other);
  EXPECT_THAT(c.until("a2"), AllOf(HasSubstr("* SEARCH 70 72 73"), HasSubstr("* 7 EXPUNGE\r\n")));
}

TEST_F(Aside, says_how_far_it_is) {
  Client c(w), other(w);
  c.ask("a1 SELECT INBOX");
  c.send("a2 SEARCH BODY \"hello 7\"\r\n");
  while (!texts.release) other.ask("w1 NOOP");
  w.clock.advance(base::Millis(10'000));
  let_go(other);
  EXPECT_THAT(c.until("a2"), AllOf(StartsWith("* OK [INPROGRESS (\"a2\" 32 100)] "), HasSubstr("* SEARCH 7 70"),
                                   Not(HasSubstr("INPROGRESS (\"a2\" 64"))));
  EXPECT_THAT(c.ask("a]3 SEARCH BODY \"hello 7\""), Not(HasSubstr("INPROGRESS")));
}

TEST_F(Aside, ends_with_its_session) {
  Client stopped(w), gone(w), other(w);
  for (Client* c : {&stopped, &gone, &other}) c->ask("a1 SELECT INBOX");
  stopped.send("a2 SEARCH BODY hello\r\n");
  while (!texts.release) other.ask("w1 NOOP");
  stopped.session().stop("Password changed");
  let_go(other);
  EXPECT_THAT(stopped.rest(), AllOf(HasSubstr("a2 NO [UNAVAILABLE]"), HasSubstr("* BYE Password changed")));
  EXPECT_EQ(texts.asked, 1);  // nothing was read after that
  EXPECT_THAT(other.ask("b2 SEARCH BODY \"hello 99\""), HasSubstr("* SEARCH 99\r\n"));
}

// The whole lane ends while a thread works.
TEST_F(Aside, the_task_may_go_while_a_thread_works) {
  texts.hold = false;
  w.append("INBOX", "Subject: large\r\n\r\n" + std::string(500'000, 'x') + "\r\n");
  Client c(w);
  c.ask("a1 SELECT INBOX");
  c.send("a2 SEARCH BODY xxxxy\r\n");
  Client other(w);
  other.ask("b1 NOOP");
  w.group.cancel();
  texts.scan.reset();
  bool turned = false;
  w.loop.post([&] {
    turned = true;
    w.loop.stop();
  });
  w.loop.run();
  EXPECT_TRUE(turned);
}

}  // namespace
}  // namespace bz::imapd

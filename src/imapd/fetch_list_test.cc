// FETCH of many messages reads records as they are stored, of few it decodes them: the client must not see which.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imapd/world_for_test.h"
#include "store/schema.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kOdd = {
    "Subject: no body, no line end",
    "\r\nonly a body\r\n",
    "From: =?utf-8?q?=C3=A9?= <a@b.org>\r\nX-Long: " + std::string(20'000, 'x') + "\r\nTo: b@c.org\r\n\r\nlong header\r\n",
    "Subject: \xC3\xB1"
    "and\xC3\xBA\r\nFrom: \xC3\xA9"
    "@x.org\r\n\r\nutf-8\r\n",
    "Received: by x\r\n by y\r\nSUBJECT: two\r\nsubject: three\r\nX-Own : spaced\r\n\r\nfolded\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: "
    "message/rfc822\r\n\r\nSubject: in\r\n\r\ntwo\r\n--b--\r\n",
    "Subject: " + std::string(5000, 'y') + "\r\n\r\nlong line\r\n",
};
constexpr const char* kItems[] = {
    "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (date subject from x-own)])",
    "(BODY PREVIEW (LAZY) MODSEQ EMAILID)",
    "BODY.PEEK[HEADER.FIELDS.NOT (received to)]",
    "(BODY.PEEK[HEADER.FIELDS (subject)] BODY.PEEK[HEADER.FIELDS (from)]<0.10> BODY.PEEK[1])",
    "ALL",
    "FULL",
};

struct Listing : testing::Test {
  World w;
  int count = 0;
  void SetUp() override {
    for (const std::string& text : kOdd) w.append("INBOX", text), ++count;
    auto message = w.account->begin_append();  // with the fields that delivery puts before it
    ASSERT_TRUE(w.run(message->write("Subject: delivered\r\n\r\nhi\r\n")).has_value());
    ASSERT_TRUE(w.run(w.account->deliver(std::move(message),
                                         {.queue_id = "q1", .recipient = "ana@example.org", .return_path = "z@y.org"}))
                    .has_value());
    w.fill(4);
    count += 5;
  }
  // The responses, without the tagged line.
  static std::string untagged(const std::string& answer, const std::string& tag) {
    return answer.substr(0, answer.rfind(tag + " OK"));
  }
};

TEST_F(Listing, of_many_is_what_each_of_them_says) {
  for (const char* enable : {"", "a ENABLE UTF8=ACCEPT"}) {
    Client c(w);
    if (*enable != 0) c.ask(enable);
    c.ask("s SELECT INBOX (CONDSTORE)");
    for (const char* items : kItems) {
      std::string each;
      for (int n = 1; n <= count; ++n) each += untagged(c.ask("b FETCH " + std::to_string(n) + " " + items), "b");
      EXPECT_EQ(untagged(c.ask(std::string("b FETCH 1:* ") + items), "b"), each) << items;
    }
  }
}

TEST_F(Listing, sets_seen_as_each_would) {
  Client c(w), other(w);
  c.ask("s SELECT INBOX");
  other.ask("s SELECT INBOX");
  EXPECT_THAT(c.ask("b FETCH 1:* BODY[HEADER.FIELDS (subject)]"),
              HasSubstr("* 12 FETCH (FLAGS (\\Seen \\Recent) BODY[HEADER.FIELDS (subject)] {"));
  EXPECT_THAT(other.ask("b NOOP"), HasSubstr("* 12 FETCH (FLAGS (\\Seen"));
}

TEST_F(Listing, leaves_out_a_damaged_record_and_says_so) {
  const uint64_t email = [&] {
    Client c(w);
    c.ask("s SELECT INBOX");
    auto inbox = w.run(w.account->open(w.account->find("INBOX")->id));
    return inbox.value()->entries()[2].email;
  }();
  w.account.reset();
  auto partition = w.run([](World& world) -> Task<Result<std::unique_ptr<kv::Partition>>> {
    auto opening = world.store->open({kv::kAccountPartition, 7}, false, world.loop);
    auto opened = co_await opening;
    co_return opened;
  }(w));
  ASSERT_TRUE(partition.has_value());
  auto committed = w.run([](kv::Partition& p, uint64_t which) -> Task<Result<kv::Seq>> {
    kv::Batch batch;
    batch.put(store::key::record(which), "\x01rubbish");
    auto committing = p.commit(std::move(batch));
    auto done = co_await committing;
    co_return done;
  }(**partition, email));
  ASSERT_TRUE(committed.has_value());
  partition->reset();
  w.reopen();
  Client c(w);
  c.ask("s SELECT INBOX");
  const std::string answer = c.ask("b UID FETCH 1:* (ENVELOPE)");
  EXPECT_THAT(answer, HasSubstr("b NO [SERVERBUG]"));
  EXPECT_THAT(answer, testing::Not(HasSubstr("* 3 FETCH")));
  EXPECT_THAT(answer, HasSubstr("* 12 FETCH (UID 12 ENVELOPE ("));
}

}  // namespace
}  // namespace bz::imapd

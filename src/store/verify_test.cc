// Damage by hand, one kind at a time; each must be found and named.
#include "store/schema.h"
#include "store/world_for_test.h"

namespace bz::store {
namespace {

class Verify : public ::testing::Test {
 protected:
  void SetUp() override {
    w.open();
    for (int i = 1; i <= 3; ++i) ASSERT_TRUE(w.append("INBOX", mail(i), {0, {"$Work"}}));
    auto inbox = w.mailbox("INBOX");
    inbox_id = inbox->info().id;
    ASSERT_TRUE(w.run(w.account->copy(inbox, UidSet::of({{1, 1}}), w.id_of("Archive"))));
    inbox.reset();
    ASSERT_TRUE(w.mailbox("Archive"));  // folds
    ASSERT_EQ(w.verify(), "");
  }
  void damage(kv::Batch batch) {
    auto opened = w.run(open_partition(*w.store, w.lane));
    ASSERT_TRUE(opened.has_value());
    auto done = w.run(commit(std::move(*opened), std::move(batch)));
    ASSERT_TRUE(done.has_value());
  }
  std::string value(std::string key) {
    auto opened = w.run(open_partition(*w.store, w.lane));
    auto got = w.run(get(std::move(*opened), std::move(key)));
    return got && *got ? **got : "";
  }
  static Task<Result<std::unique_ptr<kv::Partition>>> open_partition(kv::Store& store, base::Executor& lane) {
    auto opening = store.open({kv::kAccountPartition, 7}, false, lane);
    auto opened = co_await opening;
    co_return std::move(opened);
  }
  static Task<Result<kv::Seq>> commit(std::unique_ptr<kv::Partition> partition, kv::Batch batch) {
    auto committing = partition->commit(std::move(batch));
    auto committed = co_await committing;
    co_return std::move(committed);
  }
  static Task<Result<std::optional<kv::Bytes>>> get(std::unique_ptr<kv::Partition> partition, std::string key) {
    auto getting = partition->get(key);
    auto got = co_await getting;
    co_return std::move(got);
  }
  void expect(std::string_view what) { EXPECT_NE(w.verify().find(what), std::string::npos) << w.verify(); }
  World w;
  MailboxId inbox_id;
};

TEST_F(Verify, a_lost_message_record) {
  damage(std::move(kv::Batch().del(key::record(2))));
  expect("mailbox 1 uid 2: its message record 2 is missing: the message is lost");
}
TEST_F(Verify, a_lost_page_and_what_it_held) {
  damage(std::move(kv::Batch().del(key::page(inbox_id, 0))));
  expect("message 2: no mailbox holds it");
  expect("the count of messages is 3, the messages make it 0");
}
TEST_F(Verify, a_wrong_reference_count) {
  damage(std::move(kv::Batch().put(key::references(1), encode_references(3))));
  expect("message 1: its reference count is 3 and should be 2");
  damage(std::move(kv::Batch().del(key::references(1))));
  expect("message 1: its reference count is 1 and should be 2");
}
TEST_F(Verify, a_lost_body) {
  auto record = MessageRecord::decode(value(key::record(3)));
  ASSERT_TRUE(record.has_value());
  damage(std::move(kv::Batch().unlink(record->blob)));
  expect("message 3: its body cannot be read");
  w.open();
  const size_t header = mail(3).size() - std::string_view("hello\r\n").size();
  EXPECT_EQ(w.run(w.account->read(EmailId(3), 0, header)).value(), mail(3).substr(0, header)) << "a header needs no body";
  EXPECT_EQ(w.run(w.account->read(EmailId(3), 6, 5)).value(), mail(3).substr(6, 5));
  EXPECT_FALSE(w.run(w.account->read(EmailId(3), 0, header + 1)).has_value());
}
TEST_F(Verify, a_header_that_is_not_the_messages) {
  auto record = MessageRecord::decode(value(key::record(3)));
  ASSERT_TRUE(record.has_value());
  ASSERT_FALSE(record->head.empty());
  record->head[0] ^= 1;
  damage(std::move(kv::Batch().put(key::record(3), record->encode())));
  expect("message 3: its header is not the beginning of its body");
}
TEST_F(Verify, counters_that_would_give_something_out_again) {
  auto mailbox = MailboxRecord::decode(inbox_id, value(key::mailbox(inbox_id)));
  mailbox->info.uid_next = 2;
  mailbox->info.highest_modseq = 2;
  damage(std::move(kv::Batch().put(key::mailbox(inbox_id), mailbox->encode())));
  expect("uid 3: it is not below UIDNEXT");
  expect("uid 3: its MODSEQ is above HIGHESTMODSEQ");
  auto account = AccountRecord::decode(value(std::string(key::kAccount)));
  account->next_email = 1;
  account->modseq = 1;
  damage(std::move(kv::Batch().put(key::kAccount, account->encode())));
  expect("message 3: its id was not given out yet");
  expect("its MODSEQ was not given out yet");
}
TEST_F(Verify, flags_without_a_name_and_pages_without_a_mailbox) {
  damage(std::move(kv::Batch().del(key::keywords(inbox_id))));
  expect("uid 1: a keyword bit has no name");
  damage(std::move(kv::Batch().del(key::mailbox(inbox_id))));
  expect("3 messages of a mailbox that is not there");
  expect("there is no INBOX");
}
TEST_F(Verify, records_that_cannot_be_read) {
  damage(std::move(kv::Batch()
                       .put(key::page(inbox_id, 0), "\x01\x05")
                       .put(key::record(1), "\x09")
                       .put(key::delivered("short"), "\x01")));
  expect("mailbox 1 page 0: Corrupt");
  expect("message 1: its record cannot be read");
  expect("mark I: it cannot be read");
}

}  // namespace
}  // namespace bz::store

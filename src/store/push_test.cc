// Registrations for Apple's push, and what tells of arrivals.
#include <gtest/gtest.h>

#include "store/schema.h"
#include "store/world_for_test.h"

namespace bz::store {
namespace {

struct PushDevices : ::testing::Test {
  World w;
  void SetUp() override { w.open(); }
  PushDevice device(std::string token, std::string account = "ID-1") {
    return {std::move(account), std::move(token), "com.apple.mobilemail", {w.id_of("INBOX")}, 0};
  }
  Result<void> add(PushDevice d) { return w.run(w.account->register_push(std::move(d))); }
  Result<void> forget(std::string token, int64_t before = -1) {
    return w.run(w.account->forget_push(std::move(token), before));
  }
  std::string tokens() {
    std::string out;
    for (const PushDevice& d : w.account->push_devices()) out += (out.empty() ? "" : " ") + d.token;
    return out;
  }
};

TEST_F(PushDevices, are_durable_and_replaced_when_renewed) {
  ASSERT_TRUE(add(device("aa")).has_value());
  ASSERT_TRUE(add(device("bb")).has_value());
  PushDevice again = device("aa");
  again.mailboxes = {w.id_of("Archive"), w.id_of("INBOX"), w.id_of("Archive")};
  ASSERT_TRUE(add(again).has_value());
  for (int turn = 0; turn < 2; ++turn) {
    ASSERT_EQ(tokens(), "bb aa");
    const PushDevice& d = w.account->push_devices().back();
    EXPECT_EQ(d.account_id, "ID-1");
    EXPECT_EQ(d.subtopic, "com.apple.mobilemail");
    EXPECT_EQ(d.mailboxes, (std::vector{w.id_of("INBOX"), w.id_of("Archive")}));
    EXPECT_EQ(d.renewed, w.clock.unix_seconds());
    w.reopen();
  }
  EXPECT_EQ(w.verify(), "");
}

TEST_F(PushDevices, of_one_token_and_several_accounts_are_several) {
  ASSERT_TRUE(add(device("aa", "ID-1")).has_value());
  ASSERT_TRUE(add(device("aa", "ID-2")).has_value());
  EXPECT_EQ(tokens(), "aa aa");
  ASSERT_TRUE(forget("aa").has_value());
  EXPECT_EQ(tokens(), "");
  EXPECT_EQ(w.verify(), "");
}

TEST_F(PushDevices, a_renewal_that_says_nothing_new_costs_no_commit_within_the_hour) {
  ASSERT_TRUE(add(device("aa")).has_value());
  const int64_t first = w.clock.unix_seconds();
  w.clock.advance(base::Millis(3'000'000));
  ASSERT_TRUE(add(device("aa")).has_value());
  EXPECT_EQ(w.account->push_devices()[0].renewed, first);
  w.clock.advance(base::Millis(700'000));
  ASSERT_TRUE(add(device("aa")).has_value());
  EXPECT_EQ(w.account->push_devices()[0].renewed, first + 3'700);
}

TEST_F(PushDevices, one_that_has_registered_since_Apple_saw_it_go_stays) {
  ASSERT_TRUE(add(device("aa")).has_value());
  const int64_t now = w.clock.unix_seconds();
  ASSERT_TRUE(forget("aa", now - 1).has_value());
  EXPECT_EQ(tokens(), "aa");
  ASSERT_TRUE(forget("other").has_value());
  EXPECT_EQ(tokens(), "aa");
  ASSERT_TRUE(forget("aa", now).has_value());
  EXPECT_EQ(tokens(), "");
}

TEST_F(PushDevices, are_bounded) {
  for (size_t i = 0; i < kMaxPushDevices + 2; ++i) ASSERT_TRUE(add(device("t" + std::to_string(i))).has_value());
  EXPECT_EQ(w.account->push_devices().size(), kMaxPushDevices);
  EXPECT_EQ(w.account->push_devices().front().token, "t2") << "those renewed longest ago went";
  EXPECT_EQ(add(device(std::string(kMaxPushToken + 1, 'a'))).error().code(), Errc::TooLarge);
  EXPECT_EQ(add(device("")).error().code(), Errc::TooLarge);
  EXPECT_EQ(add(device("aa", std::string(kMaxPushWord + 1, 'a'))).error().code(), Errc::TooLarge);
  PushDevice many = device("aa");
  for (uint32_t i = 1; i <= kMaxPushMailboxes + 1; ++i) many.mailboxes.push_back(MailboxId(i));
  EXPECT_EQ(add(many).error().code(), Errc::Limit);
  w.clock.advance(base::Millis((kPushLife + 1) * 1000));
  ASSERT_TRUE(add(device("new")).has_value());
  EXPECT_EQ(tokens(), "new") << "nobody has renewed the others";
}

Task<Result<std::unique_ptr<kv::Partition>>> open_partition(kv::Store& store, base::Executor& lane) {
  auto opening = store.open({kv::kAccountPartition, 7}, false, lane);
  auto opened = co_await opening;
  co_return std::move(opened);
}
Task<Result<kv::Seq>> put_record(std::unique_ptr<kv::Partition> partition, std::string key, std::string value) {
  auto committing = partition->commit(std::move(kv::Batch().put(std::move(key), std::move(value))));
  auto committed = co_await committing;
  co_return std::move(committed);
}

TEST_F(PushDevices, damage_is_found_and_keeps_nobody_from_the_mail) {
  ASSERT_TRUE(add(device("aa")).has_value());
  const auto put = [&](std::string key, std::string value) {
    w.account.reset();
    w.lane.run();
    auto opened = w.run(open_partition(*w.store, w.lane));
    ASSERT_TRUE(opened.has_value());
    ASSERT_TRUE(w.run(put_record(std::move(*opened), std::move(key), std::move(value))).has_value());
  };
  PushDevice lost = device("aa");
  lost.mailboxes = {MailboxId(999)};
  put("X", encode_push_devices({lost}));
  EXPECT_EQ(w.verify(), "push devices: mailbox 999 was not given out yet\n");
  put("Xx", encode_push_devices({lost}));
  EXPECT_NE(w.verify().find("push devices: their key is malformed"), std::string::npos);
  put("X", "\x01\x01");
  EXPECT_NE(w.verify().find("phones are not told of new mail"), std::string::npos);
  w.open();
  EXPECT_EQ(tokens(), "");
  EXPECT_TRUE(w.append("INBOX", mail(1)).has_value());
}

TEST(PushRecord, refuses_what_does_not_fit) {
  const PushDevice device{"ID", "ab12", "s", {MailboxId(1), MailboxId(300)}, 1'795'000'000};
  const std::string bytes = encode_push_devices({device, device});
  auto back = decode_push_devices(bytes);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(encode_push_devices(*back), bytes);
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode_push_devices(bytes.substr(0, n)).has_value()) << n;
  EXPECT_EQ(decode_push_devices(bytes + "x").error().code(), Errc::Corrupt);
  EXPECT_EQ(decode_push_devices("\x02" + bytes.substr(1)).error().code(), Errc::Unsupported);
  EXPECT_FALSE(decode_push_devices(encode_push_devices({})).has_value());
  EXPECT_FALSE(decode_push_devices(encode_push_devices(std::vector(kMaxPushDevices + 1, device))).has_value());
}

struct Arrivals : PushDevices {
  std::string told;
  Mailbox::Subscription subscription;
  void SetUp() override {
    w.open();
    subscription = w.account->subscribe_arrivals([this](MailboxId id, uint32_t first, uint32_t last) {
      told += std::to_string(id.value()) + ":" + std::to_string(first) + "-" + std::to_string(last) + " ";
    });
  }
  std::string take() { return std::exchange(told, {}); }
  std::string at(std::string_view name, std::string uids) {
    return std::to_string(w.id_of(name).value()) + ":" + uids + " ";
  }
};

TEST_F(Arrivals, are_told_whoever_brought_the_message_and_nothing_else_is) {
  ASSERT_TRUE(w.append("INBOX", mail(1)).has_value());
  EXPECT_EQ(take(), at("INBOX", "1-1"));
  ASSERT_TRUE(w.deliver(mail(2), {"q1", "ana@example.org", "", false}).has_value());
  EXPECT_EQ(take(), at("INBOX", "2-2"));
  ASSERT_TRUE(w.deliver(mail(2), {"q1", "ana@example.org", "", false}).has_value());
  EXPECT_EQ(take(), "") << "it was there already";
  auto inbox = w.mailbox("INBOX");
  const UidSet both = UidSet::of({{1, 2}});
  ASSERT_TRUE(w.run(w.account->store_flags(inbox, both, FlagOp::Add, {kDeleted, {}}, {})).has_value());
  EXPECT_EQ(take(), "");
  ASSERT_TRUE(w.run(w.account->copy(inbox, both, w.id_of("Archive"))).has_value());
  EXPECT_EQ(take(), at("Archive", "1-2"));
  ASSERT_TRUE(w.run(w.account->move(inbox, both, w.id_of("Archive"))).has_value());
  EXPECT_EQ(take(), at("Archive", "3-4"));
  auto archive = w.mailbox("Archive");
  ASSERT_TRUE(w.run(w.account->erase(archive, both)).has_value());
  ASSERT_TRUE(w.run(w.account->rename("Archive", "Old")).has_value());
  EXPECT_EQ(take(), "");
  subscription.reset();
  ASSERT_TRUE(w.append("INBOX", mail(5)).has_value());
  EXPECT_EQ(take(), "");
}

}  // namespace
}  // namespace bz::store

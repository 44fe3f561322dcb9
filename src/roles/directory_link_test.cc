#include "roles/directory_link.h"

#include <gtest/gtest.h>

#include "roles/queue_listing.h"

namespace bz::roles {
namespace {

struct Rig {
  net::Loop loop;
  std::vector<std::pair<wire::Type, std::string>> sent;
  bool down = false;
  DirectoryLink link{loop, [this](wire::Type type, const std::string& payload) -> Result<void> {
                       if (down) return fail(Errc::Unavailable, "down");
                       sent.emplace_back(type, payload);
                       return {};
                     }};
  smtp::Address ana{"ana", "example.test"};

  Result<queue::RecipientVerdict> look_up(const wire::RecipientVerdict& answer) {
    auto task = link.lookup_recipient(ana);
    task.start();
    auto taken = link.on_message(static_cast<uint8_t>(wire::Type::RecipientVerdict), answer.encode());
    EXPECT_TRUE(taken.has_value());
    EXPECT_TRUE(task.done());
    return task.take();
  }
};

TEST(DirectoryLink, every_kind_of_verdict) {
  using Kind = queue::RecipientVerdict::Kind;
  Rig rig;
  EXPECT_EQ(rig.look_up({1, 0, {}})->kind, Kind::Elsewhere);
  EXPECT_EQ(wire::LookupRecipient::decode(rig.sent.at(0).second)->address, "ana@example.test");
  auto local = rig.look_up({2, 1, {{7, "ana@example.test", "ana+x@example.test", {}, {}}}});
  EXPECT_EQ(local->kind, Kind::Local);
  EXPECT_EQ(local->targets.at(0).account, AccountId(7));
  EXPECT_EQ(local->targets.at(0).address.local, "ana+x");
  EXPECT_EQ(rig.look_up({3, 2, {}})->kind, Kind::Unknown);
  EXPECT_EQ(rig.look_up({4, 4, {}})->kind, Kind::Disabled);
  // Whatever is odd is temporary: mail must not bounce for it.
  EXPECT_EQ(rig.look_up({5, 3, {}}).error().code(), Errc::Unavailable);
  EXPECT_EQ(rig.look_up({6, 1, {}}).error().code(), Errc::Unavailable);
  EXPECT_EQ(rig.look_up({7, 1, {{0, "a", "a@b", {}, {}}}}).error().code(), Errc::Unavailable);
  EXPECT_EQ(rig.look_up({8, 99, {}}).error().code(), Errc::Unavailable);
}

TEST(DirectoryLink, auth_down_or_gone_is_temporary) {
  Rig rig;
  rig.down = true;
  auto refused = rig.link.may_send_as(AccountId(1), rig.ana);
  refused.start();
  EXPECT_EQ(refused.take().error().code(), Errc::Unavailable);
  rig.down = false;
  auto lost = rig.link.may_send_as(AccountId(1), rig.ana);
  lost.start();
  EXPECT_FALSE(lost.done());
  rig.link.on_down();
  EXPECT_EQ(lost.take().error().code(), Errc::Unavailable);
  auto good = rig.link.may_send_as(AccountId(1), rig.ana);
  good.start();
  EXPECT_FALSE(rig.link.on_message(static_cast<uint8_t>(wire::Type::SendAsVerdict), "junk").has_value());
  EXPECT_FALSE(rig.link.on_message(static_cast<uint8_t>(wire::Type::Leg), "").has_value());
  auto other = rig.link.on_message(static_cast<uint8_t>(wire::Type::SendAsVerdict), wire::SendAsVerdict{99, 1}.encode());
  EXPECT_TRUE(other.has_value());
  EXPECT_FALSE(good.done());
  auto taken = rig.link.on_message(static_cast<uint8_t>(wire::Type::SendAsVerdict), wire::SendAsVerdict{3, 1}.encode());
  EXPECT_TRUE(taken.has_value());
  EXPECT_TRUE(*good.take());
}

TEST(QueueListing, shows_who_waits_and_why) {
  queue::Entry entry;
  entry.envelope.id = "q1";
  entry.envelope.sender = {"a", "b.test"};
  entry.envelope.size = 10;
  entry.envelope.received = 1000;
  queue::Recipient waiting, done;
  waiting.rcpt.recipient = {"x", "y.test"};
  waiting.attempts = 2;
  waiting.next_try = 301'000;
  waiting.remote_mta = "mx.y.test";
  waiting.last_reply = smtp::Reply(451, "4.3.0", "say \"later\"");
  done.rcpt.recipient = {"z", "y.test"};
  done.state = queue::RecipientState::Done;
  entry.envelope.recipients = {done, waiting};
  EXPECT_EQ(queue_listing({}, false, 0), "the queue is empty\n");
  EXPECT_EQ(queue_listing({}, true, 0), "[]\n");
  EXPECT_EQ(queue_listing({&entry}, false, 61'000),
            "q1  from <a@b.test>  10 bytes, 60s old\n"
            "    to <x@y.test> (relay), 2 attempts, next in 4m\n"
            "        mx.y.test: 451 4.3.0 say \"later\"\n");
  EXPECT_EQ(
      queue_listing({&entry}, true, 0),
      "[{\"qid\":\"q1\",\"from\":\"a@b.test\",\"size\":10,\"received_ms\":1000,\"recipients\":[{\"to\":\"x@y.test\","
      "\"class\":\"relay\",\"attempts\":2,\"next_try_ms\":301000,\"last_reply\":\"451 4.3.0 say \\\"later\\\"\"}]}]\n");
}

}  // namespace
}  // namespace bz::roles

#include "queue/envelope.h"

#include <gtest/gtest.h>

namespace bz::queue {
namespace {

Envelope sample() {
  Envelope e;
  e.id = "abcdef012345";
  e.session = "s1";
  e.sender = *smtp::parse_address("from@a.example");
  e.smtputf8 = true;
  e.eight_bit = true;
  e.ret = smtp::Ret::Headers;
  e.envid = "env";
  e.received = 1'795'000'000'123;
  e.account = AccountId(7);
  e.account_name = "joe";
  e.message_id = "<1@a>";
  e.size = 1000;
  e.header_size = 300;
  e.trace_size = 100;
  e.bcc = {{120, 20}, {200, 10}};
  return e;
}

Recipient recipient(const char* address) {
  Recipient r;
  r.rcpt.recipient = *smtp::parse_address(address);
  r.rcpt.notify.bits = smtp::Notify::kFailure;
  r.rcpt.orcpt = "rfc822;x@y";
  r.rcpt.account = AccountId(9);
  r.cls = RecipientClass::SentCopy;
  r.rcpt.sent_copy = true;
  r.state = RecipientState::Failed;
  r.attempts = 3;
  r.next_try = 5;
  r.last_try = 4;
  r.last_reply = smtp::Reply(550, "5.1.1", "no\nuser");
  r.remote_mta = "mx.b";
  return r;
}

TEST(Envelope, RecordsRoundTrip) {
  const auto e = sample();
  const auto back = decode_head(encode_head(e));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, e);
  const std::vector<Recipient> all = {recipient("a@b"), recipient("\"x y\"@[192.0.2.1]"), Recipient{}};
  std::vector<Recipient> read;
  ASSERT_TRUE(decode_recipients(encode_recipients(all, 0, 2), read));
  ASSERT_TRUE(decode_recipients(encode_recipients(all, 2, 3), read));
  EXPECT_EQ(read, all);
  auto elsewhere = recipient("c@d");
  elsewhere.server = "old";
  elsewhere.host = "imap.old.test";
  const std::vector<Recipient> mixed = {recipient("a@b"), elsewhere, recipient("e@f")};
  ASSERT_TRUE(decode_recipients(encode_recipients(mixed, 0, 3), read));
  EXPECT_EQ(std::vector<Recipient>(read.begin() + 3, read.end()), mixed);
  auto lie = encode_recipients(mixed, 1, 2);
  lie[lie.size() - 19] = 1;  // names the second of one recipient
  EXPECT_FALSE(decode_recipients(lie, read));
  Recipient plain;
  ASSERT_TRUE(decode_progress(encode_progress(all[0]), plain));
  EXPECT_EQ(plain.state, RecipientState::Failed);
  EXPECT_EQ(plain.last_reply, all[0].last_reply);
  EXPECT_EQ(plain.attempts, 3u);
}

TEST(Envelope, CutOrForeignRecordsAreRefused) {
  const auto head = encode_head(sample());
  for (size_t i = 0; i < head.size(); ++i) EXPECT_FALSE(decode_head(head.substr(0, i))) << i;
  const auto group = encode_recipients({recipient("a@b")}, 0, 1);
  std::vector<Recipient> read;
  for (size_t i = 0; i < group.size(); ++i) EXPECT_FALSE(decode_recipients(group.substr(0, i), read)) << i;
  auto future = head;
  future[0] = 2;
  EXPECT_EQ(decode_head(future).error().code(), Errc::Unsupported);
  auto e = sample();
  e.bcc = {{990, 20}};
  EXPECT_EQ(decode_head(encode_head(e)).error().code(), Errc::Corrupt) << "beyond the message";
  e.bcc = {{120, 20}, {130, 20}};
  EXPECT_FALSE(decode_head(encode_head(e))) << "overlapping";
}

}  // namespace
}  // namespace bz::queue

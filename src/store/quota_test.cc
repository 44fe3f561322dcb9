#include <gtest/gtest.h>

#include "store/world_for_test.h"

namespace bz::store {
namespace {

Errc code_of(const Result<void>& result) { return result ? Errc::Internal : result.error().code(); }

TEST(Quota, usage_is_what_the_mailboxes_hold_before_and_after_a_restart) {
  World w;
  w.open();
  EXPECT_EQ(w.account->usage().mailboxes, 6u);
  EXPECT_EQ(w.account->usage().messages, 0u);
  ASSERT_TRUE(w.append("INBOX", mail(1)).has_value());
  ASSERT_TRUE(w.append("Archive", mail(2, std::string(5000, 'y')), {kDeleted, {}}).has_value());
  ASSERT_TRUE(w.run(w.account->create("a/b", SpecialUse::None)).has_value());
  const uint64_t bytes = mail(1).size() + mail(2, std::string(5000, 'y')).size();
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(w.account->usage().bytes, bytes);
    EXPECT_EQ(w.account->usage().messages, 2u);
    EXPECT_EQ(w.account->usage().mailboxes, 8u);
    w.reopen();
  }
  auto archive = w.mailbox("Archive");
  ASSERT_TRUE(w.run(w.account->expunge(archive, {})).has_value());
  archive.reset();
  EXPECT_EQ(w.account->usage().bytes, mail(1).size());
  ASSERT_TRUE(w.run(w.account->remove("a/b")).has_value());
  EXPECT_EQ(w.account->usage().mailboxes, 7u);
  EXPECT_EQ(w.verify(), "");
}

TEST(Quota, of_messages_counts_copies_but_no_moves) {
  World w;
  w.config.quota_messages = 2;
  w.open();
  ASSERT_TRUE(w.append("INBOX", mail(1)).has_value());
  auto inbox = w.mailbox("INBOX");
  EXPECT_TRUE(w.run(w.account->copy(inbox, UidSet::of({{1, 1}}), w.id_of("Archive"))).has_value());
  EXPECT_EQ(w.run(w.account->copy(inbox, UidSet::of({{1, 1}}), w.id_of("Archive"))).error().code(), Errc::OverQuota);
  EXPECT_EQ(w.append("INBOX", mail(2)).error().code(), Errc::OverQuota);
  EXPECT_TRUE(w.run(w.account->move(inbox, UidSet::of({{1, 1}}), w.id_of("Archive"))).has_value());
  EXPECT_EQ(w.account->usage().messages, 2u);
  // Nothing to copy is no error, full or not.
  EXPECT_TRUE(w.run(w.account->copy(inbox, UidSet::of({{1, 1}}), w.id_of("Archive"))).has_value());
  inbox.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(Quota, that_was_lowered_refuses_only_what_adds) {
  World w;
  w.open();
  ASSERT_TRUE(w.append("INBOX", mail(1, std::string(700, 'x'))).has_value());
  ASSERT_TRUE(w.append("INBOX", mail(2)).has_value());
  w.config.quota_bytes = 500;
  w.config.quota_messages = 1;
  w.config.quota_mailboxes = 3;
  w.account->set_config(w.config);
  EXPECT_EQ(w.append("INBOX", mail(3)).error().code(), Errc::OverQuota);
  auto inbox = w.mailbox("INBOX");
  auto ready = w.run(w.account->complete(w.message(mail(4))));
  ASSERT_TRUE(ready.has_value());
  EXPECT_TRUE(w.run(w.account->replace(inbox, 1, w.id_of("INBOX"), {std::move(*ready), {}, {}})).has_value());
  EXPECT_TRUE(w.run(w.account->move(inbox, UidSet::of({{2, 3}}), w.id_of("Trash"))).has_value());
  EXPECT_TRUE(w.run(w.account->rename("Archive", "Old")).has_value());
  EXPECT_EQ(code_of(w.run(w.account->rename("Old", "new/Old"))), Errc::OverQuota);
  inbox.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(Quota, of_mailboxes_counts_the_parents_too) {
  World w;
  w.config.quota_mailboxes = 8;
  w.open();
  EXPECT_EQ(w.run(w.account->create("a/b/c", SpecialUse::None)).error().code(), Errc::OverQuota);
  EXPECT_TRUE(w.run(w.account->create("a/b", SpecialUse::None)).has_value());
  EXPECT_EQ(w.run(w.account->create("d", SpecialUse::None)).error().code(), Errc::OverQuota);
  EXPECT_EQ(code_of(w.run(w.account->rename("INBOX", "d"))), Errc::OverQuota);
  // The name stays when there are children, and may be made a mailbox again.
  ASSERT_TRUE(w.run(w.account->remove("a")).has_value());
  EXPECT_FALSE(w.account->find("a")->selectable);
  EXPECT_TRUE(w.run(w.account->create("a", SpecialUse::None)).has_value());
  EXPECT_EQ(w.account->usage().mailboxes, 8u);
  EXPECT_EQ(w.verify(), "");
}

TEST(Quota, of_mailboxes_does_not_keep_a_sent_copy_out) {
  World w;
  w.config.quota_mailboxes = 1;
  w.open();
  ASSERT_TRUE(w.run(w.account->remove("Sent")).has_value());
  ASSERT_TRUE(w.deliver(mail(1), {"q1", "ana@example.org", "", true}).has_value());
  EXPECT_EQ(w.account->find("Sent")->messages, 1u);
  EXPECT_EQ(w.verify(), "");
}

TEST(Quota, is_told_before_the_message_comes) {
  World w;
  w.config.quota_bytes = 200;
  w.config.quota_messages = 3;
  w.open();
  const MailboxId inbox = w.id_of("INBOX");
  EXPECT_TRUE(w.account->takes(inbox, 3, 200).has_value());
  EXPECT_EQ(code_of(w.account->takes(inbox, 1, 201)), Errc::OverQuota);
  EXPECT_EQ(code_of(w.account->takes(inbox, 4, 1)), Errc::OverQuota);
  EXPECT_TRUE(w.account->takes(w.id_of("Sent"), 1, 201).has_value());  // may be our copy, which is there
  Delivery first{"q1", "ana@example.org", ""}, second{"q2", "ana@example.org", ""};
  EXPECT_TRUE(w.run(w.account->takes_delivery(first, 200)).has_value());
  EXPECT_EQ(code_of(w.run(w.account->takes_delivery(first, 201))), Errc::OverQuota);
  ASSERT_TRUE(w.deliver(mail(1), first).has_value());
  ASSERT_TRUE(w.append("INBOX", std::string(200 - w.account->usage().bytes, 'x')).has_value());
  EXPECT_EQ(code_of(w.run(w.account->takes_delivery(second, 0))), Errc::OverQuota);
  EXPECT_TRUE(w.run(w.account->takes_delivery(first, 100)).has_value());  // it is there already
  second.sent_copy = true;
  EXPECT_TRUE(w.run(w.account->takes_delivery(second, 100)).has_value());
  EXPECT_EQ(w.verify(), "");
}

TEST(Quota, is_not_what_a_full_disk_is_called) {
  World w;
  w.open();
  w.store->fail_commit(1, Errc::OverQuota);
  EXPECT_EQ(w.append("INBOX", mail(1)).error().code(), Errc::Unavailable);
}

}  // namespace
}  // namespace bz::store

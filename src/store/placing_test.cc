// Several messages in one command.
#include <gtest/gtest.h>

#include <set>

#include "store/world_for_test.h"

namespace bz::store {
namespace {

struct Upload {
  std::string text;
  FlagList flags = {};
};

std::vector<NewMessage> complete(World& w, const std::vector<Upload>& uploads) {
  std::vector<NewMessage> messages;
  for (const Upload& u : uploads) {
    auto ready = w.run(w.account->complete(w.message(u.text)));
    EXPECT_TRUE(ready.has_value()) << ready.error().to_string();
    if (ready) messages.push_back({std::move(*ready), u.flags, 1000});
  }
  return messages;
}
Result<std::vector<Appended>> append(World& w, std::string_view to, const std::vector<Upload>& uploads) {
  auto messages = complete(w, uploads);
  return w.run(w.account->append(w.id_of(to), std::move(messages)));
}
std::vector<uint32_t> uids_of(const Result<std::vector<Appended>>& appended) {
  std::vector<uint32_t> uids;
  if (appended)
    for (const Appended& a : *appended) uids.push_back(a.uid);
  return uids;
}
using Uids = std::vector<uint32_t>;

TEST(MultiAppend, is_one_change_with_uids_in_order) {
  World w;
  w.open();
  auto mailbox = w.mailbox("INBOX");
  const uint64_t before = mailbox->info().highest_modseq;
  EXPECT_EQ(uids_of(append(w, "INBOX", {{mail(1), {kSeen, {}}}, {mail(2), {0, {"$Work"}}}, {mail(3)}})), (Uids{1, 2, 3}));
  EXPECT_EQ(mailbox->info().highest_modseq, before + 1);
  ASSERT_EQ(mailbox->entries().size(), 3u);
  std::set<uint64_t> emails;
  for (const Entry& e : mailbox->entries()) {
    EXPECT_EQ(e.modseq, before + 1);
    emails.insert(e.email);
    EXPECT_EQ(w.run(w.account->read(EmailId(e.email), 0, 1 << 20)).value(), mail(static_cast<int>(e.uid)));
  }
  EXPECT_EQ(emails.size(), 3u);
  EXPECT_EQ(mailbox->flag_names(mailbox->find(2)->flags), std::vector<std::string>{"$Work"});
  EXPECT_EQ(mailbox->info().unseen, 2u);
  mailbox.reset();
  w.reopen();
  EXPECT_EQ(w.mailbox("INBOX")->entries().size(), 3u);
  EXPECT_EQ(w.verify(), "");
}
TEST(MultiAppend, takes_as_many_large_records_as_it_promises_in_one_batch) {
  World w;
  w.open();
  // A header of 12 KiB, kept in the record twice: as fields and as head.
  std::string fields;
  for (int i = 0; i < 400; ++i) fields += "X-Field-" + std::to_string(i) + ": " + std::string(20, 'x') + "\r\n";
  std::vector<Upload> uploads;
  for (size_t i = 0; i < kAppendMessages; ++i) uploads.push_back({fields + mail(static_cast<int>(i))});
  EXPECT_EQ(append(w, "INBOX", uploads)->size(), kAppendMessages);
  EXPECT_EQ(w.run(w.account->record(EmailId(kAppendMessages))).value()->fields.size(), 403u);
  uploads.push_back({mail(999)});
  EXPECT_EQ(append(w, "INBOX", uploads).error().code(), Errc::Limit);
  EXPECT_EQ(w.account->find("INBOX")->messages, kAppendMessages);
  EXPECT_EQ(w.verify(), "");
}
TEST(MultiAppend, all_or_nothing) {
  World w;
  w.config.quota_bytes = 500;
  w.open();
  EXPECT_EQ(append(w, "INBOX", {{mail(1)}, {mail(2, std::string(400, 'y'))}}).error().code(), Errc::OverQuota);
  EXPECT_EQ(w.account->find("INBOX")->messages, 0u);
  EXPECT_EQ(append(w, "Nowhere", {{mail(1)}}).error().code(), Errc::NotFound);
  EXPECT_EQ(append(w, "INBOX", {}).error().code(), Errc::Invalid);
  EXPECT_EQ(uids_of(append(w, "INBOX", {{mail(1)}, {mail(2)}})), (Uids{1, 2}));
  EXPECT_EQ(w.verify(), "");
}
TEST(MultiAppend, a_failing_commit_leaves_none) {
  World w;
  w.open();
  auto messages = complete(w, {{mail(1)}, {mail(2)}});
  w.store->fail_commit(1, Errc::OverQuota);
  EXPECT_FALSE(w.run(w.account->append(w.id_of("INBOX"), std::move(messages))).has_value());
  EXPECT_TRUE(w.account->broken());
  w.reopen();
  EXPECT_EQ(w.account->find("INBOX")->messages, 0u);
  EXPECT_EQ(w.verify(), "");
}
TEST(MultiAppend, the_sent_rule_holds_for_each_message) {
  World w;
  w.open();
  auto ours = w.deliver(mail(2), {"q1", "ana@example.org", "", true});
  ASSERT_TRUE(ours.has_value());
  auto done = append(w, "Sent", {{mail(1), {kSeen, {}}}, {mail(2), {kFlagged, {"$Phone"}}}, {mail(2), {kSeen, {}}}});
  EXPECT_EQ(uids_of(done), (Uids{2, ours->uid, 3})) << "the mark is used up by the first";
  auto sent = w.mailbox("Sent");
  ASSERT_EQ(sent->entries().size(), 3u);
  EXPECT_EQ(sent->find(ours->uid)->flags & (kFlagged | kSeen), kFlagged | kSeen);
  EXPECT_EQ(sent->flag_names(sent->find(ours->uid)->flags).back(), "$Phone");
  sent.reset();
  EXPECT_EQ(w.verify(), "");
}
TEST(MultiAppend, what_is_not_used_leaves_nothing) {
  World w;
  w.config.append_limit = 4 << 20;
  w.open();
  const std::string large = mail(1, std::string(3 << 20, 'z'));  // is staged before it is parsed
  {
    auto messages = complete(w, {{large}, {mail(2)}});
  }
  w.lane.run();
  EXPECT_EQ(w.verify(), "");
  w.open();
  EXPECT_EQ(uids_of(append(w, "INBOX", {{large}, {mail(2)}, {large}})), (Uids{1, 2, 3}));
  EXPECT_EQ(w.verify(), "");
}
TEST(MultiAppend, folds_into_pages_and_survives_a_crash) {
  World w;
  w.open();
  for (int round = 0; round < 70; ++round)
    ASSERT_TRUE(append(w, "INBOX", {{mail(1)}, {mail(2)}, {mail(3)}, {mail(4)}}).has_value());
  auto all = w.mailbox("INBOX");
  ASSERT_EQ(all->entries().size(), 280u);
  EXPECT_EQ(all->entries().back().uid, 280u);
  all.reset();
  w.reopen();
  EXPECT_EQ(w.mailbox("INBOX")->entries().size(), 280u);
  EXPECT_EQ(w.verify(), "");
}

Result<Appended> replace(World& w, MailboxPtr from, uint32_t uid, std::string_view to, const Upload& upload) {
  auto messages = complete(w, {upload});
  return w.run(w.account->replace(std::move(from), uid, w.id_of(to), std::move(messages.front())));
}

TEST(Replace, is_one_change_in_one_mailbox) {
  World w;
  w.open();
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(w.append("INBOX", mail(i), {kSeen, {}}).has_value());
  auto box = w.mailbox("INBOX");
  View view(box, View::Mode::ReadWrite);
  const uint64_t before = box->info().highest_modseq;
  auto replaced = replace(w, box, 2, "INBOX", {mail(4), {kDraft, {"$Work"}}});
  ASSERT_TRUE(replaced.has_value());
  EXPECT_EQ(replaced->uid, 4u);
  EXPECT_EQ(box->info().highest_modseq, before + 1);
  EXPECT_EQ(box->info().messages, 3u);
  EXPECT_EQ(box->find(4)->flags & (kDraft | kSeen), kDraft) << "nothing is inherited";
  const Changes news = view.sync(View::Expunges::Report);
  EXPECT_EQ(news.expunged, std::vector<Msn>{2});
  EXPECT_EQ(news.exists, 3u);
  EXPECT_EQ(w.run(w.account->vanished_since(box, before)).value().to_string(), "2");
  box.reset();
  w.reopen();
  EXPECT_EQ(w.mailbox("INBOX")->entries().size(), 3u);
}
TEST(Replace, moves_between_mailboxes_and_keeps_the_books) {
  World w;
  w.open();
  ASSERT_TRUE(w.append("Drafts", mail(1)).has_value());
  auto box = w.mailbox("Drafts");
  ASSERT_TRUE(replace(w, box, 1, "Sent", {mail(2)}).has_value());
  EXPECT_TRUE(box->entries().empty());
  EXPECT_EQ(w.account->find("Drafts")->messages, 0u);
  EXPECT_EQ(w.account->find("Sent")->messages, 1u);
  EXPECT_EQ(replace(w, box, 1, "Sent", {mail(3)}).error().code(), Errc::Conflict);
  EXPECT_EQ(replace(w, box, 1, "Nope", {mail(3)}).error().code(), Errc::NotFound);
  EXPECT_EQ(w.account->find("Sent")->messages, 1u);
  box.reset();
  EXPECT_EQ(w.verify(), "");
}
TEST(Replace, only_the_difference_counts_against_the_quota) {
  World w;
  w.config.quota_bytes = 1000;
  w.config.max_messages = 1;
  w.open();
  ASSERT_TRUE(w.append("INBOX", mail(1, std::string(700, 'x'))).has_value());
  auto box = w.mailbox("INBOX");
  EXPECT_EQ(replace(w, box, 1, "INBOX", {mail(2, std::string(1000, 'y'))}).error().code(), Errc::OverQuota);
  EXPECT_TRUE(box->find(1));
  EXPECT_TRUE(replace(w, box, 1, "INBOX", {mail(3, std::string(800, 'z'))}).has_value());
  EXPECT_EQ(w.append("INBOX", mail(4)).error().code(), Errc::Limit);
  box.reset();
  EXPECT_EQ(w.verify(), "");
}
TEST(Replace, never_joins_the_very_copy_it_takes_away) {
  World w;
  w.open();
  auto ours = w.deliver(mail(1), {"q1", "ana@example.org", "", true});
  ASSERT_TRUE(ours.has_value());
  auto box = w.mailbox("Sent");
  auto replaced = replace(w, box, ours->uid, "Sent", {mail(1)});
  ASSERT_TRUE(replaced.has_value());
  EXPECT_FALSE(replaced->matched_sent_copy);
  EXPECT_EQ(box->entries().size(), 1u);
  // A draft that was sent: the copy is there already, the draft goes.
  auto sent = w.deliver(mail(2), {"q2", "ana@example.org", "", true});
  ASSERT_TRUE(w.append("Drafts", mail(2)).has_value());
  auto joined = replace(w, w.mailbox("Drafts"), 1, "Sent", {mail(2), {kFlagged, {}}});
  EXPECT_TRUE(joined->matched_sent_copy);
  EXPECT_EQ(joined->uid, sent->uid);
  EXPECT_EQ(w.account->find("Drafts")->messages, 0u);
  EXPECT_EQ(box->entries().size(), 2u);
  box.reset();
  EXPECT_EQ(w.verify(), "");
}
TEST(Replace, a_failing_commit_leaves_the_old_message) {
  World w;
  w.open();
  ASSERT_TRUE(w.append("INBOX", mail(1)).has_value());
  auto box = w.mailbox("INBOX");
  auto messages = complete(w, {{mail(2)}});
  w.store->fail_commit(1, Errc::OverQuota);
  EXPECT_FALSE(w.run(w.account->replace(box, 1, w.id_of("INBOX"), std::move(messages.front()))).has_value());
  box.reset();
  w.reopen();
  auto again = w.mailbox("INBOX");
  ASSERT_EQ(again->entries().size(), 1u);
  EXPECT_EQ(again->entries()[0].uid, 1u);
  again.reset();
  EXPECT_EQ(w.verify(), "");
}

}  // namespace
}  // namespace bz::store

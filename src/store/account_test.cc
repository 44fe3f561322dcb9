#include "store/account.h"

#include "store/world_for_test.h"

namespace bz::store {
namespace {

std::string names_of(Account& account) {
  std::string out;
  for (const auto& m : account.mailboxes()) out += (out.empty() ? "" : " ") + m.name + (m.selectable ? "" : "!");
  return out;
}

TEST(Account, a_new_account_has_the_mailboxes_that_phones_look_for) {
  World w;
  w.open();
  EXPECT_EQ(names_of(*w.account), "INBOX Archive Drafts Junk Sent Trash");
  EXPECT_EQ(w.account->find("Sent")->use, SpecialUse::Sent);
  EXPECT_EQ(w.account->find("inbox")->name, "INBOX");
  EXPECT_EQ(w.account->subscriptions().size(), 6u);
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, append_gives_uids_in_order_and_keeps_octets_flags_and_date) {
  World w;
  w.open();
  auto first = w.append("INBOX", mail(1), {kSeen, {"$Work"}});
  auto second = w.append("INBOX", mail(2));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->uid, 1u);
  EXPECT_EQ(second->uid, 2u);
  for (int round = 0; round < 2; ++round) {
    auto inbox = w.mailbox("INBOX");
    ASSERT_EQ(inbox->entries().size(), 2u);
    const Entry& e = inbox->entries()[0];
    EXPECT_EQ(inbox->flag_names(e.flags), (std::vector<std::string>{"\\Seen", "$Work"}));
    EXPECT_EQ(e.internal_date(), 1000);
    EXPECT_EQ(e.size, mail(1).size());
    EXPECT_LT(e.modseq, inbox->entries()[1].modseq);
    EXPECT_EQ(*w.run(w.account->read(EmailId(e.email), 0, 1 << 20)), mail(1));
    EXPECT_EQ(*w.run(w.account->read(EmailId(e.email), 6, 5)), mail(1).substr(6, 5));
    auto record = w.run(w.account->record(EmailId(e.email)));
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ((*record)->subject, "number 1");
    EXPECT_EQ(inbox->info().unseen, 1u);
    w.reopen();
  }
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, a_message_larger_than_what_is_kept_is_read_back_for_its_parse) {
  World w;
  w.open();
  std::string large = mail(1, std::string(3 << 20, 'x') + "\r\n");
  ASSERT_TRUE(w.append("INBOX", large).has_value());
  auto inbox = w.mailbox("INBOX");
  auto record = w.run(w.account->record(EmailId(inbox->entries()[0].email)));
  EXPECT_EQ((*record)->size, large.size());
  EXPECT_EQ(*w.run(w.account->read(EmailId(inbox->entries()[0].email), 0, 1 << 30)), large);
  inbox.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, headers_too_long_to_keep_are_read_from_the_body) {
  World w;
  w.open();
  const std::string field = "X-Long: " + std::string(900, 'x') + "\r\n";
  std::string long_header;
  for (int i = 0; i < 20; ++i) long_header += field;
  const std::string no_body = "Subject: a header alone\r\n";
  for (const std::string& text : {long_header + mail(1), no_body, std::string("\r\n"), std::string("no header\r\n")}) {
    auto appended = w.append("INBOX", text);
    ASSERT_TRUE(appended.has_value());
    for (int pass = 0; pass < 2; ++pass) {
      EXPECT_EQ(w.run(w.account->read(appended->email, 0, 1 << 20)).value(), text);
      EXPECT_EQ(w.run(w.account->read(appended->email, 1, 7)).value(), text.substr(1, 7));
      w.reopen();  // no longer from memory
    }
  }
  EXPECT_EQ(w.verify(), "");
}
TEST(Account, append_refuses_more_than_the_limit_and_the_quota) {
  World w;
  w.config.append_limit = 1000;
  w.config.quota_bytes = 600;
  w.open();
  auto appender = w.account->begin_append();
  EXPECT_EQ(w.run(appender->write(std::string(1001, 'x'))).error().code(), Errc::TooLarge);
  // RFC 3501 section 9, CHAR8: no client could read it back.
  EXPECT_EQ(w.run(w.account->begin_append()->write(std::string("a\0b", 3))).error().code(), Errc::Invalid);
  EXPECT_EQ(w.append("Nowhere", mail(1)).error().code(), Errc::NotFound);
  EXPECT_TRUE(w.append("INBOX", mail(1, std::string(400, 'y'))).has_value());
  EXPECT_EQ(w.append("INBOX", mail(1, std::string(400, 'y'))).error().code(), Errc::OverQuota);
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, delivery_adds_return_path_and_happens_once_per_queue_id_and_recipient) {
  World w;
  w.open();
  Delivery d{"Q1", "ana@example.org", "bob@example.net"};
  auto first = w.deliver(mail(1), d);
  w.reopen();
  auto again = w.deliver(mail(1), d);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->uid, again->uid);
  EXPECT_EQ(w.account->find("INBOX")->messages, 1u);
  auto inbox = w.mailbox("INBOX");
  const std::string expected = "Return-Path: <bob@example.net>\r\n" + mail(1);
  EXPECT_EQ(*w.run(w.account->read(EmailId(inbox->entries()[0].email), 0, 1000)), expected);
  EXPECT_EQ(*w.run(w.account->read(EmailId(inbox->entries()[0].email), 30, 10)), expected.substr(30, 10));
  EXPECT_EQ(inbox->entries()[0].size, expected.size());
  EXPECT_TRUE(w.deliver(mail(1), {"Q1", "ana+x@example.org", ""}).has_value());
  EXPECT_EQ(w.account->find("INBOX")->messages, 2u);
  inbox.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(SentRule, the_clients_append_joins_our_copy_whichever_comes_first) {
  for (bool ours_first : {true, false}) {
    World w;
    w.open();
    auto sent = w.mailbox("Sent");
    Delivery copy{"Q1", "sent", "", true};
    auto one = ours_first ? w.deliver(mail(1), copy) : w.append("Sent", mail(1), {kSeen | kFlagged, {}});
    auto two = ours_first ? w.append("Sent", mail(1), {kFlagged, {"$Phone"}}) : w.deliver(mail(1), copy);
    ASSERT_TRUE(one && two);
    EXPECT_FALSE(one->matched_sent_copy);
    EXPECT_TRUE(two->matched_sent_copy);
    EXPECT_EQ(one->uid, two->uid);
    ASSERT_EQ(sent->entries().size(), 1u);
    EXPECT_EQ(sent->entries()[0].flags & (kSeen | kFlagged), kSeen | kFlagged);
    // The mark is used up: the same again is another message.
    auto three = w.append("Sent", mail(1));
    EXPECT_FALSE(three->matched_sent_copy);
    EXPECT_EQ(sent->entries().size(), 2u);
    // mta may not have heard our answer: the same queue id adds nothing.
    EXPECT_EQ(w.deliver(mail(1), copy)->uid, one->uid);
    EXPECT_EQ(sent->entries().size(), 2u);
    sent.reset();
    EXPECT_EQ(w.verify(), "");
  }
}

TEST(SentRule, other_bodies_old_copies_deleted_copies_and_no_message_id_do_not_match) {
  World w;
  w.open();
  auto sent = w.mailbox("Sent");
  const auto deliver = [&](const std::string& text, const char* queue_id) {
    return w.deliver(text, {queue_id, "sent", "", true});
  };
  ASSERT_TRUE(deliver(mail(1, "one\r\n"), "Q1").has_value());
  EXPECT_FALSE(w.append("Sent", mail(1, "other\r\n"))->matched_sent_copy);
  ASSERT_TRUE(deliver(mail(2), "Q2").has_value());
  w.clock.advance(base::Millis(600'000));
  EXPECT_FALSE(w.append("Sent", mail(2))->matched_sent_copy);
  auto third = deliver(mail(3), "Q3");
  ASSERT_TRUE(w.run(w.account->store_flags(sent, UidSet::of({{third->uid, third->uid}}), FlagOp::Add, {kDeleted, {}}, {})));
  ASSERT_TRUE(w.run(w.account->expunge(sent, {})));
  EXPECT_FALSE(w.append("Sent", mail(3))->matched_sent_copy);
  const std::string bare = "Subject: x\r\n\r\nbody\r\n";
  ASSERT_TRUE(deliver(bare, "Q4").has_value());
  EXPECT_FALSE(w.append("Sent", bare)->matched_sent_copy);
  EXPECT_FALSE(w.append("INBOX", mail(1, "one\r\n"))->matched_sent_copy);
  sent.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(SentRule, a_removed_sent_mailbox_comes_back) {
  World w;
  w.open();
  ASSERT_TRUE(w.run(w.account->remove("Sent")).has_value());
  ASSERT_TRUE(w.deliver(mail(1), {"Q1", "sent", "", true}).has_value());
  EXPECT_EQ(w.account->find("Sent")->messages, 1u);
  EXPECT_EQ(w.account->find("Sent")->use, SpecialUse::Sent);
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, store_flags_says_what_changed_what_not_and_what_was_changed_by_others) {
  World w;
  w.open();
  for (int i = 1; i <= 4; ++i) ASSERT_TRUE(w.append("INBOX", mail(i)));
  auto inbox = w.mailbox("INBOX");
  auto all = UidSet::of({{1, 9}});
  auto one = w.run(w.account->store_flags(inbox, UidSet::of({{2, 2}}), FlagOp::Add, {kSeen, {}}, {}));
  const uint64_t modseq = inbox->info().highest_modseq;
  EXPECT_EQ(one->modseq, modseq);
  auto two = w.run(w.account->store_flags(inbox, all, FlagOp::Add, {kSeen, {}}, modseq - 1));
  EXPECT_EQ(two->changed.to_string(), "1,3:4");
  EXPECT_EQ(two->modified.to_string(), "2");
  auto three = w.run(w.account->store_flags(inbox, all, FlagOp::Add, {kSeen, {}}, {}));
  EXPECT_EQ(three->unchanged.to_string(), "1:4");
  EXPECT_EQ(three->modseq, 0u);
  EXPECT_EQ(inbox->info().unseen, 0u);
  auto four = w.run(w.account->store_flags(inbox, all, FlagOp::Set, {0, {"a", "B", "A"}}, {}));
  EXPECT_EQ(four->changed.count(), 4u);
  EXPECT_EQ(inbox->keywords(), (std::vector<std::string>{"a", "B"}));
  EXPECT_EQ(inbox->info().unseen, 4u);
  auto five = w.run(w.account->store_flags(inbox, all, FlagOp::Remove, {0, {"unknown", "b"}}, {}));
  EXPECT_EQ(inbox->flag_names(inbox->entries()[0].flags), std::vector<std::string>{"a"});
  EXPECT_TRUE(five.has_value());
  inbox.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, expunge_takes_deleted_messages_only_and_their_bodies_go_with_the_last_copy) {
  World w;
  w.open();
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(w.append("INBOX", mail(i)));
  auto inbox = w.mailbox("INBOX");
  const EmailId second(inbox->entries()[1].email), third(inbox->entries()[2].email);
  ASSERT_TRUE(w.run(w.account->copy(inbox, UidSet::of({{2, 2}}), w.id_of("Trash"))));
  ASSERT_TRUE(w.run(w.account->store_flags(inbox, UidSet::of({{2, 4}}), FlagOp::Add, {kDeleted, {}}, {})));
  EXPECT_EQ(w.run(w.account->expunge(inbox, UidSet::of({{1, 3}})))->to_string(), "2:3");
  EXPECT_EQ(w.run(w.account->expunge(inbox, {}))->to_string(), "4");
  EXPECT_EQ(inbox->entries().size(), 2u);
  const uint64_t start = 1;
  EXPECT_EQ(w.run(w.account->vanished_since(inbox, start))->to_string(), "2:4");
  inbox.reset();
  w.reopen();
  inbox = w.mailbox("INBOX");  // loading folds everything
  EXPECT_EQ(w.run(w.account->read(second, 0, 1000)).value(), mail(2));
  EXPECT_EQ(w.run(w.account->read(third, 0, 1000)).error().code(), Errc::NotFound);
  inbox.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, erase_takes_the_named_messages_whatever_their_flags_in_one_commit) {
  World w;
  w.open();
  for (int i = 1; i <= 6; ++i) ASSERT_TRUE(w.append("INBOX", mail(i)));
  auto inbox = w.mailbox("INBOX");
  ASSERT_TRUE(w.run(w.account->store_flags(inbox, UidSet::of({{2, 2}}), FlagOp::Add, {kDeleted | kSeen, {}}, {})));
  const uint64_t before = inbox->info().highest_modseq;
  EXPECT_EQ(w.run(w.account->erase(inbox, UidSet::of({{1, 1}, {3, 3}, {5, 5}, {7, 9}})))->to_string(), "1,3,5");
  EXPECT_EQ(inbox->info().highest_modseq, before + 1);
  EXPECT_EQ(w.run(w.account->erase(inbox, UidSet::of({{1, 1}})))->to_string(), "");
  EXPECT_EQ(inbox->info().highest_modseq, before + 1);
  inbox.reset();
  w.account.reset();
  w.lane.run();
  w.store->power_cut();
  w.open();
  EXPECT_EQ(w.account->find("INBOX")->messages, 3u);
  EXPECT_EQ(w.account->find("INBOX")->deleted, 1u);
  // A commit that fails takes nothing away.
  inbox = w.mailbox("INBOX");
  w.store->fail_commit(1);
  EXPECT_FALSE(w.run(w.account->erase(inbox, UidSet::of({{2, 6}}))).has_value());
  inbox.reset();
  w.reopen();
  EXPECT_EQ(w.account->find("INBOX")->messages, 3u);
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, copy_and_move_keep_flags_dates_and_keywords_and_answer_with_uids) {
  World w;
  w.open();
  ASSERT_TRUE(w.append("Archive", mail(9), {0, {"x", "y"}}));
  for (int i = 1; i <= 4; ++i) ASSERT_TRUE(w.append("INBOX", mail(i), {kFlagged, {"y", "z"}}));
  auto inbox = w.mailbox("INBOX");
  auto copied = w.run(w.account->copy(inbox, UidSet::of({{2, 3}, {7, 9}}), w.id_of("Archive")));
  EXPECT_EQ(copied->first_uid, 2u);
  EXPECT_EQ(copied->source.to_string(), "2:3");
  auto archive = w.mailbox("Archive");
  EXPECT_EQ(archive->flag_names(archive->find(3)->flags), (std::vector<std::string>{"\\Flagged", "y", "z"}));
  auto moved = w.run(w.account->move(inbox, UidSet::of({{1, 2}}), w.id_of("Archive")));
  EXPECT_EQ(moved->first_uid, 4u);
  EXPECT_EQ(inbox->entries().size(), 2u);
  EXPECT_EQ(archive->entries().size(), 5u);
  auto within = w.run(w.account->move(inbox, UidSet::of({{3, 3}}), w.id_of("INBOX")));
  EXPECT_EQ(within->first_uid, 5u);
  auto nothing = w.run(w.account->copy(inbox, UidSet::of({{3, 3}}), w.id_of("Archive")));
  EXPECT_TRUE(nothing->source.empty());
  auto before = archive->entries();
  inbox.reset();
  archive.reset();
  w.reopen();
  archive = w.mailbox("Archive");
  ASSERT_EQ(archive->entries().size(), before.size());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(memcmp(&before[i], &archive->entries()[i], sizeof(Entry)), 0) << i;
  archive.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(Tree, create_makes_parents_and_refuses_what_is_no_name) {
  World w;
  w.open();
  ASSERT_TRUE(w.run(w.account->create("Work/Projects/buzon/", SpecialUse::None)).has_value());
  EXPECT_EQ(names_of(*w.account), "INBOX Archive Drafts Junk Sent Trash Work Work/Projects Work/Projects/buzon");
  EXPECT_EQ(w.run(w.account->create("work/../x//y", SpecialUse::None)).error().code(), Errc::Invalid);
  EXPECT_EQ(w.run(w.account->create("Inbox", SpecialUse::None)).error().code(), Errc::Exists);
  EXPECT_EQ(w.run(w.account->create("a\tb", SpecialUse::None)).error().code(), Errc::Invalid);
  EXPECT_EQ(w.run(w.account->create("\xff", SpecialUse::None)).error().code(), Errc::Invalid);
  EXPECT_EQ(w.run(w.account->create("Other", SpecialUse::Sent)).error().code(), Errc::Exists);
  EXPECT_EQ(w.verify(), "");
}

TEST(Tree, a_removed_mailbox_ends_its_sessions_and_its_name_starts_anew) {
  World w;
  w.open();
  ASSERT_TRUE(w.run(w.account->create("A/B", SpecialUse::None)));
  ASSERT_TRUE(w.append("A", mail(1)));
  auto a = w.mailbox("A");
  bool told = false;
  auto subscription = a->subscribe([&] { told = a->gone(); });
  const auto old = a->info().uid_validity;
  ASSERT_TRUE(w.run(w.account->remove("A")).has_value());
  EXPECT_TRUE(told);
  EXPECT_FALSE(w.account->find("A")->selectable);
  EXPECT_EQ(w.run(w.account->remove("A")).error().code(), Errc::Denied);
  EXPECT_EQ(w.run(w.account->expunge(a, {})).error().code(), Errc::NotFound);
  EXPECT_EQ(w.run(w.account->remove("INBOX")).error().code(), Errc::Denied);
  ASSERT_TRUE(w.run(w.account->create("A", SpecialUse::None)));
  EXPECT_GT(w.account->find("A")->uid_validity, old);
  EXPECT_EQ(w.account->find("A")->messages, 0u);
  subscription.reset();
  a.reset();
  w.reopen();
  EXPECT_EQ(w.mailbox("A")->entries().size(), 0u);
  EXPECT_EQ(w.verify(), "");
}

TEST(Tree, rename_takes_the_children_along_and_inbox_leaves_an_empty_inbox) {
  World w;
  w.open();
  ASSERT_TRUE(w.run(w.account->create("A/B/C", SpecialUse::None)));
  ASSERT_TRUE(w.append("A/B", mail(1)));
  const auto validity = w.account->find("A/B")->uid_validity;
  EXPECT_EQ(w.run(w.account->rename("A", "A/B/D")).error().code(), Errc::Invalid);
  EXPECT_EQ(w.run(w.account->rename("A", "Sent")).error().code(), Errc::Exists);
  ASSERT_TRUE(w.run(w.account->rename("A", "X/Y")).has_value());
  EXPECT_EQ(names_of(*w.account), "INBOX Archive Drafts Junk Sent Trash X X/Y X/Y/B X/Y/B/C");
  EXPECT_EQ(w.account->find("X/Y/B")->uid_validity, validity);
  EXPECT_EQ(w.account->find("X/Y/B")->messages, 1u);
  ASSERT_TRUE(w.append("INBOX", mail(2)));
  ASSERT_TRUE(w.run(w.account->rename("INBOX", "Old")).has_value());
  EXPECT_EQ(w.account->find("INBOX")->messages, 0u);
  EXPECT_EQ(w.account->find("Old")->messages, 1u);
  w.reopen();
  EXPECT_EQ(names_of(*w.account), "INBOX Archive Drafts Junk Old Sent Trash X X/Y X/Y/B X/Y/B/C");
  EXPECT_EQ(w.verify(), "");
}

TEST(Tree, new_names_are_composed_and_found_in_either_spelling) {
  World w;
  w.open();
  const std::string apart = "Entwu\xCC\x88rfe", composed = "Entw\xC3\xBCrfe";
  ASSERT_TRUE(w.run(w.account->create(apart + "/u\xCC\x88", SpecialUse::None)).has_value());
  EXPECT_EQ(w.run(w.account->create(composed, SpecialUse::None)).error().code(), Errc::Exists);
  ASSERT_NE(w.account->find(apart), nullptr);
  EXPECT_EQ(w.account->find(apart)->name, composed);
  EXPECT_EQ(w.account->find(apart + "/u\xCC\x88")->name, composed + "/\xC3\xBC");
  ASSERT_TRUE(w.run(w.account->rename(apart, "e\xCC\x81")).has_value());
  EXPECT_EQ(w.account->find("\xC3\xA9")->name, "\xC3\xA9");
  ASSERT_TRUE(w.run(w.account->subscribe("o\xCC\x88", true)).has_value());
  EXPECT_TRUE(w.run(w.account->subscribe("\xC3\xB6", true)).has_value());
  ASSERT_TRUE(w.run(w.account->subscribe("o\xCC\x88", false)).has_value());
  EXPECT_EQ(w.account->subscriptions().size(), 6u);
  EXPECT_EQ(w.verify(), "");
}

TEST(Tree, subscriptions_may_name_what_is_not_there_and_outlive_the_mailbox) {
  World w;
  w.open();
  int told = 0;
  auto subscription = w.account->subscribe_tree([&] { ++told; });
  ASSERT_TRUE(w.run(w.account->subscribe("Later", true)).has_value());
  ASSERT_TRUE(w.run(w.account->subscribe("Junk", false)).has_value());
  ASSERT_TRUE(w.run(w.account->remove("Trash")).has_value());
  EXPECT_EQ(told, 3);
  subscription.reset();
  w.reopen();
  EXPECT_EQ(w.account->subscriptions(), (std::vector<std::string>{"Archive", "Drafts", "INBOX", "Later", "Sent", "Trash"}));
  EXPECT_FALSE(w.account->find("Junk")->subscribed);
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, a_failed_commit_breaks_the_account_and_tells_its_sessions) {
  World w;
  w.open();
  ASSERT_TRUE(w.append("INBOX", mail(1)));
  auto inbox = w.mailbox("INBOX");
  bool told = false;
  auto subscription = inbox->subscribe([&] { told = w.account->broken(); });
  w.store->fail_commit(1);
  EXPECT_EQ(w.append("INBOX", mail(2)).error().code(), Errc::Unavailable);
  EXPECT_TRUE(told);
  EXPECT_EQ(inbox->entries().size(), 1u);
  EXPECT_EQ(w.append("INBOX", mail(3)).error().code(), Errc::Unavailable);
  subscription.reset();
  inbox.reset();
  w.reopen();
  EXPECT_EQ(w.append("INBOX", mail(4))->uid, 2u);
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, a_command_whose_caller_left_is_still_published) {
  World w;
  w.open();
  auto inbox = w.mailbox("INBOX");
  {
    auto task = w.account->append(w.id_of("INBOX"), w.message(mail(1)), {}, 5);
    task.start();
    for (int i = 0; i < 3; ++i) w.lane.run_one();
  }
  w.lane.run();
  EXPECT_EQ(inbox->entries().size(), w.account->find("INBOX")->messages);
  ASSERT_TRUE(w.append("INBOX", mail(2)));
  inbox.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, old_change_records_are_pruned_and_older_questions_get_every_uid_that_is_missing) {
  World w;
  w.config.change_records = 50;
  w.open();
  auto inbox = w.mailbox("INBOX");
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(w.append("INBOX", mail(i)));
  ASSERT_TRUE(w.run(w.account->store_flags(inbox, UidSet::of({{2, 3}}), FlagOp::Add, {kDeleted, {}}, {})));
  ASSERT_TRUE(w.run(w.account->expunge(inbox, {})));
  const uint64_t after_expunge = inbox->info().highest_modseq;
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(w.run(
        w.account->store_flags(inbox, UidSet::of({{1, 1}}), i % 2 ? FlagOp::Remove : FlagOp::Add, {kFlagged, {}}, {})));
  EXPECT_EQ(w.run(w.account->vanished_since(inbox, 1))->to_string(), "2:3");
  EXPECT_EQ(w.run(w.account->vanished_since(inbox, after_expunge))->to_string(), "2:3");
  EXPECT_EQ(w.run(w.account->vanished_since(inbox, inbox->info().highest_modseq - 10))->to_string(), "");
  inbox.reset();
  EXPECT_EQ(w.verify(), "");
}

TEST(Account, hundreds_of_messages_are_copied_moved_and_removed_over_many_folds) {
  World w;
  w.open();
  auto inbox = w.mailbox("INBOX");
  for (int i = 1; i <= 700; ++i) ASSERT_TRUE(w.append("INBOX", "Subject: " + std::to_string(i) + "\r\n\r\n"));
  const auto everything = UidSet::of({{1, UINT32_MAX}});
  ASSERT_TRUE(w.run(w.account->copy(inbox, everything, w.id_of("Archive"))));
  ASSERT_TRUE(w.run(w.account->copy(inbox, everything, w.id_of("Trash"))));
  ASSERT_TRUE(w.run(w.account->move(inbox, UidSet::of({{100, 600}}), w.id_of("Junk"))));
  ASSERT_TRUE(w.run(w.account->remove("Archive")).has_value());
  auto trash = w.mailbox("Trash");
  ASSERT_TRUE(w.run(w.account->store_flags(trash, everything, FlagOp::Add, {kDeleted, {}}, {})));
  ASSERT_TRUE(w.run(w.account->expunge(trash, {})));
  // A power cut takes what is folded lazily: any part of it must be as good as the whole.
  for (size_t keep : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{20}}) {
    SCOPED_TRACE(keep);
    inbox.reset();
    trash.reset();
    if (keep % 2) w.mailbox("Drafts");  // folds
    w.store->power_cut(keep);
    EXPECT_EQ(w.verify(), "");
    w.open();
    auto junk = w.mailbox("Junk");
    EXPECT_EQ(junk->entries().size(), 501u);
    auto record = w.run(w.account->record(EmailId(junk->entries()[500].email)));
    EXPECT_EQ((*record)->subject, "600");
    EXPECT_EQ(w.mailbox("INBOX")->entries().size(), 199u);
    EXPECT_EQ(w.mailbox("Trash")->entries().size(), 0u);
  }
  ASSERT_TRUE(w.run(w.account->remove("Junk")).has_value());
  ASSERT_TRUE(w.mailbox("Drafts"));
  EXPECT_EQ(w.verify(), "");
}

}  // namespace
}  // namespace bz::store

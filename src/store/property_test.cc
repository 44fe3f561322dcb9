// Several sessions do random things to one account. Each replays what its view tells it into a model of a client; at the
// end of every round the models equal the mailbox. The same story is cut by power failures, after which what was
// acknowledged is there, no UID and no MODSEQ comes back, and verify finds nothing.
#include <algorithm>
#include <map>
#include <set>

#include "store/world_for_test.h"

namespace bz::store {
namespace {

class Client {
 public:
  Client(MailboxPtr mailbox, int number) : view_(mailbox, number % 2 ? View::Mode::ReadOnly : View::Mode::ReadWrite) {
    view_.within({1, UINT32_MAX}).for_each([&](uint32_t uid) { fetch(uid); });
  }
  View& view() { return view_; }
  const std::vector<std::pair<uint32_t, FlagBits>>& model() const { return model_; }

  void sync(View::Expunges expunges) {
    const UidSet gone = view_.gone();
    Changes c = view_.sync(expunges);
    ASSERT_EQ(c.expunged.size(), c.vanished.count());
    if (expunges == View::Expunges::Report) {
      ASSERT_EQ(gone, c.vanished);
    }
    for (Msn msn : c.expunged) {
      ASSERT_LE(msn, model_.size());
      ASSERT_TRUE(c.vanished.contains(model_[msn - 1].first));
      model_.erase(model_.begin() + (msn - 1));
    }
    if (expunges == View::Expunges::Hold) {
      ASSERT_TRUE(c.expunged.empty());
    }
    ASSERT_EQ(c.exists, view_.exists());
    if (!c.exists_changed) {
      ASSERT_EQ(c.exists, model_.size());
    }
    while (model_.size() < c.exists) fetch(view_.uid_at(static_cast<Msn>(model_.size() + 1)));
    c.flags_changed.for_each([&](uint32_t uid) { fetch(uid); });
    knows_what_changed();
  }
  // Behind any MODSEQ, whether the log of touched messages goes back to it or not.
  void knows_what_changed() {
    for (const uint64_t since : {uint64_t{0}, some_modseq_, last_modseq_}) {
      UidSet changed;
      for (const Entry& e : view_.mailbox().entries())
        if (view_.msn_of(e.uid) && e.modseq > since && e.modseq <= view_.seen_modseq()) changed.add(e.uid);
      ASSERT_EQ(view_.changed_behind(since), changed) << "behind " << since;
    }
    last_modseq_ = view_.seen_modseq();
    if (++syncs_ % 7 == 0) some_modseq_ = last_modseq_;
  }
  // A .SILENT STORE: the client takes the new flags without being told.
  void silent(const UidSet& changed, uint64_t modseq, FlagOp op, FlagBits bits) {
    view_.mark_told(changed, modseq);
    for (auto& [uid, flags] : model_) {
      if (!changed.contains(uid)) continue;
      flags = op == FlagOp::Set ? bits : op == FlagOp::Add ? flags | bits : flags & ~bits;
    }
  }
  void equals_mailbox() {
    sync(View::Expunges::Report);
    const auto& entries = view_.mailbox().entries();
    ASSERT_EQ(model_.size(), entries.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      ASSERT_EQ(model_[i].first, entries[i].uid);
      ASSERT_EQ(model_[i].second, entries[i].flags) << "uid " << entries[i].uid;
    }
    ASSERT_FALSE(view_.has_changes());
    ASSERT_EQ(view_.told_modseq(), view_.mailbox().info().highest_modseq);
  }

 private:
  void fetch(uint32_t uid) {
    const Entry* e = view_.entry(uid);
    const FlagBits flags = e ? e->flags : 0;
    auto at = std::find_if(model_.begin(), model_.end(), [&](const auto& m) { return m.first == uid; });
    if (at != model_.end())
      at->second = flags;
    else
      model_.emplace_back(uid, flags);
  }
  View view_;
  std::vector<std::pair<uint32_t, FlagBits>> model_;
  uint64_t some_modseq_ = 0, last_modseq_ = 0;
  int syncs_ = 0;
};

struct Story {
  World& w;
  base::SeededRandom dice;
  uint32_t roll(uint32_t n) { return static_cast<uint32_t>(dice.u64() % n); }
  UidSet some(const MailboxPtr& mailbox) {
    UidSet uids;
    for (const Entry& e : mailbox->entries())
      if (roll(3) == 0) uids.add(e.uid);
    if (roll(6) == 0) uids.add(1, mailbox->info().uid_next + 3);
    return uids;
  }
  // One command; false: the store failed.
  bool step(std::vector<std::unique_ptr<Client>>& clients, const MailboxPtr& mailbox, const MailboxPtr& other) {
    static constexpr FlagBits kBits[] = {kSeen, kDeleted, kFlagged, kSeen | kDeleted};
    const FlagBits bits = kBits[roll(4)];
    switch (roll(9)) {
      case 0:
      case 1:
      case 2:
        return w.append("INBOX", mail(static_cast<int>(roll(1000))), {bits, {}}).has_value();
      case 3: {
        const auto op = static_cast<FlagOp>(roll(3));
        auto stored = w.run(w.account->store_flags(mailbox, some(mailbox), op, {bits, {}}, {}));
        if (stored && !clients.empty() && stored->modseq && roll(2))
          clients[roll(static_cast<uint32_t>(clients.size()))]->silent(stored->changed, stored->modseq, op, bits);
        return stored.has_value();
      }
      case 4:
        return w.run(w.account->expunge(mailbox, roll(2) ? std::optional(some(mailbox)) : std::nullopt)).has_value();
      case 5:
        return w.run(w.account->copy(mailbox, some(mailbox), w.id_of(roll(2) ? "INBOX" : "Archive"))).has_value();
      case 6:
        return w.run(w.account->move(mailbox, some(mailbox), w.id_of(roll(4) ? "Archive" : "INBOX"))).has_value();
      case 7:
        return w.run(w.account->move(other, some(other), w.id_of("INBOX"))).has_value();
      default:
        if (!clients.empty())
          clients[roll(static_cast<uint32_t>(clients.size()))]->sync(roll(2) ? View::Expunges::Report
                                                                             : View::Expunges::Hold);
        return true;
    }
  }
};

TEST(Property, what_views_tell_adds_up_to_the_mailbox) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    World w;
    w.open();
    Story story{w, base::SeededRandom(seed)};
    auto inbox = w.mailbox("INBOX"), archive = w.mailbox("Archive");
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(std::make_unique<Client>(inbox, i));
    for (int i = 0; i < 150; ++i) {
      ASSERT_TRUE(story.step(clients, inbox, archive));
      if (i % 40 == 39)
        for (auto& client : clients) ASSERT_NO_FATAL_FAILURE(client->equals_mailbox());
      if (inbox->entries().size() > 300) {
        ASSERT_TRUE(w.run(w.account->store_flags(inbox, UidSet::of({{1, UINT32_MAX}}), FlagOp::Add, {kDeleted, {}}, {})));
        ASSERT_TRUE(w.run(w.account->expunge(inbox, {})));
        for (auto& client : clients) ASSERT_NO_FATAL_FAILURE(client->equals_mailbox());
      }
    }
    for (auto& client : clients) ASSERT_NO_FATAL_FAILURE(client->equals_mailbox());
    const auto in_memory = inbox->entries();
    clients.clear();
    inbox.reset();
    archive.reset();
    w.reopen();
    inbox = w.mailbox("INBOX");
    ASSERT_EQ(inbox->entries().size(), in_memory.size());
    for (size_t i = 0; i < in_memory.size(); ++i)
      ASSERT_EQ(memcmp(&in_memory[i], &inbox->entries()[i], sizeof(Entry)), 0) << in_memory[i].uid;
    inbox.reset();
    ASSERT_EQ(w.verify(), "");
  }
}

TEST(Property, a_silent_store_does_not_hide_what_another_session_did_before) {
  World w;
  w.open();
  ASSERT_TRUE(w.append("INBOX", mail(1)));
  auto inbox = w.mailbox("INBOX");
  Client a(inbox, 0);
  const UidSet one = UidSet::of({{1, 1}});
  ASSERT_TRUE(w.run(w.account->store_flags(inbox, one, FlagOp::Add, {kFlagged, {}}, {})));  // somebody else
  auto own = w.run(w.account->store_flags(inbox, one, FlagOp::Add, {kSeen, {}}, {}));
  a.silent(own->changed, own->modseq, FlagOp::Add, kSeen);
  EXPECT_EQ(a.view().sync(View::Expunges::Report).flags_changed.to_string(), "1");
  own = w.run(w.account->store_flags(inbox, one, FlagOp::Remove, {kSeen, {}}, {}));
  a.silent(own->changed, own->modseq, FlagOp::Remove, kSeen);
  EXPECT_TRUE(a.view().has_changes());
  EXPECT_TRUE(a.view().sync(View::Expunges::Report).empty());
}

TEST(Property, held_expunges_stay_addressable_and_keep_told_modseq_down) {
  World w;
  w.open();
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(w.append("INBOX", mail(i), {kDeleted, {}}));
  auto inbox = w.mailbox("INBOX");
  View view(inbox, View::Mode::ReadWrite);
  const uint64_t told = view.told_modseq();
  ASSERT_TRUE(w.run(w.account->expunge(inbox, UidSet::of({{2, 2}}))));
  Changes held = view.sync(View::Expunges::Hold);
  EXPECT_TRUE(held.empty());
  EXPECT_EQ(view.msn_of(3), 3u);
  EXPECT_EQ(view.entry(2), nullptr);
  EXPECT_EQ(view.told_modseq(), told);
  EXPECT_TRUE(view.has_changes());
  Changes now = view.sync(View::Expunges::Report);
  EXPECT_EQ(now.expunged, std::vector<Msn>{2});
  EXPECT_EQ(view.msn_of(3), 2u);
  EXPECT_FALSE(view.has_changes());
}

TEST(Property, recent_goes_to_one_session_only) {
  World w;
  w.open();
  ASSERT_TRUE(w.append("INBOX", mail(1)));
  auto inbox = w.mailbox("INBOX");
  View examine(inbox, View::Mode::ReadOnly);
  View first(inbox, View::Mode::ReadWrite), second(inbox, View::Mode::ReadWrite);
  EXPECT_EQ(examine.recent(), 1u);
  EXPECT_EQ(first.recent(), 1u);
  EXPECT_EQ(second.recent(), 0u);
  ASSERT_TRUE(w.append("INBOX", mail(2)));
  EXPECT_EQ(second.sync(View::Expunges::Report).recent, 1u);
  EXPECT_EQ(first.sync(View::Expunges::Report).recent, 1u);
  EXPECT_TRUE(second.is_recent(2));
  EXPECT_FALSE(first.is_recent(2));
}

// What must never change or come back, as a client remembers it.
struct Memory {
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> emails;  // (UIDVALIDITY, UID) -> content
  uint64_t modseq = 0;
  uint32_t uid_next = 0;
  void look(const MailboxPtr& mailbox) {
    const MailboxInfo& info = mailbox->info();
    ASSERT_GE(info.highest_modseq, modseq);
    ASSERT_GE(info.uid_next, uid_next);
    modseq = info.highest_modseq;
    uid_next = info.uid_next;
    for (const Entry& e : mailbox->entries()) {
      auto [at, added] = emails.try_emplace({info.uid_validity.value(), e.uid}, e.email);
      ASSERT_EQ(at->second, e.email) << "a UID came back with another message";
    }
  }
};

TEST(Crash, what_was_acknowledged_survives_a_power_cut_at_every_point) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    World w;
    w.config.change_records = 40;
    w.open();
    Story story{w, base::SeededRandom(seed)};
    std::vector<std::unique_ptr<Client>> none;
    Memory memory;
    for (int life = 0; life < 4; ++life) {
      auto inbox = w.mailbox("INBOX"), archive = w.mailbox("Archive");
      ASSERT_TRUE(inbox && archive);
      ASSERT_NO_FATAL_FAILURE(memory.look(inbox));
      const int steps = 3 + static_cast<int>(story.roll(40));
      for (int i = 0; i < steps; ++i) ASSERT_TRUE(story.step(none, inbox, archive));
      ASSERT_NO_FATAL_FAILURE(memory.look(inbox));
      const auto acknowledged = inbox->entries();
      // One more command is under way when the power goes.
      auto task = w.account->copy(inbox, UidSet::of({{1, UINT32_MAX}}), w.id_of("Archive"));
      task.start();
      for (uint32_t n = story.roll(5); n > 0; --n) w.lane.run_one();
      w.store->power_cut(story.roll(3) ? story.roll(static_cast<uint32_t>(w.store->not_durable() + 1)) : 0);
      task.reset();
      inbox.reset();
      archive.reset();
      ASSERT_EQ(w.verify(), "");
      w.open();
      inbox = w.mailbox("INBOX");
      ASSERT_NO_FATAL_FAILURE(memory.look(inbox));
      ASSERT_EQ(inbox->entries().size(), acknowledged.size());
      for (size_t i = 0; i < acknowledged.size(); ++i)
        ASSERT_EQ(memcmp(&acknowledged[i], &inbox->entries()[i], sizeof(Entry)), 0);
      inbox.reset();
      ASSERT_EQ(w.verify(), "");
      w.open();
    }
    ASSERT_EQ(w.verify(), "");
  }
}

TEST(Crash, each_commit_of_a_story_may_fail_and_the_store_stays_whole) {
  for (uint64_t fail_at = 1; fail_at <= 60; ++fail_at) {
    SCOPED_TRACE(fail_at);
    World w;
    w.open();
    Story story{w, base::SeededRandom(5)};
    std::vector<std::unique_ptr<Client>> none;
    auto inbox = w.mailbox("INBOX"), archive = w.mailbox("Archive");
    w.store->fail_commit(fail_at);
    for (int i = 0; i < 80 && !w.account->broken(); ++i) (void)story.step(none, inbox, archive);
    inbox.reset();
    archive.reset();
    w.store->fail_commit(0);
    ASSERT_EQ(w.verify(), "");
    w.open();
    ASSERT_TRUE(w.append("INBOX", mail(1)));
    ASSERT_EQ(w.verify(), "");
  }
}

}  // namespace
}  // namespace bz::store

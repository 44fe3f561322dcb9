#include <algorithm>

#include "store/mailbox.h"

namespace bz::store {
namespace {
constexpr uint64_t kScanInstead = 4096;  // touched messages from which on reading all entries is cheaper than finding each
}

View::View(MailboxPtr mailbox, Mode mode) : mailbox_(std::move(mailbox)), mode_(mode) {
  mailbox_->views_.push_back(this);
  Changes unused;
  take_new(unused, false);
  told_modseq_ = seen_modseq_ = told_expunges_ = mailbox_->info().highest_modseq;
  told_keywords_ = mailbox_->keyword_generation_;
}

View::~View() { std::erase(mailbox_->views_, this); }

uint32_t View::recent() const { return recent_count_; }
bool View::is_recent(uint32_t uid) const { return recent_.contains(uid); }

std::optional<Msn> View::msn_of(uint32_t uid) const {
  const uint32_t before = below(uid);
  if (before == count_ || uid_at(before + 1) != uid) return std::nullopt;
  return before + 1;
}

uint32_t View::below(uint32_t uid) const {
  uint32_t first = 0, left = count_;
  while (left > 0) {
    const uint32_t half = left / 2;
    if (uid_at(first + half + 1) < uid) {
      first += half + 1;
      left -= half + 1;
    } else {
      left = half;
    }
  }
  return first;
}

UidSet View::within(UidSet::Range uids) const {
  UidSet out;
  for (Msn msn = below(uids.first) + 1; msn <= count_ && uid_at(msn) <= uids.last; ++msn) out.add(uid_at(msn));
  return out;
}

bool View::has_changes() const {
  return told_modseq_ != mailbox_->info().highest_modseq || told_keywords_ != mailbox_->keyword_generation_;
}

void View::mark_told(const UidSet& uids, uint64_t modseq) {
  // What another session did to the same messages before our change, and was not told yet, is news even after .SILENT
  // (RFC 7162 section 3.1.3).
  if (modseq <= seen_modseq_) return;
  bool complete = mailbox_->touched_since_ <= seen_modseq_;
  if (!complete) return;  // too much went on to tell whose change it was: it is reported
  std::vector<const Mailbox::Touched*> before;
  for (const auto& t : mailbox_->touched_)
    if (t.modseq > seen_modseq_ && t.modseq < modseq && !t.flags.empty()) before.push_back(&t);
  if (before.empty()) {
    own_.push_back({uids, modseq});
    return;
  }
  UidSet own;
  uids.for_each([&](uint32_t uid) {
    for (const auto* t : before)
      if (t->flags.contains(uid) && !known(uid, t->modseq)) return;
    own.add(uid);
  });
  if (!own.empty()) own_.push_back({std::move(own), modseq});
}

bool View::known(uint32_t uid, uint64_t modseq) const {
  return std::any_of(own_.begin(), own_.end(), [&](const Own& o) { return modseq <= o.modseq && o.uids.contains(uid); });
}

void View::take_new(Changes& changes, bool held) {
  const auto& entries = mailbox_->entries();
  auto at =
      std::upper_bound(entries.begin(), entries.end(), last_uid_, [](uint32_t uid, const Entry& e) { return uid < e.uid; });
  changes.exists_changed = at != entries.end();
  if (!held) {
    held_.reset();
    count_ = static_cast<uint32_t>(entries.size());
  } else if (changes.exists_changed) {
    auto own = std::make_shared<std::vector<uint32_t>>(held_->begin(), held_->begin() + count_);
    for (auto e = at; e != entries.end(); ++e) own->push_back(e->uid);
    count_ = static_cast<uint32_t>(own->size());
    held_ = std::move(own);
  }
  for (; at != entries.end(); ++at) {
    if (at->uid < mailbox_->first_recent_) continue;
    recent_.add(at->uid);
    ++recent_count_;
  }
  // UIDs that came and went between two syncs were never told; nothing below uid_next comes any more.
  last_uid_ = mailbox_->info().uid_next - 1;
  if (mode_ == Mode::ReadWrite && mailbox_->first_recent_ <= last_uid_) mailbox_->first_recent_ = last_uid_ + 1;
}

std::vector<Msn> View::find_expunged() const {
  std::vector<Msn> found;
  if (!held_) return found;
  if (mailbox_->touched_since_ <= told_expunges_) {
    UidSet expunged;
    for (const auto& t : mailbox_->touched_)
      if (t.modseq > told_expunges_)
        for (UidSet::Range r : t.expunged.ranges()) expunged.add(r.first, r.last);
    for (UidSet::Range r : expunged.ranges())
      for (Msn msn = below(r.first) + 1; msn <= count_ && uid_at(msn) <= r.last; ++msn) found.push_back(msn);
    return found;
  }
  auto entry = mailbox_->entries().begin(), end = mailbox_->entries().end();
  for (Msn msn = 1; msn <= count_; ++msn) {
    while (entry != end && entry->uid < uid_at(msn)) ++entry;
    if (entry == end || entry->uid != uid_at(msn)) found.push_back(msn);
  }
  return found;
}

UidSet View::gone() const {
  UidSet uids;
  for (const Msn msn : find_expunged()) uids.add(uid_at(msn));
  return uids;
}

UidSet View::changed_behind(uint64_t modseq) const {
  UidSet changed;
  auto take = [&](const Entry& e) {
    if (e.uid <= last_uid_ && e.modseq > modseq && e.modseq <= seen_modseq_ && msn_of(e.uid)) changed.add(e.uid);
  };
  const auto& entries = mailbox_->entries();
  uint64_t touched = 0;
  for (const auto& t : mailbox_->touched_)
    if (t.modseq > modseq) touched += t.flags.count();
  if (mailbox_->touched_since_ > modseq || touched > kScanInstead) {
    for (const Entry& e : entries) take(e);
    return changed;
  }
  for (const auto& t : mailbox_->touched_)
    if (t.modseq > modseq)
      t.flags.for_each([&](uint32_t uid) {
        if (const Entry* e = mailbox_->find(uid)) take(*e);
      });
  // What came later than an entry has a higher UID than that one, and a higher modseq than it had then.
  auto first = entries.end();
  while (first != entries.begin() && std::prev(first)->modseq > modseq) --first;
  for (; first != entries.end(); ++first) take(*first);
  return changed;
}

UidSet View::find_changed_flags() const {
  UidSet changed;
  if (mailbox_->last_flags_ <= seen_modseq_) return changed;
  auto take = [&](const Entry& e) {
    if (e.uid <= last_uid_ && e.modseq > seen_modseq_ && !known(e.uid, e.modseq)) changed.add(e.uid);
  };
  uint64_t touched = 0;
  for (const auto& t : mailbox_->touched_)
    if (t.modseq > seen_modseq_) touched += t.flags.count();
  if (mailbox_->touched_since_ > seen_modseq_ || touched > kScanInstead) {
    for (const Entry& e : mailbox_->entries()) take(e);
    return changed;
  }
  for (const auto& t : mailbox_->touched_)
    if (t.modseq > seen_modseq_)
      t.flags.for_each([&](uint32_t uid) {
        if (const Entry* e = mailbox_->find(uid)) take(*e);
      });
  return changed;
}

Changes View::sync(Expunges expunges) {
  Changes changes;
  const uint64_t highest = mailbox_->info().highest_modseq;
  bool held = false;
  if (expunges == Expunges::Report) {
    auto gone = find_expunged();
    for (size_t k = 0; k < gone.size(); ++k) {
      uint32_t uid = uid_at(gone[k]);
      changes.expunged.push_back(static_cast<Msn>(gone[k] - k));
      changes.vanished.add(uid);
      if (recent_.contains(uid)) --recent_count_;
    }
    told_expunges_ = highest;
  } else {
    held = held_ != nullptr;
  }
  changes.flags_changed = find_changed_flags();
  take_new(changes, held);
  changes.keywords_changed = told_keywords_ != mailbox_->keyword_generation_;
  told_keywords_ = mailbox_->keyword_generation_;
  seen_modseq_ = highest;
  if (!held) told_modseq_ = highest;
  own_.clear();
  changes.exists = exists();
  changes.recent = recent();
  return changes;
}

}  // namespace bz::store

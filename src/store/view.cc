#include <algorithm>

#include "store/mailbox.h"

namespace bz::store {
namespace {
constexpr uint64_t kScanInstead = 4096;  // touched messages from which on reading all entries is cheaper than finding each
}

View::View(MailboxPtr mailbox, Mode mode) : mailbox_(std::move(mailbox)), mode_(mode) {
  Changes unused;
  take_new(unused, false);
  told_modseq_ = seen_modseq_ = told_expunges_ = mailbox_->info().highest_modseq;
  told_keywords_ = mailbox_->keyword_generation_;
}

View::~View() = default;

uint32_t View::recent() const { return recent_count_; }
bool View::is_recent(uint32_t uid) const { return recent_.contains(uid); }

std::optional<Msn> View::msn_of(uint32_t uid) const {
  auto at = std::lower_bound(uids_->begin(), uids_->end(), uid);
  if (at == uids_->end() || *at != uid) return std::nullopt;
  return static_cast<Msn>(at - uids_->begin() + 1);
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
    uids_ = mailbox_->uid_list();  // this session now sees what is there, as others do: one list for all of them
  } else if (changes.exists_changed) {
    auto own = std::make_shared<std::vector<uint32_t>>(*uids_);
    for (auto e = at; e != entries.end(); ++e) own->push_back(e->uid);
    uids_ = std::move(own);
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

std::vector<size_t> View::find_expunged() const {
  std::vector<size_t> found;
  if (mailbox_->last_expunge_ <= told_expunges_) return found;
  if (mailbox_->touched_since_ <= told_expunges_) {
    UidSet expunged;
    for (const auto& t : mailbox_->touched_)
      if (t.modseq > told_expunges_)
        for (UidSet::Range r : t.expunged.ranges()) expunged.add(r.first, r.last);
    for (UidSet::Range r : expunged.ranges()) {
      auto at = std::lower_bound(uids_->begin(), uids_->end(), r.first);
      for (; at != uids_->end() && *at <= r.last; ++at) found.push_back(static_cast<size_t>(at - uids_->begin()));
    }
    return found;
  }
  auto entry = mailbox_->entries().begin(), end = mailbox_->entries().end();
  for (size_t i = 0; i < uids_->size(); ++i) {
    while (entry != end && entry->uid < (*uids_)[i]) ++entry;
    if (entry == end || entry->uid != (*uids_)[i]) found.push_back(i);
  }
  return found;
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
      uint32_t uid = (*uids_)[gone[k]];
      changes.expunged.push_back(static_cast<Msn>(gone[k] + 1 - k));
      changes.vanished.add(uid);
      if (recent_.contains(uid)) --recent_count_;
    }
    told_expunges_ = highest;
  } else {
    held = mailbox_->last_expunge_ > told_expunges_;
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

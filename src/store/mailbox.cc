#include "store/mailbox.h"

#include <algorithm>

#include "base/text.h"
#include "store/mailbox_writer.h"

namespace bz::store {
namespace {
constexpr size_t kTouchedChanges = 64, kTouchedRanges = 20'000;
}

std::string_view name(SpecialUse use) {
  switch (use) {
    case SpecialUse::None:
      return "";
    case SpecialUse::Drafts:
      return "\\Drafts";
    case SpecialUse::Sent:
      return "\\Sent";
    case SpecialUse::Junk:
      return "\\Junk";
    case SpecialUse::Trash:
      return "\\Trash";
    case SpecialUse::Archive:
      return "\\Archive";
    case SpecialUse::All:
      return "\\All";
    case SpecialUse::Flagged:
      return "\\Flagged";
  }
  return "";
}

const Entry* Mailbox::find(uint32_t uid) const {
  auto at = std::lower_bound(entries_.begin(), entries_.end(), uid, [](const Entry& e, uint32_t u) { return e.uid < u; });
  return at != entries_.end() && at->uid == uid ? &*at : nullptr;
}

std::vector<std::string> Mailbox::flag_names(FlagBits flags) const {
  std::vector<std::string> names;
  for (const SystemFlag& flag : kSystemFlags)
    if (flags & flag.bit) names.emplace_back(flag.name);
  for (size_t i = 0; i < keywords_.size(); ++i)
    if (flags >> (kFirstKeywordBit + i) & 1) names.push_back(keywords_[i]);
  return names;
}

FlagBits Mailbox::bits_of(const FlagList& list) const {
  FlagBits bits = list.system;
  for (const auto& keyword : list.keywords)
    for (size_t i = 0; i < keywords_.size(); ++i)
      if (base::iequals(keywords_[i], keyword)) bits |= FlagBits{1} << (kFirstKeywordBit + i);
  return bits;
}

void Mailbox::keep_for_views() {
  std::shared_ptr<std::vector<uint32_t>> list;
  for (View* view : views_) {
    if (view->held_) continue;
    if (!list) {
      list = std::make_shared<std::vector<uint32_t>>();
      list->reserve(entries_.size());
      for (const Entry& e : entries_) list->push_back(e.uid);
    }
    view->held_ = list;
  }
}

Mailbox::Subscription Mailbox::subscribe(std::function<void()> on_change) {
  auto subscription = std::make_shared<std::function<void()>>(std::move(on_change));
  std::erase_if(subscribers_, [](const auto& s) { return s.expired(); });
  subscribers_.push_back(subscription);
  return subscription;
}

std::unique_ptr<Mailbox> MailboxWriter::make(MailboxInfo info, std::vector<Entry> entries,
                                             std::vector<std::string> keywords, uint32_t first_recent) {
  auto mailbox = std::make_unique<Mailbox>();
  mailbox->touched_since_ = info.highest_modseq;
  mailbox->info_ = std::move(info);
  mailbox->entries_ = std::move(entries);
  mailbox->keywords_ = std::move(keywords);
  mailbox->first_recent_ = first_recent;
  return mailbox;
}

void MailboxWriter::set_keywords(const std::vector<std::string>& keywords) {
  if (keywords.size() == mailbox_.keywords_.size()) return;
  mailbox_.keywords_ = keywords;
  ++mailbox_.keyword_generation_;
}

void MailboxWriter::append(const Entry& entry) {
  BZ_CHECK(mailbox_.entries_.empty() || mailbox_.entries_.back().uid < entry.uid, "UIDs only grow");
  mailbox_.entries_.push_back(entry);
}

UidSet MailboxWriter::flags(const std::vector<UidSet::Range>& ranges, FlagOp op, FlagBits bits, uint64_t modseq) {
  UidSet changed;
  for (UidSet::Range range : ranges) {
    auto [first, last] = slice_of(mailbox_.entries_, range);
    for (size_t i = first; i < last; ++i)
      if (apply_flags(mailbox_.entries_[i], op, bits, modseq)) changed.add(mailbox_.entries_[i].uid);
  }
  if (changed.empty()) return changed;
  mailbox_.last_flags_ = modseq;
  auto& touched = touch(modseq);
  for (UidSet::Range range : changed.ranges()) touched.flags.add(range.first, range.last);
  return changed;
}

UidSet MailboxWriter::expunge(const std::vector<UidSet::Range>& ranges, uint64_t modseq) {
  UidSet gone;
  auto& entries = mailbox_.entries_;
  for (UidSet::Range range : ranges) {
    auto [first, last] = slice_of(entries, range);
    for (size_t i = first; i < last; ++i) gone.add(entries[i].uid);
  }
  if (gone.empty()) return gone;
  mailbox_.keep_for_views();
  auto range = gone.ranges().begin();
  std::erase_if(entries, [&](const Entry& e) {
    while (range != gone.ranges().end() && range->last < e.uid) ++range;
    return range != gone.ranges().end() && range->first <= e.uid;
  });
  mailbox_.last_expunge_ = modseq;
  auto& touched = touch(modseq);
  for (UidSet::Range r : gone.ranges()) touched.expunged.add(r.first, r.last);
  return gone;
}

// The record of this command, made if it is not the last one; old ones go when there are too many.
Mailbox::Touched& MailboxWriter::touch(uint64_t modseq) {
  auto& list = mailbox_.touched_;
  if (list.empty() || list.back().modseq != modseq) {
    size_t ranges = 0;
    for (const auto& t : list) ranges += t.expunged.ranges().size() + t.flags.ranges().size();
    while (!list.empty() && (list.size() >= kTouchedChanges || ranges > kTouchedRanges)) {
      ranges -= list.front().expunged.ranges().size() + list.front().flags.ranges().size();
      mailbox_.touched_since_ = list.front().modseq;
      list.pop_front();
    }
    list.push_back({modseq, {}, {}});
  }
  return list.back();
}

void MailboxWriter::notify() {
  // A subscriber may subscribe or let go of its handle while it is called.
  auto subscribers = mailbox_.subscribers_;
  for (const auto& weak : subscribers)
    if (auto callback = weak.lock()) (*callback)();
}

bool apply_flags(Entry& entry, FlagOp op, FlagBits bits, uint64_t modseq) {
  FlagBits flags = op == FlagOp::Set ? bits : op == FlagOp::Add ? entry.flags | bits : entry.flags & ~bits;
  if (flags == entry.flags) return false;
  entry.flags = flags;
  entry.modseq = modseq;
  return true;
}

FlagBits map_flags(FlagBits flags, const Change::KeywordMap& map) {
  FlagBits out = flags & ((FlagBits{1} << kFirstKeywordBit) - 1);
  for (auto [from, to] : map)
    if (flags >> from & 1) out |= FlagBits{1} << to;
  return out;
}

std::pair<size_t, size_t> slice_of(const std::vector<Entry>& entries, UidSet::Range range) {
  auto first = std::lower_bound(entries.begin(), entries.end(), range.first,
                                [](const Entry& e, uint32_t uid) { return e.uid < uid; });
  auto last = std::upper_bound(first, entries.end(), range.last, [](uint32_t uid, const Entry& e) { return uid < e.uid; });
  return {static_cast<size_t>(first - entries.begin()), static_cast<size_t>(last - entries.begin())};
}

}  // namespace bz::store

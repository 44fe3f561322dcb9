#include "store/plan.h"

#include <algorithm>

#include "base/text.h"
#include "store/mailbox_writer.h"

namespace bz::store {
namespace {

constexpr size_t kMaxKeywordBytes = 128;

// Joins messages that follow one another in the mailbox, whatever their UIDs.
class RangeBuilder {
 public:
  RangeBuilder(std::vector<UidSet::Range>& ranges, std::vector<uint32_t>* counts) : ranges_(ranges), counts_(counts) {}
  bool joins(size_t index) const { return !ranges_.empty() && index == next_; }
  void take(size_t index, uint32_t uid) {
    if (joins(index)) {
      ranges_.back().last = uid;
      if (counts_) ++counts_->back();
    } else {
      ranges_.push_back({uid, uid});
      if (counts_) counts_->push_back(1);
    }
    next_ = index + 1;
  }
  void pass(size_t index) {  // no effect on this one: the range may go on behind it
    if (joins(index)) next_ = index + 1;
  }

 private:
  std::vector<UidSet::Range>& ranges_;
  std::vector<uint32_t>* counts_;
  size_t next_ = 0;
};

int64_t bit_difference(FlagBits before, FlagBits after, FlagBits bit) {
  return int64_t{(after & bit) != 0} - int64_t{(before & bit) != 0};
}

bool known_keyword(const std::vector<std::string>& keywords, const std::string& keyword, size_t& index) {
  auto at = std::find_if(keywords.begin(), keywords.end(), [&](const auto& k) { return base::iequals(k, keyword); });
  index = static_cast<size_t>(at - keywords.begin());
  return at != keywords.end();
}

}  // namespace

void Totals::add(const Entry& entry) {
  ++messages;
  unseen += (entry.flags & kSeen) == 0;
  deleted += (entry.flags & kDeleted) != 0;
  size += entry.size;
}
void Totals::add_to(MailboxInfo& info) const {
  info.messages += messages;
  info.unseen += unseen;
  info.deleted += deleted;
  info.size += size;
}
void Totals::take_from(MailboxInfo& info) const {
  info.messages -= messages;
  info.unseen -= unseen;
  info.deleted -= deleted;
  info.size -= size;
}

FlagPlan plan_flags(const std::vector<Entry>& entries, const UidSet& uids, uint32_t from_uid, FlagOp op, FlagBits bits,
                    std::optional<uint64_t> unchanged_since, size_t max_ranges) {
  FlagPlan plan;
  RangeBuilder builder(plan.ranges, nullptr);
  for (UidSet::Range range : uids.ranges()) {
    if (range.last < from_uid) continue;
    auto [first, last] = slice_of(entries, {std::max(range.first, from_uid), range.last});
    for (size_t i = first; i < last; ++i) {
      const Entry& e = entries[i];
      if (unchanged_since && e.modseq > *unchanged_since) {
        plan.modified.add(e.uid);
        continue;
      }
      Entry after = e;
      if (!apply_flags(after, op, bits, e.modseq)) {
        plan.unchanged.add(e.uid);
        builder.pass(i);
        continue;
      }
      if (plan.ranges.size() == max_ranges && !builder.joins(i)) {
        plan.next_uid = e.uid;
        return plan;
      }
      builder.take(i, e.uid);
      plan.changed.add(e.uid);
      plan.unseen -= bit_difference(e.flags, after.flags, kSeen);
      plan.deleted += bit_difference(e.flags, after.flags, kDeleted);
    }
  }
  return plan;
}

SelectPlan plan_select(const std::vector<Entry>& entries, const std::optional<UidSet>& uids, uint32_t from_uid,
                       FlagBits flags, size_t max_ranges) {
  SelectPlan plan;
  RangeBuilder builder(plan.ranges, &plan.counts);
  const UidSet all = uids ? UidSet() : UidSet::of({{1, UINT32_MAX}});
  for (UidSet::Range range : (uids ? *uids : all).ranges()) {
    if (range.last < from_uid) continue;
    auto [first, last] = slice_of(entries, {std::max(range.first, from_uid), range.last});
    for (size_t i = first; i < last; ++i) {
      const Entry& e = entries[i];
      if ((e.flags & flags) != flags) continue;
      if (plan.ranges.size() == max_ranges && !builder.joins(i)) {
        plan.next_uid = e.uid;
        return plan;
      }
      builder.take(i, e.uid);
      plan.uids.add(e.uid);
      plan.totals.add(e);
      plan.used |= e.flags;
    }
  }
  return plan;
}

std::vector<Change> split_change(const Change& change, const std::vector<uint32_t>& counts) {
  std::vector<Change> pieces;
  uint32_t uid = change.first_uid;
  for (size_t at = 0; at < change.ranges.size(); at += kChangeRanges) {
    const size_t end = std::min(change.ranges.size(), at + kChangeRanges);
    Change piece = change;
    piece.ranges.assign(change.ranges.begin() + static_cast<ptrdiff_t>(at),
                        change.ranges.begin() + static_cast<ptrdiff_t>(end));
    piece.first_uid = uid;
    for (size_t i = at; i < end && i < counts.size(); ++i) uid += counts[i];
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

Result<FlagBits> take_keywords(std::vector<std::string>& keywords, const FlagList& flags) {
  FlagBits bits = flags.system;
  for (const auto& keyword : flags.keywords) {
    if (keyword.empty() || keyword.size() > kMaxKeywordBytes) return fail(Errc::Invalid, "keyword of bad length");
    size_t index = 0;
    if (!known_keyword(keywords, keyword, index)) {
      if (index >= static_cast<size_t>(kMaxKeywords)) return fail(Errc::Limit, "the mailbox has no room for a keyword");
      keywords.push_back(keyword);
    }
    bits |= FlagBits{1} << (kFirstKeywordBit + index);
  }
  return bits;
}

Change::KeywordMap map_keywords(const std::vector<std::string>& source, FlagBits used, std::vector<std::string>& target) {
  Change::KeywordMap map;
  for (size_t from = 0; from < source.size(); ++from) {
    if (!(used >> (kFirstKeywordBit + from) & 1)) continue;
    size_t to = 0;
    if (!known_keyword(target, source[from], to)) {
      if (to >= static_cast<size_t>(kMaxKeywords)) continue;
      target.push_back(source[from]);
    }
    map.emplace_back(static_cast<uint8_t>(kFirstKeywordBit + from), static_cast<uint8_t>(kFirstKeywordBit + to));
  }
  return map;
}

}  // namespace bz::store

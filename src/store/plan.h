// Plans: what a command does to the messages of a loaded mailbox, as plain functions over its entries. No I/O, no state;
// Account commits what they say and then publishes it.
//
// A plan names messages by ranges of UIDs that are as coarse as they may be: UIDs that are not there, and messages on which
// the command has no effect, do not split a range. So STORE 1:* of a million messages is one range. A plan stops at
// kPlanRanges ranges, which fit one batch; next_uid then says where the rest begins.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "store/account.h"
#include "store/schema.h"

namespace bz::store {

inline constexpr size_t kPlanRanges = 12 * kChangeRanges;

// What goes to or from the counters of a mailbox.
struct Totals {
  uint32_t messages = 0, unseen = 0, deleted = 0;
  uint64_t size = 0;
  void add(const Entry& entry);
  void add_to(MailboxInfo& info) const;
  void take_from(MailboxInfo& info) const;
};

struct FlagPlan {
  std::vector<UidSet::Range> ranges;
  UidSet changed, unchanged, modified;
  int64_t unseen = 0, deleted = 0;  // differences
  uint32_t next_uid = 0;            // 0: all done
};
FlagPlan plan_flags(const std::vector<Entry>& entries, const UidSet& uids, uint32_t from_uid, FlagOp op, FlagBits bits,
                    std::optional<uint64_t> unchanged_since, size_t max_ranges = kPlanRanges);

struct SelectPlan {
  std::vector<UidSet::Range> ranges;
  std::vector<uint32_t> counts;  // messages of each range
  UidSet uids;
  Totals totals;
  FlagBits used = 0;  // flags that occur
  uint32_t next_uid = 0;
};
// All of `uids` (nullopt: everything) that carry each bit of `flags`.
SelectPlan plan_select(const std::vector<Entry>& entries, const std::optional<UidSet>& uids, uint32_t from_uid,
                       FlagBits flags, size_t max_ranges = kPlanRanges);

// Cuts a change of many ranges into records of at most kChangeRanges each. `counts` (Copy, Move) says how many UIDs each
// range takes in the target.
std::vector<Change> split_change(const Change& change, const std::vector<uint32_t>& counts = {});

// Adds the keywords of `flags` that are missing (at most kMaxKeywords in all) and returns the bits. Limit: no room;
// Invalid.
Result<FlagBits> take_keywords(std::vector<std::string>& keywords, const FlagList& flags);
// Bits of the source's keywords in the target; keywords that find no room in the target are dropped.
Change::KeywordMap map_keywords(const std::vector<std::string>& source, FlagBits used, std::vector<std::string>& target);

}  // namespace bz::store

// Sequence sets as written (RFC 3501 section 9, sequence-set): "*" keeps its meaning until the mailbox is known.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/uid_set.h"

namespace bz::imap {

class SequenceSet {
 public:
  static constexpr uint32_t kStar = 0;  // the largest number in use
  struct Range {
    uint32_t first, last;  // in the order written; kStar stands for "*"
    bool operator==(const Range&) const = default;
  };
  static SequenceSet saved_result() {
    SequenceSet set;
    set.saved_ = true;
    return set;
  }
  void add(Range range) { ranges_.push_back(range); }
  const std::vector<Range>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  bool saved() const { return saved_; }  // "$", the result of the last SEARCH RETURN (SAVE) (RFC 5182); has no ranges

  // The set with "*" = `largest` and "5:*" meaning the same as "*:5" (RFC 3501 section 6.4.8 asks for that: 559:* always
  // names the last message). largest == 0: an empty mailbox; "*" then names nothing, plain numbers stay.
  UidSet resolve(uint32_t largest) const;
  // Sequence numbers only: false when a number is above `count` (a BAD for the non-UID commands).
  bool within(uint32_t count) const;
  bool operator==(const SequenceSet&) const = default;

 private:
  std::vector<Range> ranges_;
  bool saved_ = false;
};

// Places in a list of results (RFC 9394 section 3.1), counted from 1 at the front or, from_end, at the back; in the order
// written.
struct PartialRange {
  uint32_t first = 1, last = 1;
  bool from_end = false;
  std::string to_string() const;  // "-1:-100"
  struct Places {
    uint64_t skip = 0, count = 0;
  };
  Places places(uint64_t results) const;  // in a list of so many results
  UidSet of(const UidSet& results) const;
  bool operator==(const PartialRange&) const = default;
};

}  // namespace bz::imap

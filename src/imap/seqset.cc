#include "imap/seqset.h"

#include <algorithm>

namespace bz::imap {

UidSet SequenceSet::resolve(uint32_t largest) const {
  UidSet out;
  for (Range r : ranges_) {
    bool star = r.first == kStar || r.last == kStar;
    if (star && largest == 0) continue;
    if (r.first == kStar) r.first = largest;
    if (r.last == kStar) r.last = largest;
    out.add(r.first, r.last);
  }
  return out;
}

bool SequenceSet::within(uint32_t count) const {
  for (const Range& r : ranges_) {
    if (count == 0) return false;
    if (r.first > count || r.last > count) return false;
  }
  return true;
}

std::string PartialRange::to_string() const {
  const std::string sign = from_end ? "-" : "";
  return sign + std::to_string(first) + ":" + sign + std::to_string(last);
}

UidSet PartialRange::of(const UidSet& results) const {
  uint64_t low = std::min(first, last), high = std::max(first, last);
  if (!from_end) return results.slice(low - 1, high - low + 1);
  const uint64_t count = results.count();
  if (low > count) return {};
  high = std::min(high, count);
  return results.slice(count - high, high - low + 1);
}

}  // namespace bz::imap

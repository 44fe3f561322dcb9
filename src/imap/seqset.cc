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

PartialRange::Places PartialRange::places(uint64_t results) const {
  const uint64_t low = std::min(first, last), high = std::min<uint64_t>(std::max(first, last), results);
  if (low > results) return {};
  return {from_end ? results - high : low - 1, high - low + 1};
}

UidSet PartialRange::of(const UidSet& results) const {
  const auto [skip, count] = places(results.count());
  return results.slice(skip, count);
}

}  // namespace bz::imap

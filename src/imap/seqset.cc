#include "imap/seqset.h"

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

}  // namespace bz::imap

#include "model/uid_set.h"

#include <algorithm>

namespace bz {

UidSet UidSet::of(std::initializer_list<Range> ranges) {
  UidSet set;
  for (const Range& r : ranges) set.add(r.first, r.last);
  return set;
}

void UidSet::add(uint32_t first, uint32_t last) {
  if (first > last) std::swap(first, last);
  if (ranges_.empty() || first > ranges_.back().last) {
    if (!ranges_.empty() && uint64_t{ranges_.back().last} + 1 == first)
      ranges_.back().last = last;
    else
      ranges_.push_back({first, last});
    return;
  }
  // [from, to): the ranges that touch [first, last]
  auto from = std::lower_bound(ranges_.begin(), ranges_.end(), first,
                               [](const Range& r, uint32_t n) { return uint64_t{r.last} + 1 < n; });
  auto to = from;
  while (to != ranges_.end() && to->first <= uint64_t{last} + 1) {
    first = std::min(first, to->first);
    last = std::max(last, to->last);
    ++to;
  }
  auto at = ranges_.erase(from, to);
  ranges_.insert(at, {first, last});
}

bool UidSet::contains(uint32_t number) const {
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), number, [](const Range& r, uint32_t n) { return r.last < n; });
  return at != ranges_.end() && at->first <= number;
}

uint64_t UidSet::count() const {
  uint64_t total = 0;
  for (const Range& r : ranges_) total += uint64_t{r.last} - r.first + 1;
  return total;
}

UidSet UidSet::intersection(const UidSet& other) const {
  UidSet both;
  auto a = ranges_.begin(), b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    uint32_t first = std::max(a->first, b->first), last = std::min(a->last, b->last);
    if (first <= last) both.add(first, last);
    if (a->last < b->last)
      ++a;
    else
      ++b;
  }
  return both;
}

UidSet UidSet::slice(uint64_t skip, uint64_t count) const {
  UidSet part;
  for (const Range& r : ranges_) {
    const uint64_t size = uint64_t{r.last} - r.first + 1;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    if (count == 0) break;
    const uint64_t taken = std::min(size - skip, count);
    const auto first = static_cast<uint32_t>(r.first + skip);
    part.add(first, static_cast<uint32_t>(first + taken - 1));
    count -= taken;
    skip = 0;
  }
  return part;
}

std::string UidSet::to_string() const {
  std::string out;
  for (const Range& r : ranges_) {
    if (!out.empty()) out += ',';
    out += std::to_string(r.first);
    if (r.last != r.first) out.append(":").append(std::to_string(r.last));
  }
  return out;
}

}  // namespace bz

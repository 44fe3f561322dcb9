// A set of message numbers (UIDs or sequence numbers) as sorted, disjoint, non-adjacent ranges.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace bz {

class UidSet {
 public:
  struct Range {
    uint32_t first, last;  // both included, 1..2^32-1
    bool operator==(const Range&) const = default;
  };
  UidSet() = default;
  static UidSet of(std::initializer_list<Range> ranges);

  void add(uint32_t number) { add(number, number); }
  void add(uint32_t first, uint32_t last);  // amortised O(1) when numbers come in ascending order
  bool contains(uint32_t number) const;
  bool empty() const { return ranges_.empty(); }
  uint64_t count() const;
  uint32_t min() const { return ranges_.front().first; }
  uint32_t max() const { return ranges_.back().last; }
  const std::vector<Range>& ranges() const { return ranges_; }
  UidSet intersection(const UidSet& other) const;
  UidSet slice(uint64_t skip, uint64_t count) const;  // that many numbers behind the first `skip`, as far as there are
  std::string to_string() const;                      // RFC 3501 sequence-set: "1:3,5"
  bool operator==(const UidSet&) const = default;

  template <class F>
  void for_each(F&& f) const {
    for (const Range& r : ranges_)
      for (uint64_t n = r.first; n <= r.last; ++n) f(static_cast<uint32_t>(n));
  }

 private:
  std::vector<Range> ranges_;
};

}  // namespace bz

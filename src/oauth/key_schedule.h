// When the keys of an identity provider are fetched: in the background before they are old, and at once for a token under a
// key nobody knows, but not more often than once in the shortest interval, whatever strangers show us. Pure.
#pragma once
#include <algorithm>
#include <string_view>

#include "base/env.h"

namespace bz::oauth {

struct KeyIntervals {
  base::Millis shortest{300'000}, longest{86'400'000};
  bool operator==(const KeyIntervals&) const = default;
};

// How long a reply with this Cache-Control (RFC 9111 section 5.2.2) is used, within the intervals. An hour when it does not
// say, the shortest when it may not be stored or is nonsense.
base::Millis key_life(std::string_view cache_control, const KeyIntervals& intervals);

class KeySchedule {
 public:
  explicit KeySchedule(KeyIntervals intervals) : intervals_(intervals) {}
  bool may_fetch(base::MonoTime now) const { return !began_ || now - last_ >= intervals_.shortest; }
  void began(base::MonoTime now) {
    began_ = true;
    last_ = now;
  }
  // Until the next fetch in the background.
  base::Millis good(std::string_view cache_control) const { return key_life(cache_control, intervals_); }
  base::Millis failed() const { return intervals_.shortest; }

 private:
  KeyIntervals intervals_;
  bool began_ = false;
  base::MonoTime last_{};
};

}  // namespace bz::oauth

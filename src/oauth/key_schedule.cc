#include "oauth/key_schedule.h"

#include "base/text.h"

namespace bz::oauth {

base::Millis key_life(std::string_view cache_control, const KeyIntervals& intervals) {
  base::Millis life{3'600'000};
  for (std::string_view directive : base::split(cache_control, ',')) {
    directive = base::trim(directive);
    if (base::iequals(directive, "no-store") || base::iequals(directive, "no-cache")) return intervals.shortest;
    if (!base::istarts_with(directive, "max-age=")) continue;
    auto seconds = base::parse_number<uint32_t>(directive.substr(8));
    if (!seconds) return intervals.shortest;
    life = base::Millis(int64_t{*seconds} * 1000);
  }
  return std::clamp(life, intervals.shortest, std::max(intervals.shortest, intervals.longest));
}

}  // namespace bz::oauth

#include "base/date.h"

#include <ctime>

namespace bz::base {

std::string date(int64_t seconds) {
  const time_t at = seconds;
  tm parts{};
  char text[32] = {};
  if (!gmtime_r(&at, &parts) || strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts) == 0) return "?";
  return text;
}

}  // namespace bz::base

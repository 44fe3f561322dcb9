// rooms: mime
// Dates: what is read can be written in both forms and read back as the same moment.
#include <cstdlib>

#include "mime/date.h"

using namespace bz::mime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& date : {parse_rfc5322_date(text), parse_imap_date_time(text)}) {
    if (!date) continue;
    std::string imap = format_imap_date_time(*date);
    if (imap.size() != 26) std::abort();
    auto year = civil_from_days(local_day(*date)).year;
    if (year < 2 || year > 9997) continue;  // at the ends of the calendar the nearest date is written
    if (parse_imap_date_time(imap) != date) std::abort();
    if (parse_rfc5322_date(format_rfc5322_date(*date)) != date) std::abort();
  }
  return 0;
}

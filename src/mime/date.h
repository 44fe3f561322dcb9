// Dates: RFC 5322 section 3.3 with the obsolete forms of section 4.3 (two-digit years, named zones, no day name, comments)
// and the date-time of RFC 3501 section 9 that INTERNALDATE and APPEND use. Sans clock: the time is always an argument.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bz::mime {

struct DateTime {
  int64_t unix_seconds = 0;  // UTC
  int zone_minutes = 0;      // east of UTC, -1439..1439
  bool operator==(const DateTime&) const = default;
};

// Lenient, as dates in mail are; nullopt if there is no day, month and year to be found.
std::optional<DateTime> parse_rfc5322_date(std::string_view text);
// "Fri, 7 Feb 2025 10:00:00 +0000". Years 0..9999; outside of that the nearest date that fits.
std::string format_rfc5322_date(DateTime date);

// "17-Jul-1996 02:44:25 -0700" or " 7-Feb-2025 10:00:00 +0000", without the quotes; exact form, else nullopt.
std::optional<DateTime> parse_imap_date_time(std::string_view text);
std::string format_imap_date_time(DateTime date);  // 26 characters, day padded with a blank

// Days since 1970-01-01 of a day of the proleptic Gregorian calendar, and back; SEARCH compares whole days.
int64_t days_from_civil(int year, unsigned month, unsigned day);
struct CivilDay {
  int year;
  unsigned month, day;
};
CivilDay civil_from_days(int64_t days);
// The day as the sender's calendar showed it, RFC 3501 section 6.4.4 "disregarding time and timezone".
inline int64_t local_day(DateTime date) {
  int64_t seconds = date.unix_seconds + int64_t{60} * date.zone_minutes;
  return seconds >= 0 ? seconds / 86400 : -((-seconds + 86399) / 86400);
}

}  // namespace bz::mime

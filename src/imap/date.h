// Dates of the protocol (RFC 3501 section 9: date, date-time). Years 1..9999.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bz::imap {

struct Date {  // a day without zone, as SEARCH compares it (RFC 3501 section 6.4.4)
  int year = 0, month = 0, day = 0;
  int64_t days() const;  // since 1970-01-01
  static Date of_unix(int64_t seconds, int zone_minutes = 0);
  auto operator<=>(const Date&) const = default;
};

struct DateTime {
  int64_t unix_seconds = 0;
  int zone_minutes = 0;  // east is positive
  bool operator==(const DateTime&) const = default;
};

std::optional<Date> parse_date(std::string_view text);           // 1-Feb-1994 or 01-Feb-1994, no quotes
std::optional<DateTime> parse_date_time(std::string_view text);  // " 1-Feb-1994 21:52:25 -0800", no quotes
// Exactly 26 octets, the day with a leading space when it has one digit: phones reject any other form.
void append_date_time(std::string& out, DateTime when);

}  // namespace bz::imap

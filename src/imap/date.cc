#include "imap/date.h"

#include <array>
#include <cstdlib>

#include "base/text.h"

namespace bz::imap {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr int64_t kDay = 86400;

// Days of the proleptic Gregorian calendar, years counted from March.
int64_t days_from_civil(int64_t y, int m, int d) {
  if (m <= 2) --y;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

Date civil_from_days(int64_t z) {
  z += 719468;
  int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  int64_t day_of_era = z - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t mp = (5 * day_of_year + 2) / 153;
  int month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  return {static_cast<int>(year), month, static_cast<int>(day_of_year - (153 * mp + 2) / 5 + 1)};
}

bool valid(const Date& d) {
  constexpr int kLengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (d.year < 1 || d.month < 1 || d.month > 12 || d.day < 1) return false;
  bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;
  return d.day <= kLengths[d.month - 1] + (d.month == 2 && leap ? 1 : 0);
}

std::optional<int> digits(std::string_view text) {
  for (char c : text)
    if (!base::is_digit(c)) return std::nullopt;
  return base::parse_number<int>(text);
}

void put2(std::string& out, int64_t n, char pad = '0') {
  out += n < 10 ? pad : static_cast<char>('0' + n / 10);
  out += static_cast<char>('0' + n % 10);
}

void put_date(std::string& out, const Date& d) {
  put2(out, d.day, ' ');
  out.append("-").append(kMonths[static_cast<size_t>(d.month - 1)]).append("-");
  put2(out, d.year / 100);
  put2(out, d.year % 100);
}

}  // namespace

int64_t Date::days() const { return days_from_civil(year, month, day); }

Date Date::of_unix(int64_t seconds, int zone_minutes) {
  seconds += int64_t{zone_minutes} * 60;
  return civil_from_days((seconds >= 0 ? seconds : seconds - (kDay - 1)) / kDay);
}

std::optional<Date> parse_date(std::string_view text) {
  size_t dash = text.find('-');
  if (dash == 0 || dash > 2 || text.size() != dash + 9 || text[dash + 4] != '-') return std::nullopt;
  auto day = digits(text.substr(0, dash)), year = digits(text.substr(dash + 5));
  if (!day || !year) return std::nullopt;
  for (size_t m = 0; m < kMonths.size(); ++m) {
    if (!base::iequals(kMonths[m], text.substr(dash + 1, 3))) continue;
    Date date{*year, static_cast<int>(m) + 1, *day};
    return valid(date) ? std::optional(date) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<DateTime> parse_date_time(std::string_view text) {
  if (!text.empty() && text[0] == ' ') text.remove_prefix(1);  // date-day-fixed
  size_t space = text.find(' ');
  if (space == std::string_view::npos || text.size() != space + 15) return std::nullopt;
  auto date = parse_date(text.substr(0, space));
  std::string_view t = text.substr(space + 1);  // hh:mm:ss +zzzz
  if (!date || t[2] != ':' || t[5] != ':' || t[8] != ' ' || (t[9] != '+' && t[9] != '-')) return std::nullopt;
  auto hour = digits(t.substr(0, 2)), minute = digits(t.substr(3, 2)), second = digits(t.substr(6, 2));
  auto zone_hour = digits(t.substr(10, 2)), zone_minute = digits(t.substr(12, 2));
  if (!hour || !minute || !second || !zone_hour || !zone_minute) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60 || *zone_hour > 23 || *zone_minute > 59) return std::nullopt;
  int zone = (*zone_hour * 60 + *zone_minute) * (t[9] == '-' ? -1 : 1);
  return DateTime{date->days() * kDay + *hour * 3600 + *minute * 60 + *second - zone * 60, zone};
}

void append_date_time(std::string& out, DateTime when) {
  // Outside the years 1..9999 the grammar has no words; what is stored there is shown as the nearest day it has.
  constexpr int64_t kFirst = -62135596800 + 2 * kDay, kLast = 253402300799 - 2 * kDay;
  int64_t utc = when.unix_seconds < kFirst ? kFirst : when.unix_seconds > kLast ? kLast : when.unix_seconds;
  int64_t local = utc + int64_t{when.zone_minutes} * 60;
  put_date(out, Date::of_unix(local));
  int64_t of_day = ((local % kDay) + kDay) % kDay;
  out += ' ';
  put2(out, of_day / 3600);
  out += ':';
  put2(out, of_day / 60 % 60);
  out += ':';
  put2(out, of_day % 60);
  out.append(when.zone_minutes < 0 ? " -" : " +");
  put2(out, std::abs(when.zone_minutes) / 60);
  put2(out, std::abs(when.zone_minutes) % 60);
}

}  // namespace bz::imap

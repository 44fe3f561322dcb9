#include "mime/date.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace bz::mime {
namespace {

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kMonthNames[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view kDayNames[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

unsigned month_number(std::string_view word) {  // 0: none
  if (word.size() < 3) return 0;
  for (unsigned i = 0; i < 12; ++i) {
    if (base::istarts_with(word, kMonths[i])) return i + 1;
  }
  return 0;
}

unsigned days_in_month(int year, unsigned month) {
  constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// Named zones of RFC 5322 section 4.3; all others mean nothing and count as UTC.
int named_zone(std::string_view word) {
  struct Zone {
    std::string_view name;
    int hours;
  };
  constexpr Zone kZones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
                             {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
  for (const Zone& zone : kZones) {
    if (base::iequals(word, zone.name)) return zone.hours * 60;
  }
  return 0;
}

// "+0130", "-0700"; also "+01:30" and "+1".
std::optional<int> numeric_zone(std::string_view word) {
  if (word.size() < 2 || (word[0] != '+' && word[0] != '-')) return std::nullopt;
  std::string digits;
  for (char c : word.substr(1)) {
    if (base::is_digit(c)) {
      digits += c;
    } else if (c != ':') {
      return std::nullopt;
    }
  }
  if (digits.empty() || digits.size() > 4) return std::nullopt;
  if (digits.size() <= 2) digits += "00";
  int number = base::parse_number<int>(digits).value_or(0);
  int minutes = number / 100 * 60 + number % 100;
  if (number / 100 > 23 || number % 100 > 59) return 0;
  return word[0] == '-' ? -minutes : minutes;
}

std::string without_comments(std::string_view text) {
  std::string out;
  int depth = 0;
  for (char c : text) {
    if (c == '(') {
      ++depth;
    } else if (c == ')') {
      depth -= depth > 0;
      out += ' ';
    } else if (depth == 0) {
      out += c == ',' || c == '\t' || c == '\r' || c == '\n' ? ' ' : c;
    }
  }
  return out;
}

struct Fields {
  int year = -1, day = -1, hour = 0, minute = 0, second = 0, zone = 0;
  unsigned month = 0;
  bool time_seen = false;

  void word(std::string_view text) {
    if (text.find(':') != std::string_view::npos && base::is_digit(text[0])) return time(text);
    if (auto minutes = numeric_zone(text); minutes && time_seen) {
      zone = *minutes;
    } else if (base::is_digit(text[0])) {
      number(text);
    } else if (base::is_alpha(text[0])) {
      name(text);
    }
  }

  void number(std::string_view text) {
    if (size_t dash = text.find('-'); dash != std::string_view::npos) {  // 7-Feb-2025
      for (std::string_view piece : base::split(text, '-')) {
        if (!piece.empty() && piece.size() < text.size()) word(piece);
      }
      return;
    }
    auto value = base::parse_number<int>(text);
    if (!value || text.size() > 4) return;
    if (day < 0 && text.size() <= 2) {
      day = *value;
    } else if (year < 0) {
      year = *value;
      if (text.size() == 2) year += year < 50 ? 2000 : 1900;
      if (text.size() == 3) year += 1900;
    }
  }

  void time(std::string_view text) {
    if (time_seen) return;
    if (size_t sign = text.find_first_of("+-"); sign != std::string_view::npos) {
      time_seen = true;
      word(text.substr(sign));
      text = text.substr(0, sign);
    }
    auto pieces = base::split(text.substr(0, text.find('.')), ':');
    auto piece = [&](size_t i) { return i < pieces.size() ? base::parse_number<int>(pieces[i]).value_or(-1) : 0; };
    hour = piece(0);
    minute = piece(1);
    second = piece(2);
    time_seen = true;
  }

  void name(std::string_view text) {
    if (month == 0 && (month = month_number(text)) != 0) return;
    if (!time_seen) return;  // the day's name
    if (size_t sign = text.find_first_of("+-"); sign != std::string_view::npos) {
      zone = numeric_zone(text.substr(sign)).value_or(0);
    } else if (base::iequals(text, "pm") && hour < 12) {
      hour += 12;
    } else if (base::iequals(text, "am") && hour == 12) {
      hour = 0;
    } else if (zone == 0) {
      zone = named_zone(text);
    }
  }

  std::optional<DateTime> result() const {
    if (year < 0 || month == 0 || day < 1 || static_cast<unsigned>(day) > days_in_month(year, month)) return std::nullopt;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
    int64_t local = days_from_civil(year, month, static_cast<unsigned>(day)) * 86400 + hour * 3600 + minute * 60 + second;
    return DateTime{local - int64_t{60} * zone, zone};
  }
};

struct Broken {
  CivilDay day;
  int64_t days;
  int hour, minute, second, zone;
};

Broken break_down(DateTime date) {
  int zone = std::clamp(date.zone_minutes, -1439, 1439);
  constexpr int64_t kFirst = -62167219200, kLast = 253402300799;  // years 0000..9999
  int64_t local = std::clamp(date.unix_seconds, kFirst + 86400, kLast - 86400) + int64_t{60} * zone;
  int64_t days = local >= 0 ? local / 86400 : -((-local + 86399) / 86400);
  int rest = static_cast<int>(local - days * 86400);
  return {civil_from_days(days), days, rest / 3600, rest / 60 % 60, rest % 60, zone};
}

std::string print(const char* format, const Broken& b, std::string_view first) {
  char buffer[96];
  int zone = b.zone < 0 ? -b.zone : b.zone;
  int size = std::snprintf(buffer, sizeof buffer, format, static_cast<int>(first.size()), first.data(), b.day.day,
                           kMonthNames[b.day.month - 1].data(), b.day.year, b.hour, b.minute, b.second,
                           b.zone < 0 ? '-' : '+', zone / 60, zone % 60);
  return std::string(buffer, static_cast<size_t>(size));
}

}  // namespace

// Both after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
int64_t days_from_civil(int year, unsigned month, unsigned day) {
  int64_t y = year - (month <= 2);
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  auto yoe = static_cast<unsigned>(y - era * 400);
  unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<int64_t>(doe) - 719468;
}

CivilDay civil_from_days(int64_t days) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  auto doe = static_cast<unsigned>(days - era * 146097);
  unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  unsigned mp = (5 * doy + 2) / 153;
  unsigned month = mp < 10 ? mp + 3 : mp - 9;
  auto year = static_cast<int>(static_cast<int64_t>(yoe) + era * 400 + (month <= 2));
  return {year, month, doy - (153 * mp + 2) / 5 + 1};
}

std::optional<DateTime> parse_rfc5322_date(std::string_view text) {
  std::string plain = without_comments(text.substr(0, 1000));
  Fields fields;
  for (std::string_view word : base::split(plain, ' ')) {
    if (!word.empty()) fields.word(word);
  }
  return fields.result();
}

std::string format_rfc5322_date(DateTime date) {
  Broken b = break_down(date);
  auto weekday = static_cast<size_t>(((b.days + 4) % 7 + 7) % 7);
  return print("%.*s, %u %s %04d %02d:%02d:%02d %c%02d%02d", b, kDayNames[weekday]);
}

std::optional<DateTime> parse_imap_date_time(std::string_view text) {
  // dd-Mon-yyyy hh:mm:ss +zzzz
  if (text.size() == 25) return parse_imap_date_time(" " + std::string(text));  // "7-Feb-2025 ...": seen from old clients
  constexpr std::string_view kForm = "dd-aaa-dddd dd:dd:dd sdddd";
  if (text.size() != kForm.size()) return std::nullopt;
  for (size_t i = 0; i < kForm.size(); ++i) {
    char c = text[i];
    bool good = kForm[i] == 'd'   ? base::is_digit(c) || (i == 0 && c == ' ')
                : kForm[i] == 'a' ? base::is_alpha(c)
                : kForm[i] == 's' ? c == '+' || c == '-'
                                  : c == kForm[i];
    if (!good) return std::nullopt;
  }
  auto number = [&](size_t at, size_t size) { return base::parse_number<int>(text.substr(at, size)).value_or(-1); };
  Fields fields;
  fields.day = text[0] == ' ' ? number(1, 1) : number(0, 2);
  fields.month = month_number(text.substr(3, 3));
  fields.year = number(7, 4);
  fields.hour = number(12, 2);
  fields.minute = number(15, 2);
  fields.second = number(18, 2);
  int hours = number(22, 2), minutes = number(24, 2);
  if (hours > 23 || minutes > 59) return std::nullopt;
  fields.zone = (text[21] == '-' ? -1 : 1) * (hours * 60 + minutes);
  return fields.result();
}

std::string format_imap_date_time(DateTime date) {
  Broken b = break_down(date);
  return print("%.*s%2u-%s-%04d %02d:%02d:%02d %c%02d%02d", b, "");
}

}  // namespace bz::mime

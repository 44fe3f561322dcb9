#define TOML_IMPLEMENTATION
#include "app/config_value.h"

#include "app/config.h"

namespace bz::app {

Error bad(Where where, std::string_view key, const std::string& what) {
  return fail(Errc::Invalid,
              std::string(where.file) + ":" + std::to_string(where.line) + ": " + std::string(key) + ": " + what);
}

Where where_of(std::string_view file, const toml::node& node) { return {file, node.source().begin.line}; }

std::string print_number(KeyKind kind, int64_t n) {
  if (kind == KeyKind::Size) {
    for (auto [unit, name] : {std::pair{1ll << 30, "GiB"}, {1ll << 20, "MiB"}, {1ll << 10, "KiB"}}) {
      if (n >= unit && n % unit == 0) return "\"" + std::to_string(n / unit) + name + "\"";
    }
    return "\"" + std::to_string(n) + "B\"";
  }
  if (kind == KeyKind::Number) return std::to_string(n);
  for (auto [unit, name] : {std::pair{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}}) {
    if (n >= unit && n % unit == 0) return "\"" + std::to_string(n / unit) + name + "\"";
  }
  return "\"" + std::to_string(n) + "ms\"";
}

std::optional<int64_t> number_of(KeyKind kind, const toml::node& node) {
  if (kind == KeyKind::Number) return node.value_exact<int64_t>();
  auto text = node.value_exact<std::string_view>();
  if (!text) return std::nullopt;
  if (kind == KeyKind::Size) {
    auto size = parse_size(*text);
    if (!size || *size > INT64_MAX) return std::nullopt;
    return static_cast<int64_t>(*size);
  }
  auto duration = parse_duration(*text);
  if (!duration) return std::nullopt;
  return duration->count();
}

bool clean_text(std::string_view text, int64_t min, int64_t max) {
  return static_cast<int64_t>(text.size()) >= min && static_cast<int64_t>(text.size()) <= max && base::is_utf8(text) &&
         std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

std::optional<base::Millis> parse_duration(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && base::is_digit(text[digits])) ++digits;
  auto number = base::parse_number<int64_t>(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  int64_t factor = unit == "ms"  ? 1
                   : unit == "s" ? 1000
                   : unit == "m" ? 60'000
                   : unit == "h" ? 3'600'000
                   : unit == "d" ? 86'400'000
                                 : 0;
  if (!number || factor == 0 || *number > INT64_MAX / 86'400'000) return std::nullopt;
  return base::Millis(*number * factor);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && base::is_digit(text[digits])) ++digits;
  auto number = base::parse_number<uint64_t>(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  int shift = unit == "B" ? 0 : unit == "KiB" ? 10 : unit == "MiB" ? 20 : unit == "GiB" ? 30 : -1;
  if (!number || shift < 0 || *number > (UINT64_MAX >> 31)) return std::nullopt;
  return *number << shift;
}

}  // namespace bz::app

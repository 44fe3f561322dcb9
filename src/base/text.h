// ASCII, UTF-8, base64 and hex. ASCII here means: locale-free, bytes >= 0x80 are never letters.
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bz::base {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
std::string lower(std::string_view text);
std::string upper(std::string_view text);
bool iequals(std::string_view a, std::string_view b);  // ASCII case-insensitive
bool istarts_with(std::string_view text, std::string_view prefix);
struct ILess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
std::string_view trim(std::string_view text);  // spaces and tabs, CR and LF
std::vector<std::string_view> split(std::string_view text, char separator);

// The whole text must be the number, without sign; nullopt on overflow.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || text[0] == '-') return std::nullopt;
  return value;
}

bool is_utf8(std::string_view text);  // well-formed, no surrogates, no overlong forms (RFC 3629)
bool is_ascii(std::string_view text);
size_t ascii_prefix(std::string_view text);  // octets before the first that is not ASCII
void append_utf8(std::string& out, char32_t code_point);

std::string base64(std::string_view bytes);  // RFC 4648 section 4, padded
// Strict: padded, no white space, no junk bits. nullopt if not.
std::optional<std::string> from_base64(std::string_view text);
std::string base64url(std::string_view bytes);  // RFC 4648 section 5, not padded
std::string hex(std::string_view bytes);        // lower case
std::optional<std::string> from_hex(std::string_view text);

}  // namespace bz::base

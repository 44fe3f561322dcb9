#include "mime/part_structure.h"

#include <algorithm>

#include "base/text.h"

namespace bz::mime {
namespace {

constexpr size_t kEncoding = 5, kSize = 6, kLines = 7;  // of a leaf: type, subtype, parameters, id, description, ...
constexpr size_t kMessageBody = 8;                      // ... encoding, size, envelope, body, lines

// One past the string at `at`, quoted or literal.
size_t skip_string(std::string_view text, size_t at) {
  if (text[at] == '"') {
    for (++at; at < text.size() && text[at] != '"'; ++at)
      if (text[at] == '\\') ++at;
    return std::min(at + 1, text.size());
  }
  const size_t end = text.find("}\r\n", at);
  const auto size = end == text.npos ? std::nullopt : base::parse_number<size_t>(text.substr(at + 1, end - at - 1));
  return size && *size <= text.size() - end - 3 ? end + 3 + *size : text.size();
}

// One past the value at `at`: a list, a string or an atom.
size_t skip_value(std::string_view text, size_t at) {
  size_t depth = 0;
  do {
    const char c = text[at];
    if (c == '"' || c == '{') {
      at = skip_string(text, at);
    } else if (c == '(' || c == ')') {
      depth += c == '(' ? 1 : -1;
      ++at;
    } else {
      at = std::min(text.find_first_of(depth > 0 ? "()\"{" : " ()\"{", at), text.size());
    }
  } while (depth > 0 && at < text.size());
  return at;
}

std::vector<std::string_view> values_of(std::string_view list) {
  std::vector<std::string_view> values;
  for (size_t at = 1; at + 1 < list.size();) {
    if (list[at] == ' ') {
      ++at;
      continue;
    }
    const size_t end = skip_value(list, at);
    if (end == at) break;
    values.push_back(list.substr(at, end - at));
    at = end;
  }
  return values;
}

bool is_multipart(const std::vector<std::string_view>& values) { return !values.empty() && values[0].starts_with('('); }
// RFC822, or GLOBAL (RFC 6532); with an encoding neither is taken apart, and there is no body here.
bool is_message(const std::vector<std::string_view>& values) {
  return values.size() > kMessageBody && base::iequals(values[0], "\"message\"") &&
         (base::iequals(values[1], "\"rfc822\"") || base::iequals(values[1], "\"global\"")) &&
         values[kMessageBody].starts_with('(');
}

}  // namespace

std::optional<std::string_view> part_structure(std::string_view bodystructure, const std::vector<uint32_t>& numbers) {
  std::string_view at = bodystructure;
  bool at_message = true;
  for (const uint32_t number : numbers) {
    auto values = values_of(at);
    if (!at_message && is_message(values)) {
      at = values[kMessageBody];
      values = values_of(at);
      at_message = true;
    }
    if (number == 0) return std::nullopt;
    if (is_multipart(values)) {
      if (number > values.size() || !values[number - 1].starts_with('(')) return std::nullopt;
      for (size_t i = 0; i < number; ++i)  // parameters are a list, too, but stand behind the subtype
        if (!values[i].starts_with('(')) return std::nullopt;
      at = values[number - 1];
    } else if (!at_message || number != 1) {
      return std::nullopt;
    }
    at_message = false;
  }
  return at;
}

std::string with_decoded(std::string_view structure, const DecodedFacts& facts) {
  const auto values = values_of(structure);
  if (is_multipart(values) || values.size() <= kSize) return std::string(structure);
  const bool text = base::iequals(values[0], "\"text\"");
  std::string out;
  for (size_t i = 0; i < values.size(); ++i) {
    out += i == 0 ? "(" : " ";
    if (i == kEncoding)
      out.append("\"").append(facts.encoding).append("\"");
    else if (i == kSize)
      out += std::to_string(facts.size);
    else if (i == kLines && text)
      out += std::to_string(facts.lines);
    else
      out += values[i];
  }
  return out + ")";
}

}  // namespace bz::mime

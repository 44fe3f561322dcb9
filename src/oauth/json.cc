#include "oauth/json.h"

#include <algorithm>

#include "base/text.h"

namespace bz::oauth {

namespace json = boost::json;

Result<json::object> parse_object(std::string_view text, size_t max_size) {
  if (text.size() > max_size) return fail(Errc::TooLarge, "JSON over " + std::to_string(max_size) + " bytes");
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return fail(Errc::Invalid, "JSON: " + error.message());
  if (!value.is_object()) return fail(Errc::Invalid, "JSON: not an object");
  return std::move(value.as_object());
}

std::optional<std::string> text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(value->as_string());
}

std::optional<std::string> from_base64url(std::string_view text) {
  if (text.find_first_of("+/=") != text.npos) return std::nullopt;
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '-', '+');
  std::replace(plain.begin(), plain.end(), '_', '/');
  while (plain.size() % 4 != 0) plain += '=';
  return base::from_base64(plain);
}

}  // namespace bz::oauth

#include "acme/json.h"

#include "acme/reply.h"

namespace bz::acme {

namespace json = boost::json;

namespace {

constexpr size_t kMaxDepth = 8;

const json::value* value_of(const json::object& object, std::string_view key) {
  return object.if_contains(json::string_view(key.data(), key.size()));
}

}  // namespace

Result<json::object> parse_object(std::string_view text) {
  if (text.size() > kMaxReply) return fail(Errc::TooLarge, "JSON over " + std::to_string(kMaxReply) + " bytes");
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return fail(Errc::Invalid, "JSON: " + error.message());
  if (!value.is_object()) return fail(Errc::Invalid, "JSON: not an object");
  return std::move(value.as_object());
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = value_of(object, key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

int64_t number_of(const json::object& object, std::string_view key) {
  const json::value* value = value_of(object, key);
  return value && value->is_int64() ? value->as_int64() : 0;
}

const json::object* object_of(const json::object& object, std::string_view key) {
  const json::value* value = value_of(object, key);
  return value ? value->if_object() : nullptr;
}

std::vector<const json::object*> objects_of(const json::object& object, std::string_view key, size_t limit) {
  std::vector<const json::object*> out;
  const json::value* value = value_of(object, key);
  if (!value || !value->is_array()) return out;
  for (const json::value& item : value->as_array()) {
    if (out.size() == limit) break;
    if (const json::object* one = item.if_object()) out.push_back(one);
  }
  return out;
}

std::vector<std::string> texts_of(const json::object& object, std::string_view key, size_t limit) {
  std::vector<std::string> out;
  const json::value* value = value_of(object, key);
  if (!value || !value->is_array()) return out;
  for (const json::value& item : value->as_array()) {
    if (out.size() == limit) break;
    if (item.is_string()) out.emplace_back(item.as_string());
  }
  return out;
}

}  // namespace bz::acme

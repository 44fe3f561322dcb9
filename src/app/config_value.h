// One value of the administrator's file: what a key allows, and whether a TOML node is that.
#pragma once
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "app/config_keys.h"
#include "base/result.h"
#include "base/text.h"

namespace bz::app {

struct Where {
  std::string_view file;
  size_t line;
};

Error bad(Where where, std::string_view key, const std::string& what);
Where where_of(std::string_view file, const toml::node& node);

std::string print_number(KeyKind kind, int64_t n);                       // as it is written in the file
std::optional<int64_t> number_of(KeyKind kind, const toml::node& node);  // in KeyValue's units
bool clean_text(std::string_view text, int64_t min, int64_t max);        // UTF-8 without controls, `min` to `max` long

template <class Target>
std::string allowed(const Key<Target>& key) {
  if (!key.choices.empty()) {
    std::string out = "one of";
    for (std::string_view choice : base::split(key.choices, '|')) out += " \"" + std::string(choice) + "\"";
    return out;
  }
  std::string out(describe(key.kind));
  switch (key.kind) {
    case KeyKind::Number:
    case KeyKind::Duration:
    case KeyKind::Size:
      return out + ", from " + print_number(key.kind, key.min) + " to " + print_number(key.kind, key.max);
    default:
      return out;
  }
}

// The value of one key, checked; nullopt: not what allowed() says.
template <class Target>
std::optional<KeyValue> value_of(const Key<Target>& key, const toml::node& node) {
  KeyValue value;
  switch (key.kind) {
    case KeyKind::Text: {
      auto text = node.value_exact<std::string>();
      if (!text || !clean_text(*text, key.min, key.max)) return std::nullopt;
      auto choices = base::split(key.choices, '|');
      if (!key.choices.empty() && std::find(choices.begin(), choices.end(), *text) == choices.end()) return std::nullopt;
      value.text = std::move(*text);
      return value;
    }
    case KeyKind::Flag: {
      auto flag = node.value_exact<bool>();
      if (!flag) return std::nullopt;
      value.flag = *flag;
      return value;
    }
    case KeyKind::Number:
    case KeyKind::Duration:
    case KeyKind::Size: {
      auto number = number_of(key.kind, node);
      if (!number || *number < key.min || *number > key.max) return std::nullopt;
      value.number = *number;
      return value;
    }
    case KeyKind::TextList:
      break;
  }
  const toml::array* array = node.as_array();
  if (!array) return std::nullopt;
  for (const toml::node& item : *array) {
    auto text = item.value_exact<std::string>();
    if (!text || !clean_text(*text, 1, 255)) return std::nullopt;
    value.texts.push_back(std::move(*text));
  }
  int64_t count = static_cast<int64_t>(array->size());
  if (count < key.min || count > key.max) return std::nullopt;
  return value;
}

}  // namespace bz::app

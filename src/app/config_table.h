// Reads the tables of the administrator's file by their tables of keys.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_value.h"
#include "base/check.h"

namespace bz::app {

size_t distance(std::string_view a, std::string_view b);  // of two names: letters to change

template <class Target>
std::string nearest(std::span<const Key<Target>> keys, std::string_view name) {
  auto best = std::min_element(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
    return distance(a.name, name) < distance(b.name, name);
  });
  return std::string(best->name);
}

// Defaults go through the same door as the administrator's values, so that a wrong one cannot hide.
template <class Target>
void set_defaults(std::span<const Key<Target>> keys, Target& target) {
  for (const auto& key : keys) {
    if (key.standard.empty()) continue;
    std::string document = "x = " + std::string(key.standard) + "\n";
    toml::parse_result parsed = toml::parse(document);
    BZ_CHECK(parsed.succeeded(), "the default of a key is no TOML");
    auto value = value_of(key, *parsed.table().get("x"));
    BZ_CHECK(value.has_value(), "the default of a key is not allowed");
    key.set(target, std::move(*value));
  }
}

// Tables that come more than once; each kind has a reader of its own.
bool is_table_list(std::string_view name);

template <class Target>
struct TableReader {
  std::span<const Key<Target>> keys;
  std::string_view file;
  std::set<std::string, std::less<>> seen{};

  Result<void> read(const toml::table& table, const std::string& prefix, Target& target) {
    for (const auto& [name, node] : table) {
      std::string full = prefix + std::string(name.str());
      if (std::is_same_v<Target, roles::Config> && is_table_list(full)) continue;
      const auto* key = find(full);
      if (key) {
        auto value = value_of(*key, node);
        if (!value) return bad(where_of(file, node), full, "must be " + allowed(*key));
        key->set(target, std::move(*value));
        seen.insert(full);
      } else if (const toml::table* inner = node.as_table(); inner && is_section(full)) {
        BZ_TRY_VOID(read(*inner, full + ".", target));
      } else {
        return bad(where_of(file, node), full, "unknown key; the nearest known one is " + nearest(keys, full));
      }
    }
    return {};
  }
  Result<void> check_required(size_t line) const {
    for (const auto& key : keys) {
      if (!key.required || seen.contains(key.name)) continue;
      return bad({file, line}, key.name, "is missing; it must be " + allowed(key));
    }
    return {};
  }

 private:
  const Key<Target>* find(std::string_view name) const {
    auto it = std::find_if(keys.begin(), keys.end(), [&](const auto& key) { return key.name == name; });
    return it == keys.end() ? nullptr : &*it;
  }
  bool is_section(const std::string& name) const {
    return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.name.starts_with(name + "."); });
  }
};

// All [[name]] tables, each read with its keys and given to `take`, which may refuse it.
template <class Target, class Take>
Result<void> read_tables(const toml::table& root, std::string_view name, std::span<const Key<Target>> keys, size_t limit,
                         std::string_view file, Take take) {
  const toml::node* node = root.get(name);
  if (!node) return {};
  const toml::array* array = node->as_array();
  if (!array || array->empty() || array->size() > limit) {
    return bad(where_of(file, *node), name,
               "must be [[" + std::string(name) + "]], 1 to " + std::to_string(limit) + " of them");
  }
  size_t number = 0;
  for (const toml::node& item : *array) {
    std::string key = std::string(name) + " " + std::to_string(++number);
    const toml::table* table = item.as_table();
    if (!table) return bad(where_of(file, item), key, "must be a table");
    Target target;
    set_defaults(keys, target);
    TableReader<Target> reader{keys, file};
    BZ_TRY_VOID(reader.read(*table, "", target));
    BZ_TRY_VOID(reader.check_required(where_of(file, item).line));
    BZ_TRY_VOID(take(std::move(target), where_of(file, item), std::string_view(key)));
  }
  return {};
}

}  // namespace bz::app

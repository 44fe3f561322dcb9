// The keys of the directory's partition and what its writers share. Private to this room. docs/keyspace-directory.md
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.h"
#include "directory/entry.h"
#include "kv/partition.h"

namespace bz::directory {

inline constexpr std::string_view kHeaderKey = "H";

inline std::string id_key(std::string_view prefix, AccountId id) {
  std::string key(prefix);
  base::put_be64(key, id.value());
  return key;
}
inline std::string account_key(AccountId id) { return id_key("A/", id); }
inline std::string secrets_key(AccountId id) { return id_key("S/", id); }
inline std::string name_key(std::string_view address) { return "N/" + std::string(address); }
inline std::string alias_prefix(AccountId id) { return id_key("R/", id) + "/"; }
inline std::string alias_key(AccountId id, std::string_view address) { return alias_prefix(id) + std::string(address); }
inline std::string devices_key(AccountId id) { return id_key("D/", id); }
inline std::string device_uses_prefix(AccountId id) { return id_key("U/", id) + "/"; }
inline std::string device_use_key(AccountId id, uint64_t device) {
  std::string key = device_uses_prefix(id);
  base::put_be64(key, device);
  return key;
}
inline std::string certificate_key(std::string_view sha256) { return "C/" + std::string(sha256); }  // raw
inline std::string after(std::string prefix) {  // the first key that does not begin with it; prefixes end in '/'
  ++prefix.back();
  return prefix;
}

}  // namespace bz::directory

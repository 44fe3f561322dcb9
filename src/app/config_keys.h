// The table of settings. A row is all there is to know about a key; `set` puts a checked value into the struct.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "roles/config.h"

namespace bz::app {

enum class KeyKind : uint8_t { Text, TextList, Number, Duration, Size, Flag };
std::string_view describe(KeyKind kind);  // "a duration in quotes: \"90s\", ..."

struct KeyValue {
  std::string text;
  std::vector<std::string> texts;
  int64_t number = 0;  // Number; Duration in milliseconds; Size in bytes
  bool flag = false;
};

// Target: roles::Config, or the struct of one [[listener]], [[directory]], [[certificate]], [[server]], [[route]] or
// [[client]].
template <class Target>
struct Key {
  std::string_view name;  // "gateway.workers"
  KeyKind kind;
  std::string_view standard;  // default as written in the file; empty: none, the key may stay unset
  int64_t min, max;           // of numbers, durations (ms), sizes (bytes); of the lengths of texts and lists
  std::string_view choices;   // "a|b|c": the only texts allowed; empty: any
  std::string_view doc;
  void (*set)(Target&, KeyValue);
  bool required = false;
  // Set: the key takes effect at a restart only; tells whether it differs. Not set: a reload takes it over.
  bool (*needs_restart)(const Target& before, const Target& now) = nullptr;
};

std::span<const Key<roles::Config>> config_keys();
std::span<const Key<roles::ListenerConfig>> listener_keys();
std::span<const Key<roles::DirectoryConfig>> directory_keys();
std::span<const Key<roles::CertificateConfig>> certificate_keys();
std::span<const Key<roles::ServerConfig>> server_keys();
std::span<const Key<roles::RouteConfig>> route_keys();
std::span<const Key<imap::ClientRule>> client_keys();

}  // namespace bz::app

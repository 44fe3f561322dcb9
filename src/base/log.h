// Events: one line each, "TIME LEVEL role event key=value ...", to standard error, which the supervisor ties to
// STATE/log/<role>.log. Values are quoted when they hold anything but plain signs, so one event is one line whatever a peer
// sent. A Secret has no overload on purpose.
//
//   log::event(log::Info, "login").field("sid", sid).field("user", name).field("mech", "PLAIN");   // written when it goes
#pragma once
#include <concepts>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::log {

enum Level { Debug, Info, Warn, Err };
void set_role(std::string_view role);  // once, at the start of the process
void set_level(Level level);
void set_sink(void (*sink)(std::string_view line));  // tests; nullptr: standard error again

class Event {
 public:
  Event(Level level, std::string_view name);
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();
  Event& field(std::string_view key, std::string_view value) &;
  Event& field(std::string_view key, const char* value) & { return field(key, std::string_view(value)); }
  Event& field(std::string_view key, std::integral auto value) & {
    return field(key, std::string_view(std::to_string(value)));
  }
  Event& error(const Error& error) & { return field("error", error.to_string()); }
  template <class V>
  Event&& field(std::string_view key, V&& value) && {
    field(key, std::forward<V>(value));
    return std::move(*this);
  }
  Event&& error(const Error& e) && {
    error(e);
    return std::move(*this);
  }
  Event(Event&& other) = delete;

 private:
  bool on_;
  std::string line_;
};

inline Event event(Level level, std::string_view name) { return Event(level, name); }

}  // namespace bz::log

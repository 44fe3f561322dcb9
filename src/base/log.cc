#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace bz::log {
namespace {
std::string g_role = "buzon";
std::atomic<Level> g_level{Info};
std::atomic<void (*)(std::string_view)> g_sink{nullptr};

void append_time(std::string& out) {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  time_t seconds = static_cast<time_t>(millis / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  out.append(text, n);
  snprintf(text, sizeof text, ".%03dZ ", static_cast<int>(millis % 1000));
  out.append(text);
}

void append_value(std::string& out, std::string_view value) {
  bool plain = !value.empty();
  for (char c : value)
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || static_cast<unsigned char>(c) >= 0x7F) plain = false;
  if (plain) {
    out.append(value);
    return;
  }
  out += '"';
  for (char c : value) {
    auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20 || u == 0x7F) {
      char escaped[5];
      snprintf(escaped, sizeof escaped, "\\x%02x", u);
      out.append(escaped);
    } else {
      out += c;
    }
  }
  out += '"';
}
}  // namespace

void set_role(std::string_view role) { g_role = role; }
void set_level(Level level) { g_level = level; }
void set_sink(void (*sink)(std::string_view)) { g_sink = sink; }

Event::Event(Level level, std::string_view name) : on_(level >= g_level.load(std::memory_order_relaxed)) {
  if (!on_) return;
  static constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  append_time(line_);
  line_.append(kNames[level]).append(" ").append(g_role).append(" ").append(name);
}

Event& Event::field(std::string_view key, std::string_view value) & {
  if (on_) {
    line_.append(" ").append(key).append("=");
    append_value(line_, value);
  }
  return *this;
}

Event::~Event() {
  if (!on_) return;
  line_ += '\n';
  if (auto sink = g_sink.load()) {
    sink(line_);
    return;
  }
  // One write per line: lines of several threads do not mix. A full disk must not stop the mail.
  [[maybe_unused]] ssize_t n = ::write(STDERR_FILENO, line_.data(), line_.size());
}

}  // namespace bz::log

#include "imap/framer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "imap/append.h"

namespace bz::imap {
namespace {
constexpr std::string_view kLineTooLong = "Command line too long";
constexpr std::string_view kLiteralTooLarge = "[TOOBIG] Literal too large";
constexpr std::string_view kTooMuch = "[TOOBIG] Too much data after a refused command";
constexpr size_t kMarkerRoom = 64;          // no legal "{n+}" is longer
constexpr size_t kKeepCapacity = 4 * 1024;  // what an idle connection may hold on to

std::string_view without_cr(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}
}  // namespace

// "{123}" or "{123+}" at the end of a line, where a literal may stand: behind a space, "(" or "~".
Framer::Marker Framer::find_marker(std::string_view line) {
  Marker m;
  if (line.empty() || line.back() != '}') return m;
  size_t end = line.size() - 1;
  if (end > 0 && line[end - 1] == '+') {
    m.sync = false;
    --end;
  }
  size_t start = end;
  while (start > 0 && base::is_digit(line[start - 1])) --start;
  if (start == end || start == 0 || line[start - 1] != '{') return m;
  if (start >= 2 && line[start - 2] != ' ' && line[start - 2] != '(' && line[start - 2] != '~') return m;
  m.found = true;
  m.size = base::parse_number<uint64_t>(line.substr(start, end - start)).value_or(std::numeric_limits<uint64_t>::max());
  return m;
}

void Framer::compact() {
  if (begin_ == 0 || begin_ < buffer_.size() - begin_) return;
  buffer_.erase(0, begin_);
  if (buffer_.empty() && buffer_.capacity() > kKeepCapacity) std::string().swap(buffer_);
  line_start_ -= std::min(line_start_, begin_);
  scan_ -= std::min(scan_, begin_);
  begin_ = 0;
}

void Framer::restart_at(size_t position) {
  begin_ = line_start_ = scan_ = position;
  literal_octets_ = 0;
  remaining_ = 0;
}

Framer::Event Framer::next() {
  compact();
  for (;;) {
    switch (state_) {
      case State::Dead:
        return {.kind = Kind::Fatal, .text = why_};
      case State::AppendDecision:
        BZ_CHECK(false, "next() before accept_append() or refuse_append()");
      case State::AppendData:
        if (remaining_ > 0) return append_data();
        state_ = State::Line;
        break;
      case State::Skip:
        if (!skip()) return {.kind = state_ == State::Dead ? Kind::Fatal : Kind::NeedMore, .text = why_};
        break;
      case State::Literal:
        if (buffer_.size() - scan_ < remaining_) return {};
        scan_ += static_cast<size_t>(remaining_);
        line_start_ = scan_;
        state_ = State::Line;
        break;
      case State::Line:
        if (auto event = read_line()) return *event;
        break;
    }
  }
}

// nullopt: something was consumed that is no event.
std::optional<Framer::Event> Framer::read_line() {
  size_t lf = buffer_.find('\n', scan_);
  size_t seen = lf == std::string::npos ? buffer_.size() : lf;
  if (seen - begin_ - literal_octets_ > limits_.line) {
    Event event = refused(kLineTooLong);
    start_skip(seen - std::min(seen - begin_, kMarkerRoom), 0, limits_.drain);
    return event;
  }
  if (lf == std::string::npos) {
    scan_ = buffer_.size();
    return Event{};
  }
  std::string_view line = without_cr(std::string_view(buffer_).substr(line_start_, lf - line_start_));
  size_t line_stop = line_start_ + line.size();
  Marker marker = plain_lines_ ? Marker{} : find_marker(line);
  if (marker.found) return literal_start(marker, line_stop, lf + 1);
  std::string_view text = std::string_view(buffer_).substr(begin_, line_stop - begin_);
  restart_at(lf + 1);
  if (std::exchange(in_append_, false)) return Event{.kind = Kind::AppendEnd, .text = text};
  if (text.empty() && !plain_lines_) return std::nullopt;  // empty lines between commands are no commands
  return Event{.kind = Kind::Command, .text = text};
}

std::optional<Framer::Event> Framer::literal_start(const Marker& marker, size_t line_stop, size_t after) {
  std::string_view head = std::string_view(buffer_).substr(begin_, line_stop - begin_);
  scan_ = after;
  sync_ = marker.sync;
  remaining_ = marker.size;
  if (in_append_ || is_append(head)) {
    state_ = State::AppendDecision;
    return Event{.kind = Kind::AppendLiteral, .text = head, .size = marker.size, .sync = marker.sync};
  }
  if (!fits(marker.size)) {
    Event event = refused(kLiteralTooLarge);
    if (marker.sync) {
      restart_at(after);
    } else if (marker.size > limits_.drain) {
      die();
      return Event{.kind = Kind::Fatal, .text = kLiteralTooLarge};
    } else {
      start_skip(after, marker.size, limits_.drain);
    }
    return event;
  }
  literal_octets_ += static_cast<size_t>(marker.size);
  state_ = State::Literal;
  if (marker.sync) return Event{.kind = Kind::Continue};
  return std::nullopt;
}

// Into the command, with its octets.
bool Framer::fits(uint64_t literal) const {
  if (!sync_ && literal > limits_.non_sync) return false;
  return literal <= limits_.literal && scan_ - begin_ + literal <= limits_.command;
}

Framer::Event Framer::refused(std::string_view why) {
  tag_ = read_tag(std::string_view(buffer_).substr(begin_, std::min<size_t>(buffer_.size() - begin_, 2048)));
  return {.kind = Kind::Refused, .text = why, .tag = tag_};
}

void Framer::start_skip(size_t from, uint64_t octets, uint64_t drain) {
  restart_at(from);
  in_append_ = false;
  remaining_ = octets;
  drain_left_ = drain;
  state_ = State::Skip;
}

void Framer::die() {
  state_ = State::Dead;
  in_append_ = false;
  why_ = kTooMuch;
  buffer_.clear();
  restart_at(0);
}

// True when the refused command is behind us; false: more bytes are needed, or the framer is dead.
bool Framer::skip() {
  for (;;) {
    auto n = static_cast<size_t>(std::min<uint64_t>(remaining_, buffer_.size() - begin_));
    begin_ += n;
    remaining_ -= n;
    if (remaining_ > 0) return false;
    size_t lf = buffer_.find('\n', begin_);
    size_t stop = lf == std::string::npos ? buffer_.size() : lf;
    if (stop - begin_ > kMarkerRoom) {  // a marker at the end of the line stays readable
      size_t drop = stop - begin_ - kMarkerRoom;
      if (drop > drain_left_) {
        die();
        return false;
      }
      drain_left_ -= drop;
      begin_ += drop;
    }
    if (lf == std::string::npos) return false;
    std::string_view line = without_cr(std::string_view(buffer_).substr(begin_, stop - begin_));
    Marker marker = plain_lines_ ? Marker{} : find_marker(line);
    restart_at(lf + 1);
    if (!marker.found || marker.sync) {
      state_ = State::Line;
      return true;
    }
    if (marker.size > drain_left_) {
      die();
      return false;
    }
    drain_left_ -= marker.size;
    remaining_ = marker.size;
  }
}

void Framer::accept_append() {
  BZ_CHECK(state_ == State::AppendDecision, "accept_append() without AppendLiteral");
  uint64_t size = remaining_;
  restart_at(scan_);
  remaining_ = size;
  in_append_ = true;
  state_ = State::AppendData;
}

bool Framer::accept_argument() {
  BZ_CHECK(state_ == State::AppendDecision, "accept_argument() without AppendLiteral");
  if (!fits(remaining_)) return false;
  literal_octets_ += static_cast<size_t>(remaining_);
  state_ = State::Literal;
  return true;
}

void Framer::refuse_append(uint64_t max_drain) {
  BZ_CHECK(state_ == State::AppendDecision, "refuse_append() without AppendLiteral");
  if (sync_) {
    restart_at(scan_);
    in_append_ = false;
    state_ = State::Line;
  } else if (remaining_ > max_drain) {
    die();
  } else {
    start_skip(scan_, remaining_, limits_.drain);
  }
}

Framer::Event Framer::append_data() {
  auto n = static_cast<size_t>(std::min<uint64_t>(remaining_, buffer_.size() - begin_));
  if (n == 0) return {};
  std::string_view chunk = std::string_view(buffer_).substr(begin_, n);
  uint64_t left = remaining_ - n;
  restart_at(begin_ + n);
  remaining_ = left;
  return {.kind = Kind::AppendChunk, .text = chunk};
}

std::string Framer::take_rest() {
  std::string rest = buffer_.substr(begin_);
  buffer_.clear();
  restart_at(0);
  in_append_ = false;
  state_ = State::Line;
  return rest;
}

}  // namespace bz::imap

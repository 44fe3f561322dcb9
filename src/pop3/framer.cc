#include "pop3/framer.h"

#include "base/secret.h"

namespace bz::pop3 {
namespace {
constexpr std::string_view kTooLong = "Line too long", kBadByte = "CR or NUL within a line";
}

Framer::~Framer() { reset(); }

void Framer::reset() {
  base::wipe(line_.data(), line_.size());
  line_.clear();
  fault_ = {};
  length_ = 0;
  spent_ = false;
}

size_t Framer::most() const { return auth_line_ ? limits_.auth_line : limits_.line; }

// `piece` holds no LF. The CR of a CRLF is still in it; the LF counts for the limit.
void Framer::take(std::string_view piece) {
  length_ += piece.size();
  if (fault_.empty() && length_ + 1 > most()) fault_ = kTooLong;
  if (fault_.empty()) line_ += piece;
}

bool Framer::overrun() const { return length_ > most() + limits_.max_discard; }

Framer::Event Framer::next(std::string_view& input) {
  if (spent_) reset();
  while (!input.empty()) {
    const size_t end = input.find('\n');
    take(input.substr(0, end));
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    if (overrun()) return {Kind::Overrun, kTooLong};
    if (end != std::string_view::npos) return end_line();
  }
  return {};
}

Framer::Event Framer::end_line() {
  spent_ = true;
  if (!fault_.empty()) return {Kind::BadLine, fault_};
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_of(std::string_view("\r\0", 2)) != line.npos) return {Kind::BadLine, kBadByte};
  return {Kind::Line, line};
}

}  // namespace bz::pop3

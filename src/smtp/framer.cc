#include "smtp/framer.h"

#include <algorithm>
#include <utility>

namespace bz::smtp {

Framer::Event Framer::next(std::string_view& input) {
  switch (mode_) {
    case Mode::Command:
      return next_line(input);
    case Mode::Data:
      return next_data(input);
    case Mode::Bdat:
      return next_bdat(input);
  }
  return {};
}

// ---- command lines

Framer::Event Framer::next_line(std::string_view& input) {
  if (spent_) {
    line_.clear();
    spent_ = false;
  }
  const size_t most = auth_line_ ? limits_.auth_line : limits_.line;
  while (!input.empty()) {
    const char c = input.front();
    input.remove_prefix(1);
    if (line_cr_) {
      line_cr_ = false;
      if (c == '\n') return end_line();
      if (line_fault_ == Fault::None) line_fault_ = Fault::BareNewline;
    } else if (c == '\n' && line_fault_ == Fault::None) {
      line_fault_ = Fault::BareNewline;
    }
    if (c == '\r') {
      line_cr_ = true;
      continue;
    }
    if (c == '\0' && line_fault_ == Fault::None) line_fault_ = Fault::BadByte;
    if (line_.size() + 2 >= most && line_fault_ == Fault::None) line_fault_ = Fault::TooLong;
    if (line_fault_ == Fault::None) line_ += c;
  }
  return {};
}

Framer::Event Framer::end_line() {
  const Fault fault = std::exchange(line_fault_, Fault::None);
  spent_ = true;
  if (fault != Fault::None) return {Kind::BadLine, fault, {}};
  return {Kind::Line, Fault::None, line_};
}

// ---- content

void Framer::begin_message() {
  at_ = At::LineStart;
  fault_ = Fault::None;
  size_ = discarded_ = 0;
  bdat_cr_ = false;
}

void Framer::expect_data() {
  begin_message();
  mode_ = Mode::Data;
}

void Framer::expect_bdat(uint64_t size, bool last) {
  mode_ = Mode::Bdat;
  bdat_left_ = size;
  bdat_last_ = last;
}

Framer::Event Framer::content(std::string_view bytes) {
  if (fault_ == Fault::None) {
    size_ += bytes.size();
    if (size_ <= limits_.max_message) return {Kind::Chunk, Fault::None, bytes};
    blame(Fault::TooLarge);
    discard(size_ - limits_.max_message);
  } else {
    discard(bytes.size());
  }
  return {};
}

void Framer::discard(uint64_t bytes) {
  discarded_ += bytes;
  if (discarded_ > limits_.max_discard) fault_ = Fault::Overrun;
}

void Framer::bare_newline() {
  blame(Fault::BareNewline);
  discard(1);
}

Framer::Event Framer::end_message() {
  mode_ = Mode::Command;
  return {Kind::End, fault_, {}};
}

// The states are those of the line; what has been taken but not given out yet is a dot, a CR, or both.
Framer::Event Framer::next_data(std::string_view& input) {
  static constexpr std::string_view kCrlf = "\r\n";
  static constexpr std::string_view kSpecial("\r\n\0", 3);
  while (true) {
    if (fault_ == Fault::Overrun) return end_message();
    if (input.empty()) return {};
    const char c = input.front();
    std::string_view give;
    switch (at_) {
      case At::LineStart:
        if (c == '.') {
          at_ = At::Dot;
          input.remove_prefix(1);
          continue;
        }
        at_ = At::Text;
        [[fallthrough]];
      case At::Text: {
        const size_t end = std::min(input.find_first_of(kSpecial), input.size());
        give = input.substr(0, end);
        input.remove_prefix(end);
        if (give.empty()) {  // at a CR, LF or NUL
          input.remove_prefix(1);
          if (c == '\r') {
            at_ = At::Cr;
          } else if (c == '\0') {
            blame(Fault::BadByte);
            discard(1);
          } else {
            bare_newline();
          }
          continue;
        }
        break;
      }
      case At::Dot:  // the dot itself is never content: it is the end or stuffing
        if (c != '\r') {
          at_ = At::Text;
          continue;
        }
        at_ = At::DotCr;
        input.remove_prefix(1);
        continue;
      case At::DotCr:
        if (c == '\n') {
          input.remove_prefix(1);
          return end_message();
        }
        bare_newline();
        at_ = c == '\r' ? At::Cr : At::Text;
        if (c == '\r') input.remove_prefix(1);
        continue;
      case At::Cr:
        if (c == '\n') {
          input.remove_prefix(1);
          at_ = At::LineStart;
          give = kCrlf;
          break;
        }
        bare_newline();
        if (c == '\r') {
          input.remove_prefix(1);  // this one may still be half of a CRLF
        } else {
          at_ = At::Text;
        }
        continue;
    }
    const Event event = content(give);
    if (event.kind == Kind::Chunk) return event;
  }
}

// BDAT: how many bytes at the front hold no bare CR or LF. A CR at the end is judged by the next byte.
size_t Framer::count_clean(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if ((bytes[i] == '\n') != bdat_cr_) return i;
    bdat_cr_ = bytes[i] == '\r';
  }
  return bytes.size();
}

Framer::Event Framer::next_bdat(std::string_view& input) {
  while (bdat_left_ > 0) {
    if (fault_ == Fault::Overrun) return end_message();
    if (input.empty()) return {};
    auto piece = input.substr(0, std::min<uint64_t>(bdat_left_, input.size()));
    if (fault_ == Fault::None) {
      const size_t nul = piece.find('\0');
      if (nul != piece.npos && nul > 0) piece = piece.substr(0, nul);  // what stands before it is judged first
      const size_t clean = count_clean(piece);
      if (clean == 0) {
        blame(Fault::BareNewline);
      } else if (nul == 0) {
        blame(Fault::BadByte);
      } else {
        piece = piece.substr(0, clean);
      }
    }
    input.remove_prefix(piece.size());
    bdat_left_ -= piece.size();
    const Event event = content(piece);
    if (event.kind == Kind::Chunk) return event;
  }
  if (bdat_last_ && bdat_cr_) blame(Fault::BareNewline);
  return end_message();
}

// ---- the way out

void DotStuffer::add(std::string_view chunk, std::string& out) {
  out.reserve(out.size() + chunk.size() + 64);
  for (const char c : chunk) {
    if (cr_) {
      cr_ = false;
      out += "\r\n";
      line_start_ = true;
      if (c == '\n') continue;
    }
    if (c == '\r') {
      cr_ = true;
      continue;
    }
    if (c == '\n') {
      out += "\r\n";
      line_start_ = true;
      continue;
    }
    if (line_start_ && c == '.') out += '.';
    line_start_ = false;
    out += c;
  }
}

void DotStuffer::finish(std::string& out) {
  if (cr_ || !line_start_) out += "\r\n";
  out += ".\r\n";
  cr_ = false;
  line_start_ = true;
}

}  // namespace bz::smtp

#include "pop3/response.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace bz::pop3 {

void ok(std::string& out, std::string_view text) { out.append("+OK ").append(text).append("\r\n"); }

void err(std::string& out, std::string_view text, std::string_view code) {
  out += "-ERR ";
  if (!code.empty()) out.append("[").append(code).append("] ");
  out.append(text).append("\r\n");
}

// RFC 4647 section 3.3.1: a basic range matches a tag that it equals or is a prefix of; "*" is what the server prefers.
void language(std::string& out, std::string_view range) {
  if (range.empty()) {
    ok(out, "Languages follow");
    out += "en English\r\n.\r\n";
  } else if (range == "*" || base::iequals(range, "en")) {
    ok(out, "en English it is");
  } else {
    err(out, "That language is not known here");
  }
}

// Dots are rarer than line ends, and a base64 body has none: looking for them runs at the speed of memory.
void DotStuffer::add(std::string_view piece, std::string& out) {
  if (piece.empty()) return;
  if (last_ == '\n' && piece.front() == '.') out += '.';
  size_t from = 0;
  for (size_t dot = piece.find('.', 1); dot != std::string_view::npos; dot = piece.find('.', dot + 1)) {
    if (piece[dot - 1] != '\n') continue;
    out.append(piece, from, dot - from).append(1, '.');
    from = dot;
  }
  out.append(piece, from);
  cr_ = piece.size() > 1 ? piece[piece.size() - 2] == '\r' : last_ == '\r';
  last_ = piece.back();
}

void DotStuffer::finish(std::string& out) {
  if (last_ != '\n' || !cr_) out += "\r\n";
  out += ".\r\n";
  last_ = '\n';
  cr_ = true;
}

std::string_view TopFilter::take(std::string_view piece) {
  size_t at = 0;
  while (at < piece.size() && !done()) {
    const size_t end = std::min(piece.find('\n', at), piece.size());
    const std::string_view line = piece.substr(at, end - at);
    if (!line.empty()) line_ = line_ == Line::Empty && line == "\r" ? Line::Cr : Line::Text;
    if (end == piece.size()) return piece;
    at = end + 1;
    if (body_)
      --left_;
    else
      body_ = line_ != Line::Text;
    line_ = Line::Empty;
  }
  return piece.substr(0, at);
}

}  // namespace bz::pop3

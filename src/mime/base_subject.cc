// RFC 5256 section 2.1: what is left of a subject when replies and forwards are taken off.
#include <algorithm>

#include "base/text.h"
#include "mime/record.h"

namespace bz::mime {
namespace {

std::string collapse(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

// Octets of a subj-blob, "[...]" with its blanks, at the start; 0: none.
size_t blob(std::string_view text) {
  if (!text.starts_with('[')) return 0;
  size_t end = text.find_first_of("[]", 1);
  if (end == std::string_view::npos || text[end] != ']') return 0;
  size_t next = text.find_first_not_of(' ', end + 1);
  return next == std::string_view::npos ? text.size() : next;
}

// Octets of a subj-refwd ("Re:", "Fwd [x]:") at the start; 0: none.
size_t reply_or_forward(std::string_view text) {
  size_t n = base::istarts_with(text, "re")    ? 2
             : base::istarts_with(text, "fwd") ? 3
             : base::istarts_with(text, "fw")  ? 2
                                               : 0;
  if (n == 0) return 0;
  while (n < text.size() && text[n] == ' ') ++n;
  n += blob(text.substr(n));
  return n < text.size() && text[n] == ':' ? n + 1 : 0;
}

// Octets of a subj-leader at the start: blobs and then a refwd, or one blank.
size_t leader(std::string_view text) {
  if (text.starts_with(' ')) return 1;
  size_t n = 0;
  while (size_t more = blob(text.substr(n))) n += more;
  size_t word = reply_or_forward(text.substr(n));
  return word == 0 ? 0 : n + word;
}

}  // namespace

BaseSubject base_subject(std::string_view subject) {
  BaseSubject out;
  std::string collapsed = collapse(cut_utf8(subject, 4096));
  std::string_view text = collapsed;
  for (bool again = true; again;) {
    again = false;
    while (true) {  // step 2
      text = base::trim(text);
      if (text.size() < 5 || !base::iequals(text.substr(text.size() - 5), "(fwd)")) break;
      text.remove_suffix(5);
      out.is_reply_or_forward = true;
    }
    for (bool changed = true; changed;) {  // steps 3 to 5
      changed = false;
      while (size_t n = leader(text)) {
        out.is_reply_or_forward |= n > 1;
        text.remove_prefix(n);
        changed = true;
      }
      if (size_t n = blob(text); n > 0 && n < text.size()) {
        text.remove_prefix(n);
        changed = true;
      }
    }
    if (base::istarts_with(text, "[fwd:") && text.ends_with(']')) {  // step 6
      text = text.substr(5, text.size() - 6);
      out.is_reply_or_forward = again = true;
    }
  }
  out.text = text;
  return out;
}

}  // namespace bz::mime

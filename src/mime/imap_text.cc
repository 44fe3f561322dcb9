#include "mime/imap_text.h"

#include <algorithm>

#include "base/text.h"
#include "mime/record.h"

namespace bz::mime {
namespace {

constexpr size_t kLongestQuoted = 1000;
constexpr size_t kLongestRun = 2000;

// Cut at a blank if there is one in the last quarter, so that no encoded word is torn.
std::string_view cut(std::string_view text) {
  if (text.size() <= kMaxImapString) return text;
  text = text.substr(0, kMaxImapString);
  size_t blank = text.rfind(' ');
  return blank != std::string_view::npos && blank > kMaxImapString / 4 * 3 ? text.substr(0, blank) : text;
}

}  // namespace

void ImapText::string(std::string_view value) {
  const bool as_is = base::is_ascii(value) || (utf8() && base::is_utf8(value));
  std::string whole = as_is ? std::string(value) : downgrade(cut_utf8(value, 4 * kMaxImapString));
  std::replace_if(whole.begin(), whole.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  std::string_view text = cut_utf8(cut(whole), kMaxImapString);
  if (text.size() > kLongestQuoted || run_ + text.size() > kLongestRun) {
    out_ += '{' + std::to_string(text.size()) + "}\r\n";
    out_ += text;
    run_ = 0;
    return;
  }
  size_t before = out_.size();
  out_ += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out_ += '\\';
    out_ += c;
  }
  out_ += '"';
  run_ += out_.size() - before;
}

void ImapText::quoted_token(std::string_view token) {
  raw("\"");
  raw(token);
  raw("\"");
}

}  // namespace bz::mime

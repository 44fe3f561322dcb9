// Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183) with the errors of real mail: missing semicolons,
// names with blanks and no quotes, quotes without end.
#include "base/text.h"
#include "mime/structure.h"

namespace bz::mime {
namespace {

constexpr size_t kMaxParams = 200;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_token_char(char c) {
  return c > ' ' && c < 127 && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

class ValueParser {
 public:
  explicit ValueParser(std::string value) : text_(std::move(value)) {}

  // Blanks and comments; an open comment is none.
  void skip_space() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (text_[at_] == '(') {
        if (!skip_comment()) return;
      } else {
        return;
      }
    }
  }
  std::string token() {
    skip_space();
    size_t begin = at_;
    while (at_ < text_.size() && is_token_char(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Params params() {
    Params out;
    while (at_ < text_.size() && out.size() < kMaxParams) {
      skip_space();
      std::string name = token();
      if (name.empty()) {
        if (at_ < text_.size()) ++at_;  // a semicolon, or something that does not belong here
        continue;
      }
      if (!accept('=')) continue;
      std::string parsed = value(name);
      out.emplace_back(std::move(name), std::move(parsed));
    }
    return out;
  }

 private:
  bool skip_comment() {
    if (open_comment_) return false;
    size_t depth = 0;
    for (size_t i = at_; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '(') {
        ++depth;
      } else if (text_[i] == ')' && --depth == 0) {
        at_ = i + 1;
        return true;
      }
    }
    open_comment_ = true;
    return false;
  }

  std::string value(std::string_view name) {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    if (at_ < text_.size() && text_[at_] == '"') return quoted();
    size_t end = std::min(text_.find(';', at_), text_.size());
    std::string_view raw = base::trim(std::string_view(text_).substr(at_, end - at_));
    // `a b.pdf` without quotes is meant as a whole; a charset is not, and `format=flowed delsp=yes` lacks its semicolon
    size_t blank = raw.find_first_of(" \t(");
    if (blank != std::string_view::npos &&
        (base::iequals(name, "charset") || raw.find('=', blank) != std::string_view::npos)) {
      end = at_ + blank;
      raw = raw.substr(0, blank);
    } else if (size_t open = raw.rfind(" ("); open != std::string_view::npos && raw.ends_with(')')) {
      raw = base::trim(raw.substr(0, open));
    }
    std::string out(raw);
    at_ = end;
    return out;
  }

  std::string quoted() {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      // of quoted pairs these two only: others are the backslashes of Windows file names
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\')) ++at_;
      out += text_[at_];
    }
    if (at_ < text_.size()) ++at_;
    return out;
  }

  std::string text_;
  size_t at_ = 0;
  bool open_comment_ = false;  // there is a parenthesis without its end: no later one is searched again
};

}  // namespace

bool ContentType::is(std::string_view wanted) const { return base::iequals(type, wanted); }
bool ContentType::is(std::string_view wanted, std::string_view wanted_subtype) const {
  return is(wanted) && base::iequals(subtype, wanted_subtype);
}

ContentType parse_content_type(std::string_view value) {
  ValueParser parser(unfold(value));
  ContentType out;
  std::string type = parser.token();
  if (!type.empty() && parser.accept('/')) {
    std::string subtype = parser.token();
    if (!subtype.empty()) {
      out.type = std::move(type);
      out.subtype = std::move(subtype);
    }
  }
  out.params = parser.params();
  return out;
}

TokenWithParams parse_disposition(std::string_view value) {
  ValueParser parser(unfold(value));
  TokenWithParams out;
  out.token = parser.token();
  if (!out.token.empty()) out.params = parser.params();
  return out;
}

}  // namespace bz::mime

#include "mime/address.h"

#include <algorithm>

#include "base/text.h"
#include "mime/header.h"
#include "mime/text.h"

namespace bz::mime {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr size_t kMaxWords = 1000;  // of one address; more run together

struct Word {
  std::string text;
  bool quoted = false;
  bool spaced = false;  // blanks or a comment stand before it
};

// "" of quoted pairs: \x -> x.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

// One past the encoded word that starts at `at`, or `at`. Quotes, commas and specials inside belong to it.
size_t encoded_word_end(std::string_view text, size_t at) {
  if (text.compare(at, 2, "=?") != 0) return at;
  size_t i = at + 2;
  for (int mark = 0; i < text.size() && i - at < 300 && !is_blank(text[i]); ++i) {
    if (text[i] != '?') continue;
    if (mark >= 2) {
      if (i + 1 < text.size() && text[i + 1] == '=' && i > at + 5) return i + 2;
    } else {
      ++mark;
    }
  }
  return at;
}

class ListParser {
 public:
  ListParser(std::string_view text, size_t limit) : text_(text), limit_(limit) {}

  std::vector<Address> run() {
    while (at_ < text_.size() && list_.size() < limit_) step();
    finish_address();
    close_group();
    return std::move(list_);
  }

 private:
  void step() {
    char c = text_[at_];
    if (is_blank(c)) {
      spaced_ = true;
      ++at_;
    } else if (c == ',' || c == ';') {
      ++at_;
      finish_address();
      if (c == ';') close_group();
    } else if (c == '(') {
      comment();
    } else if (c == '<') {
      angle();
    } else if (c == '"') {
      quoted();
    } else if (c == ':' && !angle_ && !in_group_ && !at_seen_) {
      ++at_;
      begin_group();
    } else if (c == '[' && !words_.empty() && words_.back().text.ends_with('@')) {
      domain_literal();
    } else {
      atom();
    }
  }

  void comment() {
    size_t depth = 0, i = at_;
    for (; i < text_.size() && !open_comment_; ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '(') {
        ++depth;
      } else if (text_[i] == ')' && --depth == 0) {
        break;
      }
    }
    spaced_ = true;
    if (open_comment_ || i >= text_.size()) {  // never closed: an ordinary sign, and no later one is searched again
      open_comment_ = true;
      ++at_;
      return;
    }
    comment_ = std::string(base::trim(unescape(text_.substr(at_ + 1, i - at_ - 1))));
    at_ = i + 1;
  }

  // End of the quoted string at `at` (its closing quote), or npos.
  size_t closing_quote(size_t at) {
    if (open_quote_) return std::string_view::npos;
    for (size_t i = at + 1; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '"') {
        return i;
      }
    }
    open_quote_ = true;
    return std::string_view::npos;
  }

  void quoted() {
    size_t end = closing_quote(at_);
    if (end == std::string_view::npos) {
      ++at_;
      return;
    }
    add_word(unescape(text_.substr(at_ + 1, end - at_ - 1)), true);
    at_ = end + 1;
  }

  void domain_literal() {
    size_t end = text_.find_first_of("],", at_);
    end = end == std::string_view::npos ? text_.size() : end + (text_[end] == ']');
    words_.back().text += text_.substr(at_, end - at_);
    at_ = end;
  }

  void atom() {
    size_t begin = at_;
    if (size_t end = encoded_word_end(text_, at_); end > at_) {
      at_ = end;
    } else {
      ++at_;
      while (at_ < text_.size() && !is_blank(text_[at_]) &&
             std::string_view(",;(<\"[:").find(text_[at_]) == std::string_view::npos) {
        ++at_;
      }
    }
    if (!angle_) add_word(std::string(text_.substr(begin, at_ - begin)), false);
  }

  void add_word(std::string text, bool is_quoted) {
    if (angle_) return;  // after <...> only comments count
    at_seen_ |= !is_quoted && text.find('@') != std::string::npos;
    if (words_.size() < kMaxWords) {
      words_.push_back({std::move(text), is_quoted, spaced_});
    } else {
      words_.back().text += text;
    }
    spaced_ = false;
  }

  // Joined as written: one blank where blanks were.
  static std::string join(const Word* begin, const Word* end) {
    std::string out;
    for (const Word* w = begin; w != end; ++w) {
      if (!out.empty() && w->spaced) out += ' ';
      out += w->text;
    }
    return out;
  }
  std::string join_all() const { return join(words_.data(), words_.data() + words_.size()); }

  // <...>: an optional route, then the address (RFC 5322 section 4.4).
  void angle() {
    while (at_ < text_.size() && text_[at_] == '<') ++at_;
    std::string local, host, route;
    bool at_seen = false, quoted_local = false;
    for (; at_ < text_.size() && text_[at_] != '>'; ++at_) {
      char c = text_[at_];
      if (c == '"') {
        size_t end = closing_quote(at_);
        if (end == std::string_view::npos) continue;
        (at_seen ? host : local) += unescape(text_.substr(at_ + 1, end - at_ - 1));
        quoted_local = !at_seen;
        at_ = end;
      } else if (c == '(') {
        std::string kept = comment_;
        comment();
        --at_;
        if (!kept.empty()) comment_ = kept;
      } else if (c == '@' && !(local.empty() && !quoted_local)) {
        if (at_seen) local += '@' + host, host.clear();  // the last @ divides
        at_seen = true;
      } else if (c == '@') {  // a route: up to the colon
        size_t colon = text_.find_first_of(":>", at_);
        if (colon == std::string_view::npos || text_[colon] != ':') {
          at_seen = true;
          continue;
        }
        route = text_.substr(at_, colon - at_);
        at_ = colon;
      } else if (!is_blank(c)) {
        (at_seen ? host : local) += c;
      } else if (!at_seen && !local.empty() && !quoted_local) {
        local += ' ';
      }
    }
    while (at_ < text_.size() && text_[at_] == '>') ++at_;
    if (angle_) return;  // a second one in the same address
    angle_ = Address{Address::Kind::Mailbox, {}, std::move(route), std::string(base::trim(local)), std::move(host)};
  }

  void finish_address() {
    if (angle_) {
      angle_->name = words_.empty() ? comment_ : join_all();
      bool nothing = angle_->name.empty() && angle_->mailbox.empty() && angle_->host.empty();  // "<>"
      if (!nothing) push(std::move(*angle_));
    } else if (!words_.empty()) {
      push(bare_address());
    }
    reset();
  }

  // No <...>: the word with the @ and what is bound to it by dots is the address, words before it the name.
  Address bare_address() {
    Address address;
    size_t k = 0;
    while (k < words_.size() && (words_[k].quoted || words_[k].text.find('@') == std::string::npos)) ++k;
    if (k == words_.size()) {
      address.mailbox = join_all();
      address.name = comment_;
      return address;
    }
    size_t first = k, last = k + 1;
    size_t at = words_[k].text.rfind('@');
    std::string local = words_[k].text.substr(0, at), host = words_[k].text.substr(at + 1);
    while (first > 0 && (local.empty() || local.front() == '.' || !words_[first].spaced ||
                         (words_[first - 1].text.ends_with('.') && !words_[first - 1].quoted))) {
      local = words_[--first].text + local;
    }
    while (last < words_.size() && (host.empty() || host.ends_with('.') || words_[last].text.starts_with('.'))) {
      host += words_[last++].text;
    }
    address.mailbox = std::move(local);
    address.host = std::move(host);
    address.name = first > 0 ? join(words_.data(), words_.data() + first) : comment_;
    return address;
  }

  void begin_group() {
    if (words_.empty()) return;
    Address group;
    group.kind = Address::Kind::GroupStart;
    group.name = join_all();
    push(std::move(group));
    in_group_ = true;
    reset();
  }

  void close_group() {
    if (!in_group_) return;
    in_group_ = false;
    list_.push_back({Address::Kind::GroupEnd, {}, {}, {}, {}});
  }

  void push(Address address) {
    if (list_.size() < limit_) list_.push_back(std::move(address));
  }
  void reset() {
    words_.clear();
    comment_.clear();
    angle_.reset();
    at_seen_ = false;
    spaced_ = false;
  }

  std::string_view text_;
  size_t limit_;
  size_t at_ = 0;
  std::vector<Address> list_;
  std::vector<Word> words_;
  std::string comment_;
  std::optional<Address> angle_;
  bool at_seen_ = false;  // in words_, outside quotes
  bool spaced_ = false;
  bool in_group_ = false;
  bool open_quote_ = false;    // there is a quote without its end: no later one has an end either
  bool open_comment_ = false;  // the same of parentheses
};

bool is_atext(char c) {
  if (static_cast<unsigned char>(c) >= 0x80 || base::is_alpha(c) || base::is_digit(c)) return true;
  return c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_dot_atom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  char before = '.';
  for (char c : text) {
    if (c == '.' ? before == '.' : !is_atext(c)) return false;
    before = c;
  }
  return true;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  }
  return out += '"';
}

}  // namespace

std::vector<Address> parse_address_list(std::string_view value, size_t limit) {
  std::string text = unfold(value);
  return ListParser(text, limit).run();
}

std::optional<AddrSpec> parse_addr_spec(std::string_view text) {
  AddrSpec spec;
  size_t at = 0;
  if (text.starts_with('"')) {
    for (at = 1; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\' && ++at == text.size()) return std::nullopt;
      if (static_cast<unsigned char>(text[at]) < ' ' || text[at] == 127) return std::nullopt;
      spec.local += text[at];
    }
    if (at++ >= text.size()) return std::nullopt;
  } else {
    at = std::min(text.find('@'), text.size());
    spec.local = text.substr(0, at);
    if (!is_dot_atom(spec.local)) return std::nullopt;
  }
  if (at >= text.size() || text[at] != '@') return std::nullopt;
  spec.domain = text.substr(at + 1);
  bool literal = spec.domain.size() > 2 && spec.domain.front() == '[' && spec.domain.back() == ']' &&
                 std::all_of(spec.domain.begin() + 1, spec.domain.end() - 1,
                             [](char c) { return c > ' ' && c < 127 && c != '[' && c != ']' && c != '\\'; });
  if (!literal && !is_dot_atom(spec.domain)) return std::nullopt;
  return spec;
}

std::string format_addr_spec(std::string_view local, std::string_view domain) {
  std::string out = is_dot_atom(local) ? std::string(local) : quote(local);
  return domain.empty() ? out : out + "@" + std::string(domain);
}

std::string format_mailbox(std::string_view name_utf8, std::string_view local, std::string_view domain) {
  std::string spec = format_addr_spec(local, domain);
  if (name_utf8.empty()) return spec;
  std::string name = encode_words(name_utf8);
  bool encoded = name != name_utf8;
  return (encoded ? name : quote(name)) + " <" + spec + ">";
}

}  // namespace bz::mime

#include "imap/lexer.h"

#include <limits>

#include "base/text.h"

namespace bz::imap {

// atom-specials: "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
bool is_atom_char(char c) {
  auto octet = static_cast<unsigned char>(c);
  return octet > ' ' && octet < 0x7f && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
}
bool is_astring_char(char c) { return c == ']' || is_atom_char(c); }
bool is_list_char(char c) { return c == '%' || c == '*' || is_astring_char(c); }

bool Lexer::take(char c) {
  if (at_end() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool Lexer::take(std::string_view word) {
  std::string_view rest = text_.substr(at_);
  if (!base::istarts_with(rest, word)) return false;
  if (rest.size() > word.size() && is_atom_char(word.back()) && is_atom_char(rest[word.size()])) return false;
  at_ += word.size();
  return true;
}

std::optional<std::string> Lexer::quoted() {
  std::string out;
  for (++at_; at_ < text_.size(); ++at_) {
    char c = text_[at_];
    if (c == '"') {
      ++at_;
      if (utf8_ && !base::is_utf8(out)) return std::nullopt;
      return out;
    }
    if (c == '\\') {
      if (++at_ == text_.size()) return std::nullopt;
      c = text_[at_];
      if (c != '"' && c != '\\') return std::nullopt;
    } else if (c == '\0' || c == '\r' || c == '\n') {
      return std::nullopt;
    }
    out += c;
  }
  return std::nullopt;
}

// "{n}" or "{n+}", line end, n octets; the framer has seen to it that they are all there.
std::optional<std::string> Lexer::literal(Nul nul) {
  if (!take('{')) return std::nullopt;
  auto size = base::parse_number<size_t>(run(base::is_digit));
  take('+');
  if (!size || !take('}')) return std::nullopt;
  take('\r');
  if (!take('\n') || *size > text_.size() - at_) return std::nullopt;
  std::string_view octets = text_.substr(at_, *size);
  if (nul == Nul::Refused && octets.find('\0') != std::string_view::npos) return std::nullopt;  // CHAR8 has no NUL
  at_ += *size;
  return std::string(octets);
}

std::optional<std::string> Lexer::literal8() {
  if (!take('~')) return std::nullopt;
  return literal(Nul::Allowed);
}

std::optional<std::string> Lexer::string() {
  if (peek() == '"') return quoted();
  if (peek() == '{') return literal();
  return std::nullopt;
}

std::optional<std::string> Lexer::astring() {
  if (peek() == '"' || peek() == '{') return string();
  std::string_view text = run(is_astring_char);
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> Lexer::list_mailbox() {
  if (peek() == '"' || peek() == '{') return string();
  std::string_view text = run(is_list_char);
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> Lexer::nil_or_string(bool& nil) {
  nil = take("NIL");
  return nil ? std::optional<std::string>() : string();
}

std::optional<uint32_t> Lexer::number() { return base::parse_number<uint32_t>(run(base::is_digit)); }

std::optional<uint64_t> Lexer::number64() {
  auto n = base::parse_number<uint64_t>(run(base::is_digit));
  if (n && *n > uint64_t{std::numeric_limits<int64_t>::max()}) return std::nullopt;
  return n;
}

std::optional<uint32_t> Lexer::sequence_number() {
  if (take('*')) return SequenceSet::kStar;
  auto n = number();
  if (!n || *n == 0) return std::nullopt;
  return n;
}

std::optional<SequenceSet> Lexer::sequence_set() {
  if (take('$')) return SequenceSet::saved_result();
  SequenceSet set;
  do {
    auto first = sequence_number();
    if (!first) return std::nullopt;
    auto last = first;
    if (take(':')) last = sequence_number();
    if (!last) return std::nullopt;
    set.add({*first, *last});
  } while (take(','));
  return set;
}

}  // namespace bz::imap

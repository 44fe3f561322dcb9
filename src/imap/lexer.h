// The words of a command (RFC 3501 section 9): atoms, strings, numbers. Works on one complete command with its literals in
// place. Each reader either consumes what it names and says so, or consumes nothing that matters: the parse fails then.
// 8-bit octets are taken in strings (clients send raw UTF-8), never in atoms; NUL, CR and LF only where a literal allows.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "imap/seqset.h"

namespace bz::imap {

bool is_atom_char(char c);
bool is_astring_char(char c);  // atom characters and "]"
bool is_list_char(char c);     // of LIST patterns: astring characters, "%" and "*"

class Lexer {
 public:
  explicit Lexer(std::string_view text, bool utf8 = false) : text_(text), utf8_(utf8) {}
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char c);
  bool take(std::string_view word);  // exactly this, without case, not followed by more of an atom
  bool sp() { return take(' '); }
  std::string_view rest() const { return text_.substr(at_); }
  size_t position() const { return at_; }
  void reset(size_t position) { at_ = position; }

  std::string_view atom() { return run(is_atom_char); }  // empty: none
  std::optional<std::string> string();                   // quoted or literal
  std::optional<std::string> astring();
  std::optional<std::string> list_mailbox();
  std::optional<std::string> nil_or_string(bool& nil);
  std::optional<std::string> literal8();  // "~{n}", whose octets may be NUL (RFC 3516 section 4.3)
  std::optional<uint32_t> number();
  std::optional<uint64_t> number64();  // up to 2^63-1
  std::optional<SequenceSet> sequence_set();

 private:
  template <class Predicate>
  std::string_view run(Predicate predicate) {
    size_t from = at_;
    while (at_ < text_.size() && predicate(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }
  std::optional<std::string> quoted();
  enum class Nul : unsigned char { Refused, Allowed };
  std::optional<std::string> literal(Nul nul = Nul::Refused);
  std::optional<uint32_t> sequence_number();

  std::string_view text_;
  bool utf8_;  // 8-bit octets of quoted strings must be UTF-8 (RFC 6855 section 3)
  size_t at_ = 0;
};

}  // namespace bz::imap

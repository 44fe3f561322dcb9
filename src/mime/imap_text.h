// Writes strings of IMAP responses (RFC 3501 section 4.3) so that a line never grows long: a string is quoted while that is
// short, else a literal, which starts a new line for the reader. Only ASCII without NUL leaves here, or UTF-8 for who has
// said that he reads it (RFC 6855 section 3). Inner to the room.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace bz::mime {

class ImapText {
 public:
  enum class Charset : unsigned char { Ascii, Utf8 };
  explicit ImapText(Charset charset = Charset::Ascii) : charset_(charset) {}
  bool utf8() const { return charset_ == Charset::Utf8; }
  void raw(std::string_view text) {
    out_ += text;
    run_ += text.size();
  }
  // `value` may hold anything: 8-bit becomes encoded words (Utf8: what is no UTF-8), CR, LF and NUL blanks; cut at
  // kMaxImapString.
  void string(std::string_view value);
  void nstring(const std::optional<std::string>& value) { value ? string(*value) : raw("NIL"); }
  // For values that are ASCII tokens and stand where the grammar wants a quoted string ("TEXT", "MESSAGE" "RFC822").
  void quoted_token(std::string_view token);
  std::string take() { return std::move(out_); }

 private:
  Charset charset_;
  std::string out_;
  size_t run_ = 0;  // octets since the last literal's header
};

}  // namespace bz::mime

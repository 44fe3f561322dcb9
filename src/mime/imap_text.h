// Writes strings of IMAP responses (RFC 3501 section 4.3) so that a line never grows long: a string is quoted while that is
// short, else a literal, which starts a new line for the reader. Only ASCII without NUL leaves here. Inner to the room.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace bz::mime {

class ImapText {
 public:
  void raw(std::string_view text) {
    out_ += text;
    run_ += text.size();
  }
  // `value` may hold anything: 8-bit becomes encoded words, CR, LF and NUL blanks; cut at kMaxImapString.
  void string(std::string_view value);
  void nstring(const std::optional<std::string>& value) { value ? string(*value) : raw("NIL"); }
  // For values that are ASCII tokens and stand where the grammar wants a quoted string ("TEXT", "MESSAGE" "RFC822").
  void quoted_token(std::string_view token);
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  size_t run_ = 0;  // octets since the last literal's header
};

}  // namespace bz::mime

// What a server says (RFC 1939 section 3): one line, or several that end with "." alone. Nothing of a client's own text is
// ever repeated here, so a line is a line.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bz::pop3 {

// Response codes (RFC 2449 section 8, RFC 3206).
inline constexpr std::string_view kInUse = "IN-USE", kAuth = "AUTH", kSysTemp = "SYS/TEMP", kSysPerm = "SYS/PERM";

void ok(std::string& out, std::string_view text);
void err(std::string& out, std::string_view text, std::string_view code = {});  // "-ERR [code] text"

// LANG (RFC 6856 section 3) in either state: we speak English. `range` is its argument, empty: the list is asked for.
void language(std::string& out, std::string_view range);

// Puts a dot before each line that begins with one, piece by piece; the octets themselves stay as they are. A message is
// shown with the very octets it came with. One with LF alone (an APPEND of some IMAP clients) is stuffed behind each LF: a
// client that takes LF for a line end then never sees a "." of the message as the end of the response, and for the others
// CRLF "." CRLF is only the end.
class DotStuffer {
 public:
  void add(std::string_view piece, std::string& out);
  void finish(std::string& out);  // CRLF if the last line lacks it, then ".\r\n"

 private:
  char last_ = '\n';  // octet that was added last
  bool cr_ = true;    // and the one before it was a CR; nothing added yet counts as a line end
};

// TOP (RFC 1939 section 7): the header, the empty line, and `lines` lines of the body.
class TopFilter {
 public:
  explicit TopFilter(uint32_t lines) : left_(lines) {}
  // The part of `piece` that belongs to the answer.
  std::string_view take(std::string_view piece);
  bool done() const { return body_ && left_ == 0; }

 private:
  enum class Line : uint8_t { Empty, Cr, Text };  // what has come since the last LF
  uint32_t left_;
  bool body_ = false;
  Line line_ = Line::Empty;
};

}  // namespace bz::pop3

// Follows what a server says on an IMAP session, to know whether a response of our own would begin a line. In the middle of
// a line or of a literal a client would take our words for a part of the message.
//
// Grammar: RFC 3501 section 9, "response"; a literal is announced by {n} or, RFC 3516, ~{n} before the line's end. Text for
// humans may end in {n} too: such a line leaves us unsure, for the rest of the session. So does COMPRESS (RFC 4978): behind
// its OK there are no lines any more. A NUL outside literals says the same of a server whose OK has other words.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bz::imap {

class OutputTracker {
 public:
  void passing(std::string_view bytes);  // in order, each once
  bool at_line_start() const { return !unsure_ && !in_response_; }
  bool said_bye() const { return said_bye_; }

 private:
  void end_line();

  uint64_t literal_ = 0;      // octets of a literal still to come
  std::string head_, tail_;   // the first octets of this response; the last of this line
  bool in_response_ = false;  // behind a literal, or within a line
  bool unsure_ = false, said_bye_ = false;
};

}  // namespace bz::imap

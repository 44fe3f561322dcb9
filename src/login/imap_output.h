// Follows what the mail store says on an IMAP session, to know whether a response of our own would begin a line: when the
// mail store's process has died, the client is told BYE only then. In the middle of a line or of a literal a client would
// take our words for a part of the message, so there the connection just ends. (docs/decisions/0006)
//
// Grammar: RFC 3501 section 9, "response"; a literal is announced by {n} or, RFC 3516, ~{n} before the line's end. Text for
// humans may end in {n} too: such a line leaves us unsure, and then we say nothing for the rest of the session.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "net/stream.h"

namespace bz::login {

class ImapOutput final : public net::SpliceWitness {
 public:
  void passing(std::string_view bytes) override;
  std::string last_words() override;  // empty: not at a line's beginning, or the back end said BYE itself
  bool at_line_start() const;

 private:
  void end_line();

  uint64_t literal_ = 0;      // octets of a literal still to come
  std::string head_, tail_;   // the first octets of this response; the last of this line
  bool in_response_ = false;  // behind a literal, or within a line
  bool unsure_ = false, said_bye_ = false;
};

}  // namespace bz::login

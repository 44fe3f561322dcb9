// From one complete command (framer.h) to its struct. Pure functions of their input; recursion is bounded. The same parser
// serves the gateway before login and the sessions after it.
#pragma once
#include <string>
#include <string_view>
#include <variant>

#include "imap/command.h"

namespace bz::imap {

struct SyntaxError {
  std::string text;      // safe to show: our words only, never the client's octets
  bool unknown = false;  // the command's name is not known
  // The grammar holds, but a mailbox name is one that cannot be (RFC 3501 section 5.1.3): the answer is NO, not BAD.
  bool well_formed = false;
};

struct ParsedCommand {
  std::string tag;  // "*" when none could be read; empty for DONE
  std::variant<SyntaxError, Command> value;
  const Command* command() const { return std::get_if<Command>(&value); }
  const SyntaxError* error() const { return std::get_if<SyntaxError>(&value); }
};

// utf8: the session has ENABLEd UTF8=ACCEPT (RFC 6855).
ParsedCommand parse_command(std::string_view text, bool utf8 = false);
std::string_view read_tag(std::string_view text);  // "*" when there is none

}  // namespace bz::imap

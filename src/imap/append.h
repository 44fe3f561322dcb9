// The arguments of APPEND (RFC 3501 section 6.3.11, RFC 3502, RFC 3516, RFC 4466 section 2.4, RFC 4469) and of REPLACE
// (RFC 8508), read while the
// command comes: the text in front of each literal, and at last what follows the last one. The octets of messages are not
// here, they are streamed (framer.h). Every piece of text is read from its beginning; after Argument it comes once more,
// longer.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/date.h"
#include "imap/parser.h"
#include "model/flags.h"

namespace bz::imap {

namespace detail {
class Parse;
}

bool is_append(std::string_view command);  // by its name; REPLACE and UID REPLACE too

struct Replaced {
  bool uid = false;
  uint32_t number = 0;  // SequenceSet::kStar: the last
};

struct AppendStep {
  enum class Kind : unsigned char {
    Message,  // one begins, with these flags and this date
    Literal,  // octets of it: the literal at the end of the text
    Url,      // octets of it: those that the URL names (CATENATE)
    Done,     // it is complete
  };
  Kind kind = Kind::Message;
  FlagList flags = {};
  std::optional<DateTime> date = std::nullopt;
  uint64_t size = 0;     // Literal
  bool binary = false;   // Literal: a literal8, may hold NUL
  std::string url = {};  // as written
};

class AppendReader {
 public:
  explicit AppendReader(bool utf8 = false) : utf8_(utf8) {}  // as parse_command()
  enum class Outcome : unsigned char {
    Steps,     // read, see steps()
    Argument,  // the literal belongs to the text: read again with its octets in place
    Error,     // see error(); nothing more can be read
  };
  // `literal`: the text ends in "{n}" or "{n+}", whose octets follow; else the command ends here.
  Outcome read(std::string_view text, bool literal);

  // Valid after the first read.
  const std::string& tag() const { return tag_; }                        // "*" when none could be read
  const std::string& mailbox() const { return mailbox_; }                // after the first Steps
  const std::optional<Replaced>& replaced() const { return replaced_; }  // set: REPLACE
  const std::vector<AppendStep>& steps() const { return steps_; }
  const SyntaxError& error() const { return error_; }

 private:
  enum class At : unsigned char {
    Head,         // the command's name
    Message,      // SP and a message
    Literal,      // behind the literal that was the message
    Part,         // in CATENATE's list: a part
    PartEnd,      // behind a part
    Utf8End,      // behind the literal of UTF8, in its list: its parenthesis
    Utf8PartEnd,  // the same within CATENATE
    Complete,     // behind a message
  };
  bool read_head(detail::Parse& p);
  bool read_replaced(detail::Parse& p);
  bool read_steps(detail::Parse& p);
  bool read_message(detail::Parse& p);
  bool read_part(detail::Parse& p);
  bool read_literal(detail::Parse& p);
  bool read_utf8_literal(detail::Parse& p);
  bool argument_ahead(detail::Parse& p);

  std::string tag_ = "*", mailbox_;
  std::optional<Replaced> replaced_;
  const bool utf8_;
  At at_ = At::Head;       // where the text begins
  At next_ = At::Head;     // where the reading of it is
  bool literal_ = false;   // of the text being read
  bool argument_ = false;  // it belongs to the text
  std::vector<AppendStep> steps_;
  SyntaxError error_;
};

}  // namespace bz::imap

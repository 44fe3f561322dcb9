// The part tree of a message in one pass over its bytes (RFC 2045, 2046; what RFC 3501 needs): a flat list in pre-order, so
// that neither parsing, rendering nor destroying uses stack per level. Offsets count from the start of the message. MIME
// nested deeper than the limit, and parts beyond the count, stay inside their parent as opaque bytes. Lines may end in CRLF
// or LF. No I/O, any thread; linear in the message (times the open boundaries, at most Limits::depth, for lines that start
// with "--").
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mime/header.h"
#include "mime/text.h"

namespace bz::mime {

struct Limits {
  size_t message_bytes = size_t{1} << 31;  // beyond: parse_message() answers Errc::TooLarge
  HeaderLimits header;                     // of the message itself: Errc::Limit; of inner parts: later fields are not seen
  size_t depth = 100;                      // multiparts and messages inside one another
  size_t parts = 10'000;
};

struct ContentType {
  std::string type = "text", subtype = "plain";  // as written; RFC 2045 section 5.2 when missing or ill-formed
  Params params;
  bool is(std::string_view wanted_type) const;
  bool is(std::string_view wanted_type, std::string_view wanted_subtype) const;
};
ContentType parse_content_type(std::string_view value);
// A value with parameters (Content-Disposition, RFC 2183); empty token: none.
struct TokenWithParams {
  std::string token;
  Params params;
};
TokenWithParams parse_disposition(std::string_view value);

struct Range {
  uint64_t at = 0;
  uint64_t size = 0;
  bool operator==(const Range&) const = default;
};
std::string_view slice(std::string_view raw, Range range);  // cut to what `raw` has

inline constexpr uint32_t kNoPart = UINT32_MAX;

struct Part {
  enum class Kind : uint8_t { Leaf = 0, Multipart = 1, Message = 2 };
  Kind kind = Kind::Leaf;
  bool opaque = false;        // would be a multipart or message, but a limit (or base64) keeps it closed
  uint32_t parent = kNoPart;  // index; a Message has one child: the root of the message inside
  // RFC 6532 section 3.7: a message, in its header UTF-8.
  bool is_global() const { return content_type.is("message", "global"); }
  uint32_t end = 0;    // one past the last descendant: the next sibling, if it has the same parent
  Range header;        // with the empty line
  Range body;          // encoded octets, without the line end that belongs to the boundary
  uint64_t lines = 0;  // line ends in the body
  HeaderIndex index;   // offsets from header.at
  ContentType content_type;
  TokenWithParams disposition;
  std::string encoding;  // token as written; empty: 7bit
};

// parts[0] is the message itself. A multipart without any part gets one empty child, because IMAP needs one.
std::vector<Part> parse_structure(std::string_view raw, const Limits& limits = {});

}  // namespace bz::mime

// Header blocks (RFC 5322 sections 2.2 and 3.6.8) as they really come: CRLF or bare LF, blanks before the colon
// (section 4.5.8), mbox "From " lines, lines that are no field. A scan keeps offsets into the caller's bytes and copies
// nothing; the index is valid as long as the caller keeps the offsets' bytes. No I/O, any thread. Hostile bytes: bounded by
// HeaderLimits.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::mime {

struct HeaderLimits {
  size_t bytes = 256 * 1024;  // of the block, its empty line included
  size_t fields = 5000;
};

// One field; all offsets count from the start of the scanned block.
struct HeaderField {
  uint32_t at = 0;          // first octet of the name
  uint32_t name_size = 0;   // without blanks before the colon
  uint32_t value_at = 0;    // first octet after the colon
  uint32_t value_size = 0;  // up to the line end of the last continuation line, which is not counted
  uint32_t end = 0;         // one past that line end
};

class HeaderIndex {
 public:
  std::vector<HeaderField> fields;  // in the order of the message
  size_t size = 0;                  // octets of the block, the empty line that ends it included
  bool complete = true;             // false: a limit was met, later fields are not in `fields`; size is right nevertheless

  static std::string_view name(const HeaderField& field, std::string_view block) {
    return block.substr(field.at, field.name_size);
  }
  static std::string_view raw_value(const HeaderField& field, std::string_view block) {
    return block.substr(field.value_at, field.value_size);
  }
  // The first field of that name (ASCII case-insensitive), or nullptr.
  const HeaderField* find(std::string_view name, std::string_view block) const;
  // Unfolded (RFC 5322 section 2.2.3) and trimmed value of the first field of that name.
  std::optional<std::string> value(std::string_view name, std::string_view block) const;
};

// Scans from the start of `bytes` up to and including the first empty line, or to the end. Never fails: past the limits
// fields are left out (complete == false). Of lines that are no fields, one that starts
// with "--" ends the header without belonging to it, and a parameter behind a value that ends in ";" belongs to that field.
// A first line that is no field (and no mbox "From " line) means there is no header: size 0.
HeaderIndex scan_header(std::string_view bytes, const HeaderLimits& limits = {});
// The same, but Errc::Limit when the block is not complete: for the header of a message that we are asked to take.
Result<HeaderIndex> scan_header_strict(std::string_view bytes, const HeaderLimits& limits = {});

// Line ends before a blank go, other CR, LF and NUL become blanks; outer blanks are trimmed.
std::string unfold(std::string_view raw_value);

// BODY[HEADER.FIELDS (names)] (negate: HEADER.FIELDS.NOT) of RFC 3501 section 6.4.5: the fields' own octets in the order of
// the message, then an empty line, always. Names compare without case.
std::string header_fields(std::string_view raw_header, const std::vector<std::string>& names, bool negate = false);

}  // namespace bz::mime

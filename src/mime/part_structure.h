// The BODYSTRUCTURE of one part, cut out of that of its message (RFC 3501 section 7.4.2): what BODYPARTSTRUCTURE shows (RFC
// 5524 section 3.2). Pure functions on the text that parse_message() made; linear, no recursion.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bz::mime {

// The part that the numbers name, as find_part() (record.h) does; empty: the message. nullopt: there is none.
std::optional<std::string_view> part_structure(std::string_view bodystructure, const std::vector<uint32_t>& numbers);

// The same of a leaf whose transfer encoding was taken off.
struct DecodedFacts {
  std::string_view encoding;  // that it has now: 7bit, 8bit, binary
  uint64_t size = 0, lines = 0;
};
std::string with_decoded(std::string_view structure, const DecodedFacts& facts);

}  // namespace bz::mime

// The beginning of a message's text, for lists of messages (RFC 8970). Pure functions, any thread; any input is fine.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mime/record.h"

namespace bz::mime {

inline constexpr size_t kPreviewChars = 200;       // characters at most; the RFC recommends 200 and forbids over 256
inline constexpr size_t kPreviewInput = 64 << 10;  // octets of a part, as encoded, that are looked at

// Indexes of the parts to try, best first, at most two: the first text that is no attachment and no HTML, the first HTML.
std::vector<uint32_t> preview_parts(const std::vector<RecordPart>& parts);

// One line of UTF-8 without markup, quotations of other mail, signature and invisible signs. `body`: the part's octets or
// their beginning. Empty when there is nothing to show.
std::string preview_text(const RecordPart& part, std::string_view body);

// Of a whole message in memory.
std::string preview_of(const std::vector<RecordPart>& parts, std::string_view raw);

}  // namespace bz::mime

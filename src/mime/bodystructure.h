// BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2) of a parsed tree. Inner to the room.
#pragma once
#include <string>
#include <vector>

#include "mime/imap_text.h"
#include "mime/structure.h"

namespace bz::mime {

// `extended`: BODYSTRUCTURE.
std::string bodystructure(std::string_view raw, const std::vector<Part>& parts, bool extended,
                          ImapText::Charset charset = ImapText::Charset::Ascii);

}  // namespace bz::mime

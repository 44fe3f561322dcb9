// ENVELOPE (RFC 3501 section 7.4.2) of one header. Inner to the room.
#pragma once
#include "mime/header.h"
#include "mime/imap_text.h"

namespace bz::mime {

void write_envelope(ImapText& out, std::string_view header, const HeaderIndex& index);

}  // namespace bz::mime

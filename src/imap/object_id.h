// Object identifiers (RFC 8474): a letter that says what it is of, and our number. THREADID is always NIL.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "model/ids.h"

namespace bz::imap {

inline std::string object_id(MailboxId id) { return "M" + std::to_string(id.value()); }
inline std::string object_id(EmailId id) { return "E" + std::to_string(id.value()); }

// objectid = 1*255(ALPHA / DIGIT / "_" / "-")
bool is_object_id(std::string_view text);
// What object_id() made; 0 for any other text.
EmailId email_of(std::string_view id);

}  // namespace bz::imap

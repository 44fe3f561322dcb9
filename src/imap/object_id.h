// Object identifiers (RFC 8474): a letter that says what it is of, and our number. THREADID is always NIL.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "model/ids.h"

namespace bz::imap {

// `owner`: of what is another user's, whose numbers are not ours. Not set: the user's own.
inline std::string owner_part(AccountId owner) {
  return owner.is_set() ? "A" + std::to_string(owner.value()) + "-" : std::string();
}
inline std::string object_id(MailboxId id, AccountId owner = {}) {
  return owner_part(owner) + "M" + std::to_string(id.value());
}
inline std::string object_id(EmailId id, AccountId owner = {}) {
  return owner_part(owner) + "E" + std::to_string(id.value());
}

// objectid = 1*255(ALPHA / DIGIT / "_" / "-")
bool is_object_id(std::string_view text);
// What object_id() made; 0 for any other text.
EmailId email_of(std::string_view id, AccountId owner = {});

}  // namespace bz::imap

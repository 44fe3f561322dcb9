#include "imap/object_id.h"

#include <algorithm>

namespace bz::imap {

bool is_object_id(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '_' || c == '-';
  });
}

EmailId email_of(std::string_view id, AccountId owner) {
  const std::string before = owner_part(owner) + "E";
  if (!id.starts_with(before)) return EmailId(0);
  const EmailId email(base::parse_number<uint64_t>(id.substr(before.size())).value_or(0));
  return object_id(email, owner) == id ? email : EmailId(0);  // "E07" is not "E7"
}

}  // namespace bz::imap

#include "imap/object_id.h"

#include <algorithm>

namespace bz::imap {

bool is_object_id(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '_' || c == '-';
  });
}

EmailId email_of(std::string_view id) {
  if (!id.starts_with('E')) return EmailId(0);
  const EmailId email(base::parse_number<uint64_t>(id.substr(1)).value_or(0));
  return object_id(email) == id ? email : EmailId(0);  // "E07" is not "E7"
}

}  // namespace bz::imap

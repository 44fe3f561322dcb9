#include "store/names.h"

#include "base/text.h"

namespace bz::store {

Result<std::string> normal_name(std::string_view name) {
  if (name.ends_with('/')) name.remove_suffix(1);
  if (name.empty()) return fail(Errc::Invalid, "a mailbox needs a name");
  if (name.size() > kMaxNameBytes) return fail(Errc::Invalid, "the name is too long");
  if (!base::is_utf8(name)) return fail(Errc::Invalid, "the name is not UTF-8");
  size_t levels = 1, level_size = 0;
  for (char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return fail(Errc::Invalid, "a control character in the name");
    if (c == '/') {
      if (level_size == 0) return fail(Errc::Invalid, "an empty level in the name");
      ++levels;
      level_size = 0;
    } else {
      ++level_size;
    }
  }
  if (level_size == 0) return fail(Errc::Invalid, "an empty level in the name");
  if (levels > kMaxNameLevels) return fail(Errc::Invalid, "too many levels in the name");
  std::string out(name);
  const size_t first = name.find('/') == std::string_view::npos ? name.size() : name.find('/');
  if (base::iequals(name.substr(0, first), "INBOX")) out.replace(0, first, "INBOX");
  return out;
}

std::vector<std::string> parents_of(std::string_view name) {
  std::vector<std::string> parents;
  for (size_t at = name.find('/'); at != std::string_view::npos; at = name.find('/', at + 1))
    parents.emplace_back(name.substr(0, at));
  return parents;
}

bool is_below(std::string_view name, std::string_view parent) {
  return name.size() > parent.size() && name.starts_with(parent) && name[parent.size()] == '/';
}

bool name_less(std::string_view a, std::string_view b) {
  const bool a_inbox = a == "INBOX", b_inbox = b == "INBOX";
  return a_inbox != b_inbox ? a_inbox : a < b;
}

}  // namespace bz::store

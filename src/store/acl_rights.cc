#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "store/acl.h"

namespace bz::store {
namespace {

constexpr std::string_view kLetters = "lrswipkxtea";  // bit n is letter n
constexpr Rights kOldCreate = right::kCreate | right::kRemoveMailbox, kOldDelete = right::kDeleteMessages | right::kExpunge;

auto order(const AclEntry& entry) { return std::tuple(entry.who, entry.negative); }

}  // namespace

std::optional<Rights> parse_rights(std::string_view letters) {
  Rights rights = 0;
  for (char c : letters) {
    const size_t at = kLetters.find(c);
    if (at != std::string_view::npos)
      rights |= static_cast<Rights>(1 << at);
    else if (c == 'c')
      rights |= kOldCreate;
    else if (c == 'd')
      rights |= kOldDelete;
    else
      return std::nullopt;
  }
  return rights;
}

std::string to_letters(Rights rights) {
  std::string letters;
  for (size_t i = 0; i < kLetters.size(); ++i) {
    if (kLetters[i] == 'a') letters.append(rights & kOldCreate ? "c" : "").append(rights & kOldDelete ? "d" : "");
    if (rights >> i & 1) letters += kLetters[i];
  }
  return letters;
}

bool change_acl(Acl& acl, const AclChange& change) {
  const auto at = std::lower_bound(acl.begin(), acl.end(), change.entry,
                                   [](const AclEntry& a, const AclEntry& b) { return order(a) < order(b); });
  const bool there = at != acl.end() && order(*at) == order(change.entry);
  const Rights before = there ? at->rights : Rights{0}, named = change.entry.rights;
  AclEntry after = change.entry;
  if (change.op == AclOp::Add) after.rights = before | named;
  if (change.op == AclOp::Remove) after.rights = before & static_cast<Rights>(~named);
  if (after.rights == 0) {
    if (there) acl.erase(at);
  } else if (there) {
    *at = std::move(after);
  } else {
    acl.insert(at, std::move(after));
  }
  return acl.size() <= kMaxAclEntries;
}

bool is_of_same_domain(std::string_view name, std::string_view other) {
  const size_t at = name.rfind('@'), other_at = other.rfind('@');
  if (at == std::string_view::npos || other_at == std::string_view::npos) return false;
  return base::iequals(name.substr(at), other.substr(other_at));
}

Rights rights_of(const Acl* acl, const Identity& owner, const Identity& user) {
  if (user.id == owner.id) return right::kAll;
  if (!acl) return 0;
  Rights given = 0, taken = 0;
  for (const AclEntry& entry : *acl)
    if (entry.who.is_set() ? entry.who == user.id : is_of_same_domain(owner.name, user.name))
      (entry.negative ? taken : given) |= entry.rights;
  return given & static_cast<Rights>(~taken);
}

}  // namespace bz::store

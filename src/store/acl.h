// Who besides its owner may do what with a mailbox (RFC 4314, docs/decisions/0026-acl.md). Pure values and functions.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/ids.h"

namespace bz::store {

using Rights = uint16_t;  // a set of the bits below (RFC 4314 section 2.1)
namespace right {
inline constexpr Rights kLookup = 1, kRead = 2, kKeepSeen = 4, kWrite = 8, kInsert = 16, kPost = 32, kCreate = 64,
                        kRemoveMailbox = 128, kDeleteMessages = 256, kExpunge = 512, kAdminister = 1024;
inline constexpr Rights kAll = 2047;
}  // namespace right

// nullopt: a letter that is none of them. The obsolete "c" stands for k and x, "d" for e and t: the first of the two
// readings that RFC 4314 section 2.1.1 allows.
std::optional<Rights> parse_rights(std::string_view letters);
// In the order of the RFC, with "c" and "d" wherever one of their members is.
std::string to_letters(Rights rights);

inline constexpr size_t kMaxAclEntries = 128;  // of one mailbox
inline constexpr size_t kMaxIdentifier = 320;  // octets: an address
inline constexpr std::string_view kAnyone = "anyone";

// One account, or (not set) anyone. Accounts count by their id: a name that is given to somebody else later has nothing.
struct AclEntry {
  AccountId who;
  bool negative = false;  // these rights are taken away (section 2, "negative rights")
  std::string name;       // as it was when the entry was made; empty: anyone
  Rights rights = 0;
  bool operator==(const AclEntry&) const = default;
};
using Acl = std::vector<AclEntry>;  // ascending by who and negative, each once, rights never 0

enum class AclOp : uint8_t { Replace, Add, Remove };
struct AclChange {
  AclEntry entry;
  AclOp op = AclOp::Replace;
};
// False: the list would be too long.
bool change_acl(Acl& acl, const AclChange& change);

// Whom rights are asked for: an account and its address.
struct Identity {
  AccountId id;
  std::string name;
};
// "anyone" is everybody whose address is of the owner's domain. An address without domain has nobody beside it.
bool is_of_same_domain(std::string_view name, std::string_view other);
// The union of what the entries for `user` and for anyone give, less what their negative ones take. The owner has all.
Rights rights_of(const Acl* acl, const Identity& owner, const Identity& user);

}  // namespace bz::store

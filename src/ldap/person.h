// An entry of a directory as an account. Pure: bytes of a server in, checked values out. Whatever does not hold is left
// out; what makes the entry useless to us is an error with a text for the administrator.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/text.h"
#include "directory/entry.h"
#include "ldap/schema.h"

namespace bz::ldap {

struct Entry {
  std::string dn;
  std::map<std::string, std::vector<std::string>, base::ILess> attributes;
  // Values of all attributes of a field, in the order of the schema.
  std::vector<std::string> values(const Schema& schema, Field field) const;
  std::string first(const Schema& schema, Field field) const;  // empty: none
};
// Of one entry; more is a broken or hostile server.
inline constexpr size_t kMaxEntryBytes = 1 << 20, kMaxValues = 20'000;
inline constexpr size_t kMaxRouted = 253, kMaxRoutedValues = 200;  // of Account::attributes: octets of one, all of them
inline constexpr size_t kMaxAddresses = 200, kMaxDn = 2048, kMaxDirectoryId = 4096;

struct Person {
  std::string dn, directory_id;
  std::string login{};                   // "ana"; empty: none
  directory::Account account{};          // its number is not given here
  std::vector<std::string> addresses{};  // of our domains, normalised; the first is the account's name
  std::string why_not_active{};          // for the administrator
  std::vector<Secret> passwords{};       // userPassword values
  std::optional<sasl::ScramKeys> scram{};
  std::string nt_hash{};  // 16 bytes
};

// `domains`: ours. `now`: Unix seconds, for accounts that expire.
Result<Person> person_of(const Entry& entry, const Schema& schema, const std::vector<std::string>& domains, int64_t now);

bool is_group(const Entry& entry);

// Active Directory's words to a refused bind ("... AcceptSecurityContext error, data 775, ..."): is it the account that is
// refused (locked, expired, disabled, to be changed first) and not the password?
bool is_closed_account(std::string_view words);

// RFC 5803 ("SCRAM-SHA-256$4096:salt$StoredKey:ServerKey") and "{SCRAM-SHA-256}4096,salt,StoredKey,ServerKey".
std::optional<sasl::ScramKeys> scram_keys_of(std::string_view text);
directory::Quota quota_of(std::string_view text);  // what cannot be read is 0

}  // namespace bz::ldap

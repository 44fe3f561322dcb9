// What the attributes of a directory mean to us. A preset per kind of server; the administrator may replace each filter
// and each attribute.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::ldap {

enum class Field : uint8_t {
  Id,           // never changes: entryUUID, objectGUID
  Login,        // "ana"; the account's name with our first domain when it has no mail address
  DisplayName,  // first one that is there
  Mail,         // addresses; the first of one of our domains is the account's name
  Alias,        // further addresses; "smtp:x@y" too, other prefixes are passed over
  SendAs,       // further addresses it may write in the From
  Quota,        // bytes, or with K, M, G, T
  MailHost,
  ServerType,
  Disabled,   // userAccountControl (bit 2), or a word: disabled, inactive, locked, noaccess, deleted, true, yes, 1
  Expires,    // accountExpires: 100 ns since 1601
  Password,   // userPassword
  NtHash,     // sambaNTPassword: 32 hex digits
  Scram,      // authPassword (RFC 5803)
  Changed,    // changes with the password: pwdChangedTime, pwdLastSet
  Member,     // of a group: DNs
  MemberUid,  // of a group: login names
};
inline constexpr size_t kFields = 17;

struct Schema {
  std::string user_filter;     // login: {user} or {address}
  std::string address_filter;  // mail: {address}
  std::string group_filter;    // distribution lists: {address}; empty: none
  std::array<std::vector<std::string>, kFields> attributes{};
  std::vector<std::string> routed{};  // further attributes whose values become Account::attributes
  bool in_chain = false;              // group membership by 1.2.840.113556.1.4.1941
  bool binary_id = false;             // the id is bytes, not text

  const std::vector<std::string>& of(Field field) const { return attributes[static_cast<size_t>(field)]; }
  // What a search asks for. Secrets only when they are read.
  enum class Secrets : uint8_t { No, Yes };
  std::vector<std::string> wanted(Secrets secrets) const;
};

std::optional<Schema> preset(std::string_view name);  // "openldap", "ad", "opendirectory"
// "mail=primaryMail,otherMail" replaces the attributes of one field; "quota=" leaves it without any. Names: id, login,
// name, mail, alias, send_as, quota, mail_host, server_type, disabled, expires, password, nt_hash, scram, changed, member,
// member_uid.
Result<void> replace_attributes(Schema& schema, std::string_view text);

}  // namespace bz::ldap

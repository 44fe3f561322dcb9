#include "ldap/schema.h"

#include <algorithm>

#include "base/text.h"

namespace bz::ldap {

namespace {

constexpr std::string_view kFieldNames[kFields] = {
    "id",       "login",   "name",     "mail",    "alias", "send_as", "quota",  "mail_host", "server_type",
    "disabled", "expires", "password", "nt_hash", "scram", "changed", "member", "member_uid"};

using Names = std::vector<std::string>;

void set(Schema& schema, Field field, Names names) { schema.attributes[static_cast<size_t>(field)] = std::move(names); }

Schema common() {
  Schema s;
  set(s, Field::Id, {"entryUUID"});
  set(s, Field::Login, {"uid"});
  set(s, Field::DisplayName, {"displayName", "cn"});
  set(s, Field::Mail, {"mail"});
  set(s, Field::Password, {"userPassword"});
  set(s, Field::Scram, {"authPassword"});
  set(s, Field::Changed, {"pwdChangedTime"});
  set(s, Field::Member, {"member", "uniqueMember"});
  set(s, Field::MemberUid, {"memberUid"});
  return s;
}

Schema openldap() {
  Schema s = common();
  s.user_filter = "(&(|(objectClass=inetOrgPerson)(objectClass=posixAccount))(|(uid={user})(mail={address})))";
  s.address_filter =
      "(&(|(objectClass=inetOrgPerson)(objectClass=posixAccount))(|(mail={address})(mailAlternateAddress={address})))";
  s.group_filter =
      "(&(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))(mail={address}))";
  set(s, Field::Alias, {"mailAlternateAddress"});
  set(s, Field::Quota, {"mailQuotaSize", "mailQuota"});
  set(s, Field::MailHost, {"mailHost"});
  set(s, Field::Disabled, {"accountStatus"});
  set(s, Field::NtHash, {"sambaNTPassword"});
  return s;
}

Schema active_directory() {
  Schema s = common();
  s.user_filter =
      "(&(objectClass=user)(|(sAMAccountName={user})(userPrincipalName={address})(mail={address})"
      "(proxyAddresses=smtp:{address})))";
  s.address_filter = "(&(objectClass=user)(|(mail={address})(userPrincipalName={address})(proxyAddresses=smtp:{address})))";
  s.group_filter = "(&(objectClass=group)(|(mail={address})(proxyAddresses=smtp:{address})))";
  set(s, Field::Id, {"objectGUID"});
  set(s, Field::Login, {"userPrincipalName", "sAMAccountName"});
  set(s, Field::Alias, {"proxyAddresses"});
  set(s, Field::Disabled, {"userAccountControl"});
  set(s, Field::Expires, {"accountExpires"});
  set(s, Field::Changed, {"pwdLastSet"});
  set(s, Field::Password, {});
  set(s, Field::Scram, {});
  s.in_chain = true;
  s.binary_id = true;
  return s;
}

Schema open_directory() {
  Schema s = common();
  s.user_filter = "(&(|(objectClass=apple-user)(objectClass=inetOrgPerson))(|(uid={user})(mail={address})))";
  s.address_filter = "(&(|(objectClass=apple-user)(objectClass=inetOrgPerson))(mail={address}))";
  s.group_filter = "(&(|(objectClass=apple-group)(objectClass=posixGroup))(mail={address}))";
  set(s, Field::Id, {"apple-generateduid"});
  set(s, Field::DisplayName, {"cn", "displayName"});
  set(s, Field::Disabled, {"authAuthority"});  // ";DisabledUser;"
  set(s, Field::Member, {"member", "uniqueMember"});
  return s;
}

bool is_attribute(std::string_view text) {  // RFC 4512 1.4: keystring or numericoid, options left out
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '.';
  });
}

}  // namespace

std::vector<std::string> Schema::wanted(Secrets secrets) const {
  std::vector<std::string> out{"objectClass"};
  for (size_t i = 0; i < kFields; ++i) {
    auto field = static_cast<Field>(i);
    bool secret = field == Field::Password || field == Field::NtHash || field == Field::Scram;
    if (secret && secrets == Secrets::No) continue;
    out.insert(out.end(), attributes[i].begin(), attributes[i].end());
  }
  out.insert(out.end(), routed.begin(), routed.end());
  return out;
}

std::optional<Schema> preset(std::string_view name) {
  if (name == "openldap") return openldap();
  if (name == "ad") return active_directory();
  if (name == "opendirectory") return open_directory();
  return std::nullopt;
}

Result<void> replace_attributes(Schema& schema, std::string_view text) {
  size_t equals = text.find('=');
  std::string_view name = base::trim(text.substr(0, equals));
  auto it = std::find(std::begin(kFieldNames), std::end(kFieldNames), name);
  if (equals == text.npos || it == std::end(kFieldNames)) {
    std::string known;
    for (std::string_view field : kFieldNames) known += (known.empty() ? "" : ", ") + std::string(field);
    return fail(Errc::Invalid, "\"" + std::string(text) + "\": must be FIELD=ATTRIBUTE,...; fields: " + known);
  }
  Names names;
  for (std::string_view attribute : base::split(text.substr(equals + 1), ',')) {
    attribute = base::trim(attribute);
    if (attribute.empty()) continue;
    if (!is_attribute(attribute)) return fail(Errc::Invalid, "not the name of an attribute: " + std::string(attribute));
    names.emplace_back(attribute);
  }
  schema.attributes[static_cast<size_t>(it - std::begin(kFieldNames))] = std::move(names);
  return {};
}

}  // namespace bz::ldap

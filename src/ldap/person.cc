#include "ldap/person.h"

#include <algorithm>

#include "base/coding.h"
#include "crypto/digest.h"
#include "crypto/password_scheme.h"
#include "intl/idna.h"

namespace bz::ldap {

namespace {

using directory::State;

// "smtp:ana@x.test" and "SMTP:..." are addresses of Active Directory; "x500:...", "sip:..." are none.
std::optional<std::string> address_of(std::string_view value) {
  size_t colon = value.find(':');
  if (colon != value.npos) {
    if (!base::iequals(value.substr(0, colon), "smtp")) return std::nullopt;
    value.remove_prefix(colon + 1);
  }
  auto address = directory::normal_address(value);
  if (!address || address->starts_with('@')) return std::nullopt;
  return address;
}

bool is_ours(std::string_view address, const std::vector<std::string>& domains) {
  return std::any_of(domains.begin(), domains.end(),
                     [&](const std::string& ours) { return intl::same_domain(ours, directory::domain_part(address)); });
}

void add_unique(std::vector<std::string>& list, std::string value) {
  if (list.size() < kMaxAddresses && std::find(list.begin(), list.end(), value) == list.end())
    list.push_back(std::move(value));
}

std::vector<std::string> addresses_of(const Entry& entry, const Schema& schema, const std::vector<std::string>& domains) {
  std::vector<std::string> out;
  auto take = [&](const std::vector<std::string>& values, std::string_view prefix) {
    for (const std::string& value : values) {
      if (!value.starts_with(prefix)) continue;
      auto address = address_of(value);
      if (address && is_ours(*address, domains)) add_unique(out, std::move(*address));
    }
  };
  take(entry.values(schema, Field::Mail), "");
  auto aliases = entry.values(schema, Field::Alias);
  take(aliases, "SMTP:");  // the primary one of Active Directory
  take(aliases, "");
  if (!out.empty()) return out;
  for (std::string& login : entry.values(schema, Field::Login)) {
    if (login.find('@') == login.npos && !domains.empty()) login += "@" + domains[0];
    auto address = address_of(login);
    if (address && is_ours(*address, domains)) add_unique(out, std::move(*address));
  }
  return out;
}

std::string display_name_of(const Entry& entry, const Schema& schema) {
  for (std::string& name : entry.values(schema, Field::DisplayName))
    if (!name.empty() && name.size() <= 255 && base::is_utf8(name)) return std::move(name);
  return {};
}

// Why the account is not active; empty: it is.
std::string disabled_by(const Entry& entry, const Schema& schema, int64_t now) {
  constexpr std::string_view kWords[] = {"disabled", "inactive", "locked", "noaccess", "deleted", "true", "yes", "1"};
  constexpr uint64_t kAccountDisabled = 2, kNever = INT64_MAX, kTicks = 10'000'000, kFrom1601 = 11'644'473'600;
  for (const std::string& attribute : schema.of(Field::Disabled)) {
    auto it = entry.attributes.find(attribute);
    if (it == entry.attributes.end()) continue;
    for (const std::string& value : it->second) {
      if (base::iequals(attribute, "userAccountControl")) {
        auto bits = base::parse_number<uint64_t>(value);
        if (bits && (*bits & kAccountDisabled) != 0) return attribute + " says disabled";
        continue;
      }
      bool word = std::any_of(std::begin(kWords), std::end(kWords),
                              [&](std::string_view w) { return base::iequals(w, base::trim(value)); });
      if (word || base::lower(value).find(";disableduser;") != std::string::npos) return attribute + " says disabled";
    }
  }
  for (const std::string& value : entry.values(schema, Field::Expires)) {
    auto ticks = base::parse_number<uint64_t>(value);
    if (!ticks || *ticks == 0 || *ticks >= kNever) continue;
    if (*ticks / kTicks < kFrom1601 + static_cast<uint64_t>(std::max<int64_t>(now, 0))) return "the account has expired";
  }
  return {};
}

// Whatever changes it must end cached logins: the state, the stored passwords, the time of their change.
uint64_t version_of(const Entry& entry, const Schema& schema, State state) {
  std::string text;
  base::put_u8(text, static_cast<uint8_t>(state));
  for (Field field : {Field::Password, Field::Scram, Field::NtHash, Field::Changed}) {
    auto values = entry.values(schema, field);
    std::sort(values.begin(), values.end());
    for (const std::string& value : values) base::put_bytes(text, value);
  }
  Secret wiped(std::move(text));
  return base::get_be64(crypto::sha256(wiped.reveal()).data());
}

void read_secrets(const Entry& entry, const Schema& schema, Person& person) {
  for (const std::string& value : entry.values(schema, Field::Password)) {
    if (auto keys = scram_keys_of(value)) {
      person.scram = std::move(keys);
    } else if (!value.empty() && value.size() <= crypto::kMaxStoredPassword && person.passwords.size() < 16) {
      person.passwords.emplace_back(value);
    }
  }
  for (const std::string& value : entry.values(schema, Field::Scram))
    if (auto keys = scram_keys_of(value)) person.scram = std::move(keys);
  auto hash = base::from_hex(entry.first(schema, Field::NtHash));
  if (hash && hash->size() == 16) person.nt_hash = std::move(*hash);
}

std::vector<std::string> kinds_of(const Person& person) {
  std::vector<std::string> out;
  for (const Secret& password : person.passwords) {
    std::string scheme = base::lower(crypto::password_scheme(password.reveal()));
    add_unique(out, scheme.empty() ? "cleartext" : scheme);
  }
  if (person.scram) out.emplace_back("scram-sha-256");
  if (!person.nt_hash.empty()) out.emplace_back("nt");
  if (out.size() > 16) out.resize(16);
  return out;
}

}  // namespace

std::vector<std::string> Entry::values(const Schema& schema, Field field) const {
  std::vector<std::string> out;
  for (const std::string& name : schema.of(field)) {
    auto it = attributes.find(name);
    if (it != attributes.end()) out.insert(out.end(), it->second.begin(), it->second.end());
  }
  return out;
}

std::string Entry::first(const Schema& schema, Field field) const {
  auto all = values(schema, field);
  return all.empty() ? std::string() : std::move(all.front());
}

Result<Person> person_of(const Entry& entry, const Schema& schema, const std::vector<std::string>& domains, int64_t now) {
  Person person;
  if (entry.dn.empty() || entry.dn.size() > kMaxDn) return fail(Errc::Invalid, "an entry without a usable DN");
  person.dn = entry.dn;
  person.directory_id = entry.first(schema, Field::Id);
  if (!schema.binary_id) person.directory_id = base::lower(person.directory_id);
  if (person.directory_id.empty() || person.directory_id.size() > kMaxDirectoryId)
    person.directory_id = base::lower(entry.dn);
  person.login = entry.first(schema, Field::Login);
  person.addresses = addresses_of(entry, schema, domains);
  if (person.addresses.empty())
    return fail(Errc::Invalid, entry.dn + " has no mail address or login name of one of our domains");
  directory::Account& account = person.account;
  account.name = person.addresses[0];
  account.display_name = display_name_of(entry, schema);
  for (const std::string& value : entry.values(schema, Field::SendAs)) {
    auto address = address_of(value);
    if (address && account.send_as.size() < directory::kMaxSendAs) account.send_as.push_back(std::move(*address));
  }
  account.quota = quota_of(entry.first(schema, Field::Quota));
  std::string host = base::lower(entry.first(schema, Field::MailHost));
  if (host.size() <= directory::kMaxMailHost && base::is_ascii(host)) account.mail_host = std::move(host);
  std::string type = base::lower(entry.first(schema, Field::ServerType));
  if (type.size() <= directory::kMaxServerType && base::is_ascii(type)) account.server_type = std::move(type);
  for (const std::string& name : schema.routed) {
    auto found = entry.attributes.find(name);
    if (found == entry.attributes.end()) continue;
    for (const std::string& value : found->second)
      if (value.size() <= kMaxRouted && account.attributes.size() < kMaxRoutedValues)
        account.attributes.emplace_back(name, value);
  }
  person.why_not_active = disabled_by(entry, schema, now);
  account.state = person.why_not_active.empty() ? State::Active : State::Disabled;
  read_secrets(entry, schema, person);
  account.secret_kinds = kinds_of(person);
  account.verifier_version = version_of(entry, schema, account.state);
  return person;
}

bool is_closed_account(std::string_view words) {
  // Win32 error codes, in hex: logon hours, workstation, password expired, account disabled, account expired, password
  // must change, account locked. 52e, a wrong password, and 525, no such user, are not among them.
  constexpr std::string_view kCodes[] = {"530", "531", "532", "533", "701", "773", "775"};
  constexpr std::string_view kMark = ", data ";
  size_t at = words.find(kMark);
  if (at == words.npos) return false;
  std::string_view code = words.substr(at + kMark.size());
  code = code.substr(0, code.find(','));
  return std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes);
}

bool is_group(const Entry& entry) {
  constexpr std::string_view kClasses[] = {"groupOfNames", "groupOfUniqueNames", "posixGroup", "group", "apple-group"};
  auto it = entry.attributes.find("objectClass");
  if (it == entry.attributes.end()) return false;
  return std::any_of(it->second.begin(), it->second.end(), [&](const std::string& value) {
    return std::any_of(std::begin(kClasses), std::end(kClasses), [&](auto name) { return base::iequals(name, value); });
  });
}

std::optional<sasl::ScramKeys> scram_keys_of(std::string_view text) {
  constexpr std::string_view kBraced = "{SCRAM-SHA-256}", kPlain = "SCRAM-SHA-256";
  std::string flat;
  if (base::istarts_with(text, kBraced)) {
    flat = text.substr(kBraced.size());
  } else if (base::istarts_with(text, kPlain)) {
    // authPassword has room around its "$": scheme $ iterations:salt $ stored:server
    for (char c : text.substr(kPlain.size())) {
      if (c != ' ') flat += c == '$' || c == ':' ? ',' : c;
    }
    if (!flat.starts_with(',')) return std::nullopt;
    flat.erase(0, 1);
  } else {
    return std::nullopt;
  }
  auto parts = base::split(flat, ',');
  if (parts.size() != 4) return std::nullopt;
  sasl::ScramKeys keys;
  auto rounds = base::parse_number<uint32_t>(parts[0]);
  auto salt = base::from_base64(parts[1]), stored = base::from_base64(parts[2]), server = base::from_base64(parts[3]);
  if (!rounds || *rounds == 0 || !salt || salt->empty() || salt->size() > 64 || !stored || stored->size() != 32 ||
      !server || server->size() != 32)
    return std::nullopt;
  keys.iterations = *rounds;
  keys.salt = std::move(*salt);
  keys.stored_key = std::move(*stored);
  keys.server_key = std::move(*server);
  return keys;
}

namespace {

// "500M", "1073741824"
std::optional<uint64_t> octets_of(std::string_view text) {
  std::string word = base::upper(text);
  if (word.ends_with('S')) word.pop_back();
  if (word.ends_with('B')) word.pop_back();
  constexpr std::string_view kUnits = "KMGT";
  unsigned shift = 0;
  if (!word.empty() && kUnits.find(word.back()) != kUnits.npos) {
    shift = 10 * (static_cast<unsigned>(kUnits.find(word.back())) + 1);
    word.pop_back();
  }
  auto number = base::parse_number<uint64_t>(word);
  if (!number || *number > (uint64_t{1} << 62) >> shift) return std::nullopt;
  return *number << shift;
}

}  // namespace

// "500M", and "10000000S,100C" of maildir quotas, in either order.
directory::Quota quota_of(std::string_view text) {
  directory::Quota quota;
  for (std::string_view part : base::split(text, ',')) {
    part = base::trim(part);
    if (part.ends_with('C') || part.ends_with('c'))
      quota.messages = base::parse_number<uint64_t>(part.substr(0, part.size() - 1)).value_or(0);
    else if (quota.bytes == 0)
      quota.bytes = octets_of(part).value_or(0);
  }
  return quota;
}

}  // namespace bz::ldap

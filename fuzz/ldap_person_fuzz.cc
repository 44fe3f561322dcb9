// rooms: base crypto kv intl sasl directory net ldap
// What a directory says about a person, and what strangers put into filters. First byte: which part. The rest: lines of
// "attribute: value", or a text. Held: no crash; addresses are normal and ours; the account's record is written and read;
// what was escaped has no sign with a meaning in a filter.
#include <cstdint>
#include <cstdlib>

#include "base/check.h"
#include "ldap/filter.h"
#include "ldap/person.h"
#include "ldap/session.h"

using namespace bz;
using namespace bz::ldap;

namespace {
void person(std::string_view text, const Schema& schema) {
  Entry entry;
  for (std::string_view line : base::split(text, '\n')) {
    size_t colon = line.find(':');
    if (colon == line.npos) {
      entry.dn = line;
    } else {
      entry.attributes[std::string(line.substr(0, colon))].emplace_back(line.substr(colon + 1));
    }
  }
  static const std::vector<std::string> kDomains{"x.test", "y.test"};
  auto p = person_of(entry, schema, kDomains, 1'795'000'000);
  (void)is_group(entry);
  if (!p) return;
  BZ_CHECK(!p->addresses.empty() && p->addresses[0] == p->account.name, "a name");
  for (const std::string& address : p->addresses) {
    BZ_CHECK(directory::normal_address(address) == address, "a normal address");
    auto domain = directory::domain_part(address);
    BZ_CHECK(domain == "x.test" || domain == "y.test", "of ours");
  }
  BZ_CHECK(!p->directory_id.empty(), "an id");
  p->account.id = AccountId(1);
  auto again = directory::Account::decode(p->account.encode());
  BZ_CHECK(again && *again == p->account, "account record");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const Schema kOpenLdap = *preset("openldap"), kAd = *preset("ad"), kOd = *preset("opendirectory");
  switch (data[0] % 6) {
    case 0:
      person(text, kOpenLdap);
      break;
    case 1:
      person(text, kAd);
      break;
    case 2:
      person(text, kOd);
      break;
    case 3: {
      std::string escaped = escape_filter(text);
      BZ_CHECK(escaped.find_first_of(std::string_view("*()&|!\0", 7)) == escaped.npos, "a sign with a meaning");
      (void)escape_dn(text);
      BZ_CHECK(same_dn(text, text), "a DN is like itself");
      break;
    }
    case 4:
      if (auto parsed = FilterTemplate::parse(text)) (void)parsed->fill({"*", "(@x.test"});
      if (auto server = parse_server(text)) BZ_CHECK(server->port != 0 && !server->host.empty(), "a server");
      break;
    case 5: {
      Schema schema = kOpenLdap;
      (void)replace_attributes(schema, text);
      (void)quota_of(text);
      if (auto keys = scram_keys_of(text)) BZ_CHECK(keys->stored_key.size() == 32, "SCRAM keys");
      break;
    }
  }
  return 0;
}

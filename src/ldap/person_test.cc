#include "ldap/person.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bz::ldap {
namespace {

using directory::State;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::string> kDomains{"example.org", "second.test"};
constexpr int64_t kNow = 1'795'000'000;

Entry openldap_entry() {
  return {"uid=ana,ou=people,dc=example,dc=org",
          {{"objectClass", {"inetOrgPerson"}},
           {"entryUUID", {"A1B2"}},
           {"uid", {"ana"}},
           {"cn", {"Ana Ibarra"}},
           {"mail", {"other@elsewhere.test", "Ana@Example.org", "a.ibarra@second.test"}},
           {"mailAlternateAddress", {"office@example.org"}},
           {"mailQuotaSize", {"500M"}},
           {"mailHost", {"M2.example.org"}}}};
}
Result<Person> openldap(const Entry& entry) { return person_of(entry, *preset("openldap"), kDomains, kNow); }
Result<Person> ad(const Entry& entry) { return person_of(entry, *preset("ad"), kDomains, kNow); }

TEST(Person, of_openldap) {
  auto p = openldap(openldap_entry());
  ASSERT_TRUE(p);
  EXPECT_EQ(p->account.name, "ana@example.org") << "the first address of a domain of ours";
  EXPECT_THAT(p->addresses, ElementsAre("ana@example.org", "a.ibarra@second.test", "office@example.org"));
  EXPECT_EQ(p->directory_id, "a1b2");
  EXPECT_EQ(p->account.display_name, "Ana Ibarra");
  EXPECT_EQ(p->account.quota.bytes, 500u << 20);
  EXPECT_EQ(p->account.mail_host, "m2.example.org");
  EXPECT_EQ(p->account.state, State::Active);
  EXPECT_EQ(p->login, "ana");
}

TEST(Person, of_active_directory) {
  Entry e{
      "CN=Eva,OU=Staff,DC=example,DC=org",
      {{"objectGUID", {std::string("\x01\x00\xff\x41", 4)}},
       {"userPrincipalName", {"eva@corp.local"}},
       {"sAMAccountName", {"eva"}},
       {"mail", {"Eva.Ruiz@example.org"}},
       {"proxyAddresses",
        {"smtp:eva@example.org", "SMTP:eva.ruiz@example.org", "x500:/o=x", "sip:eva@example.org", "smtp:eva@gone.test"}},
       {"userAccountControl", {"512"}},
       {"accountExpires", {"9223372036854775807"}}}};
  auto p = ad(e);
  ASSERT_TRUE(p);
  EXPECT_THAT(p->addresses, ElementsAre("eva.ruiz@example.org", "eva@example.org"));
  EXPECT_EQ(p->directory_id, std::string("\x01\x00\xff\x41", 4)) << "bytes, in their case";
  EXPECT_EQ(p->account.state, State::Active);
  uint64_t version = p->account.verifier_version;
  e.attributes["userAccountControl"] = {"514"};
  auto disabled = ad(e);
  EXPECT_EQ(disabled->account.state, State::Disabled);
  EXPECT_THAT(disabled->why_not_active, HasSubstr("userAccountControl"));
  EXPECT_NE(disabled->account.verifier_version, version);
  e.attributes["userAccountControl"] = {"512"};
  e.attributes["pwdLastSet"] = {"133"};
  EXPECT_NE(ad(e)->account.verifier_version, version) << "a new password ends what was remembered";
  e.attributes["accountExpires"] = {"116444736000000001"};
  EXPECT_EQ(ad(e)->account.state, State::Disabled);
  e.attributes.erase("mail");
  e.attributes.erase("proxyAddresses");
  EXPECT_EQ(ad(e)->account.name, "eva@example.org") << "of the login name, when there is no address";
}

TEST(Person, of_open_directory_and_its_disabled_users) {
  Entry e{"uid=leo,cn=users,dc=example,dc=org",
          {{"apple-generateduid", {"0F0F-AA"}},
           {"uid", {"leo"}},
           {"mail", {"leo@example.org"}},
           {"authAuthority", {";ApplePasswordServer;0x1"}}}};
  auto p = person_of(e, *preset("opendirectory"), kDomains, kNow);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->directory_id, "0f0f-aa");
  EXPECT_EQ(p->account.state, State::Active);
  e.attributes["authAuthority"].push_back(";DisabledUser;;ApplePasswordServer;0x1");
  EXPECT_EQ(person_of(e, *preset("opendirectory"), kDomains, kNow)->account.state, State::Disabled);
}

TEST(Person, without_an_address_or_name_of_ours_is_none_and_without_an_id_goes_by_its_dn) {
  Entry e = openldap_entry();
  e.attributes.erase("entryUUID");
  EXPECT_EQ(openldap(e)->directory_id, "uid=ana,ou=people,dc=example,dc=org");
  e.attributes.erase("mail");
  e.attributes.erase("mailAlternateAddress");
  EXPECT_EQ(openldap(e)->account.name, "ana@example.org");
  e.attributes["uid"] = {"ana b"};
  EXPECT_FALSE(openldap(e));
  e.attributes["mail"] = {"x@elsewhere.test"};
  EXPECT_FALSE(openldap(e));
  e = openldap_entry();
  e.dn.clear();
  EXPECT_FALSE(openldap(e));
}

TEST(Person, hostile_values_are_left_out) {
  Entry e = openldap_entry();
  e.attributes["displayName"] = {"\xff\xfe"};
  e.attributes["mailHost"] = {std::string(300, 'm')};
  e.attributes["mailQuotaSize"] = {"99999999999999999999T"};
  e.attributes["mail"].push_back("a\nb@example.org");
  e.attributes["mail"].push_back("@example.org");
  for (int i = 0; i < 1000; ++i) e.attributes["mail"].push_back("a" + std::to_string(i) + "@example.org");
  auto p = openldap(e);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->account.display_name, "Ana Ibarra");
  EXPECT_EQ(p->account.mail_host, "");
  EXPECT_EQ(p->account.quota, directory::Quota());
  EXPECT_EQ(p->addresses.size(), kMaxAddresses);
  for (const std::string& a : p->addresses) EXPECT_TRUE(directory::normal_address(a)) << a;
}

TEST(Person, secrets_by_kind) {
  Entry e = openldap_entry();
  e.attributes["userPassword"] = {"{SSHA}xyz", "{CRYPT}$6$a$b"};
  e.attributes["sambaNTPassword"] = {"8846F7EAEE8FB117AD06BDD830B7586C"};
  std::string key(32, 'k'), b64 = base::base64(key);
  e.attributes["authPassword"] = {"SCRAM-SHA-256 $ 4096:c2FsdA== $ " + b64 + ":" + b64};
  auto p = openldap(e);
  ASSERT_TRUE(p && p->scram);
  EXPECT_EQ(p->passwords.size(), 2u);
  EXPECT_EQ(p->scram->iterations, 4096u);
  EXPECT_EQ(p->scram->salt, "salt");
  EXPECT_EQ(p->nt_hash.size(), 16u);
  EXPECT_THAT(p->account.secret_kinds, ElementsAre("ssha", "crypt", "scram-sha-256", "nt"));
  EXPECT_TRUE(scram_keys_of("{scram-sha-256}4096,c2FsdA==," + b64 + "," + b64));
  for (std::string bad : {"", "SCRAM-SHA-256", "SCRAM-SHA-256$", "{SCRAM-SHA-256}0,c2FsdA==,", "SCRAM-SHA-1$1:a$b:c"})
    EXPECT_FALSE(scram_keys_of(bad)) << bad;
}

TEST(Quota, in_several_hands) {
  for (auto [text, bytes] : {std::pair{"1048576", 1u << 20},
                             {"1M", 1u << 20},
                             {"1 MB", 0u},
                             {"1mb", 1u << 20},
                             {"10000000S,100C", 10'000'000u},
                             {"x", 0u},
                             {"", 0u}})
    EXPECT_EQ(quota_of(text).bytes, bytes) << text;
  EXPECT_EQ(quota_of("10000000S,100C"), (directory::Quota{10'000'000, 100, 0}));
  EXPECT_EQ(quota_of("100C, 1M"), (directory::Quota{1 << 20, 100, 0}));
  EXPECT_EQ(quota_of("100C,1M,2M,-1C"), (directory::Quota{1 << 20, 0, 0}));
}

TEST(Schema, attributes_can_be_replaced) {
  Schema s = *preset("openldap");
  ASSERT_TRUE(replace_attributes(s, "mail = primaryMail, otherMail"));
  ASSERT_TRUE(replace_attributes(s, "quota="));
  EXPECT_THAT(s.of(Field::Mail), ElementsAre("primaryMail", "otherMail"));
  EXPECT_TRUE(s.of(Field::Quota).empty());
  for (const char* bad : {"mail", "post=x", "mail=a b", "mail=*"}) EXPECT_FALSE(replace_attributes(s, bad)) << bad;
  auto has = [](const std::vector<std::string>& list, const char* one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  };
  EXPECT_FALSE(has(s.wanted(Schema::Secrets::No), "userPassword"));
  EXPECT_TRUE(has(s.wanted(Schema::Secrets::Yes), "userPassword"));
  EXPECT_FALSE(preset("novell"));
}

TEST(ClosedAccount, is_told_from_a_wrong_password_by_active_directorys_words) {
  auto words = [](std::string_view code) {
    return "Invalid credentials (80090308: LdapErr: DSID-0C090400, comment: AcceptSecurityContext error, data " +
           std::string(code) + ", v1db1)";
  };
  for (const char* code : {"530", "531", "532", "533", "701", "773", "775"})
    EXPECT_TRUE(is_closed_account(words(code))) << code;
  for (const char* code : {"52e", "525", "", "77", "7755"}) EXPECT_FALSE(is_closed_account(words(code))) << code;
  for (const char* text : {"", "Invalid credentials", ", data ", "data 775"}) EXPECT_FALSE(is_closed_account(text)) << text;
}

}  // namespace
}  // namespace bz::ldap

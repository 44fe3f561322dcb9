#include "ldap/filter.h"

#include <gtest/gtest.h>

#include "ldap/session.h"

namespace bz::ldap {
namespace {

TEST(Escape, leaves_no_sign_with_a_meaning_in_a_filter) {
  EXPECT_EQ(escape_filter("ana.b+x@example.org"), "ana.b+x@example.org");
  EXPECT_EQ(escape_filter("*)(uid=*))(|(uid=*"), "\\2a\\29\\28uid=\\2a\\29\\29\\28\\7c\\28uid=\\2a");
  EXPECT_EQ(escape_filter(std::string("a\0b\\", 4)), "a\\00b\\5c");
  EXPECT_EQ(escape_filter("ñ"), "\\c3\\b1");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  std::string escaped = escape_filter(all);
  EXPECT_EQ(escaped.find_first_of("*()&|!<>~"), escaped.npos);
  EXPECT_EQ(escaped.find('\0'), escaped.npos);
}

TEST(Escape, of_dn_values_as_rfc_4514_says) {
  EXPECT_EQ(escape_dn("James \"Jim\" Smith, III"), "James \\\"Jim\\\" Smith\\, III");
  EXPECT_EQ(escape_dn(" #a b "), "\\ #a b\\ ");
  EXPECT_EQ(escape_dn("#a"), "\\#a");
  EXPECT_EQ(escape_dn(std::string("a\0b\rc", 5)), "a\\00b\\0dc");
  EXPECT_EQ(escape_dn("a=b+c;d<e>f\\g"), "a\\=b\\+c\\;d\\<e\\>f\\\\g");
}

TEST(SameDn, looks_past_case_and_room) {
  EXPECT_TRUE(same_dn("CN=Mail, OU=Groups,DC=x", "cn=mail,ou = groups,dc=X "));
  EXPECT_FALSE(same_dn("cn=mail,dc=x", "cn=mails,dc=x"));
  EXPECT_FALSE(same_dn("cn=a b,dc=x", "cn=ab,dc=x"));
}

TEST(FilterTemplate, puts_hostile_names_in_as_values_only) {
  auto t = FilterTemplate::parse("(&(objectClass=person)(|(uid={user})(mail={address})(x={local})(y={domain})))");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->fill({"ana", "ana@example.org"}),
            "(&(objectClass=person)(|(uid=ana)(mail=ana@example.org)(x=ana)(y=example.org)))");
  EXPECT_EQ(t->fill({"*", "*@x.test"}), "(&(objectClass=person)(|(uid=\\2a)(mail=\\2a@x.test)(x=\\2a)(y=x.test)))");
  EXPECT_EQ(t->fill({"{address}", "{user}@x.test"}).find("mail=\\7buser\\7d@x.test") != std::string::npos, true);
}

TEST(FilterTemplate, refuses_what_is_none) {
  for (std::string bad : {"", "uid=x", "(uid={user}", "uid={user})", "(uid={user}))(", "(uid={name})", "(uid={user)",
                          "(uid=user})", ")(uid=x)("})
    EXPECT_EQ(FilterTemplate::parse(bad).error().code(), Errc::Invalid) << bad;
  EXPECT_FALSE(FilterTemplate::parse("(a=" + std::string(2000, 'x') + ")"));
}

TEST(Server, is_named_by_an_url) {
  auto a = parse_server("ldaps://dc1.example.org");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->to_string(), "ldaps://dc1.example.org:636");
  EXPECT_EQ(parse_server("LDAP://[::1]:3890")->to_string(), "ldap://[::1]:3890");
  EXPECT_EQ(parse_server("ldap://h/")->port, 389);
  EXPECT_TRUE(parse_server("ldap+plain://127.0.0.1:389"));
  for (const char* bad : {"", "h", "http://h", "ldap://", "ldap://h:0", "ldap://h:x", "ldap://h/dc=x", "ldap://a b",
                          "ldap://[::1", "ldap+plain://ldap.example.org", "ldap+plain://10.0.0.1"})
    EXPECT_EQ(parse_server(bad).error().code(), Errc::Invalid) << bad;
}

}  // namespace
}  // namespace bz::ldap

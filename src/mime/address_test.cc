#include "mime/address.h"

#include <gtest/gtest.h>

namespace bz::mime {
namespace {

using Kind = Address::Kind;
Address box(std::string name, std::string mailbox, std::string host) { return {Kind::Mailbox, name, "", mailbox, host}; }
using List = std::vector<Address>;

TEST(Address, ReadsPlainForms) {
  EXPECT_EQ(parse_address_list("user@domain.org"), (List{box("", "user", "domain.org")}));
  EXPECT_EQ(parse_address_list("Real Name <user@domain>"), (List{box("Real Name", "user", "domain")}));
  EXPECT_EQ(parse_address_list("\"Doe, \\\"J\\\" \" <j@x>, k@y"), (List{box("Doe, \"J\" ", "j", "x"), box("", "k", "y")}));
  EXPECT_EQ(parse_address_list("user@domain (Real Name)"), (List{box("Real Name", "user", "domain")}));
  EXPECT_EQ(parse_address_list("\"a b\"@x.org"), (List{box("", "a b", "x.org")}));
  EXPECT_EQ(parse_address_list("a@[IPv6:::1]"), (List{box("", "a", "[IPv6:::1]")}));
  EXPECT_EQ(parse_address_list(" , ,<>"), List{});
}

TEST(Address, ReadsGroupsAndRoutes) {
  Address start{Kind::GroupStart, "group", "", "", ""}, end{Kind::GroupEnd, "", "", "", ""};
  EXPECT_EQ(parse_address_list("group: g1@d1.org, g2@d2.org;, x@y"),
            (List{start, box("", "g1", "d1.org"), box("", "g2", "d2.org"), end, box("", "x", "y")}));
  EXPECT_EQ(parse_address_list("group: (foo) ;"), (List{start, end}));
  EXPECT_EQ(parse_address_list("group:"), (List{start, end}));
  EXPECT_EQ(parse_address_list("<@route,@b:user@domain>"), (List{{Kind::Mailbox, "", "@route,@b", "user", "domain"}}));
}

TEST(Address, KeepsEncodedWordsWithBareQuotesAndCommas) {
  EXPECT_EQ(parse_address_list("=?utf-8?Q?\"N=C3=BA=C3=B1ez,_B\"?= <b@x>"),
            (List{box("=?utf-8?Q?\"N=C3=BA=C3=B1ez,_B\"?=", "b", "x")}));
  EXPECT_EQ(parse_address_list("=?utf-8?Q?a?= =?utf-8?Q?b?= <b@x>"), (List{box("=?utf-8?Q?a?= =?utf-8?Q?b?=", "b", "x")}));
}

TEST(Address, MakesTheBestOfBrokenOnes) {
  EXPECT_EQ(parse_address_list("a@b <a@b>"), (List{box("a@b", "a", "b")}));
  EXPECT_EQ(parse_address_list("John a@b"), (List{box("John", "a", "b")}));
  EXPECT_EQ(parse_address_list("nobody"), (List{box("", "nobody", "")}));
  EXPECT_EQ(parse_address_list("\"John <j@x>"), (List{box("John", "j", "x")}));
  EXPECT_EQ(parse_address_list("<j@x"), (List{box("", "j", "x")}));
  EXPECT_EQ(parse_address_list("a@b; c@d"), (List{box("", "a", "b"), box("", "c", "d")}));
  EXPECT_EQ(parse_address_list("joe . doe @ x . org"), (List{box("", "joe.doe", "x.org")}));
  EXPECT_EQ(parse_address_list("(open <a@b>"), (List{box("open", "a", "b")}));
}

TEST(Address, IsBoundedAndLinear) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "a@b,";
  EXPECT_EQ(parse_address_list(many, 10).size(), 10U);
  EXPECT_EQ(parse_address_list(std::string(100'000, '"')).size(), 0U + 1U);
  EXPECT_LE(parse_address_list(std::string(100'000, '(')).size(), 1U);
  EXPECT_LE(parse_address_list(std::string(100'000, '<')).size(), 1U);
}

TEST(Address, AddrSpecIsStrictAboutItsWhole) {
  EXPECT_EQ(parse_addr_spec("a.b@x.org")->domain, "x.org");
  EXPECT_EQ(parse_addr_spec("\"a b\\\"\"@x")->local, "a b\"");
  EXPECT_EQ(parse_addr_spec("ángel@ñandú.es")->local, "ángel");
  EXPECT_TRUE(parse_addr_spec("a@[127.0.0.1]").has_value());
  for (const char* bad : {"", "a", "a@", "@x", "a..b@x", ".a@x", "a@x@y", "a b@x", "a@[x", "\"a@x", "a@x y", "a@-[]"}) {
    EXPECT_FALSE(parse_addr_spec(bad).has_value()) << bad;
  }
}

TEST(Address, FormatsWithQuotesWhereNeeded) {
  EXPECT_EQ(format_addr_spec("a b", "x"), "\"a b\"@x");
  EXPECT_EQ(format_mailbox("Doe, J", "j", "x"), "\"Doe, J\" <j@x>");
  EXPECT_EQ(format_mailbox("José", "j", "x"), "=?UTF-8?Q?Jos=C3=A9?= <j@x>");
  EXPECT_EQ(format_mailbox("", "j", "x"), "j@x");
}

}  // namespace
}  // namespace bz::mime

#include "authd/routes.h"

#include <gtest/gtest.h>

namespace bz::authd {
namespace {

Routes routes() {
  Routes out;
  ForeignServer old{"old", "imap.old.test"}, cluster{"cluster", "", {"*.cluster.test"}},
      other{"other", "", {"*.cluster.test"}};
  old.local_part = true;
  out.servers = {old, cluster, other};
  out.rules = {
      {"boss@x.test", "", "", "-"}, {"", "x.test", "", "old"}, {"", "", "exchange", "old"}, {"", "y.test", "", "gone"}};
  return out;
}

directory::Account account(std::string name, std::string mail_host = "", std::string type = "") {
  directory::Account out;
  out.name = std::move(name);
  out.mail_host = std::move(mail_host);
  out.server_type = std::move(type);
  return out;
}

TEST(Routes, without_servers_every_mailbox_is_here_whatever_the_directory_calls_the_host) {
  auto place = Routes{.own_host = "mail.example.org"}.place_of(account("ana@example.org", "imap.example.org"));
  ASSERT_TRUE(place);
  EXPECT_EQ(place->server, nullptr);
}
TEST(Routes, take_the_mail_host_then_the_first_rule_then_our_own_store) {
  struct Case {
    directory::Account account;
    std::string server, host;  // "!": refused
  };
  const Case cases[] = {
      {account("ana@x.test"), "old", "imap.old.test"},
      {account("boss@x.test"), "", ""},
      {account("boss@x.test", "old"), "old", "imap.old.test"},
      {account("boss@x.test", "IMAP.old.test"), "old", "imap.old.test"},
      {account("ana@z.test"), "", ""},
      {account("ana@z.test", "", "exchange"), "old", "imap.old.test"},
      {account("ana@z.test", "N7.cluster.test"), "cluster", "n7.cluster.test"},
      {account("ana@z.test", "n7.cluster.test", "other"), "other", "n7.cluster.test"},
      {account("ana@z.test", "n7.cluster.test", "no-such"), "cluster", "n7.cluster.test"},
      {account("ana@z.test", "cluster"), "!", ""},
      {account("ana@z.test", "cluster.test"), "!", ""},
      {account("ana@z.test", "evilcluster.test"), "!", ""},
      {account("ana@x.test", "169.254.169.254"), "!", ""},
      {account("ana@y.test"), "!", ""},
  };
  const Routes all = routes();
  for (const Case& c : cases) {
    auto place = all.place_of(c.account);
    SCOPED_TRACE(c.account.name + " " + c.account.mail_host);
    ASSERT_EQ(place.has_value(), c.server != "!");
    if (!place) continue;
    EXPECT_EQ(place->server ? place->server->name : "", c.server);
    EXPECT_EQ(place->host, c.host);
  }
}

TEST(Routes, take_the_nearest_rule_wherever_it_stands) {
  Routes all;
  for (const char* name : {"all", "domain", "group", "attribute", "account"})
    all.servers.push_back({name, std::string(name) + ".test"});
  all.rules = {{"", "", "", "all"},
               {"", "x.test", "", "domain"},
               {"", "", "", "group", "cn=sales"},
               {"", "", "", "attribute", "", "site", "North"},
               {"", "", "", "-", "", "retired", "*"},
               {"boss@x.test", "", "", "account"},
               {"", "x.test", "", "all", "cn=sales"}};
  directory::Account who = account("ana@y.test");
  const auto place = [&] { return all.place_of(who)->server == nullptr ? "-" : all.place_of(who)->server->name; };
  EXPECT_EQ(place(), "all");
  who.name = "ana@x.test";
  EXPECT_EQ(place(), "domain");
  who.groups = {"cn=other", "cn=sales"};
  EXPECT_EQ(place(), "group") << "of two equally near the first";
  who.attributes = {{"site", "south"}};
  EXPECT_EQ(place(), "group");
  who.attributes.push_back({"SITE", "north"});
  EXPECT_EQ(place(), "attribute");
  who.attributes = {{"retired", "2020"}};
  EXPECT_EQ(place(), "-");
  who.name = "boss@x.test";
  EXPECT_EQ(place(), "account");
  who.mail_host = "all";
  EXPECT_EQ(place(), "all");
}

TEST(Routes, name_the_user_as_the_server_does) {
  const Routes all = routes();
  EXPECT_EQ(all.login_name(all.servers[0], account("ana@x.test")), "ana");
  EXPECT_EQ(all.login_name(all.servers[1], account("ana@x.test")), "ana@x.test");
}

}  // namespace
}  // namespace bz::authd

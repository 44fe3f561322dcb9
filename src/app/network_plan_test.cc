#include "app/network_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/config.h"

namespace bz::app {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kInside[] = R"(
host = "mail.example.test"
domains = ["example.test"]
tls.certificate_file = "c"
tls.key_file = "k"
inner.listen = "10.0.0.2"
inner.from = ["172.16.0.10", "fd00::10"]
smart_host.host = "192.0.2.25"
[[listener]]
node = "dmz1"
name = "imaps"
service = "imap"
address = "203.0.113.10"
port = 993
[[listener]]
name = "local"
service = "imap"
address = "127.0.0.1"
port = 143
tls = "none"
)";

roles::Config config_of(const std::string& more = {}) {
  auto config = parse_config(kInside + more, "buzon.toml");
  BZ_CHECK(config.has_value(), "the test's configuration");
  return std::move(*config);
}

TEST(NetworkPlan, HoldsWhatTheConfigurationNeedsAndNothingElse) {
  const std::string table = flow_table(planned_flows(config_of(), {}), false);
  for (const char* row :
       {"gateway 203.0.113.10  tcp/993", "tcp/7460", "tcp/7461", "tcp/7462", "tcp/7463", "outside 192.0.2.25 ", "udp/53"})
    EXPECT_THAT(table, HasSubstr(row)) << table;
  EXPECT_THAT(table, Not(HasSubstr("7464"))) << "no [[server]]";
  EXPECT_THAT(table, Not(HasSubstr("143"))) << "loopback";
  EXPECT_THAT(table, Not(HasSubstr("tcp/25 "))) << "all goes to the smart host";
}

TEST(NetworkPlan, OfAGatewaysHostHasNoWaysOutButTheInnerPorts) {
  auto config = config_of();
  config.inner.connect = std::exchange(config.inner.listen, {});
  config.inner.egress_port = 0;
  for (const Flow& flow : planned_flows(config, {})) EXPECT_NE(flow.to, Place::Outside) << flow.why;
}

TEST(NetworkPlan, RulesAreOfTheWallTheyAreFor) {
  const auto flows = planned_flows(config_of(), {});
  const std::string outer = nft_table(flows, Wall::Outer).value(), inner = nft_table(flows, Wall::Inner).value();
  EXPECT_THAT(outer, HasSubstr("ip daddr { 203.0.113.10 } tcp dport 993 accept"));
  EXPECT_THAT(outer, HasSubstr("ip saddr { 10.0.0.2 } ip daddr { 192.0.2.25 } tcp dport 587 accept"));
  EXPECT_THAT(outer, Not(HasSubstr("746")));
  EXPECT_THAT(outer, HasSubstr("policy drop"));
  EXPECT_THAT(inner, HasSubstr("ip saddr { 172.16.0.10 } ip daddr { 10.0.0.2 } tcp dport 7461 accept"));
  EXPECT_THAT(inner, Not(HasSubstr("fd00"))) << "the inside has no address of that family";
  EXPECT_THAT(inner, Not(HasSubstr("993")));
  EXPECT_THAT(inner, HasSubstr("policy drop"));
}

TEST(NetworkPlan, RulesNeedAddresses) {
  auto config = config_of();
  config.inner.from.clear();
  EXPECT_FALSE(nft_table(planned_flows(config, {}), Wall::Inner).has_value());
  EXPECT_TRUE(nft_table(planned_flows(config, "172.16.0.10"), Wall::Inner).has_value());
  config = config_of();
  config.listeners[0].address = "0.0.0.0";
  EXPECT_THAT(nft_table(planned_flows(config, {}), Wall::Outer).error().text(), HasSubstr("--gateway"));
  EXPECT_TRUE(nft_table(planned_flows(config, "203.0.113.10"), Wall::Outer).has_value());
}

TEST(NetworkPlan, NamesOfTheAdministratorDoNotEndAComment) {
  auto config = config_of();
  config.listeners[0].name = "a\" accept; drop\\";
  const auto flows = planned_flows(config, {});
  EXPECT_EQ(flows[0].why, "IMAP, listener a' accept; drop'");
}

struct Wrong {
  const char* keys;
  const char* text;
};
TEST(InnerKeys, AreRefusedWithAReason) {
  const std::string head =
      "host = \"m.test\"\ndomains = [\"t.test\"]\ntls.certificate_file = \"c\"\ntls.key_file = \"k\"\n";
  const std::string door = "[[listener]]\nname = \"imaps\"\nservice = \"imap\"\nport = 993\n";
  for (const Wrong& wrong :
       {Wrong{"inner.listen = \"10.0.0.2\"\ninner.connect = \"10.0.0.2\"\n", "not both"},
        Wrong{"inner.listen = \"inside.test\"\n", "numeric"}, Wrong{"inner.connect = \"10.0.0.2\"\n", "inner.ca_file"},
        Wrong{"inner.key_file = \"k\"\n", "gateway's host"},
        Wrong{"inner.listen = \"10.0.0.2\"\ninner.mta_port = 7461\n", "another one"},
        Wrong{"inner.listen = \"10.0.0.2\"\ninner.egress_port = 0\n", "0 is for"},
        Wrong{"inner.listen = \"10.0.0.2\"\ninner.from = [\"dmz1\"]\n", "network"}}) {
    auto config = parse_config(head + wrong.keys + door, "f");
    ASSERT_FALSE(config.has_value()) << wrong.keys;
    EXPECT_THAT(config.error().text(), HasSubstr(wrong.text));
  }
  EXPECT_THAT(parse_config(head + door + "node = \"dmz1\"\n", "f").error().text(), HasSubstr("inner.listen"));
  EXPECT_THAT(parse_config(head + "inner.listen = \"10.0.0.2\"\n" + door + "node = \"DMZ\"\n", "f").error().text(),
              HasSubstr("lower case"));
  EXPECT_TRUE(
      parse_config(head + "inner.listen = \"10.0.0.2\"\n" + door + "node = \"dmz1\"\n" + door + "node = \"dmz2\"\n", "f")
          .error()
          .text()
          .find("name is used twice") != std::string::npos);
}

}  // namespace
}  // namespace bz::app

#include "app/config_apns.h"

#include <gmock/gmock.h>

#include <tuple>

#include "app/config.h"
#include "app/network_plan.h"
#include "roles/managed.h"

namespace bz::app {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

Result<roles::Config> parse(const std::string& more) {
  return parse_config(
      "host = \"mail.example.test\"\ndomains = [\"example.test\"]\ntls.certificate_file = \"c\"\n"
      "tls.key_file = \"k\"\n" +
          more + "[[listener]]\nname = \"imaps\"\nservice = \"imap\"\nport = 993\n",
      "f");
}
std::string why(const std::string& more) {
  auto config = parse(more);
  return config ? "accepted" : config.error().text();
}
const std::string kOn = "apns.certificate_file = \"a\"\napns.key_file = \"b\"\n";

TEST(ConfigApns, is_off_and_unseen_until_there_is_a_certificate) {
  auto config = parse("");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_FALSE(config->apns.on());
  EXPECT_FALSE(roles::wants_admin(*config));
  EXPECT_EQ(config->listeners[0].imap_capabilities, "");
  EXPECT_THAT(flow_table(planned_flows(*config, {}), false), Not(HasSubstr("Apple")));
}

TEST(ConfigApns, with_a_certificate_it_is_shown_before_login_and_in_the_network_plan) {
  auto config = parse(kOn);
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_TRUE(roles::wants_push(*config) && roles::wants_admin(*config));
  EXPECT_THAT(config->listeners[0].imap_capabilities, EndsWith(" XAPPLEPUSHSERVICE"));
  EXPECT_THAT(config->listeners[0].imap_capabilities, HasSubstr("LITERAL+"));
  const std::string plan = flow_table(planned_flows(*config, {}), false);
  EXPECT_THAT(plan, HasSubstr("outside api.push.apple.com  tcp/443"));
  EXPECT_THAT(plan, HasSubstr("Apple's push service"));
  auto minus = parse("mailstore.imap_literals = \"minus\"\n" + kOn);
  ASSERT_TRUE(minus) << minus.error().text();
  EXPECT_THAT(minus->listeners[0].imap_capabilities, HasSubstr("LITERAL- "));
  EXPECT_THAT(minus->listeners[0].imap_capabilities, EndsWith(" XAPPLEPUSHSERVICE"));
}

TEST(ConfigApns, a_gateway_host_has_no_push_of_its_own) {
  auto config = parse(kOn);
  config->inner.connect = "10.0.0.2";
  EXPECT_FALSE(roles::wants_push(*config));
  EXPECT_FALSE(roles::wants_admin(*config));
}

TEST(ConfigApns, what_does_not_go_together_is_refused) {
  EXPECT_THAT(why("apns.certificate_file = \"a\"\n"), HasSubstr("goes together with key_file"));
  EXPECT_THAT(why("apns.key_file = \"a\"\n"), HasSubstr("goes together with key_file"));
  for (const char* bad : {"http://push.test", "https://push.test/3", "https://push.test:0", "https://push.test:x",
                          "https://user@push.test", "https://:443"})
    EXPECT_THAT(why(kOn + "apns.server = \"" + bad + "\"\n"), HasSubstr("server must be")) << bad;
}

TEST(ConfigApns, places) {
  roles::ApnsConfig apns;
  for (auto [server, host, port] : {std::tuple<const char*, const char*, int>{"https://push.test", "push.test", 443},
                                    {"https://push.test:2197", "push.test", 2197},
                                    {"https://[::1]:2197", "::1", 2197},
                                    {"https://[::1]", "::1", 443}}) {
    apns.server = server;
    EXPECT_TRUE(check_apns(apns).has_value()) << server;
    EXPECT_EQ(apns_place(apns), std::pair(std::string(host), static_cast<uint16_t>(port))) << server;
  }
}

}  // namespace
}  // namespace bz::app

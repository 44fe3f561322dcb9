#include "app/config_acme.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/config.h"
#include "roles/managed.h"

namespace bz::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<roles::Config> parse(const std::string& acme, const std::string& tail = "") {
  return parse_config(
      "host = \"Mail.Example.test\"\ndomains = [\"example.test\"]\ntls.certificate_file = \"c\"\ntls.key_file = \"k\"\n" +
          acme +
          "[[listener]]\nname = \"imaps\"\nservice = \"imap\"\nport = 443\n[[listener]]\nname = \"imap\"\nservice = "
          "\"imap\"\nport = 143\ntls = "
          "\"starttls\"\n" +
          tail,
      "f");
}
std::string why(const std::string& acme, const std::string& tail = "") {
  auto config = parse(acme, tail);
  return config ? "accepted" : config.error().text();
}
const std::string kOn = "acme.directory = \"https://ca.test/dir\"\n";

TEST(ConfigAcme, is_off_until_a_directory_is_named) {
  auto config = parse("");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_FALSE(config->acme.on());
  EXPECT_FALSE(roles::wants_admin(*config));
  EXPECT_THAT(why("", "[[certificate]]\ncertificate_file = \"a\"\nkey_file = \"b\"\nacme_names = [\"a.test\"]\n"),
              HasSubstr("need acme.directory"));
}

TEST(ConfigAcme, the_host_is_the_name_unless_others_are_given) {
  auto config =
      parse(kOn + "tls.rsa_certificate_file = \"rc\"\ntls.rsa_key_file = \"rk\"\n",
            "[[certificate]]\ncertificate_file = \"a\"\nkey_file = \"b\"\nacme_names = [\"M\xc3\xbcnchen.Test\"]\n"
            "[[certificate]]\ncertificate_file = \"own\"\nkey_file = \"own.k\"\n");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_TRUE(roles::wants_admin(*config));
  auto managed = roles::managed_certificates(*config);
  ASSERT_EQ(managed.size(), 4u);
  EXPECT_EQ(managed[0].name, "tls");
  EXPECT_THAT(managed[0].names, ElementsAre("mail.example.test"));
  EXPECT_EQ(managed[1].name, "tls.rsa");
  EXPECT_EQ(managed[1].kind, crypto::KeyKind::Rsa2048);
  EXPECT_EQ(managed[2].name, "certificate.1");
  EXPECT_THAT(managed[2].names, ElementsAre("xn--mnchen-3ya.test"));
  EXPECT_TRUE(managed[3].names.empty()) << "the administrator's own";
}

TEST(ConfigAcme, what_does_not_go_together_is_refused) {
  for (auto [lines, text] : {std::pair<std::string, const char*>{"acme.directory = \"http://ca.test/dir\"\n", "https://"},
                             {kOn + "acme.challenge = \"dns-01\"\n", "needs acme.dns_hook"},
                             {kOn + "acme.challenge = \"tls-alpn-01\"\n", "needs acme.tls_alpn_listener"},
                             {kOn + "acme.challenge = \"tls-alpn-01\"\nacme.tls_alpn_listener = \"imap\"\n", "implicit"},
                             {kOn + "acme.challenge = \"tls-alpn-01\"\nacme.tls_alpn_listener = \"imaps\"\n", "accepted"},
                             {kOn + "acme.names = [\"*.example.test\"]\n", "needs challenge = \"dns-01\""},
                             {kOn + "acme.names = [\"a.*.test\"]\n", "no name of a host"},
                             {kOn + "acme.names = [\"localhost\"]\n", "no name of a host"},
                             {kOn + "acme.names = [\"192.0.2.1x:3\"]\n", "no name of a host"},
                             {kOn + "acme.eab_key_id = \"k\"\n", "goes together"},
                             {kOn + "acme.contact = [\"a@b.test\"]\n", "mailto:"},
                             {kOn + "acme.http_addresses = [\"example.test\"]\n", "numeric"}})
    EXPECT_THAT(why(lines), HasSubstr(text)) << lines;
}

TEST(ConfigAcme, staples_get_a_file_when_they_are_fetched) {
  auto config =
      parse("tls.ocsp = \"auto\"\n", "[[certificate]]\ncertificate_file = \"a\"\nkey_file = \"b\"\nocsp_file = \"mine\"\n");
  ASSERT_TRUE(config);
  EXPECT_TRUE(roles::wants_admin(*config));
  EXPECT_EQ(config->tls.ocsp_file, "c.ocsp");
  EXPECT_EQ(config->tls.rsa_ocsp_file, "");
  EXPECT_EQ(config->certificates[0].ocsp_file, "mine");
  EXPECT_EQ(parse("")->tls.ocsp_file, "");
}

}  // namespace
}  // namespace bz::app

#include "app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/config_keys.h"

namespace bz::app {
namespace {

using testing::HasSubstr;

const std::string kGood = R"(host = "Mail.Example.test"
domains = ["example.test"]
[tls]
certificate_file = "c.pem"
key_file = "k.pem"
[[listener]]
name = "imaps"
service = "imap"
port = 993
)";

std::string refusal(const std::string& toml) {
  auto config = parse_config(toml, "buzon.toml");
  return config ? "accepted" : config.error().text();
}

TEST(Config, a_directory_is_checked_as_a_whole) {
  const std::string good =
      kGood + "[[directory]]\nname = \"corp\"\ntype = \"ad\"\nservers = [\"ldaps://dc1.example.test\"]\nbase = \"dc=x\"\n";
  auto config = parse_config(good, "buzon.toml");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  ASSERT_EQ(config->directories.size(), 1u);
  EXPECT_EQ(config->directories[0].time, base::Millis(3000));
  EXPECT_FALSE(config->directories[0].reads_secrets);
  EXPECT_TRUE(parse_config(kGood, "buzon.toml")->directories.empty());
  for (auto [line, text] :
       {std::pair{"user_filter = \"(uid={name})\"", "not {name}"},
        {"attributes = [\"post=x\"]", "FIELD=ATTRIBUTE"},
        {"bind_dn = \"cn=x\"", "goes together with bind_password_file"},
        {"server_time = \"5s\"", "server_time must not be over time"},
        {"fresh = 5", "a duration"},
        {"filter = \"x\"", "nearest known one is"},
        {"[[directory]]\nname = \"corp\"\ntype = \"ad\"\nservers = [\"ldap://h\"]\nbase = \"dc=x\"", "used twice"},
        {"[[directory]]\nname = \"b\"\ntype = \"ad\"\nservers = [\"ldap+plain://ldap.example.test\"]\nbase = \"dc=x\"",
         "loopback"},
        {"[[directory]]\nname = \"b_c\"\ntype = \"ad\"\nservers = [\"ldap://h\"]\nbase = \"dc=x\"", "letters"}})
    EXPECT_THAT(refusal(good + line + "\n"), HasSubstr(text)) << line;
  EXPECT_THAT(config_doc(), HasSubstr("# [[directory]]"));
}

TEST(Config, small_file_gets_defaults) {
  auto config = parse_config(kGood, "buzon.toml");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  EXPECT_EQ(config->host, "mail.example.test");
  EXPECT_EQ(config->gateway.max_pre_login, 9000u);
  EXPECT_EQ(config->gateway.tls_sniff, base::Millis(100));
  EXPECT_EQ(config->mta.max_message, 64u << 20);
  EXPECT_EQ(config->mta.max_retry, base::Millis(4 * 3'600'000));
  EXPECT_EQ(config->mailstore.sent_match_window, base::Millis(600'000));
  EXPECT_EQ(config->guard.trusted.size(), 2u);
  ASSERT_EQ(config->listeners.size(), 1u);
  EXPECT_EQ(config->listeners[0].tls, roles::ListenerTls::Implicit);
  EXPECT_EQ(config->listeners[0].address, "::");
  EXPECT_THAT(config->listeners[0].mechanisms, testing::ElementsAre("PLAIN", "LOGIN", "SCRAM-SHA-256"));
}

TEST(Config, literal_minus_is_shown_before_login_too) {
  const std::string minus = "mailstore.imap_literals = \"minus\"\n" + kGood;
  EXPECT_EQ(parse_config(kGood, "f")->listeners[0].imap_capabilities, "");
  EXPECT_EQ(parse_config(minus, "f")->listeners[0].imap_capabilities, "IMAP4rev1 LITERAL- SASL-IR ID ENABLE IDLE LANGUAGE");
  EXPECT_EQ(parse_config(minus + "imap_capabilities = \"IMAP4rev1\"\n", "f")->listeners[0].imap_capabilities, "IMAP4rev1");
  EXPECT_THAT(refusal("mailstore.imap_literals = \"none\"\n" + kGood), HasSubstr("\"plus\" \"minus\""));
}

TEST(Config, errors_name_file_line_key_and_what_is_allowed) {
  EXPECT_EQ(refusal("gateway.workers = \"many\"\n" + kGood),
            "buzon.toml:1: gateway.workers: must be a whole number, from 0 to 64");
  EXPECT_EQ(refusal("\n[gateway]\nworkers = 65\n"), "buzon.toml:3: gateway.workers: must be a whole number, from 0 to 64");
  EXPECT_THAT(refusal("mta.lifetime = 5\n" + kGood), HasSubstr("buzon.toml:1: mta.lifetime: must be a duration in quotes"));
  EXPECT_THAT(refusal("mta.lifetime = \"40d\"\n" + kGood), HasSubstr("from \"1m\" to \"30d\""));
  EXPECT_THAT(refusal("log_level = \"loud\"\n" + kGood), HasSubstr("one of \"debug\" \"info\" \"warn\" \"error\""));
  EXPECT_THAT(refusal("host = \n"), HasSubstr("buzon.toml:1: "));
}

TEST(Config, unknown_keys_name_the_nearest) {
  EXPECT_EQ(refusal("gateway.worker = 1\n" + kGood),
            "buzon.toml:1: gateway.worker: unknown key; the nearest known one is gateway.workers");
  EXPECT_THAT(refusal(kGood + "prot = 1\n"), HasSubstr("buzon.toml:10: prot: unknown key; the nearest known one is port"));
  EXPECT_THAT(refusal("hots = \"x\"\n" + kGood), HasSubstr("nearest known one is host"));
}

TEST(Config, required_keys) {
  EXPECT_THAT(refusal(""), HasSubstr("host: is missing"));
  EXPECT_THAT(refusal("host = \"a\"\ndomains = [\"b\"]\ntls.certificate_file = \"c\"\ntls.key_file = \"k\"\n"),
              HasSubstr("[[listener]]"));
  EXPECT_THAT(refusal(kGood + "[[listener]]\nname = \"x\"\nservice = \"imap\"\n"),
              HasSubstr("buzon.toml:10: port: is missing"));
}

std::string listener(const std::string& rest) { return refusal(kGood + "[[listener]]\nname = \"x\"\nport = 1\n" + rest); }

TEST(Config, cleartext_only_where_it_is_harmless) {
  EXPECT_EQ(listener("service = \"lmtp\"\ntls = \"none\"\naddress = \"127.0.0.1\"\n"), "accepted");
  EXPECT_EQ(listener("service = \"lmtp\"\ntls = \"none\"\naddress = \"fd00::1\"\n"), "accepted");
  EXPECT_EQ(listener("service = \"lmtp\"\ntls = \"none\"\naddress = \"172.16.0.1\"\n"), "accepted");
  EXPECT_THAT(listener("service = \"lmtp\"\ntls = \"none\"\naddress = \"192.0.2.1\"\n"), HasSubstr("loopback or private"));
  EXPECT_THAT(listener("service = \"lmtp\"\ntls = \"none\"\naddress = \"::\"\n"), HasSubstr("loopback or private"));
  for (const char* service : {"imap", "submission"}) {
    const std::string start = "service = \"" + std::string(service) + "\"\ntls = \"none\"\n";
    for (const char* address : {"127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.7.7",
                                "169.254.1.1", "::1", "fd00::1", "fc00::1", "fe80::1"}) {
      EXPECT_EQ(listener(start + "address = \"" + address + "\"\n"), "accepted") << service << address;
    }
    for (const char* address : {"0.0.0.0", "::", "192.0.2.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "11.0.0.1",
                                "8.8.8.8", "2001:db8::1", "fec0::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"}) {
      EXPECT_THAT(listener(start + "address = \"" + address + "\"\n"),
                  HasSubstr("buzon.toml:10: listener 2: tls = \"none\" needs a loopback or private address"))
          << service << address;
    }
    EXPECT_THAT(listener(start), HasSubstr("not ::"));  // the default is every address
    EXPECT_THAT(listener(start + "address = \"::1\"\nmechanisms = [\"SCRAM-SHA-256-PLUS\"]\n"), HasSubstr("not with tls"));
  }
  EXPECT_THAT(listener("service = \"mx\"\ntls = \"none\"\naddress = \"::1\"\n"), HasSubstr("starttls"));
  EXPECT_THAT(listener("service = \"mx\"\n"), HasSubstr("starttls"));
  EXPECT_THAT(listener("service = \"imap\"\naddress = \"localhost\"\n"), HasSubstr("numeric"));
  EXPECT_THAT(listener("service = \"imap\"\nmechanisms = [\"ANONYMOUS\"]\n"), HasSubstr("is not one of PLAIN, LOGIN"));
}

TEST(Config, balancers_are_addresses_or_networks) {
  const std::string start = "service = \"imap\"\nproxy_protocol_from = ";
  EXPECT_EQ(listener(start + "[\"192.0.2.1\", \"10.0.0.0/8\", \"2001:db8::/64\"]\n"), "accepted");
  EXPECT_EQ(listener(start + "[]\n"), "accepted");
  for (const char* wrong : {"[\"balancer.example.test\"]", "[\"10.0.0.0/33\"]", "[\"\"]", "\"10.0.0.1\"", "true"}) {
    EXPECT_THAT(listener(start + wrong + "\n"), HasSubstr("proxy_protocol_from")) << wrong;
  }
}

TEST(Config, settings_that_belong_together) {
  EXPECT_THAT(refusal("smart_host.user = \"u\"\n" + kGood), HasSubstr("password_file"));
  EXPECT_THAT(refusal("guard.trusted = [\"::1\", \"10.0.0.0/33\"]\n" + kGood),
              HasSubstr("guard.trusted: each must be an address"));
  EXPECT_THAT(refusal("guard.denied = [\"everybody\"]\n" + kGood), HasSubstr("guard.denied: each must be an address"));
  EXPECT_THAT(refusal("guard.delay = \"6s\"\ngateway.auth_time = \"10s\"\n" + kGood),
              HasSubstr("guard.delay: must be at least 5 s less"));
  EXPECT_THAT(refusal(kGood + "[[listener]]\nname = \"imaps\"\nservice = \"imap\"\nport = 2\n"),
              HasSubstr("name is used twice"));
  EXPECT_THAT(refusal(kGood + "[[listener]]\nname = \"x\"\nservice = \"imap\"\nport = 993\naddress = \"0:0::0\"\n"),
              HasSubstr("address and port are used twice"));
  EXPECT_THAT(refusal("gateway.max_pre_login = 1000000\n" + kGood), HasSubstr("max_sessions"));
}

TEST(Config, domains_may_be_written_in_either_form) {
  auto config = parse_config(
      "smart_host.host = \"Rel\u00E9.example\"\nhost = \"mail.M\u00FCnchen.example\"\ndomains = [\"m\u00FCnchen.example\", "
      "\"xn--bcher-kva.example\"]\n" +
          kGood.substr(kGood.find("\n", kGood.find("domains")) + 1),
      "buzon.toml");
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->host, "mail.xn--mnchen-3ya.example");
  EXPECT_EQ(config->domains, (std::vector<std::string>{"xn--mnchen-3ya.example", "xn--bcher-kva.example"}));
  EXPECT_EQ(config->mta.smart_host.host, "xn--rel-dma.example");
  EXPECT_THAT(refusal("host = \"\u00FC_.example\"\n" + kGood.substr(kGood.find("domains"))), HasSubstr("DNS name"));
}

TEST(Config, mechanisms_that_need_something_say_so) {
  EXPECT_EQ(listener("service = \"imap\"\nmechanisms = [\"ntlm\", \"Digest-MD5\", \"scram-sha-512-plus\"]\n"), "accepted");
  EXPECT_THAT(listener("service = \"imap\"\nmechanisms = [\"APOP\"]\n"), HasSubstr("POP3"));
  EXPECT_THAT(listener("service = \"imap\"\nmechanisms = [\"EXTERNAL\"]\n"), HasSubstr("client_certificates"));
  EXPECT_THAT(listener("service = \"imap\"\nclient_certificates = \"required\"\n"), HasSubstr("ca_file"));
  EXPECT_THAT(refusal("client_certificates.ca_file = \"c\"\n" + kGood +
                      "[[listener]]\nname = \"x\"\nport = 1\nservice = \"imap\"\ntls = \"none\"\naddress = \"::1\"\n"
                      "client_certificates = \"required\"\n"),
              HasSubstr("TLS handshake"));
  EXPECT_THAT(listener("service = \"imap\"\nmechanisms = [\"XOAUTH2\"]\n"), HasSubstr("oauth.jwks_file"));
  EXPECT_THAT(refusal("oauth.jwks_file = \"k\"\n" + kGood), HasSubstr("oauth.issuer"));
  EXPECT_THAT(refusal("auth.secrets = [\"md5\"]\n" + kGood), HasSubstr("digest-md5"));
  EXPECT_THAT(refusal("auth.secrets = [\"ntlm\"]\n" + kGood), HasSubstr("secrets_key_file"));
  EXPECT_EQ(refusal("auth.secrets = [\"ntlm\"]\nauth.secrets_key_file = \"k\"\n" + kGood), "accepted");
  EXPECT_EQ(refusal("auth.secrets = [\"scram-sha-1\"]\n" + kGood), "accepted");
  EXPECT_THAT(refusal("client_certificates.names = [\"dn\"]\n" + kGood), HasSubstr("\"cn\""));
  for (const char* name : {"GSSAPI", "GSS-SPNEGO"})
    EXPECT_THAT(listener("service = \"imap\"\nmechanisms = [\"" + std::string(name) + "\"]\n"),
                HasSubstr("kerberos.keytab_file"));
  for (const auto& [keys, why] :
       {std::pair("oauth.jwks_url = \"https://x/k\"\n", "oauth.issuer"),
        {"oauth.jwks_url = \"http://x/k\"\noauth.issuer = \"i\"\noauth.audience = [\"a\"]\n", "https"},
        {"oauth.introspection_url = \"https://x/i\"\n", "introspection_client"},
        {"oauth.introspection_cache = \"2m\"\n", "introspection_cache"},
        {"oauth.jwks_shortest = \"2h\"\noauth.jwks_longest = \"1h\"\n", "jwks_longest"}})
    EXPECT_THAT(refusal(keys + kGood), HasSubstr(why));
  EXPECT_THAT(refusal("kerberos.keytab_file = \"k\"\n" + kGood), HasSubstr("kerberos.realms"));
  EXPECT_THAT(refusal("kerberos.realms = [\"A B\"]\n" + kGood), HasSubstr("no realm"));
  EXPECT_THAT(refusal("kerberos.channel_binding = \"maybe\"\n" + kGood), HasSubstr("\"required\""));
}

TEST(Config, more_certificates_and_profiles) {
  auto with_tls = [](const std::string& line) {  // another key of the table [tls]
    std::string text = kGood;
    return text.insert(text.find("[[listener]]"), line + "\n");
  };
  auto config =
      parse_config(with_tls("profile = \"modern\"") +
                       "[[certificate]]\ncertificate_file = \"c\"\nkey_file = \"k\"\n"
                       "[[certificate]]\ncertificate_file = \"d\"\nkey_file = \"l\"\nocsp_file = \"o\"\n"
                       "[[listener]]\nname = \"old\"\nservice = \"imap\"\nport = 9930\ntls_profile = \"legacy\"\n",
                   "buzon.toml");
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_EQ(config->certificates.size(), 2u);
  EXPECT_EQ(config->certificates[1].ocsp_file, "o");
  EXPECT_EQ(config->tls.profile, roles::TlsProfile::Modern);
  EXPECT_FALSE(config->listeners[0].tls_profile);
  EXPECT_EQ(config->listeners.back().tls_profile, roles::TlsProfile::Legacy);
  EXPECT_THAT(refusal(with_tls("profile = \"legacy\"")), HasSubstr("\"modern\" \"intermediate\"")) << "for a listener only";
  EXPECT_THAT(refusal(kGood + "[[certificate]]\ncertificate_file = \"c\"\n"), HasSubstr("key_file: is missing"));
  EXPECT_THAT(refusal("certificate = 1\n" + kGood), HasSubstr("[[certificate]]"));
  EXPECT_THAT(refusal(with_tls("rsa_ocsp_file = \"o\"")), HasSubstr("rsa_certificate_file"));
}

TEST(Config, durations_and_sizes) {
  EXPECT_EQ(parse_duration("100ms"), base::Millis(100));
  EXPECT_EQ(parse_duration("2d"), base::Millis(2 * 86'400'000));
  for (const char* text : {"", "5", "s", "-1s", "1 s", "1w", "99999999999999999999s"})
    EXPECT_FALSE(parse_duration(text)) << text;
  EXPECT_EQ(parse_size("2KiB"), 2048u);
  EXPECT_EQ(parse_size("0B"), 0u);
  for (const char* text : {"", "5", "1KB", "-1B", "99999999999999999999B"}) EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Config, the_state_folder_is_found_in_a_file_with_errors) {
  EXPECT_EQ(*parse_state("gateway.workers = 1000\nno_such_key = 1\nstate = \"/srv/x\"\n", "f"), "/srv/x");
  EXPECT_EQ(*parse_state("host = 5\n", "f"), ".");
  EXPECT_THAT(parse_state("host = \n", "f").error().text(), HasSubstr("f:1: TOML: "));
}

TEST(Config, doc_holds_every_key) {
  std::string doc = config_doc();
  for (const auto& key : config_keys()) {
    EXPECT_THAT(doc, HasSubstr(std::string(key.name) + " = "));
    EXPECT_FALSE(key.doc.empty());
  }
  for (const auto& key : certificate_keys()) EXPECT_THAT(doc, HasSubstr(std::string(key.name) + " = "));
  for (const auto& key : listener_keys()) EXPECT_THAT(doc, HasSubstr(std::string(key.name) + " = "));
  for (const auto& key : client_keys()) EXPECT_THAT(doc, HasSubstr(std::string(key.name) + " = "));
}

const std::string kServer = "[[server]]\nname = \"old\"\nhost = \"imap.old.test\"\n";

TEST(Config, servers_and_routes_are_tables_of_their_own) {
  auto config = parse_config(kGood + kServer + R"(delivery = "lmtp"
delivery_port = 24
[[server]]
name = "many"
hosts = ["*.old.test"]
[[route]]
domain = "X.test"
server = "old"
[[route]]
account = "ana@y.test"
server = "-"
)",
                             "buzon.toml");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  ASSERT_EQ(config->servers.size(), 2u);
  EXPECT_EQ(config->servers[0].imap_port, 993);
  EXPECT_EQ(config->servers[0].imap_tls, roles::ListenerTls::Implicit);
  EXPECT_EQ(config->servers[0].submission_port, 0);
  EXPECT_TRUE(config->servers[0].lmtp);
  EXPECT_EQ(config->servers[0].login, "user");
  ASSERT_EQ(config->routes.size(), 2u);
  EXPECT_EQ(config->routes[0].domain, "x.test");
}

TEST(Config, what_is_enforced_is_not_under_what_is_shown) {
  EXPECT_THAT(refusal(kGood + "[mailstore]\nmessage_limit = 999\n"), HasSubstr("must be 0 or at least 1000"));
  EXPECT_THAT(refusal(kGood + "[mailstore]\nmessage_limit_enforced = 2000\n"), HasSubstr("must not be under"));
  EXPECT_THAT(refusal(kGood + "[mailstore]\nmessage_limit = 0\nmessage_limit_enforced = 2000\n"), HasSubstr("must be set"));
  EXPECT_THAT(refusal(kGood + "[mailstore]\nmessage_limit = 1000\nmessage_limit_enforced = 2000\n"), "accepted");
}

TEST(Config, imap4rev2_is_for_clients_that_name_themselves) {
  EXPECT_EQ(parse_config(kGood, "f")->mailstore.imap4rev2, imap::Offer::ToNamed);
  EXPECT_EQ(parse_config("mailstore.imap4rev2 = \"always\"\n" + kGood, "f")->mailstore.imap4rev2, imap::Offer::Always);
  EXPECT_EQ(parse_config("mailstore.imap4rev2 = \"never\"\n" + kGood, "f")->mailstore.imap4rev2, imap::Offer::Never);
  EXPECT_THAT(refusal("mailstore.imap4rev2 = \"yes\"\n" + kGood), HasSubstr("\"never\" \"named\" \"always\""));
}

TEST(Config, clients_are_a_table_of_rules_with_reasons) {
  const std::string rule = "[[client]]\nname = \"Old*\"\n";
  auto config = parse_config(kGood + rule + "hide = [\"COMPRESS\", \"IMAP4rev2\"]\nreason = \"crashes\"\n", "buzon.toml");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  ASSERT_EQ(config->clients.size(), 1u);
  EXPECT_EQ(config->clients[0].hide, (std::vector<std::string>{"COMPRESS", "IMAP4rev2"}));
  EXPECT_TRUE(config->mailstore.client_rules);
  EXPECT_THAT(refusal(kGood + rule + "hide = [\"IDLE\"]\n"), HasSubstr("buzon.toml:10: reason: is missing"));
  EXPECT_THAT(refusal(kGood + rule + "reason = \"x\"\n"), HasSubstr("hides and shows nothing"));
  EXPECT_THAT(refusal(kGood + rule + "reason = \"x\"\nhide = [\"A B\"]\n"), HasSubstr("names of capabilities"));
}

TEST(Config, servers_that_cannot_work_are_refused) {
  EXPECT_THAT(refusal(kGood + "[[server]]\nname = \"old\"\n"), HasSubstr("server 1: host is missing"));
  EXPECT_THAT(refusal(kGood + kServer + kServer), HasSubstr("server 2: name is used twice"));
  EXPECT_THAT(refusal(kGood + kServer + "login = \"master\"\n"), HasSubstr("needs master_user"));
  EXPECT_THAT(refusal(kGood + kServer + "master_user = \"m\"\n"), HasSubstr("goes together with master_password_file"));
  EXPECT_THAT(refusal(kGood + kServer + "hosts = [\"*\"]\n"), HasSubstr("neither a name"));
  EXPECT_THAT(refusal(kGood + "[[server]]\nname = \"a\"\nhost = \"192.0.2.1\"\nimap_tls = \"none\"\n"),
              HasSubstr("needs a loopback or private address"));
  EXPECT_THAT(refusal(kGood + "[[server]]\nname = \"../x\"\nhost = \"a.test\"\n"), HasSubstr("name must be letters"));
  EXPECT_THAT(refusal(kGood + "[[route]]\ndomain = \"x.test\"\nserver = \"old\"\n"),
              HasSubstr("there is no [[server]] old"));
  const std::string route = kGood + kServer + "[[route]]\nserver = \"old\"\n";  // for everybody
  EXPECT_THAT(refusal(route), "accepted");
  EXPECT_THAT(refusal(route + "attribute = \"site\"\n"), HasSubstr("attribute goes together with value"));
  EXPECT_THAT(refusal(route + "attribute = \"a=b\"\nvalue = \"x\"\n"), HasSubstr("must be the name of one"));
  EXPECT_THAT(refusal(route + "group = \"sales\"\n"), HasSubstr("group must be a DN"));
  EXPECT_THAT(refusal(route + "attribute = \"site\"\nvalue = \"x\"\n"), HasSubstr("attribute needs a [[directory]]"));
  const std::string corp =
      "[[directory]]\nname = \"corp\"\ntype = \"openldap\"\nservers = [\"ldaps://a.test\"]\nbase = \"dc=x,dc=y\"\n";
  EXPECT_THAT(refusal(route + "attribute = \"site\"\nvalue = \"x\"\n" + corp), "accepted");
  for (const char* in : {"cn=a,dc=x,dc=y", "CN = a, DC=X , dc= y"})
    EXPECT_THAT(refusal(route + "group = \"" + in + "\"\n" + corp), "accepted") << in;
  for (const char* out : {"cn=a,dc=z", "cn=a,dc=xdc=x,dc=y", "dc=y"})
    EXPECT_THAT(refusal(route + "group = \"" + out + "\"\n" + corp), HasSubstr("below the base of no [[directory]]"))
        << out;
  EXPECT_THAT(refusal(kGood + kServer + "prot = 1\n"), HasSubstr("unknown key"));
  EXPECT_THAT(refusal("gateway.foreign_time = \"20s\"\n" + kGood + kServer), HasSubstr("more than egress.login_time"));
  EXPECT_EQ(refusal(kGood + "route = \"old\"\n"), "buzon.toml:10: route: unknown key; the nearest known one is port");
}

}  // namespace
}  // namespace bz::app

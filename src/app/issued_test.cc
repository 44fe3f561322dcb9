// The files of certificates by ACME: what admin may replace, and that a pair that fits is found after a power cut at any
// moment.
#include "app/issued.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "app/config.h"
#include "crypto/node_certificate.h"
#include "crypto/x509.h"

namespace bz::app {
namespace {

using testing::HasSubstr;

struct IssuedTest : testing::Test {
  std::filesystem::path path;
  os::Fd folder;
  base::Clock& clock = base::system_clock();  // validity is checked against it
  base::Random& random = base::system_random();
  crypto::CertifiedKey authority = *crypto::make_authority("A", clock, random);
  roles::Config config;

  IssuedTest() {
    char pattern[] = "/tmp/buzon-issued-XXXXXX";
    path = mkdtemp(pattern);
    folder = *os::open_folder(os::kHere, path.string());
    config = with("");
  }
  ~IssuedTest() override { std::filesystem::remove_all(path); }

  static roles::Config with(const std::string& more) {
    auto config = parse_config(
        "host = \"mail.example.test\"\ndomains = [\"example.test\"]\nacme.directory = \"https://ca.test/\"\n"
        "tls.certificate_file = \"c.pem\"\ntls.key_file = \"k.pem\"\n" +
            more +
            "[[listener]]\nname = \"imaps\"\nservice = \"imap\"\nport = 993\n"
            "[[certificate]]\ncertificate_file = \"own.pem\"\nkey_file = \"own.key\"\n",
        "f");
    EXPECT_TRUE(config) << config.error().text();
    return std::move(*config);
  }
  crypto::CertifiedKey pair(std::vector<std::string> names = {"mail.example.test"}) {
    return *crypto::issue_server_certificate(authority, {std::move(names)}, clock, random);
  }
  wire::InstallCertificate issued(const crypto::CertifiedKey& pair, std::string name = "tls") {
    return {1, std::move(name), pair.chain_pem, std::string(pair.key_pem.reveal())};
  }
  std::string read(const std::string& name) {
    auto text = os::read_file(folder.get(), name, 100'000);
    return text ? *text : "";
  }
  void write(const std::string& name, std::string_view bytes) {
    ASSERT_TRUE(os::write_file(folder.get(), name, bytes, 0600));
  }
  bool fits() { return crypto::check_certified_key({read("c.pem"), Secret(read("k.pem"))}).has_value(); }
};

TEST_F(IssuedTest, a_pair_goes_where_the_configuration_reads_it) {
  auto first = pair(), second = pair();
  ASSERT_TRUE(install_issued(config, folder.get(), issued(first)));
  ASSERT_TRUE(install_issued(config, folder.get(), issued(second)));
  EXPECT_EQ(read("c.pem"), second.chain_pem);
  EXPECT_EQ(read("k.pem"), second.key_pem.reveal());
  EXPECT_EQ(std::filesystem::status(path / "k.pem").permissions() & std::filesystem::perms::mask,
            std::filesystem::perms(0600));
  EXPECT_FALSE(os::exists(folder.get(), "k.pem.next"));
}

TEST_F(IssuedTest, admin_can_put_nothing_else_there) {
  auto good = pair(), other = pair({"evil.test"});
  auto why = [&](const wire::InstallCertificate& one) {
    auto done = install_issued(config, folder.get(), one);
    return done ? std::string("installed") : done.error().text();
  };
  EXPECT_THAT(why(issued(other)), HasSubstr("is not for mail.example.test"));
  EXPECT_THAT(why(issued(good, "certificate.1")), HasSubstr("not given to ACME"));
  EXPECT_THAT(why(issued(good, "tls.rsa")), HasSubstr("no certificate"));
  EXPECT_THAT(why(issued(good, "../k")), HasSubstr("no certificate"));
  EXPECT_NE(why(issued({good.chain_pem, other.key_pem})), "installed");
  EXPECT_NE(why({1, "tls", "junk", "junk"}), "installed");
  EXPECT_TRUE(os::list_folder(folder.get(), ".")->empty()) << "nothing is written";
}

TEST_F(IssuedTest, a_power_cut_at_any_moment_leaves_a_pair_that_fits) {
  auto old = pair(), fresh = pair();
  // What is on the disk after each step of the installation.
  struct Cut {
    bool next, certificate, key;
  };
  for (const Cut& cut : {Cut{false, false, false}, Cut{true, false, false}, Cut{true, true, false}, Cut{true, true, true},
                         Cut{false, true, true}}) {
    write("c.pem", cut.certificate ? fresh.chain_pem : old.chain_pem);
    write("k.pem", (cut.key ? fresh : old).key_pem.reveal());
    if (cut.next) write("k.pem.next", fresh.key_pem.reveal());
    settle_issued(config, folder.get());
    EXPECT_TRUE(fits());
    EXPECT_FALSE(os::exists(folder.get(), "k.pem.next"));
    EXPECT_EQ(read("c.pem"), cut.certificate ? fresh.chain_pem : old.chain_pem);
  }
}

TEST_F(IssuedTest, a_first_certificate_of_our_own_only_where_there_is_none) {
  settle_issued(config, folder.get());
  EXPECT_TRUE(fits());
  EXPECT_FALSE(os::exists(folder.get(), "own.pem")) << "not given to ACME";
  const std::string made = read("c.pem");
  settle_issued(config, folder.get());
  EXPECT_EQ(read("c.pem"), made);
  // Half of a pair is the administrator's mistake, not ours to repair.
  ASSERT_TRUE(os::remove_file(folder.get(), "c.pem"));
  settle_issued(config, folder.get());
  EXPECT_FALSE(os::exists(folder.get(), "c.pem"));
}

TEST_F(IssuedTest, staples_only_where_they_are_asked_for_and_good) {
  auto why = [](const Result<void>& done) { return done ? std::string("installed") : done.error().text(); };
  EXPECT_THAT(why(install_staple(config, folder.get(), {1, "tls", "x"})), HasSubstr("is not \"auto\""));
  config = with("tls.ocsp = \"auto\"\n");
  EXPECT_EQ(config.tls.ocsp_file, "c.pem.ocsp");
  ASSERT_TRUE(install_issued(config, folder.get(), issued(pair())));
  EXPECT_NE(why(install_staple(config, folder.get(), {1, "tls", "junk"})), "installed");
  EXPECT_FALSE(os::exists(folder.get(), "c.pem.ocsp"));
}

TEST_F(IssuedTest, ANodeGetsItsNextCertificateForItsOwnKeyAndNameAlone) {
  auto made = *crypto::make_node_request("dmz1", "gateway");
  auto issue = [&](const std::string& request, const char* name, int days) {
    return *crypto::issue_node_certificate(authority, request, name, "gateway", days, clock, random);
  };
  Loaded loaded;
  loaded.config.inner.certificate_file = "node.pem";
  EXPECT_FALSE(install_node(loaded, folder.get(), {1, "node", issue(made.request_pem, "dmz1", 9), {}})) << "no node";
  loaded.secrets[roles::secrets::kInnerCertificate] = Secret(issue(made.request_pem, "dmz1", 9));
  loaded.secrets[roles::secrets::kInnerKey] = made.key_pem;
  const std::string next = issue(made.request_pem, "dmz1", 90);
  auto refused = [&](const std::string& certificate) {
    auto done = install_node(loaded, folder.get(), {1, "node", certificate, {}});
    EXPECT_FALSE(std::filesystem::exists(path / "node.pem"));
    return done ? "" : done.error().text();
  };
  EXPECT_THAT(refused(issue(crypto::make_node_request("dmz1", "gateway")->request_pem, "dmz1", 90)), HasSubstr("key"));
  EXPECT_THAT(refused(issue(made.request_pem, "dmz2", 90)), HasSubstr("is for dmz2.gateway"));
  EXPECT_THAT(refused(issue(made.request_pem, "dmz1", 1)), HasSubstr("ends earlier"));
  EXPECT_NE(refused("no certificate"), "");
  EXPECT_NE(refused(""), "");
  EXPECT_TRUE(install_node(loaded, folder.get(), {1, "node", next, {}}));
  EXPECT_EQ(read("node.pem"), next);
}

}  // namespace
}  // namespace bz::app

// Keytabs, principals, and the acceptor with tokens that prove nothing; tests/interop/kerberos.py has a KDC for the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/text.h"
#include "gss/acceptor.h"
#include "gss/keytab.h"
#include "gss/principal.h"

namespace bz::gss {
namespace {

using testing::HasSubstr;

std::string number(uint32_t value, int size) {
  std::string out;
  for (int i = size - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::string counted(std::string_view text) { return number(static_cast<uint32_t>(text.size()), 2) + std::string(text); }

std::string entry(std::vector<std::string> components, std::string_view tail = "") {
  std::string out = number(static_cast<uint32_t>(components.size()), 2) + counted("EXAMPLE.TEST");
  for (const std::string& component : components) out += counted(component);
  out += number(1, 4) + number(1'700'000'000, 4) + number(3, 1) + number(18, 2) + counted(std::string(32, 'k'));
  return out + std::string(tail);
}
std::string keytab(std::vector<std::string> entries) {
  std::string out = "\x05\x02";
  for (const std::string& one : entries) out += number(static_cast<uint32_t>(one.size()), 4) + one;
  return out;
}

TEST(Keytab, entries_as_the_tools_write_them) {
  auto entries = parse_keytab(keytab({entry({"imap", "mail.example.test"}), entry({"host", "x"}, number(300, 4))}));
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 2u);
  const KeytabEntry& first = (*entries)[0];
  EXPECT_TRUE(first.is_of("imap"));
  EXPECT_FALSE(first.is_of("smtp"));
  EXPECT_EQ(first.realm, "EXAMPLE.TEST");
  EXPECT_EQ(first.components[1], "mail.example.test");
  EXPECT_EQ(first.version, 3u);
  EXPECT_EQ(first.encryption, 18);
  EXPECT_EQ(first.name_type, 1u);
  EXPECT_TRUE(first.key.equals(std::string(32, 'k')));
  EXPECT_EQ((*entries)[1].version, 300u) << "versions over 255 stand behind the key";
}

TEST(Keytab, holes_of_removed_keys_are_passed_over) {
  std::string one = entry({"imap", "m"});
  std::string hole = number(static_cast<uint32_t>(-20), 4) + std::string(20, '\xaa');
  std::string bytes = "\x05\x02" + hole + number(static_cast<uint32_t>(one.size()), 4) + one + hole;
  auto entries = parse_keytab(bytes);
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->size(), 1u);
  auto closed = parse_keytab(bytes + number(0, 4) + "unused");
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->size(), 1u);
}

TEST(Keytab, every_cut_is_refused) {
  std::string whole = keytab({entry({"imap", "m"})});
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(parse_keytab(whole.substr(0, size))) << size;
}

TEST(Keytab, what_is_no_keytab) {
  std::string no_realm = entry({"imap", "m"});
  no_realm.replace(2, 2 + 12, number(0, 2));
  std::string no_key = entry({"imap", "m"});
  no_key.resize(no_key.size() - 34);
  struct {
    std::string bytes, why;
  } const cases[] = {
      {"\x05\x01", "0x0502"},
      {"text", "0x0502"},
      {"\x05\x02", "no keys"},
      {std::string("\x05\x02\x80\0\0\0", 6), "cut off"},
      {keytab({entry({})}), "components"},
      {keytab({entry({"a", "b", "c", "d", "e", "f", "g", "h", "i"})}), "components"},
      {keytab({no_realm}), "realm"},
      {keytab({no_key + counted("")}), "length of a key"},
      {keytab({no_key + counted(std::string(65, 'k'))}), "length of a key"},
      {keytab(std::vector<std::string>(501, entry({"imap", "m"}))), "500"},
      {std::string(kMaxKeytab + 1, '\x05'), "48 KiB"},
  };
  for (const auto& c : cases) {
    auto parsed = parse_keytab(c.bytes);
    ASSERT_FALSE(parsed) << c.why;
    EXPECT_THAT(parsed.error().text(), HasSubstr(c.why));
  }
}

TEST(Principal, rules_of_realms) {
  struct {
    const char *rule, *principal, *user;
  } const cases[] = {
      {"EXAMPLE.TEST", "ana@EXAMPLE.TEST", "ana@example.test"},
      {"EXAMPLE.TEST=Mail.Test", "ana@EXAMPLE.TEST", "ana@mail.test"},
      {" EXAMPLE.TEST = ", "ana@EXAMPLE.TEST", "ana"},
      {"EXAMPLE.TEST", "\xc3\xa4nn@EXAMPLE.TEST", "\xc3\xa4nn@example.test"},
      {"EXAMPLE.TEST", "ana@example.test", ""},
      {"EXAMPLE.TEST", "ana@OTHER.TEST", ""},
      {"EXAMPLE.TEST", "ana/admin@EXAMPLE.TEST", ""},
      {"EXAMPLE.TEST", "ana\\@OTHER.TEST@EXAMPLE.TEST", ""},
      {"EXAMPLE.TEST", "ana\\/x@EXAMPLE.TEST", ""},
      {"EXAMPLE.TEST", "@EXAMPLE.TEST", ""},
      {"EXAMPLE.TEST", "ana", ""},
      {"EXAMPLE.TEST", "", ""},
      {"EXAMPLE.TEST", "ana@x@EXAMPLE.TEST", ""},
      {"EXAMPLE.TEST", "a\nb@EXAMPLE.TEST", ""},
      {"EXAMPLE.TEST", "a b@EXAMPLE.TEST", ""},
      {"EXAMPLE.TEST", "\xff@EXAMPLE.TEST", ""},
  };
  for (const auto& c : cases) {
    auto rule = RealmRule::parse(c.rule);
    ASSERT_TRUE(rule) << c.rule;
    auto user = login_of(c.principal, {*rule});
    EXPECT_EQ(user ? *user : "", c.user) << c.principal;
    if (!user) {
      EXPECT_EQ(user.error().code(), Errc::Denied);
    }
  }
  EXPECT_FALSE(login_of(std::string(320, 'a') + "@EXAMPLE.TEST", {*RealmRule::parse("EXAMPLE.TEST")}));
  EXPECT_FALSE(login_of("ana@EXAMPLE.TEST", {}));
  for (const char* bad : {"", "=x", "A B", "A=b c", "A=b=c", "A\nB"}) EXPECT_FALSE(RealmRule::parse(bad)) << bad;
}

struct AcceptorTest : testing::Test {
  std::string folder = testing::TempDir() + "gss-XXXXXX";
  AcceptorTest() {
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    std::ofstream(folder + "/krb5.conf") << library_settings("EXAMPLE.TEST", base::Millis(300'000));
    init_library(folder + "/krb5.conf");
  }
  ~AcceptorTest() override {
    for (const char* name : {"/krb5.conf", "/replays"}) (void)::unlink((folder + name).c_str());
    (void)::rmdir(folder.c_str());
  }
  Result<std::shared_ptr<Acceptor>> make(std::vector<std::string> entries) {
    BZ_TRY(auto keys, parse_keytab(keytab(std::move(entries))));
    return Acceptor::make(keys, folder + "/replays");
  }
};

TEST_F(AcceptorTest, has_a_context_for_each_service_of_the_keytab) {
  auto acceptor = make({entry({"imap", "mail.example.test"}), entry({"smtp", "mail.example.test"}), entry({"HTTP", "x"})});
  ASSERT_TRUE(acceptor) << acceptor.error().to_string();
  for (Mechanism mechanism : {Mechanism::Krb5, Mechanism::Negotiated}) {
    EXPECT_TRUE((*acceptor)->begin(mechanism, "imap", "hash"));
    EXPECT_TRUE((*acceptor)->begin(mechanism, "smtp", ""));
    for (const char* service : {"pop", "HTTP", ""}) EXPECT_FALSE((*acceptor)->begin(mechanism, service, "")) << service;
  }
}

TEST_F(AcceptorTest, needs_a_key_of_a_mail_service) {
  auto acceptor = make({entry({"HTTP", "mail.example.test"}), entry({"imap"})});
  ASSERT_FALSE(acceptor);
  EXPECT_THAT(acceptor.error().text(), HasSubstr("imap/host.name@REALM"));
}

TEST_F(AcceptorTest, a_context_outlives_its_acceptor) {
  auto acceptor = make({entry({"imap", "m"})});
  ASSERT_TRUE(acceptor);
  auto context = (*acceptor)->begin(Mechanism::Krb5, "imap", "");
  ASSERT_TRUE(context);
  acceptor->reset();
  EXPECT_FALSE((*context)->accept("nothing"));
}

TEST_F(AcceptorTest, bytes_that_are_no_token_prove_nothing) {
  auto acceptor = make({entry({"imap", "m"})});
  ASSERT_TRUE(acceptor);
  const std::string krb5 = "\x60\x15\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
  const std::string bare = std::string("NTLMSSP\0\1\0\0\0", 12);
  for (const std::string& token : {std::string("x"), krb5, krb5 + std::string("\1\0", 2) + "xxxxxxxx", bare,
                                   std::string(70'000, '\x60'), std::string(100, '\0')}) {
    for (Mechanism mechanism : {Mechanism::Krb5, Mechanism::Negotiated}) {
      auto context = (*acceptor)->begin(mechanism, "imap", "hash");
      ASSERT_TRUE(context);
      auto answer = (*context)->accept(token);
      EXPECT_FALSE(answer && answer->complete);
      EXPECT_TRUE((*context)->principal().empty());
    }
  }
}

}  // namespace
}  // namespace bz::gss

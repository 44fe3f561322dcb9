#include "authd/world_for_test.h"

namespace bz::authd {
namespace {

// An acceptor that believes its client: the first message is the principal, the rest is handed on.
struct Credulous : gss::Acceptor {
  struct Believer : gss::Context {
    Credulous& home;
    std::string name;
    explicit Believer(Credulous& h) : home(h) {}
    Result<Answer> accept(std::string_view token) override {
      if (token == "expired") return fail(Errc::Denied, "Kerberos: Ticket expired");
      if (token == "nonsense") return fail(Errc::Invalid, "Kerberos: Invalid token");
      name = token;
      return Answer{"mutual", true};
    }
    Result<std::string> wrap(std::string_view message) override { return std::string(message); }
    Result<std::string> unwrap(std::string_view message) override { return std::string(message); }
    const std::string& principal() const override { return name; }
    bool bound() const override { return home.says_bound; }
  };
  bool says_bound = false;
  std::string service, bindings;
  gss::Mechanism mechanism{};
  Result<std::shared_ptr<gss::Context>> begin(gss::Mechanism m, std::string_view s, std::string_view b) override {
    mechanism = m, service = s, bindings = b;
    if (s != "imap") return fail(Errc::NotFound, "no key of the service");
    return std::shared_ptr<gss::Context>(std::make_shared<Believer>(*this));
  }
};

struct AuthdKerberosTest : AuthdTest {
  std::shared_ptr<Credulous> acceptor = std::make_shared<Credulous>();
  AuthdKerberosTest() { set({}); }
  void set(KerberosRules rules) {
    Options o = options();
    rules.acceptor = acceptor;
    rules.realms = {{"EXAMPLE.ORG", "example.org"}};
    o.kerberos = rules;
    service->reload(std::move(o));
  }
  Sent negotiate(std::string_view principal) {
    auto start = begin("GSS-SPNEGO");
    start.has_initial = true;
    start.initial = principal;
    start.tls_server_end_point = "end point";
    return answer_to(start);
  }
  Sent gssapi(std::string_view principal, std::string_view authzid = "") {
    auto start = begin("GSSAPI");
    start.has_initial = true;
    start.initial = principal;
    Sent s = answer_to(start);
    for (const std::string& answer : {std::string(), std::string("\1\0\0\0", 4) + std::string(authzid)}) {
      if (s.type != Type::SaslChallenge) return s;
      s = ask(gateway, Type::SaslStep, wire::SaslStep{start.id, answer});
    }
    return s;
  }
};

TEST_F(AuthdKerberosTest, a_principal_logs_in_as_the_account_of_its_rule) {
  for (Sent s : {gssapi("ana@EXAMPLE.ORG"), gssapi("ana@EXAMPLE.ORG", "ANA@example.org"), negotiate("ana@EXAMPLE.ORG")}) {
    ASSERT_EQ(s.type, Type::SaslDone);
    EXPECT_EQ(wire::SaslDone::decode(s.payload)->account, "ana@example.org");
  }
  EXPECT_EQ(wire::SaslDone::decode(sent.back().payload)->final_data, "mutual");
  EXPECT_EQ(acceptor->service, "imap");
  EXPECT_EQ(acceptor->bindings, "end point");
  EXPECT_EQ(acceptor->mechanism, gss::Mechanism::Negotiated);
  EXPECT_THAT(g_log, HasSubstr("mech=GSSAPI"));
  EXPECT_EQ(service->exchanges(), 0u);
}

TEST_F(AuthdKerberosTest, what_proves_nothing_is_refused_without_a_reason) {
  for (const char* principal : {"eva2@EXAMPLE.ORG", "ana@OTHER.ORG", "ana/admin@EXAMPLE.ORG", "expired"}) {
    for (Sent s : {gssapi(principal), negotiate(principal)}) {
      EXPECT_EQ(failure(s).kind, 0) << principal;
      EXPECT_EQ(failure(s).reason, "authentication failed");
    }
  }
  EXPECT_THAT(g_log, HasSubstr("Ticket expired"));
  EXPECT_THAT(g_log, HasSubstr("kerberos.realms"));
  EXPECT_EQ(failure(gssapi("nonsense")).kind, 2) << "malformed";
  EXPECT_EQ(failure(gssapi("ana@EXAMPLE.ORG", "eva@example.org")).kind, 0) << "she may not act as eva";
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_EQ(failure(gssapi("ana@EXAMPLE.ORG")).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("account disabled"));
}

TEST_F(AuthdKerberosTest, required_bindings_must_have_been_sent) {
  set({.bindings_required = true});
  EXPECT_EQ(failure(negotiate("ana@EXAMPLE.ORG")).kind, 0);
  acceptor->says_bound = true;
  EXPECT_EQ(negotiate("ana@EXAMPLE.ORG").type, Type::SaslDone);
  set({.bindings = false});
  EXPECT_EQ(negotiate("ana@EXAMPLE.ORG").type, Type::SaslDone);
  EXPECT_EQ(acceptor->bindings, "") << "there is nothing to compare with";
}

TEST_F(AuthdKerberosTest, a_service_without_key_is_our_fault_and_no_keytab_a_refusal) {
  auto start = begin("GSSAPI");
  start.service = wire::Service::Pop3;
  start.has_initial = true;
  start.initial = "ana@EXAMPLE.ORG";
  EXPECT_EQ(failure(answer_to(start)).kind, 1);
  service->reload(options());
  EXPECT_EQ(failure(gssapi("ana@EXAMPLE.ORG")).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("kerberos.keytab_file"));
}

}  // namespace
}  // namespace bz::authd

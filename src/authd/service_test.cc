#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "authd/commands.h"
#include "authd/service.h"
#include "authd/turnstile.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/ticket.h"
#include "directory/chain.h"
#include "kv/memory.h"
#include "sasl/apop.h"
#include "sasl/client.h"

namespace bz::authd {
namespace {

using testing::HasSubstr;
using testing::Not;
using wire::Type;

constexpr crypto::PasswordCost kCheap{64, 1, 1};
std::string g_log;
void keep_log(std::string_view line) { g_log += std::string(line) + "\n"; }

struct Sent {
  PeerId to;
  Type type;
  std::string payload;
};

struct AuthdTest : testing::Test {
  net::Loop loop;
  net::BlockingPool pool{1, 100}, gss_pool{1, 2};
  base::ManualClock clock;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  std::vector<Sent> sent;
  size_t wanted = 0;
  std::vector<base::Millis> slept;
  bool hold_sleepers = false, running = false;
  std::vector<base::Completion<bool>::Promise> sleepers;
  std::unique_ptr<directory::Embedded> directory = open();
  directory::Chain chain{*directory};
  std::unique_ptr<Service> service;
  const PeerId gateway{"gateway", 0}, mta{"mta", 0}, mailstore{"mailstore", 0};
  uint64_t next_id = 0;

  AuthdTest() {
    g_log.clear();
    log::set_sink(keep_log);
    service = std::make_unique<Service>(world(pool), *directory, chain, options());
    for (const PeerId& peer : {gateway, mta, mailstore}) service->peer_up(peer);
    for (const char* name : {"ana", "eva"}) EXPECT_EQ(command({"account", "add", name}, "pencil\n").exit_status, 0u);
    g_log.clear();
  }
  ~AuthdTest() override { log::set_sink(nullptr); }

  std::unique_ptr<directory::Embedded> open() {
    auto r = base::run_now(directory::Embedded::open(*store, loop, {{"example.org"}, Secret(std::string(32, 'k')), kCheap},
                                                     clock, base::system_random()));
    return r ? std::move(*r) : nullptr;
  }
  static Options options() {
    Options o;
    o.host = "mail.test";
    using sasl::Kind;
    o.offers["imaps"] = {Kind::Plain,     Kind::Login,         Kind::CramMd5, Kind::ScramSha1,   Kind::ScramSha256,
                         Kind::DigestMd5, Kind::External,      Kind::Xoauth2, Kind::OauthBearer, Kind::ScramSha512,
                         Kind::Apop,      Kind::ScramSha1Plus, Kind::Gssapi,  Kind::GssSpnego};
    o.offers["submission"] = {sasl::Kind::Plain};
    o.secrets = {kCheap, 4096, {}, "example.org"};
    o.guard.trusted = {*directory::Network::parse("127.0.0.0/8")};
    return o;
  }
  Task<void> sleep(base::Millis span) {
    slept.push_back(span);
    if (!hold_sleepers) co_return;
    base::Completion<bool> woken;
    sleepers.push_back(woken.promise());
    (void)co_await woken;
  }
  World world(net::BlockingPool& p) {
    return {loop,
            p,
            clock,
            base::system_random(),
            [this](const PeerId& to, Type type, std::string_view payload) -> Result<void> {
              sent.push_back({to, type, std::string(payload)});
              if (wanted && sent.size() >= wanted) loop.stop();
              return {};
            },
            [this](base::Millis span) { return sleep(span); },
            &gss_pool};
  }
  // Runs the loop until `count` more messages than now were sent.
  void run_until_sent(size_t count) {
    if (sent.size() >= count) return;
    wanted = count;
    net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "no answer"); });
    guard.arm(net::Deadline::in(base::Millis(20'000)));
    loop.run();
    wanted = 0;
  }
  Task<void> keep(Task<wire::ControlAnswer> task, std::optional<wire::ControlAnswer>& out) {
    out = co_await std::move(task);
    if (running) loop.stop();  // a stop before run() would end the next one
  }
  wire::ControlAnswer command(std::vector<std::string> arguments, std::string input = "") {
    std::optional<wire::ControlAnswer> out;
    auto all = keep(service->command({"auth", std::move(arguments), std::move(input)}), out);
    all.start();
    running = true;
    if (!out) loop.run();
    running = false;
    EXPECT_TRUE(out);
    return out.value_or(wire::ControlAnswer{});
  }

  wire::SaslStart begin(std::string mechanism, std::string_view address = "127.0.0.1") {
    wire::SaslStart s;
    s.id = ++next_id;
    s.service = wire::Service::Imap;
    s.mechanism = std::move(mechanism);
    s.listener = "imaps";
    s.session_id = "abcdefghjkmn";
    s.client_address = address;
    s.tls_version = "TLSv1.3";
    return s;
  }
  Sent answer_to(const wire::SaslStart& start) {
    size_t before = sent.size();
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
    run_until_sent(before + 1);
    return sent.back();
  }
  wire::SaslStart begin_plain(std::string_view user, std::string_view password, std::string_view address) {
    auto start = begin("PLAIN", address);
    start.has_initial = true;
    start.initial = '\0' + std::string(user) + '\0' + std::string(password);
    return start;
  }
  Sent plain(std::string_view user, std::string_view password, std::string_view address = "127.0.0.1") {
    return answer_to(begin_plain(user, password, address));
  }
  static wire::SaslFail failure(const Sent& s) {
    EXPECT_EQ(s.type, Type::SaslFail);
    auto f = wire::SaslFail::decode(s.payload);
    return f ? *f : wire::SaslFail{0, 99, ""};
  }
  template <class Question>
  Sent ask(const PeerId& from, Type type, const Question& question) {
    size_t before = sent.size();
    service->message(from, static_cast<uint8_t>(type), question.encode());
    run_until_sent(before + 1);
    return sent.back();
  }
  size_t count(Type type) {
    size_t n = 0;
    for (const Sent& s : sent) n += s.type == type;
    return n;
  }
};

TEST_F(AuthdTest, a_right_password_gets_a_ticket_for_the_role_that_serves_the_session) {
  Sent s = plain("Ana@Example.org", "pencil");
  ASSERT_EQ(s.type, Type::SaslDone);
  auto done = *wire::SaslDone::decode(s.payload);
  EXPECT_EQ(done.account, "ana@example.org");
  EXPECT_EQ(done.route, "mailstore");
  EXPECT_EQ(done.verdict, "embedded directory: account 1, active");
  base::ManualClock late;
  crypto::TicketVerifier verifier(service->ticket_public_key(), "mailstore", clock);
  auto ticket = verifier.verify(done.ticket, "abcdefghjkmn", "127.0.0.1");
  ASSERT_TRUE(ticket) << ticket.error().to_string();
  EXPECT_EQ(ticket->account, AccountId(1));
  EXPECT_EQ(ticket->account_name, "ana@example.org");
  EXPECT_EQ(ticket->mechanism, "PLAIN");
  EXPECT_THAT(g_log, HasSubstr("login sid=abcdefghjkmn"));
  EXPECT_EQ(service->exchanges(), 0u);
  auto start = begin("PLAIN");
  start.service = wire::Service::Submission;
  start.listener = "submission";
  start.has_initial = true;
  start.initial = std::string("\0ana\0pencil", 11);
  EXPECT_EQ(wire::SaslDone::decode(answer_to(start).payload)->route, "mta");
}

TEST_F(AuthdTest, unknown_disabled_and_wrong_get_the_same_answer) {
  ASSERT_EQ(command({"account", "disable", "eva"}).exit_status, 0u);
  std::vector<std::string> answers;
  for (auto [user, password] : {std::pair{"ana", "crayon"}, {"nobody", "pencil"}, {"eva", "pencil"}, {"eva", "crayon"}}) {
    wire::SaslFail f = failure(plain(user, password));
    f.id = 0;
    answers.push_back(f.encode());
  }
  for (const std::string& answer : answers) EXPECT_EQ(answer, answers[0]);
  EXPECT_THAT(g_log, HasSubstr("account disabled"));
}

TEST_F(AuthdTest, no_secret_and_no_odd_name_reaches_the_log) {
  (void)plain("ana", "wrong-Secret-1");
  (void)plain("my-Secret-2 typed into the name field", "x");
  (void)plain("ana", "pencil");
  EXPECT_EQ(command({"account", "passwd", "ana"}, "new-Secret-3\n").exit_status, 0u);
  EXPECT_THAT(g_log, Not(HasSubstr("Secret")));
  EXPECT_THAT(g_log, Not(HasSubstr("pencil")));
  EXPECT_THAT(g_log, HasSubstr("user=ana@example.org"));
}

TEST_F(AuthdTest, login_scram_and_cram_run_over_several_messages) {
  ASSERT_EQ(command({"account", "passwd", "ana", "--secrets", "cram-md5,scram-sha-1,scram-sha-512"}, "pencil").exit_status,
            0u);
  for (const char* mechanism : {"LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"})
    for (bool right : {true, false}) {
      auto client = sasl::make_client(*sasl::mechanism_of(mechanism),
                                      {.user = "ana@example.org", .password = Secret(right ? "pencil" : "crayon")},
                                      base::system_random());
      auto start = begin(mechanism);
      if (auto initial = client->initial()) {
        start.has_initial = true;
        start.initial = *initial;
      }
      Sent s = answer_to(start);
      while (s.type == Type::SaslChallenge) {
        auto response = client->next(wire::SaslStep::decode(s.payload)->data);
        ASSERT_TRUE(response) << mechanism;
        s = ask(gateway, Type::SaslStep, wire::SaslStep{start.id, *response});
      }
      ASSERT_EQ(s.type, right ? Type::SaslDone : Type::SaslFail) << mechanism;
      if (!right) continue;
      auto done = *wire::SaslDone::decode(s.payload);
      if (!done.final_data.empty()) {
        EXPECT_TRUE(client->next(done.final_data));
      }
      EXPECT_TRUE(client->may_succeed()) << mechanism;
    }
  EXPECT_EQ(service->exchanges(), 0u);
}

std::string test_file(std::string_view name) {
  std::ifstream in(std::string(BUZON_SOURCE_DIR "/tests/data/") + std::string(name));
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string certificate(std::string_view name) {
  std::string text = test_file("client-certificates/" + std::string(name) + ".pem"), body;
  for (std::string_view line : base::split(text, '\n'))
    if (!line.starts_with("-----")) body += line;
  return base::from_base64(body).value();
}

TEST_F(AuthdTest, digest_md5_and_apop_need_their_secrets) {
  auto digest = [&](std::string_view password) {
    auto start = begin("DIGEST-MD5");
    Sent s = answer_to(start);
    std::string challenge = wire::SaslStep::decode(s.payload)->data;
    size_t at = challenge.find("nonce=\"") + 7;
    sasl::DigestResponse said{"ana",
                              "example.org",
                              challenge.substr(at, challenge.find('"', at) - at),
                              "c",
                              "00000001",
                              "auth",
                              "imap/mail.test",
                              {},
                              {}};
    said.response = sasl::digest_response(said, crypto::md5("ana:example.org:" + std::string(password)), true);
    return ask(gateway, Type::SaslStep,
               wire::SaslStep{start.id, "username=\"ana\",realm=\"example.org\",nonce=\"" + said.nonce +
                                            "\",cnonce=\"c\",nc=00000001,qop=auth,digest-uri=\"imap/mail.test\",response=" +
                                            said.response});
  };
  auto apop = [&](std::string_view password) {
    auto start = begin("APOP");
    start.has_initial = true;
    start.initial = sasl::ApopAnswer{"<1@h>", "ana", base::hex(crypto::md5("<1@h>" + std::string(password)))}.encode();
    return answer_to(start);
  };
  EXPECT_EQ(failure(digest("pencil")).kind, 0) << "no secret yet";
  EXPECT_EQ(failure(apop("pencil")).kind, 0);
  ASSERT_EQ(command({"account", "passwd", "ana", "--secrets", "digest-md5,apop"}, "pencil").exit_status, 0u);
  EXPECT_EQ(digest("pencil").type, Type::SaslDone);
  EXPECT_EQ(apop("pencil").type, Type::SaslDone);
  EXPECT_EQ(failure(digest("crayon")).kind, 0);
  EXPECT_EQ(failure(apop("crayon")).kind, 0);
}

struct AuthdIdentityTest : AuthdTest {
  void SetUp() override {
    clock.advance(base::Millis(std::chrono::hours(24 * 60)));  // the certificates begin after the clock
    Options o = options();
    o.certificates.authorities =
        *crypto::ClientAuthorities::make(test_file("client-certificates/ca.pem"), test_file("client-certificates/crl.pem"));
    o.certificates.names = {CertificateRules::Name::Email, CertificateRules::Name::Upn};
    o.tokens = tokens(test_file("oauth/jwks.json"),
                      {.issuer = "https://id.example.org", .audiences = {"mail"}, .user_claim = "email"});
    service->reload(std::move(o));
  }
  std::shared_ptr<Tokens> tokens(std::string keys, oauth::Options claims) {
    Tokens::World tokens_world{.loop = loop, .clock = clock, .random = base::system_random(), .fetch = {}};
    return *Tokens::make(std::move(tokens_world), {.claims = std::move(claims), .keys = std::move(keys)});
  }
  Sent external(std::vector<std::string> chain, std::string who = "") {
    auto start = begin("EXTERNAL");
    start.has_initial = true;
    start.initial = std::move(who);
    start.client_certificates = std::move(chain);
    return answer_to(start);
  }
  Sent xoauth2(std::string_view user, std::string_view token) {
    auto start = begin("XOAUTH2");
    start.has_initial = true;
    start.initial = "user=" + std::string(user) + "\x01" + "auth=Bearer " + std::string(token) + "\x01\x01";
    Sent s = answer_to(start);
    if (s.type != Type::SaslChallenge) return s;
    return ask(gateway, Type::SaslStep, wire::SaslStep{start.id, ""});
  }
};

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

TEST_F(AuthdIdentityTest, a_certificate_logs_in_whom_it_names) {
  Sent s = external({certificate("ana")});
  ASSERT_EQ(s.type, Type::SaslDone);
  EXPECT_EQ(wire::SaslDone::decode(s.payload)->account, "ana@example.org");
  EXPECT_EQ(external({certificate("ana")}, "ana@example.org").type, Type::SaslDone);
  EXPECT_EQ(failure(external({certificate("ana")}, "eva@example.org")).kind, 0);
  EXPECT_EQ(failure(external({})).kind, 0);
  EXPECT_EQ(failure(external({"rubbish"})).kind, 0);
  EXPECT_EQ(failure(external({certificate("revoked")})).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("revoked"));
  EXPECT_EQ(failure(external({certificate("stranger")})).kind, 0) << "its name alone is worth nothing";
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_EQ(failure(external({certificate("ana")})).kind, 0);
}

TEST_F(AuthdIdentityTest, a_token_logs_in_whom_it_names_and_no_other) {
  std::string text = test_file("oauth/tokens.txt"), token(base::split(base::split(text, '\n')[0], ' ')[1]);
  Sent s = xoauth2("ana@example.org", token);
  ASSERT_EQ(s.type, Type::SaslDone);
  EXPECT_EQ(wire::SaslDone::decode(s.payload)->account, "ana@example.org");
  EXPECT_EQ(failure(xoauth2("eva@example.org", token)).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("the token is of ana@example.org"));
  EXPECT_EQ(failure(xoauth2("ana@example.org", "a.b.c")).kind, 0);
  EXPECT_THAT(g_log, Not(HasSubstr(token)));
  g_log.clear();
  auto leaving = begin("OAUTHBEARER");
  leaving.has_initial = true;
  leaving.initial =
      "n,,\x01"
      "auth=Bearer a.b.c\x01\x01";
  ASSERT_EQ(answer_to(leaving).type, Type::SaslChallenge);
  service->message(gateway, static_cast<uint8_t>(Type::SaslAbort), wire::SaslAbort{leaving.id}.encode());
  EXPECT_THAT(g_log, HasSubstr("verdict=refused")) << "who leaves with the refusal in his hand is refused";
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_EQ(failure(xoauth2("ana@example.org", token)).kind, 0);
}

TEST_F(AuthdTest, without_keys_or_authorities_nobody_is_identified) {
  auto start = begin("EXTERNAL");
  start.has_initial = true;
  start.client_certificates = {certificate("ana")};
  EXPECT_EQ(failure(answer_to(start)).kind, 0);
  auto bearer = begin("OAUTHBEARER");
  bearer.has_initial = true;
  bearer.initial =
      "n,,\x01"
      "auth=Bearer a.b.c\x01\x01";
  Sent s = answer_to(bearer);
  ASSERT_EQ(s.type, Type::SaslChallenge);
  EXPECT_EQ(failure(ask(gateway, Type::SaslStep, wire::SaslStep{bearer.id, "\x01"})).kind, 0);
}

TEST_F(AuthdTest, new_accounts_store_what_the_settings_say_and_old_ones_what_they_had) {
  Options o = options();
  o.secrets.kinds = *directory::SecretKinds::parse("scram-sha-1,ntlm");
  service->reload(std::move(o));
  ASSERT_EQ(command({"account", "add", "max"}, "pencil").exit_status, 0u);
  EXPECT_THAT(command({"account", "show", "max", "--json"}).output,
              HasSubstr(R"("secrets":["argon2id","scram-sha-256","scram-sha-1","ntlm"])"));
  ASSERT_EQ(command({"account", "passwd", "ana"}, "pencil").exit_status, 0u);
  EXPECT_THAT(command({"account", "show", "ana", "--json"}).output, HasSubstr(R"("secrets":["argon2id","scram-sha-256"])"));
  EXPECT_THAT(command({"account", "passwd", "ana", "--secrets", "md5"}, "pencil").error, HasSubstr("digest-md5"));
}

TEST_F(AuthdTest, nothing_is_judged_without_tls_or_on_a_mechanism_the_listener_does_not_offer) {
  auto clear = begin("PLAIN");
  clear.tls_version.clear();
  clear.has_initial = true;
  clear.initial = std::string("\0ana\0pencil", 11);
  EXPECT_EQ(failure(answer_to(clear)).kind, 3);
  EXPECT_EQ(failure(answer_to(begin("NTLM"))).kind, 3);
  auto other = begin("SCRAM-SHA-256");
  other.listener = "submission";
  EXPECT_EQ(failure(answer_to(other)).kind, 3);
  other.listener = "unknown";
  EXPECT_EQ(failure(answer_to(other)).kind, 3);
  auto broken = begin("PLAIN");
  broken.has_initial = true;
  EXPECT_EQ(failure(answer_to(broken)).kind, 2);
}

TEST_F(AuthdTest, a_login_without_tls_is_judged_on_listeners_in_clear_only) {
  auto o = options();
  o.offers["local"] = {sasl::Kind::Plain};
  o.cleartext = {"local"};
  service->reload(o);
  auto login = [&](const char* listener, std::string password) {
    auto start = begin("PLAIN");
    start.tls_version.clear();
    start.listener = listener;
    start.has_initial = true;
    start.initial = std::string("\0ana\0", 5) + password;
    return answer_to(start);
  };
  Sent good = login("local", "pencil");
  ASSERT_EQ(good.type, Type::SaslDone);
  EXPECT_NE(wire::SaslDone::decode(good.payload)->account_id, 0u);
  EXPECT_EQ(failure(login("local", "wrong")).kind, 0);
  EXPECT_EQ(failure(login("imaps", "pencil")).kind, 3);
  EXPECT_EQ(failure(login("submission", "pencil")).kind, 3);
}

TEST_F(AuthdTest, a_second_login_is_answered_from_memory_until_the_password_changes) {
  auto verdict = [&](std::string_view password) {
    Sent s = plain("ana", password);
    return s.type == Type::SaslDone ? wire::SaslDone::decode(s.payload)->verdict : "refused";
  };
  EXPECT_THAT(verdict("pencil"), Not(HasSubstr("known")));
  EXPECT_THAT(verdict("pencil"), HasSubstr("password known"));
  ASSERT_EQ(command({"account", "passwd", "ana"}, "crayon").exit_status, 0u);
  EXPECT_EQ(verdict("pencil"), "refused");
  EXPECT_THAT(verdict("crayon"), Not(HasSubstr("known")));
}

TEST_F(AuthdTest, guessing_gets_slow_and_then_refused_for_the_address_alone) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(failure(plain("ana", "guess" + std::to_string(i), "192.0.2.1")).kind, 0);
  EXPECT_EQ(slept.front(), base::Millis(250));
  EXPECT_EQ(slept.back(), base::Millis(2000));
  EXPECT_EQ(failure(plain("ana", "pencil", "192.0.2.1")).kind, 1);
  EXPECT_EQ(plain("ana", "pencil", "192.0.2.2").type, Type::SaslDone) << "slower, not locked out";
  slept.clear();
  EXPECT_EQ(plain("ana", "pencil", "192.0.2.2").type, Type::SaslDone);
  EXPECT_TRUE(slept.empty()) << "she is known there now";
  EXPECT_EQ(plain("ana", "pencil", "127.0.0.1").type, Type::SaslDone);
}

TEST_F(AuthdTest, a_colleague_behind_the_address_of_a_guesser_gets_in_where_she_was_before) {
  EXPECT_EQ(plain("eva", "pencil", "192.0.2.1").type, Type::SaslDone);
  for (int i = 0; i < 60; ++i) (void)plain("ana", "guess" + std::to_string(i), "192.0.2.1");
  EXPECT_EQ(failure(plain("ana", "pencil", "192.0.2.1")).kind, 1);
  slept.clear();
  EXPECT_EQ(plain("eva", "pencil", "192.0.2.1").type, Type::SaslDone);
  EXPECT_TRUE(slept.empty());
}

TEST_F(AuthdTest, an_offence_is_one_line_of_a_promised_form_and_a_repetition_is_none) {
  (void)plain("ana", "crayon", "192.0.2.1");
  (void)plain("ana", "crayon", "192.0.2.1");
  (void)plain("typed Secret-2", "x", "2001:db8::7");
  (void)plain("ana", "crayon", "127.0.0.1");
  std::vector<std::string> lines;
  for (std::string_view line : base::split(g_log, '\n'))
    if (line.find(" offence ") != line.npos) lines.emplace_back(line.substr(line.find(" offence ")));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], " offence peer=192.0.2.1 service=imap kind=guess failures=1 sid=abcdefghjkmn user=ana@example.org");
  EXPECT_EQ(lines[1], " offence peer=2001:db8::7 service=imap kind=guess failures=1 sid=abcdefghjkmn");
  g_log.clear();
  for (int i = 0; i < 25; ++i) (void)plain("ana", "guess" + std::to_string(i), "192.0.2.1");
  EXPECT_THAT(g_log, HasSubstr(" offence peer=192.0.2.1 service=imap kind=closed failures=20 sid=abcdefghjkmn\n"));
  EXPECT_EQ(g_log.find("kind=closed"), g_log.rfind("kind=closed")) << "once a minute";
}

TEST_F(AuthdTest, nobody_logs_in_from_a_denied_network_and_the_administrator_may_change_that) {
  EXPECT_EQ(command({"guard", "deny", "192.0.2.0/24", "--for", "10m"}).output, "denied: 192.0.2.0/24 for 10m\n");
  wire::SaslFail denied = failure(plain("ana", "pencil", "192.0.2.1"));
  wire::SaslFail wrong = failure(plain("ana", "crayon", "203.0.113.1"));
  EXPECT_EQ(denied.reason, wrong.reason);
  EXPECT_EQ(denied.kind, 0);
  EXPECT_THAT(command({"guard", "list"}).output, HasSubstr("network  192.0.2.0/24  denied for 10 min\n"));
  clock.advance(base::Millis(600'000));
  EXPECT_EQ(plain("ana", "pencil", "192.0.2.1").type, Type::SaslDone);
  EXPECT_EQ(command({"guard", "allow", "203.0.113.7"}).output, "allowed: 203.0.113.7 until auth ends\n");
  for (int i = 0; i < 60; ++i) EXPECT_EQ(failure(plain("ana", "g" + std::to_string(i), "203.0.113.7")).kind, 0);
  auto list = command({"guard", "list", "--json"}).output;
  EXPECT_THAT(list, HasSubstr("{\"network\":\"203.0.113.7\",\"word\":\"allowed\",\"seconds\":0}"));
  EXPECT_EQ(command({"guard", "forget", "203.0.113.7"}).exit_status, 0u);
  EXPECT_EQ(command({"guard", "forget", "203.0.113.7"}).exit_status, 1u);
  EXPECT_EQ(command({"guard", "deny", "everybody"}).exit_status, 1u);
  EXPECT_EQ(command({"guard", "deny", "::1", "--for", "soon"}).exit_status, 1u);
}

TEST_F(AuthdTest, guard_list_shows_addresses_and_accounts_and_no_name_that_may_be_a_password) {
  EXPECT_EQ(command({"guard", "list"}).output, "nobody is under suspicion\n");
  for (int i = 0; i < 4; ++i) (void)plain("ana", "guess" + std::to_string(i), "192.0.2.1");
  (void)plain("my-Secret-2 in the name field", "x", "192.0.2.1");
  std::string list = command({"guard", "list"}).output;
  EXPECT_EQ(list, "address  192.0.2.1  5 failures\naccount  ana@example.org  4 failures from strange places\n");
  EXPECT_THAT(command({"guard", "list", "--json"}).output, Not(HasSubstr("Secret")));
  EXPECT_EQ(command({"guard", "forget", "ana"}).exit_status, 0u);
  EXPECT_EQ(command({"guard", "list"}).output, "address  192.0.2.1  5 failures\n");
}

TEST_F(AuthdTest, an_old_password_of_an_account_of_our_own_is_shown_too) {
  for (int i = 0; i < 3; ++i) (void)plain("ana", "crayon", "192.0.2.1");
  EXPECT_THAT(command({"guard", "stale"}).output, HasSubstr("ana@example.org  192.0.2.1  imap  (says no name)  3 times"));
  ASSERT_EQ(command({"account", "passwd", "ana"}, "crayon").exit_status, 0u);
  EXPECT_EQ(command({"guard", "stale"}).output, "no device repeats a wrong password\n");
}

TEST_F(AuthdTest, a_full_pool_is_a_temporary_failure_and_costs_no_budget) {
  net::BlockingPool full(1, 0);
  Service crowded(world(full), *directory, chain, options());
  auto start = begin("PLAIN", "192.0.2.1");
  start.has_initial = true;
  start.initial = std::string("\0ana\0pencil", 11);
  crowded.message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
  run_until_sent(sent.size() ? sent.size() : 1);
  EXPECT_EQ(failure(sent.back()).kind, 1);
  EXPECT_TRUE(slept.empty());
}

TEST_F(AuthdTest, an_account_disabled_while_its_answer_is_held_back_gets_no_ticket) {
  for (int i = 0; i < 5; ++i) (void)plain("ana", "guess" + std::to_string(i), "192.0.2.1");
  hold_sleepers = true;
  auto start = begin("PLAIN", "192.0.2.1");
  start.has_initial = true;
  start.initial = std::string("\0ana\0pencil", 11);
  service->message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
  while (sleepers.empty()) {
    loop.post([this] { loop.stop(); });
    loop.run();
  }
  size_t before = sent.size();
  hold_sleepers = false;
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  sleepers[0].set(true);
  run_until_sent(before + 1);
  EXPECT_EQ(count(Type::SaslDone), 0u);
  EXPECT_EQ(failure(sent.back()).kind, 1);
}

TEST_F(AuthdTest, nobody_acts_as_somebody_else) {
  auto start = begin("PLAIN");
  start.has_initial = true;
  start.initial = std::string("eva@example.org\0ana\0pencil", 26);
  EXPECT_EQ(failure(answer_to(start)).kind, 0);
  start = begin("PLAIN");
  start.has_initial = true;
  start.initial = std::string("ana@example.org\0ana\0pencil", 26);
  EXPECT_EQ(answer_to(start).type, Type::SaslDone);
}

TEST_F(AuthdTest, aborts_lost_gateways_and_steps_out_of_turn_leave_nothing_behind) {
  auto start = begin("LOGIN");
  ASSERT_EQ(answer_to(start).type, Type::SaslChallenge);
  EXPECT_EQ(service->exchanges(), 1u);
  service->message(gateway, static_cast<uint8_t>(Type::SaslAbort), wire::SaslAbort{start.id}.encode());
  EXPECT_EQ(service->exchanges(), 0u);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(answer_to(begin("LOGIN")).type, Type::SaslChallenge);
  size_t before = sent.size();
  service->message(gateway, static_cast<uint8_t>(Type::SaslStep), wire::SaslStep{4711, "x"}.encode());
  service->message(gateway, static_cast<uint8_t>(Type::SaslStart), "rubbish");
  service->peer_down(gateway);
  EXPECT_EQ(service->exchanges(), 0u);
  EXPECT_EQ(sent.size(), before);
}

TEST_F(AuthdTest, a_role_asks_only_what_is_its_own_to_ask) {
  size_t before = sent.size();
  service->message(gateway, static_cast<uint8_t>(Type::LookupRecipient),
                   wire::LookupRecipient{1, "ana@example.org"}.encode());
  service->message(gateway, static_cast<uint8_t>(Type::EndSessions), wire::EndSessions{1, "", "x"}.encode());
  service->message(mta, static_cast<uint8_t>(Type::SaslStart), begin("PLAIN").encode());
  service->message(PeerId{"admin", 0}, 255, "");
  EXPECT_EQ(sent.size(), before);
  EXPECT_EQ(service->exchanges(), 0u);
}

TEST_F(AuthdTest, lookups) {
  ASSERT_EQ(command({"alias", "add", "info@example.org", "ana", "eva"}).exit_status, 0u);
  auto recipient = [&](std::string address) {
    return *wire::RecipientVerdict::decode(
        ask(mta, Type::LookupRecipient, wire::LookupRecipient{5, std::move(address)}).payload);
  };
  auto verdict = recipient("info@example.org");
  EXPECT_EQ(verdict.id, 5u);
  EXPECT_EQ(verdict.kind, 1);
  ASSERT_EQ(verdict.recipients.size(), 2u);
  EXPECT_EQ(verdict.recipients[1].account, "eva@example.org");
  EXPECT_EQ(recipient("nobody@example.org").kind, 2);
  EXPECT_EQ(recipient("x@elsewhere.test").kind, 0);
  auto may = [&](uint64_t id, std::string address) {
    return wire::SendAsVerdict::decode(ask(mta, Type::MaySendAs, wire::MaySendAs{1, id, std::move(address)}).payload)->kind;
  };
  EXPECT_EQ(may(1, "info@example.org"), 1);
  EXPECT_EQ(may(1, "eva@example.org"), 0);
  ASSERT_EQ(command({"account", "quota", "ana", "2G"}).exit_status, 0u);
  auto info = *wire::AccountInfo::decode(ask(mailstore, Type::LookupAccount, wire::LookupAccount{9, 1}).payload);
  EXPECT_EQ(info.kind, 1);
  EXPECT_EQ(info.account, "ana@example.org");
  EXPECT_EQ(info.quota_bytes, uint64_t{2} << 30);
  EXPECT_EQ(wire::AccountInfo::decode(ask(mailstore, Type::LookupAccount, wire::LookupAccount{9, 77}).payload)->kind, 0);
}

TEST_F(AuthdTest, disable_passwd_and_remove_end_sessions_at_every_peer_and_once_more_when_tickets_are_void) {
  hold_sleepers = true;
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_EQ(count(Type::EndSessions), 3u);
  ASSERT_EQ(sleepers.size(), 1u);
  EXPECT_GT(slept.back(), base::Millis(crypto::kTicketLifeMs));
  sleepers[0].set(true);
  EXPECT_EQ(count(Type::EndSessions), 6u);
  ASSERT_EQ(command({"account", "enable", "ana"}).exit_status, 0u);
  EXPECT_EQ(count(Type::EndSessions), 6u);
  ASSERT_EQ(command({"account", "passwd", "ana"}, "crayon").exit_status, 0u);
  EXPECT_EQ(count(Type::EndSessions), 9u);
  ASSERT_EQ(command({"account", "remove", "ana"}).exit_status, 0u);
  ASSERT_EQ(command({"account", "enable", "ana"}).exit_status, 0u);
  size_t before = count(Type::EndSessions);
  sleepers.back().set(true);
  EXPECT_EQ(count(Type::EndSessions), before) << "active again: its new sessions stay";
}

TEST_F(AuthdTest, purge_tells_the_mail_store_now_and_again_when_it_comes_up) {
  EXPECT_EQ(command({"account", "purge", "ana"}).exit_status, 1u) << "not removed yet";
  ASSERT_EQ(command({"account", "remove", "ana"}).exit_status, 0u);
  ASSERT_EQ(command({"account", "purge", "ana"}).exit_status, 0u);
  EXPECT_EQ(count(Type::PurgeAccount), 1u);
  service->peer_down(mailstore);
  service->peer_up(mailstore);
  EXPECT_EQ(count(Type::PurgeAccount), 2u);
  EXPECT_EQ(wire::EndSessions::decode(sent.back().payload)->account_id, 1u);
}

TEST_F(AuthdTest, commands_say_what_they_did_what_they_refuse_and_how_they_are_used) {
  auto added =
      command({"account", "add", "Luz@example.org", "--password-stdin", "--name", "Luz \"L\"", "--quota", "1GiB", "--json"},
              "pw\r\nrest");
  EXPECT_EQ(added.exit_status, 0u);
  EXPECT_THAT(added.output,
              HasSubstr("{\"name\":\"luz@example.org\",\"id\":3,\"state\":\"active\",\"display_name\":\"Luz \\\"L\\\"\","
                        "\"quota_bytes\":1073741824,"));
  EXPECT_EQ(plain("luz", "pw").type, Type::SaslDone);
  auto twice = command({"account", "add", "luz"}, "pw");
  EXPECT_EQ(twice.exit_status, 1u);
  EXPECT_THAT(twice.error, HasSubstr("luz@example.org is an account"));
  EXPECT_EQ(command({"account", "add", "x@elsewhere.test"}, "pw").exit_status, 1u);
  EXPECT_EQ(command({"account", "add", "x"}, "").exit_status, 1u) << "no password";
  EXPECT_EQ(command({"account", "add", "x", "--secrets", "md5"}, "pw").exit_status, 1u);
  EXPECT_EQ(command({"account", "add", "x", "--quota", "much"}, "pw").exit_status, 1u);
  for (std::vector<std::string> wrong : {std::vector<std::string>{},
                                         {"account"},
                                         {"account", "fly", "x"},
                                         {"account", "add"},
                                         {"account", "add", "a", "b"},
                                         {"account", "list", "--what"},
                                         {"account", "add", "x", "--name"}}) {
    auto answer = command(wrong);
    EXPECT_EQ(answer.exit_status, 2u);
    EXPECT_THAT(answer.error, HasSubstr("usage:"));
  }
  EXPECT_THAT(command({"account", "list"}).output, HasSubstr("ana@example.org  active  id 1  quota default\n"));
  EXPECT_THAT(command({"account", "show", "eva"}).output, HasSubstr("eva@example.org"));
  EXPECT_EQ(command({"account", "show", "nobody"}).exit_status, 1u);
  EXPECT_EQ(command({"alias", "add", "team@example.org", "ana", "eva"}).output,
            "team@example.org -> ana@example.org, eva@example.org\n");
  EXPECT_EQ(command({"alias", "list", "--json"}).output,
            "[{\"address\":\"team@example.org\",\"accounts\":[\"ana@example.org\",\"eva@example.org\"]}]\n");
  EXPECT_EQ(command({"alias", "remove", "team@example.org", "ana"}).exit_status, 0u);
  EXPECT_EQ(command({"alias", "remove", "team@example.org"}).exit_status, 0u);
  EXPECT_EQ(command({"alias", "list"}).output, "");
  EXPECT_EQ(command({"account", "send-as", "ana", "boss@elsewhere.test"}).exit_status, 0u);
  auto relay = command({"account", "add", "relay", "--send-as", "*, b@y.test", "--json"}, "pw");
  EXPECT_THAT(relay.output, HasSubstr("\"send_as\":[\"*\",\"b@y.test\"]")) << relay.error;
  EXPECT_EQ(command({"account", "add", "x", "--send-as", "everybody"}, "pw").exit_status, 1u);
}

TEST(ParseQuota, takes_sizes_and_refuses_the_rest) {
  EXPECT_EQ(parse_quota("0"), 0u);
  EXPECT_EQ(parse_quota("500M"), uint64_t{500} << 20);
  EXPECT_EQ(parse_quota("2gib"), uint64_t{2} << 30);
  EXPECT_EQ(parse_quota("1TB"), uint64_t{1} << 40);
  for (const char* bad : {"", "M", "-1", "1.5G", "99999999999T", "1X", "1 G"})
    EXPECT_EQ(parse_quota(bad), std::nullopt) << bad;
}

TEST(ParseTime, takes_times_and_refuses_the_rest) {
  EXPECT_EQ(parse_time("90s"), base::Millis(90'000));
  EXPECT_EQ(parse_time("365d"), base::Millis(365 * 86'400'000ll));
  for (const char* bad : {"", "s", "0s", "-1s", "10", "1w", "366d", "99999999999999999999h", "1.5h", "1 h"})
    EXPECT_EQ(parse_time(bad), std::nullopt) << bad;
}

Task<void> pass(Turnstile& turnstile, int name, std::vector<int>& order, std::vector<Turnstile::PlacePtr>& places) {
  auto entering = turnstile.enter();
  auto entered = co_await std::move(entering);
  order.push_back(entered ? name : -name);
  if (entered) places.push_back(std::move(*entered));
}

TEST(Turnstile, lets_in_one_after_the_other_and_sends_away_whom_its_queue_cannot_hold) {
  Turnstile turnstile(1, 2);
  std::vector<int> order;
  std::vector<Turnstile::PlacePtr> places;
  std::vector<Task<void>> tasks;
  for (int name = 1; name <= 4; ++name) {
    tasks.push_back(pass(turnstile, name, order, places));
    tasks.back().start();
  }
  EXPECT_EQ(order, (std::vector{1, -4}));
  EXPECT_EQ(turnstile.waiting(), 2u);
  tasks[1].reset();  // cancelled while it waits: the next one has its turn
  auto first = std::move(places[0]);
  places.clear();
  first.reset();
  EXPECT_EQ(order, (std::vector{1, -4, 3}));
  EXPECT_EQ(turnstile.waiting(), 0u);
  places.clear();
  tasks.push_back(pass(turnstile, 5, order, places));
  tasks.back().start();
  tasks.push_back(pass(turnstile, 6, order, places));
  tasks.back().start();
  EXPECT_EQ(order, (std::vector{1, -4, 3, 5}));
  turnstile.resize(2);
  EXPECT_EQ(order, (std::vector{1, -4, 3, 5, 6})) << "there is a second place now";
  turnstile.resize(1);
  tasks.push_back(pass(turnstile, 7, order, places));
  tasks.back().start();
  places.pop_back();
  EXPECT_EQ(order, (std::vector{1, -4, 3, 5, 6})) << "one place again, and it is taken";
  turnstile.close();
  places.clear();
  EXPECT_EQ(order, (std::vector{1, -4, 3, 5, 6})) << "nobody is let in any more";
}

TEST(JsonText, escapes_what_json_needs) { EXPECT_EQ(json_text("a\"\\\n\x01ñ"), "\"a\\\"\\\\\\u000a\\u0001ñ\""); }

// A directory of one user that checks his password itself.
struct BindSource : directory::Source {
  directory::Account account;
  std::string password = "pencil";
  bool down = false, closed = false;
  int checks = 0;
  size_t of_strangers = 100;
  bool hold = false;  // checks do not end before end_checks()
  std::deque<base::Completion<bool>::Promise> held{};
  void end_checks() {
    hold = false;
    while (!held.empty()) {
      auto promise = std::move(held.front());
      held.pop_front();
      promise.set(true);
    }
  }
  std::string_view name() const override { return "corp"; }
  Task<Result<directory::LoginRecord>> login(std::string user) override {
    directory::LoginRecord record;
    if (user != account.name) co_return std::move(record);
    record.known = true;
    record.account = account;
    record.source = "corp";
    record.check = directory::LoginRecord::Check::Source;
    record.fresh = base::Millis(60'000);
    record.of_strangers = of_strangers;
    co_return std::move(record);
  }
  Task<Result<directory::PasswordVerdict>> check_password(directory::LoginRecord, Secret given) override {
    using directory::PasswordVerdict;
    ++checks;
    if (hold) {
      base::Completion<bool> end;
      held.push_back(end.promise());
      (void)co_await end;
    }
    if (down) co_return fail(Errc::Unavailable, "no server answers");
    if (closed) co_return PasswordVerdict::Closed;
    co_return given.equals(password) ? PasswordVerdict::Right : PasswordVerdict::Wrong;
  }
  Task<Result<directory::RecipientAnswer>> recipients(std::string) override { co_return directory::RecipientAnswer{}; }
  Task<Result<bool>> may_send_as(AccountId, std::string) override { co_return false; }
  Task<Result<directory::Account>> by_id(AccountId) override { co_return account; }
  Task<std::vector<directory::Finding>> explain(std::string user, std::optional<Secret> given) override {
    using directory::Finding;
    std::vector<Finding> out;
    bool right = !given || given->equals(password);
    if (user == account.name) out.push_back({right ? Finding::Kind::Good : Finding::Kind::Bad, "bind", "asked"});
    co_return std::move(out);
  }
};

struct AuthdSourceTest : AuthdTest {
  std::shared_ptr<BindSource> corp = std::make_shared<BindSource>();
  AuthdSourceTest() {
    auto bound = base::run_now(directory->bind("corp", "id-1", "cleo@example.org"));
    EXPECT_TRUE(bound);
    corp->account.id = bound->account;
    corp->account.name = "cleo@example.org";
    chain.set_others({corp});
  }
  Type attempt(std::string_view password) { return plain("cleo@example.org", password).type; }
};

TEST_F(AuthdSourceTest, a_password_that_its_directory_found_right_is_asked_again_after_its_time) {
  Sent s = plain("cleo@example.org", "pencil");
  ASSERT_EQ(s.type, Type::SaslDone);
  EXPECT_THAT(wire::SaslDone::decode(s.payload)->verdict, HasSubstr("directory corp: account "));
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
  EXPECT_EQ(corp->checks, 1);
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
  EXPECT_EQ(corp->checks, 2);
  corp->password = "crayon";
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 0) << "changed meanwhile";
  corp->down = true;
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 0) << "it was refused a moment ago";
  clock.advance(base::Millis(30 * 60'000));
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 1) << "and not remembered any more";
}

TEST_F(AuthdSourceTest, a_directory_that_is_down_shuts_out_only_whose_password_is_not_known) {
  ASSERT_EQ(attempt("pencil"), Type::SaslDone);
  corp->down = true;
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
  EXPECT_EQ(failure(plain("cleo@example.org", "crayon")).kind, 1) << "perhaps a new password: not now, instead of no";
  clock.advance(base::Millis(3'600'000));
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 1);
}

TEST_F(AuthdSourceTest, a_disabled_account_is_refused_like_a_wrong_password) {
  corp->account.state = directory::State::Disabled;
  wire::SaslFail disabled = failure(plain("cleo@example.org", "pencil"));
  wire::SaslFail wrong = failure(plain("ana", "crayon"));
  disabled.id = wrong.id = 0;
  EXPECT_EQ(disabled.encode(), wrong.encode());
}

// What a phone with an old password does to its owner's account over there: nothing after the first time.
TEST_F(AuthdSourceTest, a_password_the_directory_has_refused_is_not_sent_to_it_again) {
  auto refused = [&](std::string_view password) { return failure(plain("cleo@example.org", password)).kind == 0; };
  wire::SaslFail first = failure(plain("cleo@example.org", "old"));
  EXPECT_EQ(corp->checks, 1);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(refused("old"));
  EXPECT_EQ(corp->checks, 1);
  wire::SaslFail again = failure(plain("cleo@example.org", "old"));
  first.id = again.id = 0;
  EXPECT_EQ(first.encode(), again.encode()) << "the client is told the same";
  EXPECT_THAT(g_log, HasSubstr("corp refused this password"));
  EXPECT_TRUE(refused("other"));
  EXPECT_EQ(corp->checks, 2);
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
  clock.advance(base::Millis(30 * 60'000));
  EXPECT_TRUE(refused("old"));
  EXPECT_EQ(corp->checks, 4) << "its time was over";
  corp->account.verifier_version = 7;  // pwdLastSet
  corp->password = "old";
  EXPECT_EQ(attempt("old"), Type::SaslDone) << "it was changed over there to what was wrong before";
}

TEST_F(AuthdSourceTest, the_administrator_sees_the_device_and_never_the_password) {
  auto old = [&] {
    auto start = begin("PLAIN", "192.0.2.1");
    start.client_id = "iPhone Mail 22C161 iOS 18.2.1\n\x1b[2J";
    start.has_initial = true;
    start.initial = std::string("\0cleo@example.org\0", 18) + "Geheim-1";
    EXPECT_EQ(failure(answer_to(start)).kind, 0);
  };
  old();
  EXPECT_THAT(g_log, Not(HasSubstr("stale_password")));
  EXPECT_EQ(command({"guard", "stale"}).output, "no device repeats a wrong password\n");
  for (int i = 0; i < 5; ++i) old();
  size_t at = g_log.find(
      "stale_password account=cleo@example.org peer=192.0.2.1 client=\"iPhone Mail 22C161 iOS 18.2.1??[2J\" "
      "service=imap count=2 since=");
  EXPECT_NE(at, g_log.npos) << g_log;
  EXPECT_EQ(g_log.find("stale_password", at + 1), g_log.npos) << "once an hour";
  auto shown = command({"guard", "stale"});
  EXPECT_THAT(shown.output,
              HasSubstr("cleo@example.org  192.0.2.1  imap  \"iPhone Mail 22C161 iOS 18.2.1??[2J\"  6 times, first "));
  EXPECT_THAT(shown.output, HasSubstr("its directory is not asked for 30 min\n"));
  auto json = command({"guard", "stale", "--json"}).output;
  EXPECT_THAT(json, HasSubstr("\"count\":6"));
  EXPECT_THAT(json, HasSubstr("\"shielded_s\":1800"));
  for (const std::string& text : {g_log, shown.output, json}) EXPECT_THAT(text, Not(HasSubstr("Geheim")));
  EXPECT_EQ(corp->checks, 1);
  EXPECT_EQ(command({"guard", "forget", "cleo@example.org"}).exit_status, 0u);
  old();
  EXPECT_EQ(corp->checks, 2) << "the administrator wanted it asked again";
}

TEST_F(AuthdSourceTest, a_locked_account_is_no_wrong_password) {
  corp->closed = true;
  EXPECT_EQ(failure(plain("cleo@example.org", "pencil")).kind, 0);
  corp->closed = false;  // the administrator has unlocked it
  EXPECT_EQ(attempt("pencil"), Type::SaslDone);
}

TEST_F(AuthdSourceTest, strangers_cannot_spend_the_directorys_patience_and_the_owner_still_gets_in) {
  Options closing = options();
  closing.guard.max_account_failures = 5;
  service->reload(closing);
  EXPECT_EQ(plain("cleo@example.org", "pencil", "198.51.100.7").type, Type::SaslDone);
  corp->checks = 0;
  size_t put_off = 0;
  for (int i = 0; i < 200; ++i)
    put_off += failure(plain("cleo@example.org", "guess" + std::to_string(i), "203.0.113." + std::to_string(i))).kind == 1;
  EXPECT_EQ(corp->checks, 5);
  EXPECT_EQ(put_off, 195u);
  EXPECT_EQ(plain("cleo@example.org", "pencil", "198.51.100.7").type, Type::SaslDone) << "at home";
  EXPECT_EQ(plain("cleo@example.org", "pencil", "198.51.100.99").type, Type::SaslDone) << "on the road: known to be right";
  clock.advance(base::Millis(61'000));
  EXPECT_EQ(plain("cleo@example.org", "pencil", "198.51.100.99").type, Type::SaslDone);
  // Somebody who is not there is put off just the same.
  std::vector<int> kinds[2];
  for (int i = 0; i < 10; ++i) {
    kinds[0].push_back(
        failure(plain("nobody@example.org", "x" + std::to_string(i), "203.0.112." + std::to_string(i))).kind);
    kinds[1].push_back(failure(plain("eva@example.org", "x" + std::to_string(i), "203.0.111." + std::to_string(i))).kind);
  }
  EXPECT_EQ(kinds[0], kinds[1]);
  EXPECT_EQ(kinds[0][4], 0);
  EXPECT_EQ(kinds[0][5], 1);
}

TEST_F(AuthdSourceTest, a_burst_of_strangers_leaves_a_connection_of_the_directory_to_those_who_were_there_before) {
  const std::string user = "cleo@example.org";
  auto start = [&](std::string_view password, std::string_view address) {
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart), begin_plain(user, password, address).encode());
  };
  ASSERT_EQ(plain(user, "pencil", "198.51.100.7").type, Type::SaslDone);
  clock.advance(base::Millis(61'000));  // the directory is asked again
  corp->checks = 0;
  corp->of_strangers = 2;
  corp->hold = true;
  sent.clear();
  for (int i = 0; i < 50; ++i) start("guess" + std::to_string(i), "203.0.113." + std::to_string(i));
  EXPECT_EQ(corp->checks, 2) << "the others wait";
  start("pencil", "198.51.100.7");
  EXPECT_EQ(corp->checks, 3) << "at home: at once";
  start("pencil", "198.51.100.99");
  EXPECT_EQ(corp->checks, 4) << "on the road, with a password that was right a minute ago";
  corp->held.back().set(true);
  corp->held.pop_back();
  run_until_sent(1);
  EXPECT_EQ(sent.back().type, Type::SaslDone);
  EXPECT_EQ(corp->checks, 4);
  corp->held.front().set(true);
  corp->held.pop_front();
  EXPECT_EQ(corp->checks, 5) << "one stranger after the other";
  corp->end_checks();
  run_until_sent(52);
  EXPECT_EQ(corp->checks, 52) << "and nobody is forgotten";
}

TEST_F(AuthdSourceTest, strangers_who_wait_for_a_directory_when_we_end_leave_nothing_behind) {
  corp->of_strangers = 1;
  corp->hold = true;
  for (const char* address : {"203.0.113.1", "203.0.113.2", "203.0.113.3"})
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart),
                     begin_plain("cleo@example.org", address, address).encode());
  EXPECT_EQ(corp->checks, 1);
  service.reset();
  EXPECT_EQ(corp->checks, 1);
}

TEST_F(AuthdSourceTest, directory_test_tells_the_steps_and_its_status) {
  EXPECT_EQ(command({"directory", "test", "cleo@example.org"}).exit_status, 0u);
  EXPECT_EQ(command({"directory", "test", "cleo@example.org", "--password-stdin"}, "pencil\n").exit_status, 0u);
  auto wrong = command({"directory", "test", "cleo@example.org", "--password-stdin"}, "crayon\n");
  EXPECT_EQ(wrong.exit_status, 1u);
  EXPECT_THAT(wrong.output, HasSubstr("! bind: asked"));
  EXPECT_EQ(command({"directory", "test", "nobody"}).exit_status, 1u);
  auto ana = command({"directory", "test", "ana", "--password-stdin", "--json"}, "pencil\n");
  EXPECT_EQ(ana.exit_status, 0u) << ana.output;
  EXPECT_THAT(ana.output, HasSubstr("{\"step\":\"password\",\"result\":\"good\",\"text\":\"right\"}"));
  EXPECT_EQ(command({"directory", "test", "ana", "--password-stdin"}, "crayon\n").exit_status, 1u);
  EXPECT_THAT(g_log, Not(HasSubstr("crayon")));
}

}  // namespace
}  // namespace bz::authd

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "authd/device_command.h"
#include "authd/service.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/ticket.h"
#include "directory/chain.h"
#include "kv/memory.h"
#include "sasl/client.h"

namespace bz::authd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using wire::Type;

constexpr crypto::PasswordCost kCheap{64, 1, 1};
std::string g_log;
void keep_log(std::string_view line) { g_log += std::string(line) + "\n"; }

// A directory that checks passwords itself, and tells which ones it was shown.
class Corporate : public directory::Source {
 public:
  explicit Corporate(directory::Embedded& ours) : ours_(ours) {}
  std::vector<std::string> shown{};
  directory::State state = directory::State::Active;
  bool down = false;

  std::string_view name() const override { return "corp"; }
  Task<Result<directory::LoginRecord>> login(std::string user) override {
    if (down) co_return fail(Errc::Unavailable, "corp is down");
    directory::LoginRecord record;
    if (ours_.login_name(user) != "max@example.org") co_return std::move(record);
    auto binding = ours_.bind("corp", "uuid-1", "max@example.org");
    BZ_CO_TRY(directory::Binding bound, co_await std::move(binding));
    record.known = true;
    record.account = {.id = bound.account, .name = bound.name, .display_name = {}, .state = state};
    record.check = directory::LoginRecord::Check::Source;
    record.source = "corp";
    co_return std::move(record);
  }
  Task<Result<directory::PasswordVerdict>> check_password(directory::LoginRecord, Secret password) override {
    shown.emplace_back(password.reveal());
    co_return password.equals("pencil") ? directory::PasswordVerdict::Right : directory::PasswordVerdict::Wrong;
  }
  Task<Result<directory::RecipientAnswer>> recipients(std::string) override { co_return directory::RecipientAnswer{}; }
  Task<Result<bool>> may_send_as(AccountId, std::string) override { co_return false; }
  Task<Result<directory::Account>> by_id(AccountId id) override {
    if (down) co_return fail(Errc::Unavailable, "corp is down");
    co_return directory::Account{.id = id, .name = "max@example.org", .display_name = {}, .state = state};
  }
  Task<std::vector<directory::Finding>> explain(std::string, std::optional<Secret>) override {
    co_return std::vector<directory::Finding>();
  }

 private:
  directory::Embedded& ours_;
};

struct Sent {
  PeerId to;
  Type type;
  std::string payload;
};

std::string test_file(const std::string& name) {
  std::ifstream in(BUZON_SOURCE_DIR "/tests/data/client-certificates/" + name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

struct DeviceLoginTest : testing::Test {
  net::Loop loop;
  net::BlockingPool pool{1, 100};
  base::ManualClock clock;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  std::vector<Sent> sent;
  size_t wanted = 0;
  bool running = false, hold_sleepers = false;
  std::vector<base::Completion<bool>::Promise> sleepers;
  std::unique_ptr<directory::Embedded> directory = *base::run_now(directory::Embedded::open(
      *store, loop, {{"example.org"}, Secret(std::string(32, 'k')), kCheap}, clock, base::system_random()));
  std::shared_ptr<Corporate> corporate = std::make_shared<Corporate>(*directory);
  directory::Chain chain{*directory, {corporate}};
  std::map<PeerId, std::vector<std::string>> sessions;  // what the gateways say
  std::unique_ptr<Service> service;
  const PeerId gateway{"gateway", 0}, other_gateway{"gateway", 1}, mta{"mta", 0}, mailstore{"mailstore", 0};
  uint64_t next_id = 0;

  DeviceLoginTest() {
    log::set_sink(keep_log);
    World world{loop,
                pool,
                clock,
                base::system_random(),
                [this](const PeerId& to, Type type, std::string_view payload) { return take(to, type, payload); },
                [this](base::Millis) { return sleep(); }};
    service = std::make_unique<Service>(std::move(world), *directory, chain, options());
    for (const PeerId& peer : {gateway, other_gateway, mta, mailstore}) service->peer_up(peer);
    for (const char* name : {"ana", "eva"}) EXPECT_EQ(command({"account", "add", name}, "pencil\n").exit_status, 0u);
    g_log.clear();
  }
  ~DeviceLoginTest() override { log::set_sink(nullptr); }

  static Options options() {
    Options o;
    o.host = "mail.test";
    using sasl::Kind;
    for (const char* listener : {"imaps", "submission", "pop3s"})
      o.offers[listener] = {Kind::Plain,       Kind::Login,     Kind::CramMd5, Kind::ScramSha1,
                            Kind::ScramSha256, Kind::DigestMd5, Kind::External};
    o.secrets = {kCheap, sasl::kScramIterations, {}, "example.org"};
    o.guard.trusted = {*directory::Network::parse("127.0.0.0/8")};
    return o;
  }
  Result<void> take(const PeerId& to, Type type, std::string_view payload) {
    sent.push_back({to, type, std::string(payload)});
    if (wanted && sent.size() >= wanted) loop.stop();
    if (type == Type::AskSessions && sessions.contains(to)) {
      auto question = *wire::AskSessions::decode(payload);
      const std::string answer = wire::AccountSessions{question.id, sessions[to]}.encode();
      service->message(to, static_cast<uint8_t>(Type::AccountSessions), answer);
    }
    return {};
  }
  Task<void> sleep() {
    if (!hold_sleepers) co_return;
    base::Completion<bool> woken;
    sleepers.push_back(woken.promise());
    (void)co_await woken;
  }
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
    if (running) loop.stop();
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
  // Adds a device and gives its password.
  std::string add(std::string account, std::string name, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"device", "add", std::move(account), "--name", std::move(name)};
    words.insert(words.end(), more.begin(), more.end());
    auto answer = command(std::move(words));
    EXPECT_EQ(answer.exit_status, 0u) << answer.error;
    const size_t at = answer.output.find("password     ");
    return at == std::string::npos ? "" : answer.output.substr(at + 13, 24);
  }

  wire::SaslStart begin(std::string mechanism, wire::Service where = wire::Service::Imap) {
    wire::SaslStart s;
    s.id = ++next_id;
    s.service = where;
    s.mechanism = std::move(mechanism);
    s.listener = "imaps";
    s.session_id = "abcdefghjkmn";
    s.client_address = "127.0.0.1";
    s.tls_version = "TLSv1.3";
    return s;
  }
  Sent answer_to(const wire::SaslStart& start) {
    const size_t before = sent.size();
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
    run_until_sent(before + 1);
    return sent.back();
  }
  wire::SaslStart plain_start(std::string_view user, std::string_view password, wire::Service where = wire::Service::Imap) {
    auto start = begin("PLAIN", where);
    start.has_initial = true;
    start.initial = '\0' + std::string(user) + '\0' + std::string(password);
    return start;
  }
  Sent plain(std::string_view user, std::string_view password, wire::Service where = wire::Service::Imap) {
    return answer_to(plain_start(user, password, where));
  }
  // Challenges and responses to the end; the last thing auth says.
  Sent converse(std::string_view mechanism, std::string_view user, std::string_view password) {
    auto client =
        sasl::make_client(*sasl::mechanism_of(mechanism),
                          {.user = std::string(user), .password = Secret(std::string(password))}, base::system_random());
    auto start = begin(std::string(mechanism));
    if (auto initial = client->initial()) {
      start.has_initial = true;
      start.initial = *initial;
    }
    Sent s = answer_to(start);
    while (s.type == Type::SaslChallenge) {
      auto response = client->next(wire::SaslStep::decode(s.payload)->data);
      EXPECT_TRUE(response) << mechanism;
      if (!response) break;
      const size_t before = sent.size();
      service->message(gateway, static_cast<uint8_t>(Type::SaslStep), wire::SaslStep{start.id, *response}.encode());
      run_until_sent(before + 1);
      s = sent.back();
    }
    return s;
  }
  static std::string device_of(const Sent& s) {
    EXPECT_EQ(s.type, Type::SaslDone);
    auto done = wire::SaslDone::decode(s.payload);
    return s.type == Type::SaslDone && done ? done->device : "(refused)";
  }
  static wire::SaslFail failure(const Sent& s) {
    EXPECT_EQ(s.type, Type::SaslFail);
    auto f = wire::SaslFail::decode(s.payload);
    return s.type == Type::SaslFail && f ? *f : wire::SaslFail{0, 99, ""};
  }
  std::vector<std::string> ended() {
    std::vector<std::string> out;
    for (const Sent& s : sent)
      if (s.type == Type::EndSessions && s.to == mailstore) out.push_back(wire::EndSessions::decode(s.payload)->device);
    return out;
  }
};

TEST_F(DeviceLoginTest, a_device_password_logs_its_account_in_and_the_ticket_names_the_device) {
  const std::string iphone = add("ana", "iPhone de Ana"), ipad = add("ana", "iPad");
  Sent s = plain("ana@example.org", iphone);
  ASSERT_EQ(s.type, Type::SaslDone);
  auto done = *wire::SaslDone::decode(s.payload);
  EXPECT_EQ(done.account, "ana@example.org");
  EXPECT_EQ(done.device, "iphone-de-ana");
  crypto::TicketVerifier verifier(service->ticket_public_key(), "mailstore", clock);
  auto ticket = verifier.verify(done.ticket, "abcdefghjkmn", "127.0.0.1");
  ASSERT_TRUE(ticket) << ticket.error().to_string();
  EXPECT_EQ(ticket->device, "iphone-de-ana");
  EXPECT_EQ(device_of(plain("ana", ipad)), "ipad");
  EXPECT_EQ(device_of(plain("ana@example.org/IPAD", base::upper(ipad))), "ipad");
  EXPECT_EQ(device_of(plain("ana", "pencil")), "") << "the account's own password is as good as before";
  EXPECT_EQ(failure(plain("ana@example.org/ipad", iphone)).kind, 0);
  EXPECT_EQ(failure(plain("ana@example.org/ipad", "pencil")).kind, 0) << "who chooses a device means it";
  EXPECT_EQ(failure(plain("eva", iphone)).kind, 0);
  EXPECT_THAT(g_log, HasSubstr("device iphone-de-ana"));
  for (const std::string& password : {iphone, ipad}) EXPECT_THAT(g_log, Not(HasSubstr(password)));
}

TEST_F(DeviceLoginTest, every_mechanism_takes_the_device_that_the_login_name_chooses) {
  const std::string password = add("ana", "iPhone", {"--secrets", "cram-md5,scram-sha-1"});
  const std::string login = "ana@example.org/iphone";
  for (const char* mechanism : {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"}) {
    EXPECT_EQ(device_of(converse(mechanism, login, password)), "iphone") << mechanism;
    EXPECT_EQ(failure(converse(mechanism, login, "pencil")).kind, 0) << mechanism;
  }
  EXPECT_EQ(device_of(converse("SCRAM-SHA-256", "ana@example.org", "pencil")), "");
  EXPECT_EQ(failure(converse("SCRAM-SHA-256", "ana@example.org", password)).kind, 0) << "one salt per name";
}

TEST_F(DeviceLoginTest, an_expired_device_is_told_so_once_it_has_shown_its_password) {
  const std::string password = add("ana", "iPhone", {"--expires", "90d"});
  clock.advance(std::chrono::hours(24 * 90) - std::chrono::seconds(1));
  EXPECT_EQ(device_of(plain("ana", password)), "iphone");
  clock.advance(std::chrono::seconds(1));
  for (const Sent& s : {plain("ana", password), converse("SCRAM-SHA-256", "ana@example.org/iphone", password)}) {
    EXPECT_EQ(failure(s).kind, 4);
    EXPECT_THAT(failure(s).reason, HasSubstr("expired"));
  }
  auto wrong = failure(plain("ana@example.org/iphone", "wrong"));
  EXPECT_EQ(wrong.kind, 0);
  EXPECT_EQ(wrong.reason, "authentication failed");
}

TEST_F(DeviceLoginTest, a_device_is_held_to_its_protocols) {
  const std::string password = add("ana", "Printer", {"--protocols", "submission"});
  EXPECT_EQ(device_of(plain("ana", password, wire::Service::Submission)), "printer");
  for (auto where : {wire::Service::Imap, wire::Service::Pop3}) {
    auto f = failure(plain("ana", password, where));
    EXPECT_EQ(f.kind, 4);
    EXPECT_THAT(f.reason, HasSubstr("This device may not use"));
  }
}

TEST_F(DeviceLoginTest, with_devices_only_the_accounts_own_password_is_as_wrong_as_any) {
  const std::string password = add("ana", "iPhone");
  EXPECT_EQ(device_of(plain("ana", "pencil")), "") << "in the memory of right passwords from now on";
  ASSERT_EQ(command({"device", "only", "ana", "on"}).exit_status, 0u);
  EXPECT_THAT(ended(), ElementsAre(""));
  auto right = failure(plain("ana", "pencil")), wrong = failure(plain("ana", "crayon"));
  right.id = wrong.id = 0;
  EXPECT_EQ(right.encode(), wrong.encode());
  EXPECT_EQ(failure(converse("SCRAM-SHA-256", "ana", "pencil")).kind, 0);
  EXPECT_EQ(device_of(plain("ana", password)), "iphone");
  EXPECT_THAT(command({"device", "list", "ana"}).output, HasSubstr("devices only"));
  ASSERT_EQ(command({"device", "only", "ana", "off"}).exit_status, 0u);
  EXPECT_EQ(device_of(plain("ana", "pencil")), "");
}

TEST_F(DeviceLoginTest, nobody_learns_which_devices_there_are) {
  (void)add("ana", "iPhone");
  std::vector<std::string> answers;
  for (const char* user : {"ana@example.org/iphone", "ana@example.org/ipad", "nobody@example.org/iphone", "nobody"}) {
    auto f = failure(plain(user, "wrong"));
    f.id = 0;
    answers.push_back(f.encode());
  }
  for (const std::string& answer : answers) EXPECT_EQ(answer, answers[0]);
  // SCRAM: a device that is not there shows a salt of the same form, the same each time.
  auto server_first = [&](const std::string& user) {
    auto start = begin("SCRAM-SHA-256");
    start.has_initial = true;
    start.initial = "n,,n=" + user + ",r=abc";
    Sent s = answer_to(start);
    EXPECT_EQ(s.type, Type::SaslChallenge);
    const std::string text = wire::SaslStep::decode(s.payload)->data;
    return text.substr(text.find(",s="));
  };
  const std::string real = server_first("ana@example.org/iphone"), fake = server_first("ana@example.org/ipad");
  EXPECT_EQ(real, server_first("ana@example.org/iphone"));
  EXPECT_EQ(fake, server_first("ana@example.org/ipad"));
  EXPECT_NE(fake, server_first("ana@example.org/watch"));
  EXPECT_EQ(fake.size(), real.size());
  EXPECT_EQ(fake.substr(fake.find(",i=")), real.substr(real.find(",i=")));
}

TEST_F(DeviceLoginTest, wrong_device_passwords_spend_the_budget_of_address_and_account) {
  (void)add("ana", "iPhone");
  base::SeededRandom random{5};
  for (int i = 0; i < 20; ++i) {
    auto start = plain_start("ana@example.org/x" + std::to_string(i), directory::make_device_password(random).reveal());
    start.client_address = "192.0.2.9";
    EXPECT_EQ(failure(answer_to(start)).kind, 0) << i;
  }
  auto start = plain_start("ana", "pencil");
  start.client_address = "192.0.2.9";
  EXPECT_EQ(failure(answer_to(start)).kind, 1);
}

TEST_F(DeviceLoginTest, a_revoked_device_loses_its_sessions_and_its_way_in_and_the_others_keep_theirs) {
  const std::string iphone = add("ana", "iPhone"), ipad = add("ana", "iPad");
  ASSERT_EQ(device_of(plain("ana", iphone)), "iphone");
  hold_sleepers = true;
  ASSERT_EQ(command({"device", "revoke", "ana", "IPHONE"}).exit_status, 0u);
  EXPECT_THAT(ended(), ElementsAre("iphone"));
  size_t told = 0;
  for (const Sent& s : sent) told += s.type == Type::EndSessions;
  EXPECT_EQ(told, 4u) << "every peer";
  EXPECT_EQ(failure(plain("ana", iphone)).kind, 0);
  EXPECT_EQ(failure(converse("SCRAM-SHA-256", "ana@example.org/iphone", iphone)).kind, 0);
  EXPECT_EQ(device_of(plain("ana", ipad)), "ipad");
  for (auto& sleeper : std::exchange(sleepers, {})) sleeper.set(true);
  EXPECT_THAT(ended(), ElementsAre("iphone", "iphone")) << "once more for tickets signed just before";
  EXPECT_EQ(command({"device", "revoke", "ana", "iPhone"}).exit_status, 1u);
}

TEST_F(DeviceLoginTest, a_device_that_is_revoked_while_its_answer_is_held_back_gets_no_ticket) {
  const std::string password = add("ana", "iPhone");
  for (int i = 0; i < 8; ++i) {
    auto wrong = plain_start("ana", "wrong" + std::to_string(i));
    wrong.client_address = "192.0.2.9";
    (void)answer_to(wrong);
  }
  hold_sleepers = true;
  auto start = plain_start("ana", password);
  start.client_address = "192.0.2.9";
  service->message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
  ASSERT_EQ(sleepers.size(), 1u) << "held back";
  ASSERT_EQ(command({"device", "revoke", "ana", "iphone"}).exit_status, 0u);
  sleepers[0].set(true);
  EXPECT_EQ(failure(sent.back()).kind, 0);
}

TEST_F(DeviceLoginTest, a_disabled_account_lets_no_device_in) {
  const std::string password = add("ana", "iPhone");
  ASSERT_EQ(command({"account", "disable", "ana"}).exit_status, 0u);
  EXPECT_THAT(ended(), ElementsAre("", ""));
  EXPECT_EQ(failure(plain("ana", password)).kind, 0);
  EXPECT_EQ(failure(converse("SCRAM-SHA-256", "ana@example.org/iphone", password)).kind, 0);
}

TEST_F(DeviceLoginTest, the_list_tells_end_last_use_and_sessions) {
  const std::string password = add("ana", "iPhone de Ana", {"--expires", "2030-01-01", "--protocols", "imap,submission"});
  (void)add("ana", "iPad");
  auto start = plain_start("ana", password);
  start.client_id = "iPhone Mail 22C161\x01";
  ASSERT_EQ(answer_to(start).type, Type::SaslDone);
  sessions[gateway] = {"iphone-de-ana", "", "iphone-de-ana"};
  sessions[other_gateway] = {"iphone-de-ana"};
  std::string text = command({"device", "list", "ana"}).output;
  EXPECT_THAT(text, HasSubstr("imap, submission, until 2030-01-01 00:00Z"));
  EXPECT_THAT(text, HasSubstr("from 127.0.0.1 by iPhone Mail 22C161?, sessions now 3"));
  EXPECT_THAT(text, HasSubstr("never used, sessions now 0"));
  EXPECT_THAT(text, HasSubstr("own password, sessions now 1"));
  EXPECT_THAT(text, Not(HasSubstr("did not answer")));
  service->message(mailstore, static_cast<uint8_t>(Type::ClientNamed),
                   wire::ClientNamed{1, "iphone-de-ana", "com.apple.email.maild"}.encode());
  EXPECT_THAT(command({"device", "list", "ana", "--json"}).output, HasSubstr(R"("client":"com.apple.email.maild")"));
  sessions.erase(other_gateway);
  EXPECT_THAT(command({"device", "list", "ana"}).output, HasSubstr("a gateway did not answer"));
}

TEST_F(DeviceLoginTest, only_gateways_count_sessions_and_only_the_mail_store_names_clients) {
  (void)add("ana", "iPhone");
  service->message(mta, static_cast<uint8_t>(Type::ClientNamed), wire::ClientNamed{1, "iphone", "x"}.encode());
  service->message(mailstore, static_cast<uint8_t>(Type::AccountSessions), wire::AccountSessions{1, {}}.encode());
  service->message(gateway, static_cast<uint8_t>(Type::AccountSessions), wire::AccountSessions{99, {"x"}}.encode());
  service->message(gateway, static_cast<uint8_t>(Type::AccountSessions), "\x07");
  EXPECT_THAT(command({"device", "list", "ana"}).output, Not(HasSubstr("by x")));
}

TEST_F(DeviceLoginTest, accounts_of_another_directory_have_devices_and_it_never_sees_their_passwords) {
  const std::string password = add("max", "iPhone");
  EXPECT_EQ(device_of(plain("max", password)), "iphone");
  EXPECT_EQ(device_of(converse("SCRAM-SHA-256", "max@example.org/iphone", password)), "iphone");
  EXPECT_TRUE(corporate->shown.empty());
  ASSERT_EQ(command({"device", "revoke", "max", "iPhone"}).exit_status, 0u);
  EXPECT_EQ(failure(plain("max", password)).kind, 0);
  EXPECT_TRUE(corporate->shown.empty()) << "a phone that goes on asking must not lock the owner out over there";
  EXPECT_EQ(device_of(plain("max", "pencil")), "");
  EXPECT_THAT(corporate->shown, ElementsAre("pencil"));
  const std::string second = add("max", "iPad");
  corporate->state = directory::State::Disabled;
  EXPECT_EQ(failure(plain("max", second)).kind, 0);
  corporate->state = directory::State::Active;
  corporate->down = true;
  EXPECT_EQ(failure(plain("max", second)).kind, 1) << "the account must be there and enabled";
  EXPECT_EQ(command({"device", "add", "max", "--name", "x"}).exit_status, 1u);
  EXPECT_EQ(command({"device", "revoke", "max", "iPad"}).exit_status, 0u) << "a stolen phone does not wait";
}

struct DeviceCertificateTest : DeviceLoginTest {
  void SetUp() override {
    clock.advance(base::Millis(std::chrono::hours(24 * 60)));  // the certificates begin after the clock
    Options o = options();
    o.certificates.authorities = *crypto::ClientAuthorities::make(test_file("ca.pem"), test_file("crl.pem"));
    o.certificates.names = {CertificateRules::Name::Email};
    service->reload(std::move(o));
  }
  Sent external(std::string who = "") {
    std::string body;
    const std::string text = test_file("ana.pem");
    for (std::string_view line : base::split(text, '\n'))
      if (!line.starts_with("-----")) body += line;
    auto start = begin("EXTERNAL");
    start.has_initial = true;
    start.initial = std::move(who);
    start.client_certificates = {base::from_base64(body).value()};
    return answer_to(start);
  }
};

TEST_F(DeviceCertificateTest, a_bound_certificate_is_its_devices_whatever_it_names_and_stays_revoked) {
  EXPECT_EQ(wire::SaslDone::decode(external().payload)->account, "ana@example.org") << "by the address in it";
  auto added = command({"device", "add", "eva", "--name", "Laptop", "--certificate-stdin"}, test_file("ana.pem"));
  ASSERT_EQ(added.exit_status, 0u) << added.error;
  EXPECT_THAT(added.output, Not(HasSubstr("password")));
  Sent s = external();
  ASSERT_EQ(s.type, Type::SaslDone);
  EXPECT_EQ(wire::SaslDone::decode(s.payload)->account, "eva@example.org");
  EXPECT_EQ(wire::SaslDone::decode(s.payload)->device, "laptop");
  EXPECT_EQ(external("eva@example.org").type, Type::SaslDone);
  EXPECT_EQ(failure(external("ana@example.org")).kind, 0);
  EXPECT_EQ(command({"device", "add", "ana", "--name", "x", "--certificate-stdin"}, test_file("ana.pem")).exit_status, 1u);
  ASSERT_EQ(command({"device", "revoke", "eva", "laptop"}).exit_status, 0u);
  EXPECT_EQ(failure(external()).kind, 0) << "nor by the address in it";
  EXPECT_EQ(command({"device", "add", "eva", "--name", "x", "--certificate-stdin"}, test_file("ana.pem")).exit_status, 1u);
}

TEST_F(DeviceCertificateTest, a_certificate_ends_with_its_device_and_keeps_to_its_protocols) {
  const std::string sha = base::hex(*crypto::certificate_sha256(test_file("ana.pem")));
  ASSERT_EQ(command({"device", "add", "eva", "--name", "L", "--fingerprint", base::upper(sha), "--protocols", "submission"})
                .exit_status,
            0u);
  EXPECT_EQ(failure(external()).kind, 4);
  ASSERT_EQ(command({"account", "disable", "eva"}).exit_status, 0u);
  EXPECT_EQ(failure(external()).kind, 0);
  EXPECT_EQ(command({"device", "add", "ana", "--name", "x", "--fingerprint", "abc"}).exit_status, 1u);
  EXPECT_EQ(command({"device", "add", "ana", "--name", "x", "--certificate-stdin"}, "rubbish").exit_status, 1u);
}

TEST(DeviceCommandLine, is_read_or_refused_with_the_usage) {
  auto good = parse_device_command({"device", "add", "ana", "--name", "iPhone", "--expires", "90d", "--json"});
  ASSERT_TRUE(good);
  EXPECT_EQ(*good->name, "iPhone");
  EXPECT_TRUE(good->json);
  using Words = std::vector<std::string>;
  for (const Words& words :
       {Words{"device"}, Words{"device", "add", "ana"}, Words{"device", "add", "--name", "x"}, Words{"device", "list"},
        Words{"device", "list", "ana", "x"}, Words{"device", "revoke", "ana"}, Words{"device", "only", "ana"},
        Words{"device", "list", "ana", "--name", "x"}, Words{"device", "add", "ana", "--name"},
        Words{"device", "add", "ana", "--nmae", "x"}, Words{"device", "burn", "ana"},
        Words{"device", "add", "ana", "--name", "x", "--fingerprint", "a", "--certificate-stdin"},
        Words{"device", "add", "ana", "--name", "x", "--fingerprint", "a", "--secrets", "apop"}})
    EXPECT_FALSE(parse_device_command(words)) << words.back();
}

TEST(DeviceCommandLine, an_end_is_a_day_or_a_span) {
  const int64_t now = 1'795'000'000;  // 2026-11-18
  EXPECT_EQ(*parse_expiry("2027-01-01", now), 1'798'761'600);
  EXPECT_EQ(*parse_expiry("90d", now), now + 90 * 86'400);
  EXPECT_EQ(*parse_expiry("12h", now), now + 12 * 3600);
  EXPECT_EQ(time_text(1'798'761'600), "2027-01-01 00:00Z");
  for (std::string_view bad : {"", "d", "0d", "-1d", "90", "90m", "2027-02-30", "2027-1-1", "2026-11-18", "36501d",
                               "99999999999999999999d", "tomorrow"})
    EXPECT_FALSE(parse_expiry(bad, now)) << bad;
}

}  // namespace
}  // namespace bz::authd

// The parts of a reload: what of two configurations differs, which sockets stay, when a round is over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "app/config.h"
#include "app/config_keys.h"
#include "app/listeners.h"
#include "app/reload_report.h"
#include "app/round.h"
#include "net/stream.h"

namespace bz::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Loaded with(const std::string& lines, std::string auth_key = {}) {
  Loaded loaded;
  auto config =
      parse_config(lines +
                       "host = \"a.test\"\ndomains = [\"a.test\"]\n[tls]\ncertificate_file = \"c\"\nkey_file = \"k\"\n"
                       "[[listener]]\nname = \"i\"\nservice = \"imap\"\nport = 993\n",
                   "f");
  EXPECT_TRUE(config.has_value()) << config.error().text();
  if (config) loaded.config = std::move(*config);
  if (!auth_key.empty()) loaded.secrets["auth.secrets_key"] = Secret(auth_key);
  return loaded;
}

TEST(Reload, names_the_keys_it_does_not_take_over) {
  const Loaded before = with("");
  EXPECT_THAT(needs_restart(before, with("")), IsEmpty());
  EXPECT_THAT(
      needs_restart(before, with("gateway.workers = 3\nmta.max_retry = \"1h\"\nsmart_host.host = \"relay.test\"\n"
                                 "log_level = \"debug\"\nauth.argon2_threads = 9\nmailstore.idle_time = \"40m\"\n")),
      IsEmpty());
  EXPECT_THAT(
      needs_restart(
          before,
          with("state = \"x\"\nmailstore.lanes = 3\nmailstore.imap_literals = \"minus\"\nmailstore.cache = \"65MiB\"\n"
               "dns.config_file = \"d\"\nusers.mta = \"m\"\nauth.secrets_key_file = \"s\"\n")),
      ElementsAre("state", "auth.secrets_key_file", "mailstore.lanes", "mailstore.cache", "mailstore.imap_literals",
                  "dns.config_file", "users.mta"));
  // The same name, another content.
  const std::string key = "auth.secrets_key_file = \"s\"\n";
  EXPECT_THAT(needs_restart(with(key, "one"), with(key, "one")), IsEmpty());
  EXPECT_THAT(needs_restart(with(key, "one"), with(key, "two")), ElementsAre("auth.secrets_key_file"));
}

TEST(Reload, doc_says_of_each_key_whether_it_needs_a_restart) {
  const std::string doc = config_doc();
  size_t restarts = 0;
  for (const auto& key : config_keys()) {
    const size_t at = doc.find(key.doc);
    ASSERT_NE(at, std::string::npos) << key.name;
    const std::string row = doc.substr(at, doc.find("\n\n", at) - at);
    EXPECT_EQ(row.find("takes effect at a restart") != row.npos, key.needs_restart != nullptr) << key.name;
    restarts += key.needs_restart != nullptr ? 1 : 0;
  }
  EXPECT_EQ(restarts, 22u);
}

roles::ListenerConfig at(std::string name, uint16_t port) {
  roles::ListenerConfig config;
  config.name = std::move(name);
  config.address = "127.0.0.1";
  config.port = port;
  return config;
}
uint16_t free_port() {
  os::Fd fd(*net::listen_tcp({"127.0.0.1", 0}));
  return net::local_of(fd.get())->port;
}
// The kernel's name of the socket behind a descriptor.
std::string socket_of(const os::Fd& fd) {
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd.get())).string();
}
std::map<std::string, std::string> sockets(const Listeners& listeners, uint32_t worker) {
  std::map<std::string, std::string> out;
  auto all = listeners.of(worker);
  EXPECT_TRUE(all.has_value());
  for (const auto& [name, fd] : *all) out[name] = socket_of(fd);
  return out;
}

TEST(Listeners, what_fits_is_kept_and_the_rest_is_opened_or_closed) {
  const uint16_t one = free_port(), two = free_port(), three = free_port();
  auto before = Listeners::open({at("a", one), at("b", two)}, {0, 1}, {});
  ASSERT_TRUE(before.has_value()) << before.error().text();
  const auto first = sockets(*before, 0), second = sockets(*before, 1);
  EXPECT_EQ(first.size(), 2u);
  EXPECT_NE(first.at("a"), second.at("a")) << "each worker has its own";
  // "a" gets another name, "b" goes, "c" is new, worker 1 goes, worker 5 comes.
  auto after = Listeners::open({at("z", one), at("c", three)}, {0, 5}, *before);
  ASSERT_TRUE(after.has_value()) << after.error().text();
  EXPECT_TRUE(after->opened_anew("127.0.0.1", three, *before));
  EXPECT_FALSE(after->opened_anew("127.0.0.1", one, *before));
  *before = Listeners();
  EXPECT_EQ(sockets(*after, 0).at("z"), first.at("a"));
  EXPECT_THAT(sockets(*after, 1), IsEmpty());
  EXPECT_EQ(sockets(*after, 5).size(), 2u);
  // Nobody listens at the old place any more: it can be had without SO_REUSEPORT.
  auto again = net::listen_tcp({"127.0.0.1", two});
  EXPECT_TRUE(again.has_value());
  if (again) os::Fd(*again).reset();
}

TEST(Listeners, a_place_that_is_taken_changes_nothing) {
  const uint16_t one = free_port();
  os::Fd held(*net::listen_tcp({"127.0.0.1", 0}));
  const uint16_t taken = net::local_of(held.get())->port;
  auto before = Listeners::open({at("a", one)}, {0}, {});
  ASSERT_TRUE(before.has_value());
  const auto had = sockets(*before, 0);
  auto after = Listeners::open({at("a", one), at("new", taken)}, {0}, *before);
  ASSERT_FALSE(after.has_value());
  EXPECT_THAT(after.error().text(), HasSubstr("listener new (127.0.0.1 port " + std::to_string(taken)));
  EXPECT_EQ(sockets(*before, 0), had);
}

TEST(ReloadReport, tells_what_was_done_and_what_was_not) {
  ReloadReport report;
  auto answer = report.answer("/f", false);
  EXPECT_EQ(answer.output, "/f is in force\n");
  EXPECT_EQ(answer.exit_status, 0u);
  report.keys = {"state", "users.mta"};
  EXPECT_EQ(report.answer("/f", false).output, "/f is in force\ntakes effect at a restart: state, users.mta\n");
  EXPECT_EQ(report.answer("/f", false).exit_status, 0u);
  report.complaints = {"mta: does not answer"};
  EXPECT_EQ(report.answer("/f", false).error, "buzon: mta: does not answer\n");
  EXPECT_EQ(report.answer("/f", false).exit_status, 1u);
  EXPECT_EQ(report.answer("/f", true).output,
            "{\"reloaded\":true,\"error\":\"\",\"needs_restart\":[\"state\",\"users.mta\"],"
            "\"complaints\":[\"mta: does not answer\"]}\n");
  report = {};
  report.refusal = "f:1: \"x\"";
  EXPECT_EQ(report.answer("/f", false).error,
            "buzon: f:1: \"x\"\nNothing is changed: the settings before stay in force.\n");
  EXPECT_EQ(report.answer("/f", true).exit_status, 1u);
  EXPECT_THAT(report.answer("/f", true).output, HasSubstr("\"reloaded\":false,\"error\":\"f:1: \\\"x\\\"\""));
}

struct RoundTest : testing::Test {
  net::Loop loop;
  Child auth{loop, *find_role("auth"), 0, {}}, mta{loop, *find_role("mta"), 0, {}};
  std::optional<std::vector<std::string>> ended;
  std::unique_ptr<Round> round;
  void begin(base::Millis limit) {
    round = std::make_unique<Round>(loop, limit, [this](std::vector<std::string> complaints) {
      ended = std::move(complaints);
      round.reset();  // as its owner does
      loop.stop();
    });
  }
};

TEST_F(RoundTest, is_over_when_all_have_answered) {
  begin(base::Millis(60'000));
  round->expect(auth);
  round->expect(mta);
  round->begin();
  round->settle(auth);
  round->settle(auth, "twice does not count");
  loop.post([&] { loop.post([&] { round->settle(mta, "no"); }); });
  loop.run();
  EXPECT_THAT(ended.value(), ElementsAre("mta: no"));
}

TEST_F(RoundTest, is_over_when_nobody_is_asked_and_when_the_time_is_up) {
  begin(base::Millis(60'000));
  round->begin();
  loop.run();
  EXPECT_THAT(ended.value(), IsEmpty());
  begin(base::Millis(1));
  round->expect(mta);
  round->expect(auth);
  round->begin();
  round->settle(mta);
  loop.run();
  EXPECT_THAT(ended.value(), ElementsAre("auth: does not answer"));
}

}  // namespace
}  // namespace bz::app

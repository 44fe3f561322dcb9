// A whole system, as processes: set up in a folder that only its owner may enter, started, used, hurt and stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "app/config.h"
#include "app/control_client.h"
#include "app/init.h"
#include "crypto/tls.h"
#include "net/stream.h"
#include "os/file.h"
#include "os/spawn.h"

namespace bz::app {
namespace {

using testing::HasSubstr;

// Ports the kernel gave us a moment ago.
std::vector<uint16_t> free_ports(size_t count) {
  std::vector<os::Fd> held;
  std::vector<uint16_t> ports;
  while (ports.size() < count) {
    auto fd = net::listen_tcp({"127.0.0.1", 0});
    BZ_CHECK(fd.has_value(), "listen");
    held.emplace_back(*fd);
    ports.push_back(net::local_of(*fd)->port);
  }
  return ports;
}

class System {
 public:
  System() {
    char name[] = "/tmp/buzon-serve-XXXXXX";
    BZ_CHECK(mkdtemp(name) != nullptr, "mkdtemp");  // mode 0700: roles that are not root could not walk into it
    folder_ = name;
    InitOptions options;
    options.state = folder_ + "/state";
    options.listen = "127.0.0.1";
    auto made = init(options);
    BZ_CHECK(made.has_value(), "init");
    std::string text = *os::read_file(os::kHere, config(), 1 << 20);
    ports_ = free_ports(6);
    size_t next = 0;
    for (const char* port : {"993", "995", "110", "587", "465", "25"}) {
      size_t at = text.find(std::string("port = ") + port + "\n");
      text.replace(at + 7, std::string(port).size(), std::to_string(ports_[next++]));
    }
    text += "\n[gateway]\nworkers = 1\n";
    // Root has no roles' users on a builder; anybody that is not root will do.
    text += "[users]\ngateway = \"nobody\"\nauth = \"nobody\"\nmailstore = \"nobody\"\nmta = \"nobody\"\n";
    auto written = os::write_file(os::kHere, config(), text, 0644);
    BZ_CHECK(written.has_value(), "write");
  }
  ~System() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      os::wait(pid_);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string config() const { return folder_ + "/state/buzon.toml"; }
  std::string state() const { return folder_ + "/state"; }
  uint16_t imaps() const { return ports_[0]; }
  pid_t pid() const { return pid_; }

  void start() {
    int ends[2];
    BZ_CHECK(pipe(ends) == 0, "pipe");
    events_ = os::Fd(ends[0]);
    os::Fd write(ends[1]);
    auto pid = os::spawn(options(write.get()));
    BZ_CHECK(pid.has_value(), "spawn");
    pid_ = *pid;
  }
  os::SpawnOptions options(int events) const {
    os::SpawnOptions options;
    options.program = BUZON_BINARY;
    options.arguments = {"buzon", "serve", "--config", config()};
    if (const char* value = std::getenv("ASAN_OPTIONS"))
      options.environment.push_back("ASAN_OPTIONS=" + std::string(value));
    options.descriptors = {{events, 2}};
    return options;
  }
  // Reads the supervisor's events until one holds `text`.
  bool hear(std::string_view text) {
    for (;;) {
      size_t end = heard_.find('\n');
      if (end != std::string::npos) {
        std::string line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        if (line.find(text) != std::string::npos) return true;
        continue;
      }
      char buffer[4096];
      ssize_t got = read(events_.get(), buffer, sizeof buffer);
      if (got <= 0) return false;
      heard_.append(buffer, static_cast<size_t>(got));
    }
  }
  wire::ControlAnswer ask_role(const char* role, std::vector<std::string> words, std::string input = {}) {
    auto answer = ask(state(), {role, std::move(words), std::move(input)});
    return answer ? *answer : wire::ControlAnswer{99, {}, answer.error().to_string()};
  }
  pid_t pid_of(const std::string& role) {
    std::string status = ask_role("supervisor", {"status"}).output;
    size_t at = status.find(role + ": ");
    at = status.find("pid ", at);
    return static_cast<pid_t>(std::stol(status.substr(at + 4)));
  }
  int wait() { return os::wait(std::exchange(pid_, -1)).status; }

 private:
  std::string folder_, heard_;
  std::vector<uint16_t> ports_;
  os::Fd events_;
  pid_t pid_ = -1;
};

// A phone whose every step is driven to its end.
class Phone {
 public:
  explicit Phone(const System& system) {
    crypto::TlsClientOptions options;
    options.system_roots = false;
    options.ca_pem = *os::read_file(os::kHere, system.state() + "/tls/ca.pem", 1 << 20);
    tls_ = *crypto::make_tls_client(options);
    drive(connect(system.imaps()));
  }
  std::string say(std::string words, std::string until) {
    drive(talk(std::move(words), std::move(until)));
    return std::exchange(heard_, {});
  }

 private:
  static net::Deadline soon() { return net::Deadline::in(net::Millis(30'000)); }
  Task<void> connect(uint16_t port) {
    auto connecting = net::connect(loop_, {"127.0.0.1", port}, soon());
    auto stream = co_await std::move(connecting);
    BZ_CHECK(stream.has_value(), "connect");
    stream_ = std::move(*stream);
    auto secured = co_await stream_->connect_tls(tls_, "mail.example.test", soon());
    BZ_CHECK(secured.has_value(), "the certificate of init is right for its host");
  }
  Task<void> talk(std::string words, std::string until) {
    auto written = co_await stream_->write_all(words, soon());
    if (!written) co_return;
    while (heard_.find(until) == std::string::npos) {
      char buffer[4096];
      auto got = co_await stream_->read_some(buffer, soon());
      if (!got || *got == 0) co_return;
      heard_.append(buffer, *got);
    }
  }
  Task<void> then_stop(Task<void> task) {
    co_await std::move(task);
    loop_.stop();
  }
  void drive(Task<void> task) {
    auto all = then_stop(std::move(task));
    all.start();
    loop_.run();
  }
  net::Loop loop_;
  crypto::TlsContext tls_;
  std::unique_ptr<net::Stream> stream_;
  std::string heard_;
};

const std::string kLogin = "a LOGIN ana@example.test secret\r\n";

TEST(Serve, a_system_from_its_first_start_to_its_stop) {
  System system;
  system.start();
  ASSERT_TRUE(system.hear(" serving "));
  auto added = system.ask_role("auth", {"account", "add", "ana@example.test", "--password-stdin"}, "secret\n");
  EXPECT_EQ(added.exit_status, 0u) << added.error;
  Phone phone(system);
  EXPECT_THAT(phone.say(kLogin, "\na "), HasSubstr("a OK"));

  // A second one on the same folder is refused.
  auto second = os::spawn(system.options(-1));
  EXPECT_FALSE(second.has_value());
  os::Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  second = os::spawn(system.options(null.get()));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(os::wait(*second).status, 1);

  // A reload drops no session.
  kill(system.pid(), SIGHUP);
  EXPECT_TRUE(system.hear(" reload why=SIGHUP"));
  EXPECT_THAT(phone.say("b NOOP\r\n", "\r\n"), HasSubstr("b OK"));

  // A killed role comes back and is wired anew; sessions of others live on.
  kill(system.pid_of("auth"), SIGKILL);
  EXPECT_TRUE(system.hear("role_ready role=auth"));
  EXPECT_THAT(phone.say("c NOOP\r\n", "\r\n"), HasSubstr("c OK"));
  std::string login = "a NO [UNAVAILABLE]";  // until the new auth has greeted the gateway
  for (int tries = 0; tries < 1000 && login.find("UNAVAILABLE") != std::string::npos; ++tries) {
    login = Phone(system).say(kLogin, "\na ");
  }
  EXPECT_THAT(login, HasSubstr("a OK"));

  kill(system.pid(), SIGTERM);
  EXPECT_TRUE(system.hear(" stopped"));
  EXPECT_EQ(system.wait(), 0);
  EXPECT_THAT(phone.say("d NOOP\r\n", "never"), HasSubstr("BYE"));
}

TEST(Serve, says_which_user_is_missing) {
  if (!os::is_root()) GTEST_SKIP() << "only root changes users";
  System system;
  std::string text = *os::read_file(os::kHere, system.config(), 1 << 20);
  text.replace(text.find("\"nobody\""), 8, "\"buzon-no-such-user\"");
  ASSERT_TRUE(os::write_file(os::kHere, system.config(), text, 0644).has_value());
  system.start();
  EXPECT_TRUE(system.hear("useradd --system --no-create-home --shell /usr/sbin/nologin buzon-no-such-user"));
  EXPECT_EQ(system.wait(), 1);
}

TEST(Init, overwrites_nothing) {
  System system;
  std::string before = *os::read_file(os::kHere, system.config(), 1 << 20);
  std::string key = *os::read_file(os::kHere, system.state() + "/tls/ca-key.pem", 1 << 20);
  InitOptions options;
  options.state = system.state();
  EXPECT_EQ(init(options).error().code(), Errc::Exists);
  EXPECT_EQ(*os::read_file(os::kHere, system.config(), 1 << 20), before);
  EXPECT_EQ(*os::read_file(os::kHere, system.state() + "/tls/ca-key.pem", 1 << 20), key);
  options.state = system.state() + "/other";
  options.host = "not a name";
  EXPECT_EQ(init(options).error().code(), Errc::Invalid);
  EXPECT_FALSE(os::exists(os::kHere, options.state));
  EXPECT_TRUE(os::read_secret_file(os::kHere, system.state() + "/tls/ca-key.pem", 1 << 20).has_value());
}

}  // namespace
}  // namespace bz::app

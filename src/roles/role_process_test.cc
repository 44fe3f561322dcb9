#include "roles/role_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/coding.h"
#include "base/log.h"

namespace bz::roles {
namespace {

using testing::ElementsAre;

// Says what happens to it to its peer "mta", as LookupRecipient records: a role whose life can be watched from outside.
class Witness : public Role {
 public:
  Result<void> prepare(RoleHost& host) override {
    if (host.config().host == "refuse") return fail(Errc::Invalid, "refused");
    seen_.push_back("prepare " + host.config().host + " " + std::string(host.secret("tls.key").reveal()));
    return {};
  }
  Task<Result<void>> start(RoleHost& host) override {
    host_ = &host;
    seen_.push_back("start " + std::to_string(host.take_listener("imaps") >= 0));
    co_return Result<void>();
  }
  Result<void> reload(RoleHost& host) override {
    seen_.push_back("reload " + host.config().host + " " + std::string(host.secret("tls.key").reveal()) + " " +
                    std::to_string(host.take_listener("imaps") >= 0));
    tell();
    if (host.config().host == "refuse") return fail(Errc::Invalid, "refused");
    return {};
  }
  Task<void> drain(RoleHost& host) override {
    seen_.push_back("drain " + host.config().host);
    tell();
    co_return;
  }
  void peer_up(Peer& peer) override {
    seen_.push_back("up " + peer.role() + " " + peer.hello().ticket_public_key);
    tell();
  }
  void peer_down(Peer& peer) override { seen_.push_back("down " + peer.role()); }
  void message(Peer& from, net::Message message) override {
    seen_.push_back("message " + from.role() + " " + std::to_string(message.type));
    tell();
  }
  void control(ControlCall call) override {
    wire::ControlAnswer answer{7, call.request().arguments.at(0), "e"};
    call.answer(answer);
  }

 private:
  void tell() {
    for (const std::string& text : std::exchange(seen_, {})) {
      auto sent = host_->peer("mta")->send(wire::Type::LookupRecipient, wire::LookupRecipient{0, text});
      BZ_CHECK(sent.has_value(), "the test's end is gone");
    }
  }
  RoleHost* host_ = nullptr;
  std::vector<std::string> seen_;
};

Result<Config> read_config(const wire::ConfigText& text) {
  if (text.toml == "broken") return fail(Errc::Invalid, "broken");
  Config config;
  config.host = text.toml;
  config.log_level = "error";
  return config;
}

// The supervisor's side of one role process, which is a true process, because it gives up its rights.
class Supervised {
 public:
  Supervised() {
    auto pair = net::Channel::pair();
    BZ_CHECK(pair.has_value(), "channel pair");
    pid_ = fork();
    if (pid_ == 0) {
      pair->first.reset();
      log::set_level(log::Err);
      int status = 99;
      {
        RoleProcess process(std::make_unique<Witness>(), {"auth", 0}, read_config_);
        status = process.run(std::move(pair->second));
      }
      _exit(status);
    }
    pair->second.reset();
    loop_ = std::make_unique<net::Loop>();
    control_ = channel(std::move(pair->first), [this](const net::Message& m) {
      types_.push_back(m.type);
      if (m.type == static_cast<uint8_t>(wire::Type::Reloaded)) {
        refusals_.push_back(wire::Reloaded::decode(m.payload)->refusal);
      }
    });
  }
  ~Supervised() {
    if (pid_ > 0) kill(pid_, SIGKILL), waitpid(pid_, nullptr, 0);
  }
  std::unique_ptr<net::Channel> channel(net::OwnedFd fd, std::function<void(net::Message)> take) {
    return std::make_unique<net::Channel>(
        *loop_, std::move(fd),
        [this, take = std::move(take)](net::Message m) {
          take(std::move(m));
          loop_->stop();
        },
        [this](const Error&) {
          closed_ = true;
          loop_->stop();
        });
  }
  void send(wire::Type type, std::string payload = {}, std::vector<net::OwnedFd> fds = {}) {
    auto sent = control_->send(static_cast<uint8_t>(type), payload, std::move(fds));
    BZ_CHECK(sent.has_value(), "the role is gone");
  }
  void set_up(const std::string& config, const std::string& key) {
    send(wire::Type::Config, wire::ConfigText{config, "f"}.encode());
    send(wire::Type::Secret, wire::NamedBytes{"tls.key", key}.encode());
  }
  void give_peer() {
    auto pair = net::Channel::pair();
    std::vector<net::OwnedFd> fds;
    fds.push_back(std::move(pair->second));
    send(wire::Type::PeerFd, wire::Peer{"mta", 0}.encode(), std::move(fds));
    peer_ = channel(std::move(pair->first), [this](const net::Message& m) {
      if (m.type == static_cast<uint8_t>(wire::Type::Hello)) {
        heard_.push_back("hello " + wire::Hello::decode(m.payload)->role);
      } else {
        heard_.push_back(wire::LookupRecipient::decode(m.payload)->address);
      }
    });
  }
  void greet(const std::string& role) {
    wire::Hello hello;
    hello.role = role;
    hello.ticket_public_key = "k";
    auto sent = peer_->send(static_cast<uint8_t>(wire::Type::Hello), hello.encode());
    BZ_CHECK(sent.has_value(), "the role is gone");
  }
  template <class Condition>
  void until(Condition condition) {
    net::Loop::Timer guard(*loop_, [] { BZ_CHECK(false, "it does not happen"); });
    guard.arm(net::Deadline::in(net::Millis(20'000)));
    while (!condition()) loop_->run();
  }
  int exit_status() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  ConfigReader read_config_ = read_config;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Channel> control_, peer_;
  std::vector<uint8_t> types_;
  std::vector<std::string> heard_, refusals_;
  bool closed_ = false;
  pid_t pid_ = -1;
};

constexpr uint8_t kReady = static_cast<uint8_t>(wire::Type::Ready);

TEST(RoleProcess, lives_in_the_order_of_its_contract) {
  Supervised role;
  role.set_up("one", "key");
  std::vector<net::OwnedFd> fds;
  fds.emplace_back(dup(0));
  role.send(wire::Type::ListenerFd, wire::NamedBytes{"imaps", ""}.encode(), std::move(fds));
  role.give_peer();
  role.send(wire::Type::Start);
  role.until([&] { return !role.types_.empty(); });
  EXPECT_THAT(role.types_, ElementsAre(kReady));
  role.greet("mta");
  role.until([&] { return role.heard_.size() == 4; });
  EXPECT_THAT(role.heard_, ElementsAre("hello auth", "prepare one key", "start 1", "up mta k"));
  // Reload: settings and secrets together, at Start.
  role.heard_.clear();
  role.set_up("two", "key2");
  role.send(wire::Type::Start);
  role.until([&] { return !role.heard_.empty(); });
  EXPECT_THAT(role.heard_, ElementsAre("reload two key2 0"));
  role.until([&] { return role.types_.size() == 2; });
  EXPECT_EQ(role.types_.back(), static_cast<uint8_t>(wire::Type::Reloaded));
  EXPECT_EQ(role.refusals_, std::vector<std::string>{""});
  // A restarted peer replaces the one before.
  role.heard_.clear();
  role.give_peer();
  role.greet("mta");
  role.until([&] { return role.heard_.size() == 3; });
  EXPECT_THAT(role.heard_, ElementsAre("hello auth", "down mta", "up mta k"));
  role.send(wire::Type::Stop);
  role.until([&] { return role.closed_; });
  EXPECT_EQ(role.exit_status(), 0);
}

TEST(RoleProcess, keeps_its_settings_when_it_refuses_new_ones) {
  Supervised role;
  role.set_up("one", "key");
  role.give_peer();
  role.send(wire::Type::Start);
  role.until([&] { return !role.types_.empty(); });
  role.greet("mta");
  role.until([&] { return role.heard_.size() == 4; });
  role.heard_.clear();
  role.set_up("refuse", "key2");
  std::vector<net::OwnedFd> fds;
  fds.emplace_back(dup(0));
  role.send(wire::Type::ListenerFd, wire::NamedBytes{"imaps", ""}.encode(), std::move(fds));
  role.send(wire::Type::Start);
  role.until([&] { return !role.refusals_.empty(); });
  EXPECT_THAT(role.refusals_.at(0), testing::HasSubstr("refused"));
  role.until([&] { return !role.heard_.empty(); });
  EXPECT_EQ(role.heard_.at(0), "reload refuse key2 1");
  // What it drains by are the settings before, and so is what it would reload without new ones.
  role.send(wire::Type::Start);
  role.until([&] { return role.refusals_.size() == 2; });
  EXPECT_EQ(role.refusals_.at(1), "");
  role.heard_.clear();
  role.send(wire::Type::Drain);
  role.until([&] { return role.closed_; });
  EXPECT_THAT(role.heard_, testing::Contains("drain one"));
  EXPECT_EQ(role.exit_status(), 0);
}

TEST(RoleProcess, writes_to_another_log_when_told) {
  Supervised role;
  role.set_up("one", "");
  role.send(wire::Type::Start);
  role.until([&] { return !role.types_.empty(); });
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::vector<net::OwnedFd> fds;
  fds.emplace_back(ends[1]);
  role.send(wire::Type::LogFd, {}, std::move(fds));
  role.until([&] { return role.types_.size() == 2; });
  EXPECT_EQ(role.types_.back(), static_cast<uint8_t>(wire::Type::LogTaken));
  role.send(static_cast<wire::Type>(200));  // a message that is not known is an event
  role.loop_->post([&] { role.loop_->stop(); });
  role.loop_->run();  // the message goes out
  char buffer[512];
  const ssize_t got = read(ends[0], buffer, sizeof buffer - 1);
  ASSERT_GT(got, 0);
  EXPECT_THAT(std::string(buffer, static_cast<size_t>(got)), testing::HasSubstr("control_message_unknown type=200"));
  close(ends[0]);
}

TEST(RoleProcess, ends_when_it_cannot_run_and_when_the_supervisor_is_gone) {
  {
    Supervised role;
    role.set_up("refuse", "");
    role.send(wire::Type::Start);
    EXPECT_EQ(role.exit_status(), 1);
  }
  {
    Supervised role;
    role.send(wire::Type::Start);  // without Config
    EXPECT_EQ(role.exit_status(), 1);
  }
  Supervised role;
  role.set_up("one", "");
  role.send(wire::Type::Start);
  role.until([&] { return !role.types_.empty(); });
  role.control_.reset();
  EXPECT_EQ(role.exit_status(), 0);
}

TEST(RoleProcess, a_peer_that_lies_about_itself_is_not_heard) {
  Supervised role;
  role.set_up("one", "");
  role.give_peer();
  role.send(wire::Type::Start);
  role.until([&] { return !role.types_.empty(); });
  auto sent = role.peer_->send(static_cast<uint8_t>(wire::Type::SaslStart), "before Hello");
  EXPECT_TRUE(sent.has_value());
  role.greet("gateway");  // it was announced as mta
  role.greet("mta");
  role.until([&] { return role.heard_.size() == 4; });
  EXPECT_EQ(role.heard_.back(), "up mta k");
}

TEST(RoleProcess, a_peer_on_another_host_goes_and_comes_on_one_channel) {
  Supervised role;
  role.set_up("one", "");
  role.give_peer();
  role.send(wire::Type::Start);
  role.until([&] { return !role.types_.empty(); });
  role.greet("mta");
  role.until([&] { return role.heard_.size() == 4; });
  role.heard_.clear();
  auto away = role.peer_->send(static_cast<uint8_t>(wire::Type::Away), {});
  EXPECT_TRUE(away.has_value());
  auto sent = role.peer_->send(static_cast<uint8_t>(wire::Type::SaslStart), "while it is away");
  EXPECT_TRUE(sent.has_value());
  role.greet("mta");
  role.until([&] { return role.heard_.size() == 2; });
  EXPECT_THAT(role.heard_, ElementsAre("down mta", "up mta k"));
}

TEST(RoleProcess, answers_the_tool_on_its_connection) {
  Supervised role;
  role.set_up("one", "");
  role.send(wire::Type::Start);
  role.until([&] { return !role.types_.empty(); });
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  std::vector<net::OwnedFd> fds;
  fds.emplace_back(ends[1]);
  role.send(wire::Type::ControlFd, wire::ControlRequest{"auth", {"word"}, ""}.encode(), std::move(fds));
  std::string bytes;
  char buffer[256];
  for (ssize_t got; role.control_->open() && bytes.size() < 4 + wire::ControlAnswer{7, "word", "e"}.encode().size();) {
    role.loop_->post([&] { role.loop_->stop(); });
    role.loop_->run();  // the message goes out
    got = read(ends[0], buffer, sizeof buffer);
    ASSERT_GT(got, 0);
    bytes.append(buffer, static_cast<size_t>(got));
  }
  EXPECT_EQ(base::get_be32(bytes.data()), bytes.size() - 4);
  auto answer = wire::ControlAnswer::decode(bytes.substr(4));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->exit_status, 7u);
  EXPECT_EQ(answer->output, "word");
  close(ends[0]);
}

}  // namespace
}  // namespace bz::roles

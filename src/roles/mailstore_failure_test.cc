// The mail store's process on a disk that fails: a true process with its own database, started and told by us as by the
// supervisor, gateway, auth and mta. From the moment a sync or a write fails nobody hears that anything was taken; the
// process gives up (RoleHost::give_up), and the next one shows everything that was acknowledged.
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <regex>
#include <thread>

#include "base/log.h"
#include "crypto/sign.h"
#include "kv/testing/failing_fs.h"
#include "roles/blocking_client_for_test.h"
#include "roles/mailstore.h"
#include "roles/mailstore_verify.h"
#include "roles/role_process.h"

namespace bz::roles {
namespace {

constexpr char kAddress[] = "192.0.2.7";

Result<Config> settings(const wire::ConfigText&) {
  Config config;
  config.host = "mail.example.test";
  config.log_level = std::getenv("BUZON_TEST_LOG") ? "debug" : "error";
  config.mailstore.lanes = 1;
  config.mailstore.append_limit = 1 << 20;
  config.mailstore.idle_time = base::Millis(60'000);
  config.mailstore.max_sessions_per_account = 10;
  return config;
}

// The process and its surroundings. Forks before it starts its thread.
class Mailstore {
 public:
  Mailstore(const std::string& folder, const std::atomic<kv::DiskFault>& fault) {
    auto control = net::Channel::pair();
    BZ_CHECK(control.has_value(), "channel pair");
    pid_ = fork();
    if (pid_ == 0) {
      control->first.reset();
      be_the_role(folder, fault, std::move(control->second));
    }
    control->second.reset();
    auto ready = ready_.get_future();
    thread_ = std::thread([this, &control] { surround(std::move(control->first)); });
    BZ_CHECK(ready.wait_for(std::chrono::seconds(30)) == std::future_status::ready, "the mail store does not start");
  }
  ~Mailstore() {
    loop_->stop();
    thread_.join();
    if (pid_ > 0) kill(pid_, SIGKILL), waitpid(pid_, nullptr, 0);
  }

  std::unique_ptr<Client> imap() {
    wire::Handoff header;
    header.service = wire::Service::Imap;
    header.tag = "l";
    header.local_address = "192.0.2.1";  // an address is only told together with its other end
    crypto::Ticket ticket;
    ticket.audience = "mailstore";
    ticket.service = "imap";
    ticket.account = AccountId(1);
    ticket.account_name = "ana@example.test";
    // Until our Hello has been read no ticket is believed.
    for (int tries = 0;; ++tries) {
      ticket.session = header.session_id = "session" + std::to_string(++sessions_);
      ticket.client_address = header.peer_address = kAddress;
      header.ticket = *crypto::issue_ticket(key_.private_key, ticket, base::system_clock(), base::system_random());
      auto client = open(gateway_, header);
      const std::string answer = client->hear("\r\n");
      if (answer.starts_with("l OK")) return client;
      BZ_CHECK(tries < 1000, answer.c_str());
      std::this_thread::yield();
    }
  }
  std::unique_ptr<Client> lmtp() {
    wire::Handoff header;
    header.service = wire::Service::Lmtp;
    header.session_id = "lmtp" + std::to_string(++sessions_);
    auto client = open(mta_, header);
    client->hear("220 ");
    client->hear("\r\n");
    client->say("LHLO mta\r\n");
    client->hear("250 ");
    return client;
  }
  int exit_status() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int stop() {
    loop_->post([this] { send(*control_, wire::Type::Stop, {}); });
    return exit_status();
  }

 private:
  using ChannelPtr = std::unique_ptr<net::Channel>;

  [[noreturn]] static void be_the_role(const std::string& folder, const std::atomic<kv::DiskFault>& fault,
                                       net::OwnedFd control) {
    int status = 99;
    if (chdir(folder.c_str()) == 0) {
      const ConfigReader reader = settings;
      kv::RocksConfig database;
      database.file_system = kv::make_failing_fs(fault);
      RoleProcess process(std::make_unique<MailstoreRole>(std::move(database)), {"mailstore", 0}, reader);
      status = process.run(std::move(control));
    }
    _exit(status);
  }

  // Runs on the thread: the supervisor's and the peers' ends.
  void surround(net::OwnedFd control) {
    net::Loop loop;
    loop_ = &loop;
    control_ = channel(std::move(control), [this](const net::Message&) { ready_.set_value(); });
    send(*control_, wire::Type::Config, wire::ConfigText{"", "f"}.encode());
    ChannelPtr auth = peer("auth", [&auth](const net::Message& message) {
      if (message.type != static_cast<uint8_t>(wire::Type::LookupAccount)) return;
      const auto asked = wire::LookupAccount::decode(message.payload);
      send(*auth, wire::Type::AccountInfo, wire::AccountInfo{asked->id, 1, "ana@example.test", 0, {}}.encode());
    });
    gateway_ = peer("gateway", [](const net::Message&) {});
    mta_ = peer("mta", [](const net::Message&) {});
    send(*control_, wire::Type::Start, {});
    loop.run();
    auth.reset();
    control_.reset();
    gateway_.reset();
    mta_.reset();
  }
  ChannelPtr channel(net::OwnedFd fd, std::function<void(net::Message)> take) {
    return std::make_unique<net::Channel>(*loop_, std::move(fd), std::move(take), [](const Error&) {});
  }
  ChannelPtr peer(const std::string& role, std::function<void(net::Message)> take) {
    auto ends = net::Channel::pair();
    BZ_CHECK(ends.has_value(), "channel pair");
    std::vector<net::OwnedFd> fds;
    fds.push_back(std::move(ends->second));
    BZ_CHECK(control_->send(static_cast<uint8_t>(wire::Type::PeerFd), wire::Peer{role, 0}.encode(), std::move(fds)),
             "the control channel");
    auto made = channel(std::move(ends->first), std::move(take));
    wire::Hello hello;
    hello.role = role;
    hello.ticket_public_key = key_.public_key;
    send(*made, wire::Type::Hello, hello.encode());
    return made;
  }
  static void send(net::Channel& to, wire::Type type, const std::string& payload) {
    (void)to.send(static_cast<uint8_t>(type), payload);
  }
  std::unique_ptr<Client> open(ChannelPtr& from, const wire::Handoff& header) {
    int ends[2];
    BZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    auto fd = std::make_shared<net::OwnedFd>(ends[1]);
    loop_->post([&from, fd] {
      std::vector<net::OwnedFd> fds;
      fds.push_back(std::move(*fd));
      (void)from->send(static_cast<uint8_t>(wire::Type::Leg), {}, std::move(fds));
    });
    auto client = std::make_unique<Client>(ends[0]);
    client->say(header.encode());
    return client;
  }

  crypto::SignKeyPair key_ = crypto::make_sign_key(base::system_random());
  pid_t pid_ = -1;
  int sessions_ = 0;
  std::promise<void> ready_;
  net::Loop* loop_ = nullptr;
  ChannelPtr control_, gateway_, mta_;
  std::thread thread_;
};

std::string mail(const std::string& subject) { return "Subject: " + subject + "\r\n\r\nhello\r\n"; }
std::string append(const std::string& tag, const std::string& subject) {
  const std::string text = mail(subject);
  return tag + " APPEND INBOX {" + std::to_string(text.size()) + "+}\r\n" + text + "\r\n";
}
std::string transaction(const std::string& id) {
  return "MAIL FROM:<b@x> XBZQID=" + id + "\r\nRCPT TO:<ana@x> XBZACCT=1\r\nDATA\r\n" + mail(id) + ".\r\n";
}
// How many messages of INBOX have this subject.
size_t count(Client& client, const std::string& subject) {
  client.say("c SEARCH SUBJECT " + subject + "\r\n");
  const std::string answer = client.hear("c OK");
  client.hear("\r\n");
  const std::regex number("[0-9]+");
  const size_t at = answer.find("* SEARCH");
  if (at == std::string::npos) return SIZE_MAX;
  const std::string line = answer.substr(at, answer.find("\r\n", at) - at);
  return static_cast<size_t>(std::distance(std::sregex_iterator(line.begin(), line.end(), number), {}));
}

class OnAFailingDisk : public ::testing::TestWithParam<kv::DiskFault> {
 protected:
  void SetUp() override {
    folder = ::testing::TempDir() + "buzon-failing-" + base::system_random().id(8);
    std::filesystem::create_directory(folder);
    void* shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    BZ_CHECK(shared != MAP_FAILED, "mmap");
    fault = new (shared) std::atomic<kv::DiskFault>(kv::DiskFault::None);
    log::set_level(log::Err);
  }
  void TearDown() override {
    munmap(fault, 4096);
    std::filesystem::remove_all(folder);
    log::set_level(log::Info);
  }
  std::string folder;
  std::atomic<kv::DiskFault>* fault = nullptr;
};

TEST_P(OnAFailingDisk, nobody_hears_ok_and_the_next_process_has_all_that_was_acknowledged) {
  {
    Mailstore store(folder, *fault);
    auto phone = store.imap(), idle = store.imap();
    auto queue = store.lmtp();
    phone->say("s SELECT INBOX\r\n" + append("a", "kept") + "f STORE 1 +FLAGS (\\Flagged)\r\n");
    EXPECT_NE(phone->hear("f OK").find("a OK"), std::string::npos);
    idle->say("s SELECT INBOX\r\ni IDLE\r\n");
    idle->hear("+ ");
    queue->say(transaction("Q1"));
    EXPECT_NE(queue->hear("250 2.0.0 Delivered\r\n").find("Delivered"), std::string::npos);

    *fault = GetParam();
    phone->say("g STORE 1 +FLAGS (\\Answered)\r\n" + append("b", "unsure"));
    queue->say(transaction("Q2"));
    const std::string heard = phone->hear(""), answers = queue->hear("");
    EXPECT_EQ(heard.find("g OK"), std::string::npos) << heard;
    EXPECT_EQ(heard.find("b OK"), std::string::npos) << heard;
    EXPECT_EQ(heard.find("(silence)"), std::string::npos) << "the session does not end";
    EXPECT_EQ(answers.find("Delivered"), std::string::npos) << answers;
    EXPECT_EQ(answers.find("(silence)"), std::string::npos) << "mta still waits";
    EXPECT_EQ(idle->hear("").find("(silence)"), std::string::npos) << "an idle session goes on";
    EXPECT_EQ(store.exit_status(), 1) << "it gave up";
  }
  *fault = kv::DiskFault::None;
  {
    Mailstore store(folder, *fault);
    auto phone = store.imap();
    auto queue = store.lmtp();
    queue->say(transaction("Q1"));  // as if its answer had been lost
    EXPECT_NE(queue->hear("already\r\n").find("250 2.0.0 Delivered already"), std::string::npos);
    queue->say(transaction("Q2"));  // it may be there without an answer; exactly once in the end
    EXPECT_NE(queue->hear("250 2.0.0 Delivered").find("250 2.0.0 Delivered"), std::string::npos);
    phone->say("s SELECT INBOX\r\n");
    phone->hear("s OK");
    phone->hear("\r\n");
    EXPECT_EQ(count(*phone, "kept"), 1u);
    EXPECT_EQ(count(*phone, "Q1"), 1u);
    EXPECT_EQ(count(*phone, "Q2"), 1u);
    EXPECT_LE(count(*phone, "unsure"), 1u);
    phone->say("d FETCH 1 FLAGS\r\n");
    EXPECT_NE(phone->hear("d OK").find("\\Flagged"), std::string::npos);
    EXPECT_EQ(store.stop(), 0);
  }
  auto report = verify_database(folder + "/db", LogEnd::Strict);
  ASSERT_TRUE(report.has_value()) << report.error().to_string();
  EXPECT_EQ(report->findings.size(), 0u) << report->to_text();
}

INSTANTIATE_TEST_SUITE_P(Faults, OnAFailingDisk, ::testing::Values(kv::DiskFault::Sync, kv::DiskFault::Write),
                         [](const auto& p) { return p.param == kv::DiskFault::Sync ? "sync" : "write"; });

}  // namespace
}  // namespace bz::roles

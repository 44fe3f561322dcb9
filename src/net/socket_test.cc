#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "net/test_util.h"

namespace bz::net {
namespace {

Task<void> connect_to(Loop& loop, Endpoint to, Result<std::unique_ptr<Stream>>& out) {
  auto task = connect(loop, to, Deadline::in(Millis(10'000)));
  out = co_await std::move(task);
}

TEST(Endpoint, IsWrittenAsAdministratorsWriteIt) {
  EXPECT_EQ((Endpoint{"192.0.2.1", 993}).to_string(), "192.0.2.1:993");
  EXPECT_EQ((Endpoint{"2001:db8::1", 25}).to_string(), "[2001:db8::1]:25");
  EXPECT_EQ((Endpoint{"unix", 0}).to_string(), "unix");
  EXPECT_EQ(listen_tcp({"localhost", 0}).error().code(), Errc::Invalid);
}

TEST(Listener, AcceptsOnBothFamilies) {
  for (std::string address : {"127.0.0.1", "::1"}) {
    Loop loop;
    auto fd = listen_tcp({address, 0}, true);
    if (!fd && address == "::1") GTEST_SKIP() << "no IPv6 here";
    ASSERT_TRUE(fd) << fd.error().to_string();
    OwnedFd accepted;
    Listener listener(loop, *fd, [&](int connection) {
      accepted = OwnedFd(connection);
      loop.stop();
    });
    Result<std::unique_ptr<Stream>> client{fail(Errc::Internal)};
    TaskGroup group(loop);
    group.spawn(connect_to(loop, listener.local(), client));
    loop.run();
    ASSERT_TRUE(accepted);
    if (!client) loop.post([&] { loop.stop(); });
    if (!client) loop.run();
    ASSERT_TRUE(client) << client.error().to_string();
    auto peer = peer_of(accepted.get());
    auto local = local_of((*client)->fd());
    EXPECT_EQ(peer->to_string(), local->to_string());
    EXPECT_EQ(peer->address, address);
  }
}

TEST(Connect, SaysThatNobodyListens) {
  Loop loop;
  auto fd = OwnedFd(*listen_tcp({"127.0.0.1", 0}));
  auto at = *local_of(fd.get());
  fd.reset();
  Result<std::unique_ptr<Stream>> client{fail(Errc::Internal)};
  test::run(loop, connect_to(loop, at, client));
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().text(), testing::HasSubstr("connect 127.0.0.1:"));
}

struct TempDir {
  TempDir() {
    char name[] = "/tmp/buzon-net-XXXXXX";
    BZ_CHECK(mkdtemp(name) != nullptr, "mkdtemp");
    path = name;
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST(ListenUnix, ReplacesADeadSocketAndNothingElse) {
  TempDir dir;
  std::string path = dir.path + "/control";
  auto first = listen_unix(path, 0600);
  ASSERT_TRUE(first) << first.error().to_string();
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(listen_unix(path, 0600).error().code(), Errc::Exists);
  ::close(*first);
  auto second = listen_unix(path, 0660);
  ASSERT_TRUE(second);
  EXPECT_EQ(local_of(*second)->address, "unix");
  ::close(*second);
  std::string file = dir.path + "/file";
  ::close(::creat(file.c_str(), 0600));
  EXPECT_EQ(listen_unix(file, 0600).error().code(), Errc::Exists);
  EXPECT_EQ(listen_unix(std::string(200, 'x'), 0600).error().code(), Errc::TooLarge);
}

OwnedFd dial(const std::string& path) {
  OwnedFd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  BZ_CHECK(::connect(out.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, "connect");
  return out;
}

// Out of descriptors: the connection is accepted and closed, so its peer does not hang; later ones are served again.
TEST(Listener, HandsOutWhatWaitsBeforeItEnds) {
  TempDir dir;
  Loop loop;  // never runs
  auto fd = listen_unix(dir.path + "/s", 0600);
  ASSERT_TRUE(fd);
  std::vector<OwnedFd> accepted, clients;
  Listener listener(loop, *fd, [&](int connection) { accepted.emplace_back(connection); });
  for (int i = 0; i < 150; ++i) clients.push_back(dial(dir.path + "/s"));
  listener.take_waiting();
  EXPECT_EQ(accepted.size(), 150u);
}

TEST(Listener, ShedsWhenTheProcessHasNoDescriptorsLeft) {
  TempDir dir;
  Loop loop;
  auto fd = listen_unix(dir.path + "/s", 0600);
  ASSERT_TRUE(fd);
  std::vector<OwnedFd> accepted;
  Listener listener(loop, *fd, [&](int connection) { accepted.emplace_back(connection); });
  auto early = dial(dir.path + "/s");
  rlimit old{}, small{};
  getrlimit(RLIMIT_NOFILE, &old);
  small = old;
  small.rlim_cur = static_cast<rlim_t>(early.get()) + 1;
  setrlimit(RLIMIT_NOFILE, &small);
  loop.post([&] { loop.post([&] { loop.stop(); }); });
  loop.run();
  EXPECT_TRUE(accepted.empty());
  char byte;
  EXPECT_EQ(::recv(early.get(), &byte, 1, MSG_DONTWAIT), 0);
  setrlimit(RLIMIT_NOFILE, &old);
  auto late = dial(dir.path + "/s");
  loop.post([&] { loop.post([&] { loop.stop(); }); });
  loop.run();
  EXPECT_EQ(accepted.size(), 1u);
}
}  // namespace
}  // namespace bz::net

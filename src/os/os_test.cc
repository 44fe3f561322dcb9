// The sandbox, spawn and files: as root everything, otherwise what an ordinary user can try.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "os/file.h"
#include "os/sandbox.h"
#include "os/signals.h"
#include "os/spawn.h"

namespace bz::os {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

struct TempDir {
  TempDir() {
    char name[] = "/tmp/buzon-os-XXXXXX";
    BZ_CHECK(mkdtemp(name) != nullptr, "mkdtemp");
    path = name;
    fd = std::move(*open_folder(kHere, path));
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string path;
  Fd fd;
};

TEST(File, IsWrittenWholeAndReadWithALimit) {
  TempDir dir;
  ASSERT_TRUE(write_file(dir.fd.get(), "a", "first"));
  ASSERT_TRUE(write_file(dir.fd.get(), "a", "second", 0640));
  EXPECT_EQ(*read_file(dir.fd.get(), "a", 6), "second");
  EXPECT_EQ(read_file(dir.fd.get(), "a", 5).error().code(), Errc::TooLarge);
  EXPECT_EQ(read_file(dir.fd.get(), "b", 5).error().code(), Errc::NotFound);
  EXPECT_EQ(read_file(dir.fd.get(), ".", 5).error().code(), Errc::Invalid);
  EXPECT_EQ(write_file(dir.fd.get(), "no/a", "x").error().code(), Errc::NotFound);
  EXPECT_THAT(*list_folder(kHere, dir.path), ElementsAre("a"));
  struct stat info{};
  ASSERT_EQ(::stat((dir.path + "/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  ASSERT_TRUE(remove_file(dir.fd.get(), "a"));
  EXPECT_FALSE(exists(dir.fd.get(), "a"));
}

TEST(File, OfSecretsMustBePrivate) {
  TempDir dir;
  ASSERT_TRUE(write_file(dir.fd.get(), "s", "secret", 0640));
  EXPECT_EQ(read_secret_file(dir.fd.get(), "s", 100).error().code(), Errc::Denied);
  ASSERT_TRUE(write_file(dir.fd.get(), "s", "secret", 0600));
  EXPECT_EQ(*read_secret_file(dir.fd.get(), "s", 100), "secret");
}

TEST(Folder, HasTheModeAskedForAndIsNotMadeTwice) {
  TempDir dir;
  auto made = make_folder(dir.fd.get(), "x", 0710);
  ASSERT_TRUE(made);
  struct stat info{};
  ASSERT_EQ(::fstat(made->get(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0710u);
  ASSERT_TRUE(make_folder(dir.fd.get(), "x", 0700));
  ASSERT_EQ(::fstat(made->get(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0710u);
  EXPECT_EQ(make_folder(dir.fd.get(), "a/b").error().code(), Errc::NotFound);
}

TEST(Lock, IsHeldByOne) {
  TempDir dir;
  auto first = lock_file(dir.fd.get(), "lock");
  ASSERT_TRUE(first);
  EXPECT_EQ(lock_file(dir.fd.get(), "lock").error().code(), Errc::Conflict);
  first->reset();
  EXPECT_TRUE(lock_file(dir.fd.get(), "lock"));
}

TEST(Signals, ComeThroughTheDescriptor) {
  Signals signals({SIGUSR1, SIGHUP});
  EXPECT_EQ(signals.next(), std::nullopt);
  ::raise(SIGHUP);
  EXPECT_EQ(signals.next(), SIGHUP);
  EXPECT_EQ(signals.next(), std::nullopt);
}

TEST(Users, AreFoundByNameAndNumber) {
  auto root = find_user("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->uid, 0u);
  EXPECT_EQ(find_user("0")->name, "root");
  EXPECT_EQ(find_user("nobody-of-that-name").error().code(), Errc::NotFound);
  EXPECT_EQ(become(0, 0, {}).error().code(), Errc::Invalid);
}

// Runs a shell line as a child and returns what it wrote to its descriptor 9.
std::string output_of(SpawnOptions options, const std::string& line) {
  Fd file(memfd_create("out", MFD_CLOEXEC));
  options.program = "/bin/sh";
  options.arguments = {"sh", "-c", line};
  options.descriptors.emplace_back(file.get(), 9);
  auto pid = spawn(options);
  if (!pid) return pid.error().to_string();
  Exit end = wait(*pid);
  if (end.signal != 0 || end.status != 0) return end.to_string();
  char buffer[4096];
  ssize_t n = ::pread(file.get(), buffer, sizeof buffer, 0);
  return std::string(buffer, n > 0 ? static_cast<size_t>(n) : 0);
}

TEST(Spawn, GivesNumberedDescriptorsAndNothingElse) {
  TempDir dir;
  Fd leak(::open("/dev/null", O_RDONLY));  // not close-on-exec
  SpawnOptions options;
  options.environment = {"A=b"};
  options.folder = dir.fd.get();
  // 3 and 4 change places, whatever numbers ours have.
  Fd three(memfd_create("three", MFD_CLOEXEC)), four(memfd_create("four", MFD_CLOEXEC));
  options.descriptors = {{three.get(), four.get()}, {four.get(), three.get()}};
  std::string names = "for f in " + std::to_string(three.get()) + " " + std::to_string(four.get()) +
                      "; do readlink /proc/self/fd/$f; done >&9";
  EXPECT_EQ(output_of(std::move(options), names), "/memfd:four (deleted)\n/memfd:three (deleted)\n");

  SpawnOptions plain;
  plain.environment = {"A=b"};
  plain.folder = dir.fd.get();
  EXPECT_EQ(output_of(plain, "echo $A $HOME $PWD >&9"), "b " + dir.path + "\n");
  ASSERT_GT(leak.get(), 2);
  std::string open = "i=0; while [ $i -lt 200 ]; do [ -e /proc/$$/fd/$i ] && o=\"$o $i\"; i=$((i+1)); done; echo $o >&9";
  EXPECT_EQ(output_of(plain, open), "0 1 2 9\n");
  EXPECT_EQ(output_of(plain, "readlink /proc/self/fd/0 >&9"), "/dev/null\n");
}

TEST(Spawn, SaysWhatFailedAndHowAChildEnded) {
  SpawnOptions options;
  options.program = "/nowhere";
  EXPECT_EQ(spawn(options).error().code(), Errc::NotFound);
  options.program = "/etc/passwd";
  EXPECT_THAT(spawn(options).error().text(), HasSubstr("exec"));
  options.program = "/bin/true";
  options.folder = 0;
  EXPECT_THAT(spawn(options).error().text(), HasSubstr("folder"));
  EXPECT_EQ(output_of({}, "exit 7"), "exit status 7");
  EXPECT_EQ(output_of({}, "kill -KILL $$"), "signal 9 (SIGKILL)");
  EXPECT_EQ(reap(), std::nullopt);
}

TEST(Spawn, RunsAsAnotherUserBelowAFolderThatOnlyRootMayEnter) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  auto nobody = find_user("nobody");
  if (!nobody) GTEST_SKIP() << "no user nobody";
  TempDir dir;  // 0700, root's
  auto role = make_folder(dir.fd.get(), "role", 0700);
  ASSERT_TRUE(give_to(dir.fd.get(), "role", nobody->uid, nobody->gid));
  SpawnOptions options;
  options.user = *nobody;
  options.folder = role->get();
  EXPECT_EQ(output_of(options, "id -u >&9; echo x > mine && cat mine >&9; cat ../other 2>/dev/null || echo no >&9"),
            std::to_string(nobody->uid) + "\nx\nno\n");
}

// What the sandbox of a role answers to one action; see probe/main.cc.
class Sandbox : public testing::Test {
 protected:
  std::string probe(const std::string& role, const std::string& action) {
    SpawnOptions options;
    options.program = BUZON_SANDBOX_PROBE;
    options.arguments = {"probe", role, action};
    options.folder = own_->get();
    auto pid = spawn(options);
    if (!pid) return pid.error().to_string();
    Exit end = wait(*pid);
    if (end.signal != 0) return "SIG" + std::string(sigabbrev_np(end.signal));
    return end.status == 0 ? "done" : end.status == 200 ? "no sandbox" : std::string(strerrorname_np(end.status));
  }
  void SetUp() override {
    own_ = make_folder(dir_.fd.get(), "own");
    ASSERT_TRUE(write_file(dir_.fd.get(), "secret", "x", 0644));
  }
  TempDir dir_;
  Result<Fd> own_{fail(Errc::Internal)};
};

TEST_F(Sandbox, LeavesEveryRoleWhatItNeeds) {
  for (const char* role : {"gateway", "connector", "auth", "inner", "mailstore", "mta", "egress", "admin"}) {
    for (const char* action : {"nothing", "pass-descriptor", "thread", "epoll"}) {
      EXPECT_EQ(probe(role, action), "done") << role << " " << action;
    }
  }
  for (const char* role : {"auth", "mailstore", "mta", "egress", "admin"}) {
    EXPECT_EQ(probe(role, "open-own"), "done") << role;
    EXPECT_EQ(probe(role, "write-file"), "done") << role;
  }
  EXPECT_EQ(probe("mta", "socket"), "done");
  EXPECT_EQ(probe("egress", "socket"), "done");
  EXPECT_EQ(probe("admin", "socket"), "done");
}

TEST_F(Sandbox, RefusesFilesAndConnectionsWithEperm) {
  for (const char* action : {"open-own", "open-passwd", "write-file", "socket", "connect"}) {
    EXPECT_EQ(probe("gateway", action), "EPERM") << action;
    EXPECT_EQ(probe("connector", action), "EPERM") << action;
  }
  for (const char* role : {"auth", "inner", "mailstore"}) {
    EXPECT_EQ(probe(role, "socket"), "EPERM") << role;
    EXPECT_EQ(probe(role, "connect"), "EPERM") << role;
  }
  EXPECT_EQ(probe("gateway", "old-thread"), "EPERM");
}

TEST_F(Sandbox, KillsForCallsOutsideTheList) {
  for (const char* role : {"gateway", "connector", "auth", "inner", "mailstore", "mta", "egress", "admin"}) {
    for (const char* action : {"fork", "exec", "ptrace", "setuid", "listen", "kill-other"}) {
      EXPECT_EQ(probe(role, action), "SIGSYS") << role << " " << action;
    }
    EXPECT_EQ(probe(role, "abort"), "SIGABRT") << role;
  }
}

TEST_F(Sandbox, LandlockKeepsARoleInItsFolder) {
  if (probe("mailstore", "landlock") != "done") GTEST_SKIP() << "no landlock in this kernel";
  for (const char* role : {"auth", "inner", "mailstore", "mta", "egress", "admin"}) {
    EXPECT_EQ(probe(role, "open-passwd"), "EACCES") << role;
    EXPECT_EQ(probe(role, "open-above"), "EACCES") << role;
    EXPECT_EQ(probe(role, "write-read-only"), "EACCES") << role;
  }
  EXPECT_EQ(probe("mta", "resolv"), "done");
  EXPECT_EQ(probe("auth", "resolv"), "EACCES");
}

TEST_F(Sandbox, AProgramThatIsNotOursMayConnectHereAndNothingElse) {
  for (const char* action : {"nothing", "thread", "epoll", "unix-socket"})
    EXPECT_EQ(probe("foreign", action), "done") << action;
  for (const char* action : {"socket", "fork", "exec", "ptrace", "listen", "bind", "kill-other", "rename"})
    EXPECT_EQ(probe("foreign", action), "EPERM") << action;
  EXPECT_EQ(probe("foreign", "memory"), "ENOMEM");
  EXPECT_EQ(probe("foreign", "abort"), "SIGABRT");
  if (probe("mailstore", "landlock") != "done") GTEST_SKIP() << "no landlock in this kernel";
  EXPECT_EQ(probe("foreign", "open-passwd"), "done") << "its user's";
  for (const char* action : {"open-own", "open-above", "write-read-only"})
    EXPECT_EQ(probe("foreign", action), "EACCES") << action;
}

TEST(Policy, IsKnownForRolesOnly) {
  EXPECT_TRUE(policy_of("gateway"));
  auto auth = policy_of("auth");
  ASSERT_TRUE(auth);
  EXPECT_FALSE(auth->connect);
  allow_outward(*auth);
  EXPECT_TRUE(auth->connect);
  EXPECT_EQ(auth->read, policy_of("mta")->read);
  EXPECT_EQ(auth->write, policy_of("mta")->write);
  EXPECT_EQ(policy_of("supervisor").error().code(), Errc::NotFound);
}
}  // namespace
}  // namespace bz::os

// Hooks as real programs: arguments, ends of every kind, time.
#include "app/hook_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "os/file.h"
#include "os/signals.h"

namespace bz::app {
namespace {

using testing::HasSubstr;

struct HookTest : testing::Test {
  std::filesystem::path path;
  os::Signals signals = os::Signals({SIGCHLD});
  net::Loop loop;
  net::Loop::Watch watch{loop, signals.fd()};
  HookRunner runner{loop};

  HookTest() {
    char pattern[] = "/tmp/buzon-hook-XXXXXX";
    path = mkdtemp(pattern);
    watch.on_ready([this](bool, bool) {
      while (signals.next())
        while (auto exit = os::reap()) runner.ended(*exit);
    });
  }
  ~HookTest() override { std::filesystem::remove_all(path); }

  void script(const std::string& text) {
    std::ofstream(path / "hook") << "#!/bin/sh\n" << text;
    chmod((path / "hook").c_str(), 0700);
  }
  std::string run(std::vector<std::string> arguments = {}, base::Millis limit = base::Millis(20'000),
                  std::string program = "hook") {
    auto folder = os::open_folder(os::kHere, path.string());
    auto log = os::open_append(folder->get(), "log", 0600);
    std::string said = "not done";
    runner.run({.program = std::move(program),
                .arguments = std::move(arguments),
                .folder = folder->get(),
                .user = {},
                .log = log->get(),
                .limit = limit,
                .done = [&](Result<void> done) {
                  said = done ? "" : done.error().text();
                  loop.stop();
                }});
    if (said == "not done") loop.run();
    return said;
  }
  std::string log() {
    std::stringstream text;
    text << std::ifstream(path / "log").rdbuf();
    return text.str();
  }
};

TEST_F(HookTest, words_arrive_as_they_are) {
  script("printf '<%s>' \"$#\" \"$@\"\n");
  EXPECT_EQ(run({"add", "_acme-challenge.a.test", "-x $(id) 'y"}), "");
  EXPECT_EQ(log(), "<3><add><_acme-challenge.a.test><-x $(id) 'y>");
}

TEST_F(HookTest, nothing_is_inherited) {
  ::setenv("BUZON_TEST_SECRET", "x", 1);
  script("env; ls /proc/self/fd | wc -l\n");
  EXPECT_EQ(run(), "");
  EXPECT_THAT(log(), testing::Not(HasSubstr("BUZON_TEST_SECRET")));
}

TEST_F(HookTest, each_end_is_told) {
  script("exit 3\n");
  EXPECT_THAT(run(), HasSubstr("exit status 3"));
  script("kill -9 $$\n");
  EXPECT_THAT(run(), HasSubstr("signal 9"));
  EXPECT_THAT(run({}, base::Millis(20'000), "missing"), HasSubstr("cannot be run"));
  std::ofstream(path / "plain") << "x";
  EXPECT_THAT(run({}, base::Millis(20'000), (path / "plain").string()), HasSubstr("cannot be run"));
}

TEST_F(HookTest, what_does_not_end_is_killed_with_its_children) {
  script("sleep 1000 & echo $! > child; wait\n");
  EXPECT_THAT(run({}, base::Millis(300)), HasSubstr("did not end in time"));
  std::ifstream in(path / "child");
  pid_t child = 0;
  in >> child;
  ASSERT_GT(child, 0);
  // Readable when the process has ended, whether or not its status has been taken.
  os::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  if (process) {
    pollfd ended{process.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 20'000), 1);
  } else {
    EXPECT_EQ(errno, ESRCH);
  }
}

}  // namespace
}  // namespace bz::app

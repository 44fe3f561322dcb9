#include "app/ntlm_processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <csignal>

#include "app/config.h"
#include "app/config_ntlm.h"
#include "base/log.h"
#include "base/text.h"
#include "net/stream.h"
#include "os/file.h"

namespace bz::app {
namespace {

using testing::HasSubstr;

// cat for ntlm_auth: it says what it hears, and ends when its input does.
struct NtlmProcessesTest : testing::Test {
  net::Loop loop;
  std::string folder = "/tmp/ntlm-processes-XXXXXX";
  os::Fd state;
  std::vector<net::OwnedFd> sockets;
  size_t wanted = 0;
  NtlmProcesses processes{loop,
                          [this](net::OwnedFd socket) {
                            sockets.push_back(std::move(socket));
                            if (sockets.size() == wanted) loop.stop();
                          },
                          BUZON_BINARY};

  NtlmProcessesTest() {
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    state = os::open_folder(os::kHere, folder).value_or(os::Fd());
    EXPECT_TRUE(os::make_folder(state.get(), "log", 0700));
    processes.set_place(state.get(), {});
  }
  ~NtlmProcessesTest() override {
    for (pid_t pid : pids()) {
      ::kill(pid, SIGKILL);
      processes.ended(os::wait(pid));
    }
    (void)std::system(("rm -r " + folder).c_str());
  }
  static NtlmProcesses::Plan plan(unsigned count) { return {.count = count, .program = "/bin/cat", .arguments = {"cat"}}; }
  std::vector<pid_t> pids() const {
    std::vector<pid_t> out;
    const std::string text = processes.status(false);
    for (std::string_view line : base::split(text, '\n')) {
      size_t at = line.find("pid ");
      if (at == line.npos) continue;
      auto pid = base::parse_number<pid_t>(line.substr(at + 4, line.find(',', at) - at - 4));
      if (pid && *pid > 0) out.push_back(*pid);
    }
    return out;
  }
  void run_until(size_t count) {
    wanted = count;
    if (sockets.size() >= count) return;
    net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "no process was started"); });
    guard.arm(net::Deadline::in(base::Millis(20'000)));
    loop.run();
  }
  Task<void> say(std::string line, std::string& heard, bool& done, net::OwnedFd socket) {
    net::Stream stream(loop, socket.release());
    const net::Deadline soon = net::Deadline::in(base::Millis(20'000));
    auto writing = stream.write_all(line, soon);
    auto written = co_await std::move(writing);
    while (written && !heard.ends_with('\n')) {
      char buffer[100];
      auto reading = stream.read_some(buffer, soon);
      auto size = co_await std::move(reading);
      if (!size || *size == 0) break;
      heard.append(buffer, *size);
    }
    done = true;
    loop.stop();
  }
  std::string echo(net::OwnedFd socket) {
    std::string heard;
    bool done = false;
    auto task = say("YR abc\n", heard, done, std::move(socket));
    task.start();
    while (!done) loop.run();  // the stop() of one before may still be pending
    return heard;
  }
};

TEST_F(NtlmProcessesTest, each_is_reached_by_the_socket_that_was_given) {
  processes.set_plan(plan(2));
  EXPECT_TRUE(sockets.empty()) << "nobody is there to ask";
  processes.begin();
  ASSERT_EQ(sockets.size(), 2u);
  EXPECT_EQ(echo(std::move(sockets[0])), "YR abc\n");
  EXPECT_EQ(echo(std::move(sockets[1])), "YR abc\n");
  EXPECT_THAT(processes.status(false), HasSubstr("ntlm helper 1: running, pid "));
  EXPECT_THAT(processes.status(true), HasSubstr("{\"number\":0,\"state\":\"running\",\"pid\":"));
}

TEST_F(NtlmProcessesTest, one_that_ends_is_started_again) {
  processes.set_plan(plan(1));
  processes.begin();
  const pid_t first = pids().at(0);
  sockets.clear();  // its input ends, and so does it
  const os::Exit end = os::wait(first);
  EXPECT_EQ(end.to_string(), "exit status 0") << "it waited for its input until that ended";
  processes.ended(end);
  EXPECT_THAT(processes.status(false), HasSubstr("down"));
  run_until(1);
  EXPECT_NE(pids().at(0), first);
  EXPECT_THAT(processes.status(false), HasSubstr("restarts 1"));
  EXPECT_EQ(echo(std::move(sockets[0])), "YR abc\n");
}

TEST_F(NtlmProcessesTest, a_program_that_is_not_there_is_tried_again_and_says_so_in_its_log) {
  auto wrong = plan(1);
  wrong.program = "/nonexistent/ntlm_auth";
  processes.set_plan(wrong);
  processes.begin();
  processes.ended(os::wait(pids().at(0)));
  run_until(2);
  auto text = os::read_file(state.get(), "log/ntlm.log", 1 << 20);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("/nonexistent/ntlm_auth"));
}

TEST_F(NtlmProcessesTest, with_another_auth_or_another_plan_all_begin_anew) {
  processes.set_plan(plan(1));
  processes.begin();
  const pid_t first = pids().at(0);
  processes.begin();
  EXPECT_EQ(sockets.size(), 2u);
  EXPECT_EQ(os::wait(first).signal, SIGKILL);
  processes.set_plan(plan(1));
  EXPECT_EQ(sockets.size(), 2u) << "nothing has changed";
  const pid_t second = pids().at(0);
  processes.set_plan(plan(2));
  EXPECT_EQ(sockets.size(), 4u);
  EXPECT_EQ(os::wait(second).signal, SIGKILL);
  const auto last = pids();
  ASSERT_EQ(last.size(), 2u);
  processes.end();
  for (pid_t pid : last) EXPECT_EQ(os::wait(pid).signal, SIGKILL);
  EXPECT_EQ(processes.status(false), "");
}

std::string config(std::string_view ntlm, std::string_view mechanisms = "\"NTLM\"") {
  return "host = \"mail.example.test\"\ndomains = [\"example.test\"]\n[tls]\ncertificate_file = \"c\"\nkey_file = \"k\"\n" +
         std::string(ntlm) + "\n[[listener]]\nname = \"imaps\"\nservice = \"imap\"\nport = 993\n" + "mechanisms = [" +
         std::string(mechanisms) + "]\n";
}

TEST(NtlmConfig, says_what_is_missing) {
  auto error = [](std::string_view ntlm) {
    auto parsed = parse_config(config(ntlm), "f");
    return parsed ? std::string("good") : parsed.error().text();
  };
  EXPECT_EQ(error("[ntlm]\nhelper = \"/usr/bin/ntlm_auth\"\ndomains = [\"OFFICE\", \"SALES=sales.test\"]"), "good");
  EXPECT_THAT(error("[ntlm]\nhelper = \"/usr/bin/ntlm_auth\""), HasSubstr("ntlm.domains"));
  EXPECT_THAT(error("[ntlm]\ndomains = [\"OFFICE\"]"), HasSubstr("need ntlm.helper"));
  EXPECT_THAT(error("[ntlm]\nhelper = \"ntlm_auth\"\ndomains = [\"OFFICE\"]"), HasSubstr("absolute"));
  EXPECT_THAT(error("[ntlm]\nhelper = \"/b\"\ndomains = [\"OFF ICE\"]"), HasSubstr("no name of a domain"));
  EXPECT_THAT(error("[ntlm]\nhelper = \"/b\"\ndomains = [\"OFFICE\"]\nanswer_time = \"8s\""), HasSubstr("answer_time"));
}

TEST(NtlmConfig, processes_are_for_those_who_offer_it) {
  const std::string ntlm =
      "[ntlm]\nhelper = \"/usr/bin/ntlm_auth\"\ndomains = [\"OFFICE\"]\nsmb_conf = \"/etc/s.conf\"\nhelpers = 3";
  auto parsed = parse_config(config(ntlm), "f");
  ASSERT_TRUE(parsed) << parsed.error().text();
  const auto wanted = ntlm_plan(*parsed);
  EXPECT_EQ(wanted.count, 3u);
  EXPECT_EQ(wanted.program, "/usr/bin/ntlm_auth");
  EXPECT_THAT(wanted.arguments, testing::ElementsAre("ntlm_auth", "--helper-protocol=squid-2.5-ntlmssp",
                                                     "--option=interfaces=127.0.0.1/8", "--configfile=/etc/s.conf"));
  EXPECT_EQ(ntlm_plan(*parse_config(config(ntlm, "\"PLAIN\""), "f")).count, 0u);
  EXPECT_EQ(ntlm_plan(*parse_config(config(""), "f")).count, 0u);
}

}  // namespace
}  // namespace bz::app

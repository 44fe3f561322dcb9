// The processes of ntlm.helper: started for auth as their own user, without rights (os/foreign.h), one end of their
// standard input and output in auth's hands. One that ends by itself is started again, after 0.1 s, then twice as long each
// time up to a limit; a minute of life starts this anew. Where auth ends they end, and begin anew with the next one: what a
// conversation was about is known to nobody any more. One thread: that of the loop.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/channel.h"
#include "net/loop.h"
#include "os/fd.h"
#include "os/spawn.h"

namespace bz::app {

class NtlmProcesses {
 public:
  struct Plan {
    unsigned count = 0;
    std::string program{};
    std::vector<std::string> arguments{};  // argv
    std::string smb_conf{};                // what it reads beside the system's files; empty: nothing
    base::Millis longest_wait{60'000};
    bool operator==(const Plan&) const = default;
  };
  using Give = std::function<void(net::OwnedFd socket)>;  // to auth

  // `launcher`: buzon itself.
  NtlmProcesses(net::Loop& loop, Give give, std::string launcher = "/proc/self/exe")
      : loop_(loop), give_(std::move(give)), launcher_(std::move(launcher)) {}
  ~NtlmProcesses();  // kills what runs
  // Where they run and whose log they write to: STATE, and their user (needs root).
  void set_place(int state, std::optional<os::User> user) {
    state_ = state;
    user_ = std::move(user);
  }
  void set_plan(Plan plan);             // another one than before: all begin anew
  void begin();                         // a new auth: all begin anew
  void reopen_log();                    // logins under way fail for now: what writes to the old file must end
  void end();                           // auth is gone, or everything ends
  void ended(const os::Exit& exit);     // nothing happens when it was none of ours
  std::string status(bool json) const;  // lines, or members of a JSON list; empty: none are wanted

 private:
  struct Process {
    pid_t pid = -1;
    unsigned number = 0, restarts = 0;
    bool wanted = true;  // false: killed by us
    base::MonoTime started_at{};
    base::Millis wait{0};
    std::unique_ptr<net::Loop::Timer> retry{};
  };
  void start(Process& process);
  Result<pid_t> spawn(net::OwnedFd socket) const;
  void try_again(Process& process, const std::string& why);

  net::Loop& loop_;
  Give give_;
  const std::string launcher_;
  int state_ = -1;
  std::optional<os::User> user_;
  Plan plan_;
  bool running_ = false;
  std::vector<std::unique_ptr<Process>> processes_;  // those of before among them, until they have ended
};

// `buzon ntlm-helper PROGRAM SMB_CONF ARGUMENT...`: what the supervisor starts; becomes the program. SMB_CONF may be empty.
int become_ntlm_helper(const std::vector<std::string>& words);

}  // namespace bz::app

// One process of a role, seen from the supervisor: started, told what it needs, wired to its peers, started again when it
// ends by itself (after 0.1 s, then twice as long each time up to a limit; a minute of life starts this anew).
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "app/system.h"
#include "net/channel.h"
#include "net/loop.h"
#include "os/spawn.h"
#include "wire/schema.h"

namespace bz::app {

class Child {
 public:
  enum class State : uint8_t { Down, Starting, Ready, Draining, Stopping };
  struct Hooks {
    std::function<void(Child&)> start;  // fill the new process: configuration, listeners, peers
    std::function<void(Child&)> ready;
    std::function<void(Child&)> gone;
    std::function<void(Child&, const wire::Reloaded&)> reloaded;
    std::function<void(Child&)> log_taken;
    std::function<void(Child&, const net::Message&)> asked;  // anything else it says
  };
  Child(net::Loop& loop, const RoleFacts& role, uint32_t index, Hooks hooks);

  const RoleFacts& role() const { return role_; }
  uint32_t index() const { return index_; }
  std::string name() const;  // "gateway.1", "auth"
  State state() const { return state_; }
  pid_t pid() const { return pid_; }
  bool alive() const { return channel_ && channel_->open(); }
  unsigned restarts() const { return restarts_; }
  bool retired() const { return retired_; }  // not wanted any more: will not be started again

  uint64_t generation = 0;  // of the settings it was told last

  // What does not change: STATE and the user.
  void set_place(int state, std::optional<os::User> user) {
    state_folder_ = state;
    user_ = std::move(user);
  }
  void set_longest_wait(base::Millis wait) { longest_wait_ = wait; }  // before a restart
  Result<void> start();
  void send(wire::Type type, std::string_view payload, std::vector<net::OwnedFd> fds = {});
  void stop();  // asks; kills after 12 s
  // For good: it takes nothing new and ends when its sessions have, or after `patience`.
  void drain(base::Millis patience);
  Result<void> reopen_log();
  void ended(const os::Exit& exit);

 private:
  Result<pid_t> spawn(net::OwnedFd control);
  Result<os::Fd> open_log() const;
  void on_message(const net::Message& message);
  void try_again(const std::string& why);

  net::Loop& loop_;
  const RoleFacts& role_;
  uint32_t index_;
  Hooks hooks_;
  int state_folder_ = -1;
  std::optional<os::User> user_;
  State state_ = State::Down;
  pid_t pid_ = -1;
  std::unique_ptr<net::Channel> channel_;
  net::Loop::Timer retry_, kill_;
  base::MonoTime started_at_{};
  base::Millis wait_{0}, longest_wait_{0};
  unsigned restarts_ = 0;
  bool retired_ = false;
};

}  // namespace bz::app

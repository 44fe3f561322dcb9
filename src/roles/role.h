// How every role's process runs. The supervisor starts `buzon role NAME` as the role's user, in the role's folder, with
// descriptor 3 as the control channel. The process then
//   1. takes Config, Secret, ListenerFd and PeerFd messages until Start,
//   2. gives up all files but its folder (os/sandbox),
//   3. Role::prepare(): opens databases, starts threads, reads what it needs from its folder; may block,
//   4. gives up the system calls it does not need, Role::start(), answers Ready,
//   5. runs the loop until Stop, SIGTERM or until the supervisor is gone: Role::stop(), then ends. After a Stop that it did
//      not send the supervisor starts the role again.
// A second Start ends a reload: Config, Secret and ListenerFd messages before it replace the older ones, then
// Role::reload() and the answer Reloaded. Drain: Role::drain(), then as Stop. LogFd: events go to another file from then
// on. Everything here runs on the thread of the process's main loop. Peers are channels to the other roles' processes; each
// says Hello first. When a peer is started again its channel is replaced: peer_down(), then peer_up() again. Where the peer
// is on another host the channel stays and the peer comes and goes: Away is peer_down(), the next Hello peer_up().
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/secret.h"
#include "net/channel.h"
#include "net/loop.h"
#include "os/sandbox.h"
#include "roles/config.h"
#include "wire/schema.h"

namespace bz::roles {

inline constexpr int kControlFd = 3;

// Another role's process. `send` fails with Unavailable while it is down; what waits for an answer must be failed in
// Role::peer_down.
class Peer {
 public:
  const std::string& role() const { return id_.role; }
  uint32_t index() const { return id_.index; }
  bool up() const;  // said Hello
  const wire::Hello& hello() const { return hello_; }
  Result<void> send(wire::Type type, std::string_view payload, std::vector<net::OwnedFd> fds = {});
  template <class Record>
    requires requires(const Record& record) { record.encode(); }
  Result<void> send(wire::Type type, const Record& record) {
    return send(type, record.encode());
  }

 private:
  friend class RoleHost;
  friend class RoleProcess;
  wire::Peer id_;
  wire::Hello hello_;
  bool greeted_ = false;
  std::unique_ptr<net::Channel> channel_;
};

// A tool's request for this role. Answer exactly once; dropping it unanswered tells the tool so.
class ControlCall {
 public:
  ControlCall(net::TaskGroup& tasks, net::Loop& loop, wire::ControlRequest request, net::OwnedFd connection);
  ControlCall(ControlCall&&) noexcept = default;
  ControlCall& operator=(ControlCall&&) = delete;
  ~ControlCall();
  const wire::ControlRequest& request() const { return request_; }
  void answer(wire::ControlAnswer answer);

 private:
  net::TaskGroup& tasks_;
  net::Loop& loop_;
  wire::ControlRequest request_;
  net::OwnedFd connection_;
};

// What the process has from the supervisor; outlives the role.
class RoleHost {
 public:
  RoleHost(net::Loop& loop, std::string role, uint32_t index);
  ~RoleHost();
  net::Loop& loop() { return loop_; }
  net::TaskGroup& tasks() { return tasks_; }
  const std::string& role() const { return role_; }
  uint32_t index() const { return index_; }  // gateway worker
  const Config& config() const { return *config_; }
  // Valid until the next reload; empty: not set.
  const Secret& secret(std::string_view name) const;
  // Hands the descriptor out; -1: no such listener (or taken already).
  int take_listener(std::string_view name);
  // nullptr: no such peer in this system. The address stays valid for the life of the host.
  Peer* peer(std::string_view role, uint32_t index = 0);
  std::vector<Peer*> peers(std::string_view role);
  // Any thread. The role cannot go on (its database takes no more writes): the process ends with status 1, without the
  // order of Role::stop(), and the supervisor starts it again with back-off.
  void give_up(const Error& why);
  // Sockets of helpers (HelperFd) that have come since the last call.
  std::vector<net::OwnedFd> take_helpers() { return std::exchange(helpers_, {}); }
  // A question to the supervisor; its answer comes to Role::supervisor_said. Closed: it is gone, and so are we soon.
  Result<void> ask_supervisor(wire::Type type, std::string_view payload);

 private:
  friend class RoleProcess;
  net::Loop& loop_;
  net::TaskGroup tasks_;
  std::string role_;
  uint32_t index_;
  std::unique_ptr<Config> config_;
  std::map<std::string, Secret, std::less<>> secrets_;
  std::map<std::string, net::OwnedFd, std::less<>> listeners_;
  std::vector<net::OwnedFd> helpers_;
  std::map<std::pair<std::string, uint32_t>, std::unique_ptr<Peer>> peers_;
  std::function<void(const Error&)> on_give_up_;
  std::function<Result<void>(wire::Type, std::string_view)> on_ask_;
};

class Role {
 public:
  virtual ~Role() = default;
  virtual os::Policy policy(const RoleHost& host) const;  // the table of os/sandbox
  // Errors end the process with their text in the log; the supervisor tries again with back-off.
  virtual Result<void> prepare(RoleHost& host) = 0;
  virtual Task<Result<void>> start(RoleHost& host) = 0;
  // The new settings are in `host`. On an error, whose text the administrator sees, the old ones stay, there and here.
  virtual Result<void> reload(RoleHost&) { return {}; }
  // Takes nothing new; done when what is there has ended, or when the patience of the settings has. Then comes stop().
  virtual Task<void> drain(RoleHost&);
  // What we tell a peer about ourselves.
  virtual wire::Hello hello(const RoleHost& host) const;
  // False: no Hello of ours on this channel; the role passes on that of who is behind it (the connector).
  virtual bool greets() const { return true; }
  virtual void peer_up(Peer&) {}
  virtual void peer_down(Peer&) {}
  // Bytes of a peer are hostile: what does not decode is dropped with a log line.
  virtual void message(Peer& from, net::Message message) = 0;
  // RoleHost::take_helpers() has something, after start().
  virtual void helper_came(RoleHost&) {}
  // The supervisor's answer to something this role asked it (Connection).
  virtual void answered(net::Message) {}
  virtual void control(ControlCall call);
  virtual void supervisor_said(const wire::Done&) {}
  // Ends sessions in order; the process ends when the task does, or after 10 s.
  virtual Task<void> stop();
};

using ConfigReader = std::function<Result<Config>(const wire::ConfigText&)>;
struct RoleArguments {
  std::string role;
  uint32_t index = 0;
};
// The whole life of the process; the value is its exit status.
int run_role(const RoleArguments& arguments, const ConfigReader& read_config);
// nullptr: no such role.
std::unique_ptr<Role> make_role(std::string_view name);

}  // namespace bz::roles

// One role's process from the control channel's view; see roles/role.h for the order of things.
#pragma once
#include <memory>

#include "os/signals.h"
#include "roles/role.h"

namespace bz::roles {

class RoleProcess {
 public:
  RoleProcess(std::unique_ptr<Role> role, const RoleArguments& arguments, const ConfigReader& read_config);
  ~RoleProcess();
  int run(net::OwnedFd control);
  // SIGTERM is a Stop: sessions end in order, the exit status is 0. `signals` outlives the process object.
  void stop_on(os::Signals& signals);

 private:
  void on_control(net::Message message);
  void on_config(const net::Message& message);
  void on_secret(const net::Message& message);
  void on_listener(net::Message message);
  void on_peer(net::Message message);
  void on_helper(net::Message message);
  void on_peer_gone(const net::Message& message);
  void on_tool(net::Message message);
  void on_start();
  void on_reload(std::unique_ptr<Config> config, std::map<std::string, Secret, std::less<>> secrets);
  void on_log(const net::Message& message);
  void on_drain();
  Task<void> drain_role();
  void answer(wire::Type type, std::string_view payload);
  Result<void> prepare();
  Task<void> first_start();
  void connect_peer(const wire::Peer& id, net::OwnedFd fd);
  void on_peer_message(Peer& peer, net::Message message);
  void withdraw(Peer& peer);
  void lose_peer(Peer& peer, const Error& why);
  void begin_stop(std::string_view why);
  Task<void> stop_role();
  void give_up(const Error& why);

  const ConfigReader& read_config_;
  net::Loop loop_;
  RoleHost host_;
  std::unique_ptr<Role> role_;
  std::unique_ptr<net::Channel> control_;
  std::optional<net::Loop::Watch> signal_watch_;
  net::Loop::Timer stop_timer_;
  std::unique_ptr<Config> next_config_;
  std::map<std::string, Secret, std::less<>> next_secrets_;
  std::vector<std::pair<wire::Peer, net::OwnedFd>> early_peers_;  // came before Start
  bool starting_ = false, started_ = false, draining_ = false, stopping_ = false;
  int status_ = 0;
};

}  // namespace bz::roles

// The parent of all roles (contracts: processes, users, sandbox). It opens the listeners, reads every file of the
// administrator's, starts the roles and wires them to one another, passes new certificates and settings on at SIGHUP or
// when a file has changed, and stops all in order at SIGTERM. It never speaks to the network. One thread; works in STATE.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/child.h"
#include "app/control_socket.h"
#include "app/system.h"
#include "net/loop.h"
#include "os/signals.h"

namespace bz::app {

class Supervisor {
 public:
  // `signals`: SIGTERM, SIGINT, SIGHUP, SIGCHLD; made before any thread. `config_path` must be absolute, since we go into
  // STATE.
  Supervisor(net::Loop& loop, os::Signals& signals, std::string config_path, Loaded loaded);
  ~Supervisor();
  // Everything is open and the roles are under way; run the loop then. Ends with loop.stop().
  Result<void> start();

 private:
  struct OpenListener {
    roles::ListenerConfig config;
    std::vector<net::OwnedFd> sockets;  // one per worker; kept, so that a restart loses no connection
  };
  Result<void> open_listeners();
  Result<void> make_children();
  void begin_gateways();
  void fill(Child& child);  // a new process: all it needs
  void tell(Child& child);  // configuration and secrets
  void wire_up(Child& child);
  void on_ready(Child& child);
  void on_gone(Child& child);
  void on_signals();
  void reap();
  void reload(std::string_view why);
  void watch_files();
  void stop(std::string_view why);
  void stop_next();
  void on_control(wire::ControlRequest request, ControlReply reply);
  wire::ControlAnswer status(bool json) const;
  unsigned workers() const;

  net::Loop& loop_;
  os::Signals& signals_;
  net::Loop::Watch signal_watch_;
  std::string config_path_;
  Loaded loaded_;
  Secret ticket_secret_;
  os::Fd state_, lock_;
  std::vector<OpenListener> listeners_;
  std::vector<std::unique_ptr<Child>> children_;  // in the order of role_facts()
  std::unique_ptr<ControlSocket> control_;
  net::Loop::Timer file_timer_, gateway_timer_;
  bool gateways_begun_ = false, serving_ = false, stopping_ = false;
};

}  // namespace bz::app

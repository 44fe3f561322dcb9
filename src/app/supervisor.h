// The parent of all roles (contracts: processes, users, sandbox). It opens the listeners, reads every file of the
// administrator's, starts the roles and wires them to one another, passes new certificates and settings on at SIGHUP or
// when a file has changed, gives them new log files at SIGUSR1, and stops all in order at SIGTERM. It never speaks to the
// network; on a gateway's host it begins connections to the planned inner addresses for the connector, and reads nothing
// from them. One thread; works in STATE.
//
// A reload (supervisor_reload.cc) is either refused as a whole, before anything is changed, or goes in two rounds: first
// the back ends take the new settings, then the gateways take settings and listeners, so that auth knows a listener before
// it opens. More workers are started with the second round, surplus ones drain after it. No session ends by it.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/child.h"
#include "app/control_socket.h"
#include "app/hook_runner.h"
#include "app/http_doors.h"
#include "app/listeners.h"
#include "app/ntlm_processes.h"
#include "app/reload_report.h"
#include "app/round.h"
#include "app/system.h"
#include "net/loop.h"
#include "os/signals.h"

namespace bz::app {

class Supervisor {
 public:
  // `signals`: SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD; made before any thread. `config_path` must be absolute, since we
  // go into STATE.
  Supervisor(net::Loop& loop, os::Signals& signals, std::string config_path, Loaded loaded);
  ~Supervisor();
  // Everything is open and the roles are under way; run the loop then. Ends with loop.stop().
  Result<void> start();

 private:
  // A reload under way, and who wants to know its end.
  struct Reload {
    ReloadReport report;
    std::vector<std::pair<ControlReply, bool>> replies;  // with: as JSON
  };
  using Asker = std::optional<std::pair<ControlReply, bool>>;
  Result<void> make_children();
  Result<void> know_user(const RoleFacts& role, const roles::Config& config);
  Child& make_child(const RoleFacts& role, uint32_t index);
  void begin_gateways();
  void fill(Child& child);  // a new process: all it needs
  void tell(Child& child);  // configuration and secrets
  void give_listeners(Child& child);
  void log_listeners(const Listeners& before) const;
  void wire_up(Child& child);
  void wire(Child& child, Child& other, const Link& link);
  void on_ready(Child& child);
  void on_gone(Child& child);
  void on_signals();
  void reap();
  void say_doubts() const;
  void watch_files();
  // supervisor_tickets.cc
  const Secret& ticket_keys() const;
  void rotate_tickets();
  void forget_tickets();
  void take_tickets(Child& connector, const net::Message& message);
  void spread_tickets();
  // supervisor_ntlm.cc
  Result<void> know_ntlm_user(const roles::Config& config);
  void place_ntlm();
  void give_ntlm(net::OwnedFd socket);
  // supervisor_inner.cc
  void begin_inner(Child& connector, const net::Message& message);
  void install_node_of(Child& connector, const net::Message& message);
  // supervisor_reload.cc
  void reload(std::string_view why, Asker asker = {});
  Result<void> adopt(Loaded loaded);
  std::vector<uint32_t> worker_numbers(unsigned wanted) const;
  void tell_back_ends();
  void tell_gateways();
  void adjust_workers();
  void end_reload();
  void answer_reload(Reload reload);
  void forget_retired();
  void reopen_logs(std::optional<ControlReply> reply);
  void begin_log_round();
  // supervisor_admin.cc: what role admin asks for
  void on_asked(Child& child, const net::Message& message);
  Result<void> install(const net::Message& message);
  void run_hook(wire::RunHook hook);
  void answer_admin(uint64_t id, const Result<void>& done);
  void give_http_doors(Child& child);
  void stop(std::string_view why);
  void stop_next();
  void on_control(wire::ControlRequest request, ControlReply reply);
  wire::ControlAnswer status(bool json) const;
  static unsigned workers_of(const roles::Config& config);

  net::Loop& loop_;
  os::Signals& signals_;
  net::Loop::Watch signal_watch_;
  std::string config_path_;
  Loaded loaded_;
  Secret ticket_keys_;  // a ring; a ticket_key_file goes before it
  Secret spent_file_;   // what stood in the ticket_key_file when a node that knew it was revoked
  os::Fd state_, lock_;
  Listeners listeners_, inner_listeners_;
  HttpDoors http_doors_;
  HookRunner hook_runner_;
  NtlmProcesses ntlm_processes_;
  std::vector<uint32_t> worker_numbers_;  // of the gateways that are wanted
  std::map<std::string_view, std::optional<os::User>> users_;
  std::vector<std::unique_ptr<Child>> children_;  // in the order of role_facts()
  std::unique_ptr<ControlSocket> control_;
  net::Loop::Timer file_timer_, gateway_timer_, ticket_timer_;
  uint64_t generation_ = 1;  // of loaded_
  std::optional<Reload> reload_;
  std::unique_ptr<Round> round_, log_round_;
  std::vector<ControlReply> log_replies_;  // of the log round to come
  bool logs_again_ = false;
  bool tickets_again_ = false;                               // other keys while a reload was under way
  bool reload_again_ = false;                                // asked for while one was under way
  std::vector<std::pair<ControlReply, bool>> next_replies_;  // to be answered by that one
  std::vector<os::FileStamp> seen_, changing_;               // of loaded_.files: as loaded, and as of the last look
  bool gateways_begun_ = false, serving_ = false, stopping_ = false;
};

}  // namespace bz::app

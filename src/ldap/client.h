// A directory as one thing to ask: several servers in order, each with one connection for searches, shared by all, and a
// few for binds. Lives on the loop; connections are opened on a small pool of its own.
//
// Time: every operation ends by its deadline. A server gets `server_time` of it before the next one is asked; a bind that
// finds all connections in use waits as long for one before that. A server that failed is out until it has answered in the
// background (probe with back-off from `probe_first` to `probe_max`): no login waits for it again. All out: Unavailable at
// once. What we keep waiting ourselves, for a connection in use or a thread, is no failure of the server, nor is a silence
// shorter than its time: else a burst of logins could take the directory away from everybody.
#pragma once
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "ldap/link.h"

namespace bz::ldap {

struct ClientOptions {
  std::string name;  // of the directory, for the log
  std::vector<Server> servers;
  std::string ca_file;
  std::string bind_dn;  // empty: searches are anonymous
  Secret bind_password;
  base::Millis server_time{1000};
  size_t bind_connections = 4;  // per server
  base::Millis probe_first{1000}, probe_max{30'000};
};

class Client {
 public:
  Client(net::Loop& loop, ClientOptions options);
  ~Client();  // waits for connections under way, which it cuts
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Errors: Unavailable (no server answers), Timeout (servers are up, this one question was not answered in time), Limit
  // (more than search.max_entries), TooLarge, Denied (the server refuses the search), Internal. A base that is not there is
  // an empty answer.
  struct Found {
    std::string server;
    std::vector<Entry> entries;
  };
  Task<Result<Found>> search(Search search, net::Deadline deadline);

  // Is this the password of `dn`? An empty one never is: servers take it for an anonymous bind (RFC 4513 5.1.2).
  // Errors: Unavailable, Timeout, Denied (the server will not say).
  struct Verdict {
    bool right = false;
    std::string server, text;  // the server's words, for the administrator
  };
  Task<Result<Verdict>> check(std::string dn, Secret password, net::Deadline deadline);

  bool any_up() const;
  std::string state() const;  // "ldap://a:389 up, ldap://b:389 down (connect: Connection refused)"

 private:
  using LinkPtr = std::shared_ptr<Link>;  // shared by the server and the operations on it
  using LinkPromise = base::Completion<LinkPtr>::Promise;
  struct BindWaiter;
  struct ServerState {
    Server server;
    bool up = true;
    std::string trouble{};
    LinkPtr searching{};
    bool opening = false;                      // `searching`
    std::vector<LinkPromise> waiting{};        // for `searching`
    std::vector<LinkPtr> idle{};               // for binds
    size_t bind_links = 0;                     // idle, busy and being opened
    std::list<BindWaiter*> waiting_to_bind{};  // get a link, or nullptr: open one yourself
  };
  class BindLink;
  // Those with a ServerState that fail by the server's doing have called fail_server; those that fail by ours have not.
  Task<Result<LinkPtr>> open(ServerState& server, net::Deadline deadline);
  Task<Result<Session>> connect(const Server& server, net::Deadline deadline, std::shared_ptr<base::MonoTime> began);
  Task<Result<LinkPtr>> searching_link(ServerState& server, net::Deadline deadline);
  Task<void> open_searching(ServerState& server);
  Task<Result<Client::Found>> search_on(ServerState& server, Search search, net::Deadline deadline);
  Task<Result<LinkPtr>> bind_turn(ServerState& server, net::Deadline deadline);  // nullptr: open one yourself
  Task<Result<Client::Verdict>> check_on(ServerState& server, std::string dn, Secret password, net::Deadline deadline);
  void wake(ServerState& server, Result<LinkPtr> link);  // the first in the queue
  void give_back(ServerState& server, LinkPtr link);
  Task<Result<void>> try_server(ServerState& server);
  Task<void> probe(ServerState& server);
  void fail_server(ServerState& server, const Error& why);
  net::Deadline share(net::Deadline deadline) const;
  bool had_time(base::MonoTime began, net::Deadline deadline) const;  // a server that had not answered by then
  Error failed(ServerState& server, Error why);                       // fail_server, and `why` back
  Error nobody() const;

  net::Loop& loop_;
  ClientOptions options_;
  net::BlockingPool pool_;
  std::vector<std::unique_ptr<ServerState>> servers_;
  std::vector<std::weak_ptr<Cut>> cuts_;
  net::TaskGroup tasks_;  // last: its tasks use all of the above
};

}  // namespace bz::ldap

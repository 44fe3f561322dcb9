// From nothing to a logged-in connection: looks the host up, connects, checks TLS, turns the login machine of the protocol.
// Every failure says in which phase it happened. Owned by the service; one loop.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "egress/health.h"
#include "egress/login_machine.h"
#include "egress/server.h"
#include "net/stream.h"

namespace bz::egress {

enum class Phase : uint8_t { Health, Lookup, Connect, Tls, Greeting, Login };
std::string_view name(Phase phase);  // "lookup"

struct Target {
  std::shared_ptr<const Server> server;
  std::string host;
  wire::Service service = wire::Service::Imap;
  LoginPlan plan;            // who; the rest is filled in here
  std::string proxy_header;  // first bytes on the connection
};

struct Connected {
  std::unique_ptr<net::Stream> stream;
  std::string address;       // "192.0.2.1:993"
  std::string capabilities;  // IMAP
  std::string unread;        // of the server, for our client
};
struct ConnectFailure {
  Phase phase = Phase::Connect;
  Verdict verdict = Verdict::Unavailable;
  std::string reason;   // for the log
  std::string address;  // empty: none was tried
};
using ConnectResult = std::variant<Connected, ConnectFailure>;

// How the world is reached. All outlive the connector. Tests answer by themselves.
struct Outside {
  net::Loop& loop;
  net::BlockingPool& pool;
  base::Random& random;
  std::function<Task<Result<std::vector<std::string>>>(std::string host)> addresses;  // numeric
  std::function<Task<Result<std::unique_ptr<net::Stream>>>(net::Endpoint to, net::Deadline deadline)> connect;
};

class Connector {
 public:
  Connector(const Outside& outside, Health& health) : outside_(outside), health_(health) {}
  Task<ConnectResult> open(Target target, std::shared_ptr<const Settings> settings);

 private:
  struct Reached {
    std::unique_ptr<net::Stream> stream;
    std::string address;
  };
  Task<std::variant<Reached, ConnectFailure>> reach(const Target& target, const Settings& settings, net::Deadline deadline);
  Task<Result<void>> prepare(net::Stream& stream, const Target& target, net::Deadline deadline);
  Task<ConnectResult> log_in(Reached reached, Target target, net::Deadline deadline);
  Task<Result<void>> turn(net::Stream& stream, LoginMachine& machine, const Target& target, net::Deadline deadline,
                          Phase& phase);
  const Outside& outside_;
  Health& health_;
};

}  // namespace bz::egress

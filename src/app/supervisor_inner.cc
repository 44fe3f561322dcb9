// What the connector may ask for: a connection to one of the planned inner ports, and to nothing else. The address and the
// ports are the configuration's; the connector names a role inside.
#include "app/supervisor.h"
#include "base/log.h"
#include "net/begin_connect.h"

namespace bz::app {

void Supervisor::begin_inner(Child& connector, const net::Message& message) {
  auto asked = wire::Peer::decode(message.payload);
  if (!asked)
    return log::event(log::Err, "role_message_refused").field("role", connector.name()).error(asked.error()), void();
  const auto port = inner_port(loaded_.config.inner, asked->role);
  Result<os::Fd> socket = fail(Errc::Denied, "no planned port for " + asked->role);
  if (port) socket = net::begin_connect({loaded_.config.inner.connect, *port});
  std::vector<net::OwnedFd> fds;
  if (socket) {
    fds.push_back(std::move(*socket));
  } else {
    log::event(log::Warn, "cannot_connect").field("to", asked->role).error(socket.error());
  }
  connector.send(wire::Type::Connection, message.payload, std::move(fds));
}

}  // namespace bz::app

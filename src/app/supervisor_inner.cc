// What the connector may ask for: a connection to one of the planned inner ports, and to nothing else (the address and the
// ports are the configuration's; the connector names a role inside), and that the node's next certificate be installed.
#include "app/issued.h"
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

void Supervisor::install_node_of(Child& connector, const net::Message& message) {
  auto issued = wire::InstallCertificate::decode(message.payload);
  auto folder = os::open_folder(os::kHere, folder_of(config_path_));
  Result<void> installed;
  if (!issued || !folder) {
    installed = issued ? std::move(folder).error() : std::move(issued).error();
  } else {
    installed = install_node(loaded_, folder->get(), *issued);
  }
  if (!installed) log::event(log::Err, "node_certificate_refused").error(installed.error());
  connector.send(wire::Type::Done,
                 wire::Done{issued ? issued->id : 0, installed ? std::string() : installed.error().text()}.encode());
  if (installed) reload("the node's certificate has been renewed");
}

}  // namespace bz::app

#include "app/http_doors.h"

#include <fcntl.h>

#include "base/log.h"
#include "net/stream.h"

namespace bz::app {

HttpDoors HttpDoors::open(const roles::AcmeConfig& config, const HttpDoors& before) {
  HttpDoors out;
  if (!config.on() || config.challenge != "http-01") return out;
  for (const std::string& address : config.http_addresses) {
    const Place place{address, config.http_port};
    if (auto had = before.sockets_.find(place); had != before.sockets_.end()) {
      out.sockets_.insert(*had);
      continue;
    }
    auto fd = net::listen_tcp({address, config.http_port});
    if (fd) {
      out.sockets_.emplace(place, std::make_shared<os::Fd>(*fd));
    } else {
      log::event(log::Err, "acme_door_closed").error(fd.error());
    }
  }
  return out;
}

std::vector<std::pair<std::string, os::Fd>> HttpDoors::copies() const {
  std::vector<std::pair<std::string, os::Fd>> out;
  for (const auto& [place, socket] : sockets_) {
    os::Fd copy(::fcntl(socket->get(), F_DUPFD_CLOEXEC, 0));
    if (copy) out.emplace_back(roles::acme_door(out.size()), std::move(copy));
  }
  return out;
}

}  // namespace bz::app

#include "app/listeners.h"

#include <fcntl.h>

#include <cerrno>

#include "net/stream.h"

namespace bz::app {

Result<Listeners> Listeners::open(const std::vector<roles::ListenerConfig>& configs, const std::vector<uint32_t>& workers,
                                  const Listeners& before) {
  Listeners out;
  out.configs_ = configs;
  for (const roles::ListenerConfig& config : configs) {
    for (uint32_t worker : workers) {
      const Place place{config.address, config.port, worker};
      if (auto had = before.sockets_.find(place); had != before.sockets_.end()) {
        out.sockets_.insert(*had);
        continue;
      }
      auto fd = net::listen_tcp({config.address, config.port}, true);
      if (!fd) {
        return std::move(fd).error().with_context("listener " + config.name + " (" + config.address + " port " +
                                                  std::to_string(config.port) + ")");
      }
      out.sockets_.emplace(place, std::make_shared<os::Fd>(*fd));
    }
  }
  return out;
}

Result<std::vector<std::pair<std::string, os::Fd>>> Listeners::of(uint32_t worker) const {
  std::vector<std::pair<std::string, os::Fd>> out;
  for (const roles::ListenerConfig& config : configs_) {
    auto socket = sockets_.find({config.address, config.port, worker});
    if (socket == sockets_.end()) continue;
    os::Fd copy(::fcntl(socket->second->get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return base::from_errno(errno, "copying listener " + config.name);
    out.emplace_back(config.name, std::move(copy));
  }
  return out;
}

bool Listeners::opened_anew(const std::string& address, uint16_t port, const Listeners& before) const {
  auto any = [&](const Listeners& set) {
    auto it = set.sockets_.lower_bound({address, port, 0});
    return it != set.sockets_.end() && std::get<0>(it->first) == address && std::get<1>(it->first) == port;
  };
  return any(*this) && !any(before);
}

}  // namespace bz::app

// The sockets on which the gateways take connections: for each listener one per worker, so that the kernel spreads new
// connections over the workers (SO_REUSEPORT). The supervisor keeps them, and hands copies out: a worker that is started
// again loses no connection that waits.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "roles/config.h"

namespace bz::app {

class Listeners {
 public:
  Listeners() = default;
  // What `before` has open (the same address, port and worker) is taken over, whatever the listener is called or speaks
  // now; the rest of `before` closes with it. An error names the listener and leaves `before` as it is.
  static Result<Listeners> open(const std::vector<roles::ListenerConfig>& configs, const std::vector<uint32_t>& workers,
                                const Listeners& before);
  // Copies of one worker's, by the names of the listeners. Limit: no descriptors left.
  Result<std::vector<std::pair<std::string, os::Fd>>> of(uint32_t worker) const;
  // The place of one listener changed or is new, compared with `before`.
  bool opened_anew(const std::string& address, uint16_t port, const Listeners& before) const;

 private:
  using Place = std::tuple<std::string, uint16_t, uint32_t>;  // address, port, worker
  std::vector<roles::ListenerConfig> configs_;
  std::map<Place, std::shared_ptr<os::Fd>> sockets_;  // shared with the generation before, until that one goes
};

}  // namespace bz::app

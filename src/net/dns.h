// DNS by libunbound: one context per process, configured by a file (tests) or the system's resolv.conf; answers come back
// on the loop.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "net/loop.h"

namespace bz::net {

class Dns {
 public:
  struct Config {
    std::string config_file;  // unbound.conf syntax; empty: /etc/resolv.conf and the built-in root anchor off
    Millis timeout{10'000};
  };
  struct Mx {
    uint16_t preference;
    std::string host;  // lower case, no final dot; empty = null MX (RFC 7505)
  };
  virtual ~Dns() = default;
  // NotFound: the name or the type does not exist. Unavailable: SERVFAIL, time-out, bogus. Names: A-labels.
  virtual Task<Result<std::vector<Mx>>> mx(std::string name) = 0;
  virtual Task<Result<std::vector<std::string>>> addresses(std::string host) = 0;  // numeric A and AAAA, v6 first
  virtual Task<Result<std::vector<std::string>>> txt(std::string name) = 0;
};
Result<std::unique_ptr<Dns>> make_dns(Loop& loop, const Dns::Config& config);

}  // namespace bz::net

// The sockets of acme.http_addresses, which the supervisor opens for role admin (port 80 needs root). One that cannot be
// opened is told in the log and missed only when the authority comes: mail does not wait for port 80.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "os/fd.h"
#include "roles/config.h"

namespace bz::app {

class HttpDoors {
 public:
  // None unless http-01 is configured. What `before` has open is taken over.
  static HttpDoors open(const roles::AcmeConfig& config, const HttpDoors& before);
  // Copies, named "acme.http.0" and so on.
  std::vector<std::pair<std::string, os::Fd>> copies() const;

 private:
  using Place = std::pair<std::string, uint16_t>;
  std::map<Place, std::shared_ptr<os::Fd>> sockets_;  // shared with the generation before, until that one goes
};

}  // namespace bz::app

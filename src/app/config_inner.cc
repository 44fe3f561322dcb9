#include "app/config_inner.h"

#include <set>

#include "crypto/node_certificate.h"
#include "directory/guard.h"
#include "net/stream.h"

namespace bz::app {
namespace {

Error bad(std::string_view key, std::string_view what) {
  return fail(Errc::Invalid, std::string(key) + ": " + std::string(what));
}

Result<void> check_node_side(const roles::InnerConfig& inner) {
  if (!net::is_numeric(inner.connect)) return bad("inner.connect", "must be numeric: \"192.0.2.1\"");
  if (inner.ca_file.empty() || inner.certificate_file.empty() || inner.key_file.empty())
    return bad("inner.connect", "goes together with inner.ca_file, inner.certificate_file and inner.key_file");
  return {};
}

}  // namespace

Result<void> check_inner(roles::Config& config) {
  const roles::InnerConfig& inner = config.inner;
  if (!inner.listen.empty() && !inner.connect.empty())
    return bad("inner.connect", "a host is inside (inner.listen) or a gateway's (inner.connect), not both");
  if (!inner.listen.empty() && !net::is_numeric(inner.listen)) return bad("inner.listen", "must be numeric: \"192.0.2.1\"");
  if (!inner.connect.empty()) {
    BZ_TRY_VOID(check_node_side(inner));
  } else if (!inner.ca_file.empty() || !inner.certificate_file.empty() || !inner.key_file.empty()) {
    return bad("inner.certificate_file", "is for a gateway's host, with inner.connect");
  }
  const std::set<uint16_t> ports = {inner.enroll_port, inner.auth_port, inner.mailstore_port, inner.mta_port,
                                    inner.egress_port};
  if (ports.size() != 5) return bad("inner.auth_port", "each inner port must be another one");
  if (inner.egress_port == 0 && !inner.listen.empty()) return bad("inner.egress_port", "0 is for a gateway's host");
  for (const std::string& network : inner.from) {
    if (!directory::Network::parse(network))
      return bad("inner.from", "each must be an address or a network (\"192.0.2.0/24\"), not " + network);
  }
  for (const roles::ListenerConfig& listener : config.listeners) {
    if (listener.node.empty()) continue;
    const std::string key = "listener " + listener.name + ": node";
    if (inner.listen.empty()) return bad(key, "needs inner.listen: a node's listeners are written down inside");
    if (!crypto::is_node_name(listener.node)) return bad(key, "1 to 32 lower case letters, digits and \"-\"");
    if (listener.front == roles::Front::Lmtp) return bad(key, "lmtp is for the inside alone");
  }
  return {};
}

}  // namespace bz::app

// [[listener]]
#include <arpa/inet.h>

#include "app/config_parts.h"
#include "directory/network.h"
#include "net/stream.h"
#include "sasl/mechanism.h"

namespace bz::app {
namespace {

using roles::Config;
using roles::ListenerConfig;

std::string mechanism_names() {
  std::string out;
  for (sasl::Kind kind : sasl::all_kinds()) out += (out.empty() ? "" : ", ") + std::string(sasl::name(kind));
  return out;
}

Result<void> check_mechanisms(ListenerConfig& listener, Where where, std::string_view key) {
  using roles::Front;
  if (listener.front == Front::Lmtp) listener.mechanisms.clear();
  for (std::string& mechanism : listener.mechanisms) {
    auto kind = sasl::mechanism_of(mechanism);
    if (!kind) return bad(where, key, "mechanisms: \"" + mechanism + "\" is not one of " + mechanism_names());
    mechanism = sasl::name(*kind);
    if (sasl::is_plus(*kind) && listener.tls == roles::ListenerTls::None)
      return bad(where, key, mechanism + " binds a login to its TLS connection: not with tls = \"none\"");
    bool pop3 = listener.front != Front::Imap && listener.front != Front::Submission && listener.front != Front::Mx;
    if (kind == sasl::Kind::Apop && !pop3) return bad(where, key, "APOP is a command of POP3 alone");
    if (kind == sasl::Kind::External && listener.client_certificates == roles::ClientCertificates::Off)
      return bad(where, key, "EXTERNAL needs client_certificates = \"optional\" or \"required\"");
  }
  return {};
}

// The one way to write it, so that equal ones can be compared. False: not numeric.
bool normalise_address(std::string& address) {
  unsigned char bytes[16];
  char text[INET6_ADDRSTRLEN];
  for (int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, address.c_str(), bytes) != 1) continue;
    address = inet_ntop(family, bytes, text, sizeof text);
    return true;
  }
  return false;
}

Result<void> check_listener(ListenerConfig& listener, Where where, std::string_view key) {
  if (!normalise_address(listener.address)) {
    return bad(where, key, "address must be numeric: \"0.0.0.0\", \"::\", \"192.0.2.1\"");
  }
  using roles::Front;
  using roles::ListenerTls;
  bool plain = listener.tls == ListenerTls::None;
  if (listener.front == Front::Lmtp && !plain) return bad(where, key, "lmtp needs tls = \"none\"");
  if (listener.front == Front::Mx && listener.tls != ListenerTls::StartTls) {
    return bad(where, key, "mx needs tls = \"starttls\": other hosts know nothing else");
  }
  if (plain && !net::is_private(listener.address)) {
    return bad(where, key,
               "tls = \"none\" needs a loopback or private address (127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, "
               "192.168.0.0/16, 169.254.0.0/16, ::1, fc00::/7, fe80::/10), not " +
                   listener.address);
  }
  for (const std::string& network : listener.proxy_protocol_from) {
    if (!directory::Network::parse(network))
      return bad(where, key, "proxy_protocol_from: \"" + network + "\" is neither an address nor a network");
  }
  return check_mechanisms(listener, where, key);
}

}  // namespace

Result<void> read_listeners(const toml::table& root, std::string_view file, Config& config) {
  if (!root.get("listener")) return bad({file, 1}, "listener", "is missing; at least one [[listener]] is needed");
  std::set<std::string> names;
  std::set<std::tuple<std::string, std::string, uint16_t>> places;
  auto take = [&](ListenerConfig listener, Where where, std::string_view key) -> Result<void> {
    BZ_TRY_VOID(check_listener(listener, where, key));
    if (!names.insert(listener.name).second) return bad(where, key, "name is used twice");
    // The kernel would allow it (SO_REUSEPORT) and give connections to either.
    if (!places.insert({listener.node, listener.address, listener.port}).second)
      return bad(where, key, "address and port are used twice");
    config.listeners.push_back(std::move(listener));
    return {};
  };
  return read_tables(root, "listener", listener_keys(), 100, file, take);
}

}  // namespace bz::app

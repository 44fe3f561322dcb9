// Where a recipient goes: the mail store, the smart host, or the MX hosts of the domain (RFC 5321 5.1, null MX RFC 7505).
// Pure functions over the answers of the DNS, which the caller fetches.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "queue/envelope.h"

namespace bz::queue {

struct RouteConfig {
  std::string smart_host;  // "relay.example"; empty: by MX
  uint16_t smart_host_port = 587;
  uint16_t mx_port = 25;
  std::vector<std::string> own_names;      // our host name and its aliases, lower case
  std::vector<std::string> own_addresses;  // numeric, on which we take mail at mx_port
  bool operator==(const RouteConfig&) const = default;
};

// "local", "server:old:imap.old.example", "host:relay.example:587" or "mx:example.org": recipients with equal destinations
// share a connection.
std::string destination_of(const Recipient& recipient, const RouteConfig& config);

struct SmartHost {
  std::string host;
  uint16_t port;
};
struct ByMx {
  std::string domain;  // or "[192.0.2.1]"
};
struct AtServer {  // of the configuration, at this host
  std::string server, host;
};
using Target = std::variant<std::monostate, SmartHost, ByMx, AtServer>;  // monostate: the mail store
Target target_of(std::string_view destination);

struct MxAnswer {
  uint16_t preference = 0;
  std::string host;  // lower case; empty: null MX
};
// Hosts to try in order, or the reply that becomes the recipients' outcome.
using MxPlan = std::variant<std::vector<std::string>, smtp::Reply>;
// `answer`: NotFound means there is no MX, so the domain itself is tried (5.1: implicit MX); other errors are temporary.
// Equal preferences are mixed by `random` (a number below n). Hosts not better than ourselves are left out.
MxPlan plan_mx(const std::string& domain, const Result<std::vector<MxAnswer>>& answer, const RouteConfig& config,
               const std::function<size_t(size_t)>& random);

// "192.0.2.1" of "[192.0.2.1]" or "[ipv6:...]"; nullopt: not a literal.
std::optional<std::string> literal_address(std::string_view domain);
// Never to ourselves by MX: it would come back for ever.
std::vector<std::string> without_own(std::vector<std::string> addresses, const RouteConfig& config);

}  // namespace bz::queue

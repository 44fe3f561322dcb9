#include "queue/route.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "intl/idna.h"
#include "queue/schedule.h"

namespace bz::queue {

std::string destination_of(const Recipient& recipient, const RouteConfig& config) {
  if (!recipient.server.empty()) return "server:" + recipient.server + ":" + recipient.host;
  if (recipient.cls != RecipientClass::Relay) return std::string(Schedule::kLocal);
  if (!config.smart_host.empty()) return "host:" + config.smart_host + ":" + std::to_string(config.smart_host_port);
  const auto& domain = recipient.rcpt.recipient.domain;
  return "mx:" + intl::to_a_labels(domain).value_or(domain);
}

Target target_of(std::string_view destination) {
  if (destination.starts_with("server:")) {
    const auto parts = base::split(destination, ':');
    if (parts.size() < 3) return std::monostate{};
    return AtServer{std::string(parts[1]), std::string(destination.substr(8 + parts[1].size()))};
  }
  if (destination.starts_with("mx:")) return ByMx{std::string(destination.substr(3))};
  if (!destination.starts_with("host:")) return std::monostate{};
  destination.remove_prefix(5);
  const size_t colon = destination.rfind(':');
  const auto port = base::parse_number<uint16_t>(destination.substr(colon + 1));
  return SmartHost{std::string(destination.substr(0, colon)), port.value_or(587)};
}

MxPlan plan_mx(const std::string& domain, const Result<std::vector<MxAnswer>>& answer, const RouteConfig& config,
               const std::function<size_t(size_t)>& random) {
  if (!answer && answer.error().code() != Errc::NotFound) {
    return smtp::Reply(451, "4.4.3", "The mail servers of " + domain + " cannot be looked up now");
  }
  std::vector<MxAnswer> hosts;
  if (answer) hosts = *answer;
  if (hosts.empty()) hosts.push_back({0, domain});
  // RFC 7505 3: a null MX stands alone; beside others it means nothing
  std::erase_if(hosts, [&](const MxAnswer& mx) { return mx.host.empty() && hosts.size() > 1; });
  if (hosts.size() == 1 && hosts[0].host.empty()) return smtp::Reply(556, "5.1.10", domain + " takes no mail");

  for (size_t i = hosts.size(); i > 1; --i) std::swap(hosts[i - 1], hosts[random(i)]);
  std::multimap<uint16_t, std::string> sorted;  // equal keys keep their mixed order
  for (auto& mx : hosts) sorted.emplace(mx.preference, std::move(mx.host));
  const auto self = std::find_if(sorted.begin(), sorted.end(), [&](const auto& mx) {
    return std::any_of(config.own_names.begin(), config.own_names.end(),
                       [&](const auto& name) { return base::iequals(name, mx.second); });
  });
  if (self != sorted.end()) {
    sorted.erase(sorted.lower_bound(self->first), sorted.end());
    if (sorted.empty()) return smtp::Reply(554, "5.4.6", "The mail of " + domain + " would come back to us");
  }
  std::vector<std::string> names;
  for (auto& [preference, host] : sorted) names.push_back(std::move(host));
  return names;
}

std::optional<std::string> literal_address(std::string_view domain) {
  if (!domain.starts_with('[') || !domain.ends_with(']')) return std::nullopt;
  domain = domain.substr(1, domain.size() - 2);
  if (base::istarts_with(domain, "ipv6:")) domain.remove_prefix(5);
  return std::string(domain);
}

std::vector<std::string> without_own(std::vector<std::string> addresses, const RouteConfig& config) {
  std::erase_if(addresses, [&](const std::string& address) {
    return std::find(config.own_addresses.begin(), config.own_addresses.end(), address) != config.own_addresses.end();
  });
  return addresses;
}

}  // namespace bz::queue

#include "authd/routes.h"

#include <algorithm>

#include "base/text.h"

namespace bz::authd {

bool host_fits(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return base::iequals(pattern, host);
  pattern.remove_prefix(1);
  return host.size() > pattern.size() && base::iequals(host.substr(host.size() - pattern.size()), pattern);
}

bool ForeignServer::serves(wire::Service service) const {
  return (service == wire::Service::Imap && imap) || (service == wire::Service::Pop3 && pop3) ||
         (service == wire::Service::Submission && submission) || (service == wire::Service::Lmtp && delivery);
}

bool RouteRule::fits(const directory::Account& who) const {
  if (!account.empty() && account != who.name) return false;
  if (!domain.empty() && domain != directory::domain_part(who.name)) return false;
  if (!type.empty() && type != who.server_type) return false;
  if (!group.empty() && std::find(who.groups.begin(), who.groups.end(), group) == who.groups.end()) return false;
  return attribute.empty() || std::any_of(who.attributes.begin(), who.attributes.end(), [&](const auto& has) {
           return base::iequals(has.first, attribute) && (value == "*" || base::iequals(has.second, value));
         });
}

int RouteRule::distance() const {
  if (!account.empty()) return 0;
  if (!attribute.empty() || !type.empty()) return 1;
  if (!group.empty()) return 2;
  return domain.empty() ? 4 : 3;
}

const ForeignServer* Routes::find(std::string_view name) const {
  auto it = std::find_if(servers.begin(), servers.end(), [&](const auto& server) { return server.name == name; });
  return it == servers.end() ? nullptr : &*it;
}

Result<Place> Routes::place_of(const directory::Account& account) const {
  if (empty()) return Place{};  // one mail store, whatever name the directory has for it
  if (!account.mail_host.empty()) {
    if (base::iequals(account.mail_host, own_host)) return Place{};
    for (const ForeignServer& server : servers) {
      if (server.name == account.mail_host && !server.host.empty()) return Place{&server, server.host};
      if (base::iequals(server.host, account.mail_host)) return Place{&server, server.host};
    }
    for (const ForeignServer& server : servers) {
      // Of several that allow the host, the directory may choose one by its name.
      if (!account.server_type.empty() && find(account.server_type) && server.name != account.server_type) continue;
      const bool fits = std::any_of(server.hosts.begin(), server.hosts.end(),
                                    [&](const std::string& pattern) { return host_fits(pattern, account.mail_host); });
      if (fits) return Place{&server, base::lower(account.mail_host)};
    }
    return fail(Errc::Denied, "the directory names the mail host " + account.mail_host + ", which no [[server]] allows");
  }
  const RouteRule* nearest = nullptr;
  for (const RouteRule& rule : rules)
    if (rule.fits(account) && (nearest == nullptr || rule.distance() < nearest->distance())) nearest = &rule;
  if (nearest == nullptr || nearest->server == "-") return Place{};
  const ForeignServer* server = find(nearest->server);
  if (server == nullptr)
    return fail(Errc::Denied, "a [[route]] names the server " + nearest->server + ", which is not there");
  return Place{server, server->host};
}

std::string Routes::login_name(const ForeignServer& server, const directory::Account& account) const {
  return server.local_part ? std::string(directory::local_part(account.name)) : account.name;
}

}  // namespace bz::authd

#include "app/network_plan.h"

#include <algorithm>

#include "app/config_apns.h"
#include "base/text.h"
#include "net/stream.h"

namespace bz::app {
namespace {

using roles::Config;

bool is_everywhere(const std::string& address) { return address == "::" || address == "0.0.0.0"; }
bool is_loopback(const std::string& address) { return address == "::1" || address.starts_with("127."); }

std::string_view service_word(roles::Front front) {
  switch (front) {
    case roles::Front::Imap:
      return "IMAP";
    case roles::Front::Pop3:
      return "POP3";
    case roles::Front::Submission:
      return "submission";
    case roles::Front::Mx:
      return "mail from other servers";
    case roles::Front::Lmtp:
      return "LMTP";
  }
  return "";
}

void add_listeners(std::vector<Flow>& flows, const Config& config, const std::string& gateway) {
  const bool here = !config.inner.connect.empty();
  for (const roles::ListenerConfig& listener : config.listeners) {
    const bool of_gateway = here || !listener.node.empty();
    if (!of_gateway && is_loopback(listener.address)) continue;
    std::string to = is_everywhere(listener.address) ? (of_gateway ? gateway : config.inner.listen) : listener.address;
    flows.push_back({.from = Place::Outside,
                     .to = of_gateway ? Place::Gateway : Place::Inside,
                     .to_address = std::move(to),
                     .port = listener.port,
                     .why = std::string(service_word(listener.front)) + ", listener " + listener.name});
  }
}

void add_inner(std::vector<Flow>& flows, const Config& config, const std::string& gateway) {
  const roles::InnerConfig& inner = config.inner;
  const std::string& to = inner.connect.empty() ? inner.listen : inner.connect;
  if (to.empty()) return;
  std::vector<std::string> from = inner.from;
  if (from.empty() && !gateway.empty()) from.push_back(gateway);
  const auto add = [&](uint16_t port, const char* why) {
    flows.push_back(
        {.from = Place::Gateway, .to = Place::Inside, .from_addresses = from, .to_address = to, .port = port, .why = why});
  };
  add(inner.enroll_port, "a node's certificate and its renewal");
  add(inner.auth_port, "logins, and orders to end sessions");
  add(inner.mailstore_port, "IMAP and POP3 sessions");
  add(inner.mta_port, "SMTP sessions");
  const bool servers = inner.connect.empty() ? !config.servers.empty() : inner.egress_port != 0;
  if (servers) add(inner.egress_port, "sessions with other mail servers");
}

// "ldap://HOST[:PORT]", "[ADDRESS]" for IPv6.
void add_directory(std::vector<Flow>& flows, const Config& config, const roles::DirectoryConfig& directory) {
  for (const std::string& url : directory.servers) {
    const size_t at = url.find("://");
    if (at == std::string::npos) continue;
    std::string host = url.substr(at + 3);
    uint16_t port = url.starts_with("ldaps") ? 636 : 389;
    const size_t colon = host.rfind(':');
    if (colon != std::string::npos && host.find(']', colon) == std::string::npos && host.find(':') == colon) {
      port = base::parse_number<uint16_t>(std::string_view(host).substr(colon + 1)).value_or(port);
      host.resize(colon);
    }
    if (host.starts_with("[") && host.find(']') != std::string::npos) host = host.substr(1, host.find(']') - 1);
    flows.push_back({.from = Place::Inside,
                     .to = Place::Outside,
                     .from_addresses = {config.inner.listen},
                     .to_address = host,
                     .port = port,
                     .why = "accounts, directory " + directory.name});
  }
}

void add_outward(std::vector<Flow>& flows, const Config& config) {
  const std::vector<std::string> from = {config.inner.listen};
  const auto add = [&](std::string to, uint16_t port, bool udp, std::string why) {
    flows.push_back({.from = Place::Inside,
                     .to = Place::Outside,
                     .from_addresses = from,
                     .to_address = std::move(to),
                     .port = port,
                     .udp = udp,
                     .why = std::move(why)});
  };
  const roles::SmartHostConfig& smart = config.mta.smart_host;
  if (!smart.host.empty()) {
    add(smart.host, smart.port, false, "mail going out, smart host");
  } else {
    add({}, config.mta.mx_port, false, "mail going out");
  }
  add({}, 53, true, "DNS");
  add({}, 53, false, "DNS, long answers");
  for (const roles::DirectoryConfig& directory : config.directories) add_directory(flows, config, directory);
  if (config.apns.on()) {
    const auto [host, port] = apns_place(config.apns);
    add(host, port, false, "Apple's push service");
  }
  for (const roles::ServerConfig& server : config.servers) {
    for (uint16_t port : {server.imap_port, server.pop3_port, server.submission_port, server.delivery_port})
      if (port != 0) add(server.host, port, false, "server " + server.name);
  }
}

std::string port_text(const Flow& flow) { return (flow.udp ? "udp/" : "tcp/") + std::to_string(flow.port); }

std::string place_text(Place place, const std::string& address) {
  return std::string(name(place)) + (address.empty() ? "" : " " + address);
}

std::string joined(const std::vector<std::string>& list, std::string_view between) {
  std::string out;
  for (const std::string& item : list) out += (out.empty() ? "" : std::string(between)) + item;
  return out;
}

bool is_network(const std::string& text) { return net::is_numeric(text.substr(0, text.find('/'))); }

// "ip saddr { ... } ", one family.
std::string match(std::string_view field, const std::vector<std::string>& addresses) {
  if (addresses.empty()) return {};
  const bool six = addresses[0].find(':') != std::string::npos;
  return std::string(six ? "ip6 " : "ip ") + std::string(field) + " { " + joined(addresses, ", ") + " } ";
}

bool passes(const Flow& flow, Wall wall) {
  if (wall == Wall::Outer) return flow.from == Place::Outside || flow.to == Place::Outside;
  return flow.from == Place::Inside || flow.to == Place::Inside;
}

bool is_numeric_or_unset(const std::string& address) { return address.empty() || net::is_numeric(address); }

// The addresses of one flow that are of the family; false: none is, the flow has no rule there.
bool of_family(const Flow& flow, bool six, std::vector<std::string>& from, std::vector<std::string>& to) {
  const auto fits = [six](const std::string& a) { return (a.find(':') != std::string::npos) == six; };
  for (const std::string& a : flow.from_addresses)
    if (fits(a)) from.push_back(a);
  if (!flow.to_address.empty() && net::is_numeric(flow.to_address) && fits(flow.to_address)) to.push_back(flow.to_address);
  if (!flow.from_addresses.empty() && from.empty()) return false;
  return flow.to_address.empty() || !net::is_numeric(flow.to_address) || !to.empty();
}

}  // namespace

std::string_view name(Place place) {
  return place == Place::Outside ? "outside" : place == Place::Gateway ? "gateway" : "inside";
}

std::vector<Flow> planned_flows(const Config& config, const std::string& gateway) {
  std::vector<Flow> flows;
  add_listeners(flows, config, gateway);
  add_inner(flows, config, gateway);
  if (config.inner.connect.empty()) add_outward(flows, config);
  // Names of listeners and servers are the administrator's; a quote would end a rule's comment.
  for (Flow& flow : flows)
    std::replace_if(flow.why.begin(), flow.why.end(), [](char c) { return c == '"' || c == '\\'; }, '\'');
  return flows;
}

std::string flow_table(const std::vector<Flow>& flows, bool json) {
  std::vector<std::vector<std::string>> rows = {{"FROM", "TO", "PORT", "WHY"}};
  for (const Flow& flow : flows)
    rows.push_back({place_text(flow.from, joined(flow.from_addresses, ",")), place_text(flow.to, flow.to_address),
                    port_text(flow), flow.why});
  std::string out;
  if (json) {
    for (size_t i = 1; i < rows.size(); ++i)
      out += std::string(i > 1 ? "," : "") + "{\"from\":\"" + rows[i][0] + "\",\"to\":\"" + rows[i][1] + "\",\"port\":\"" +
             rows[i][2] + "\",\"why\":\"" + rows[i][3] + "\"}";
    return "[" + out + "]\n";
  }
  size_t width[3] = {};
  for (const auto& row : rows)
    for (size_t i = 0; i < 3; ++i) width[i] = std::max(width[i], row[i].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < 3; ++i) out += row[i] + std::string(width[i] - row[i].size() + 2, ' ');
    out += row[3] + "\n";
  }
  return out;
}

Result<std::string> nft_table(const std::vector<Flow>& flows, Wall wall) {
  const std::string title = wall == Wall::Outer ? "outer" : "inner";
  std::string out =
      "table inet buzon_" + title +
      " {\n  chain forward {\n    type filter hook forward priority filter; policy drop;\n"
      "    ct state established,related accept\n"
      "    icmp type { destination-unreachable, time-exceeded, parameter-problem } accept\n"
      "    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept\n";
  for (const Flow& flow : flows) {
    if (!passes(flow, wall)) continue;
    if (flow.to == Place::Gateway && flow.to_address.empty())
      return fail(Errc::Invalid,
                  flow.why + " is open on every address of the gateway's host: name it with --gateway ADDRESS");
    if (flow.from == Place::Gateway && flow.from_addresses.empty())
      return fail(Errc::Invalid, "the gateway host's address on the inner side is not known: set inner.from");
    for (const std::string& from : flow.from_addresses)
      if (!is_network(from)) return fail(Errc::Invalid, "the inside's own address is not known: set inner.listen");
    if (!is_numeric_or_unset(flow.to_address)) out += "    # " + flow.to_address + " has no numeric address here:\n";
    for (bool six : {false, true}) {
      std::vector<std::string> from, to;
      if (!of_family(flow, six, from, to)) continue;
      const bool any = from.empty() && to.empty();
      if (any && six) continue;  // one rule is for both
      out += "    " + match("saddr", from) + match("daddr", to) + (flow.udp ? "udp" : "tcp") + " dport " +
             std::to_string(flow.port) + " accept comment \"" + flow.why.substr(0, 100) + "\"\n";
    }
  }
  return out + "  }\n}\n";
}

}  // namespace bz::app

// [[server]] and [[route]]
#include "app/config_names.h"
#include "app/config_parts.h"
#include "net/stream.h"
#include "roles/directories.h"

namespace bz::app {
namespace {

using roles::Config;

Result<void> check_server(roles::ServerConfig& server, Where where, std::string_view key) {
  for (char c : server.name) {
    if (!base::is_alpha(c) && !base::is_digit(c) && c != '-' && c != '_')
      return bad(where, key, "name must be letters, digits, - and _");
  }
  if (server.name == "-") return bad(where, key, "name \"-\" means our own mail store");
  to_a_labels(server.host);
  server.host = base::lower(server.host);
  if (server.host.empty() && server.hosts.empty())
    return bad(where, key, "host is missing (or hosts, for those the directory names)");
  if (!server.host.empty() && !is_mail_host(server.host))
    return bad(where, key, "host must be a DNS name or a numeric address");
  for (const std::string& pattern : server.hosts) {
    std::string name = pattern.starts_with("*.") ? pattern.substr(2) : pattern;
    if (!is_mail_host(name)) return bad(where, key, "hosts: \"" + pattern + "\" is neither a name nor \"*.name\"");
  }
  bool clear = false;
  for (roles::ListenerTls tls : {server.imap_tls, server.pop3_tls, server.submission_tls, server.delivery_tls})
    clear = clear || tls == roles::ListenerTls::None;
  if (clear && net::is_numeric(server.host) && !net::is_private(server.host))
    return bad(where, key, "tls \"none\" needs a loopback or private address");
  if (server.master_user.empty() != server.master_password_file.empty())
    return bad(where, key, "master_user goes together with master_password_file");
  for (char c : server.sent_mailbox) {
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '*' || c == '%')
      return bad(where, key, "sent_mailbox must be ASCII without quotes, \\, * and %");
  }
  if (server.login == "master" && server.master_user.empty())
    return bad(where, key, "login = \"master\" needs master_user");
  return {};
}

// What a route asks a directory about must be something that one of them is asked.
Result<void> check_route(const roles::RouteConfig& route, const Config& config, Where where, std::string_view key) {
  if (route.attribute.empty() != route.value.empty()) return bad(where, key, "attribute goes together with value");
  for (char c : route.attribute) {
    if (!base::is_alpha(c) && !base::is_digit(c) && c != '-' && c != '.')
      return bad(where, key, "attribute must be the name of one: letters, digits, - and .");
  }
  if (!route.attribute.empty() && config.directories.empty()) return bad(where, key, "attribute needs a [[directory]]");
  if (route.group.empty()) return {};
  if (route.group.find('=') == std::string::npos)
    return bad(where, key, "group must be a DN: cn=sales,ou=groups,dc=example,dc=org");
  const bool asked = std::any_of(config.directories.begin(), config.directories.end(),
                                 [&](const auto& directory) { return roles::has_group(directory, route.group); });
  if (!asked) return bad(where, key, "group is below the base of no [[directory]]");
  return {};
}

}  // namespace

Result<void> read_servers(const toml::table& root, std::string_view file, Config& config) {
  const auto known = [&](std::string_view name) {
    return std::any_of(config.servers.begin(), config.servers.end(),
                       [&](const auto& server) { return server.name == name; });
  };
  auto take_server = [&](roles::ServerConfig server, Where where, std::string_view key) -> Result<void> {
    BZ_TRY_VOID(check_server(server, where, key));
    if (known(server.name)) return bad(where, key, "name is used twice");
    config.servers.push_back(std::move(server));
    return {};
  };
  auto take_route = [&](roles::RouteConfig route, Where where, std::string_view key) -> Result<void> {
    BZ_TRY_VOID(check_route(route, config, where, key));
    auto server =
        std::find_if(config.servers.begin(), config.servers.end(), [&](const auto& s) { return s.name == route.server; });
    if (route.server != "-" && server == config.servers.end())
      return bad(where, key, "there is no [[server]] " + route.server);
    if (route.server != "-" && server->host.empty()) return bad(where, key, "server " + route.server + " has no host");
    config.routes.push_back(std::move(route));
    return {};
  };
  BZ_TRY_VOID(read_tables(root, "server", server_keys(), 1000, file, take_server));
  return read_tables(root, "route", route_keys(), 10'000, file, take_route);
}

}  // namespace bz::app

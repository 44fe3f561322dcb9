#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <set>

#include "app/config.h"
#include "app/config_acme.h"
#include "app/config_inner.h"
#include "app/config_kerberos.h"
#include "app/config_keys.h"
#include "app/config_oauth.h"
#include "base/text.h"
#include "directory/entry.h"
#include "directory/guard.h"
#include "imap/capability.h"
#include "intl/idna.h"
#include "net/stream.h"
#include "roles/directories.h"
#include "sasl/mechanism.h"

namespace bz::app {
namespace {

using roles::Config;
using roles::DirectoryConfig;
using roles::ListenerConfig;

struct Where {
  std::string_view file;
  size_t line;
};

Error bad(Where where, std::string_view key, const std::string& what) {
  return fail(Errc::Invalid,
              std::string(where.file) + ":" + std::to_string(where.line) + ": " + std::string(key) + ": " + what);
}

Where where_of(std::string_view file, const toml::node& node) { return {file, node.source().begin.line}; }

std::string print_number(KeyKind kind, int64_t n) {
  if (kind == KeyKind::Size) {
    for (auto [unit, name] : {std::pair{1ll << 30, "GiB"}, {1ll << 20, "MiB"}, {1ll << 10, "KiB"}}) {
      if (n >= unit && n % unit == 0) return "\"" + std::to_string(n / unit) + name + "\"";
    }
    return "\"" + std::to_string(n) + "B\"";
  }
  if (kind == KeyKind::Number) return std::to_string(n);
  for (auto [unit, name] : {std::pair{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}}) {
    if (n >= unit && n % unit == 0) return "\"" + std::to_string(n / unit) + name + "\"";
  }
  return "\"" + std::to_string(n) + "ms\"";
}

template <class Target>
std::string allowed(const Key<Target>& key) {
  if (!key.choices.empty()) {
    std::string out = "one of";
    for (std::string_view choice : base::split(key.choices, '|')) out += " \"" + std::string(choice) + "\"";
    return out;
  }
  std::string out(describe(key.kind));
  switch (key.kind) {
    case KeyKind::Number:
    case KeyKind::Duration:
    case KeyKind::Size:
      return out + ", from " + print_number(key.kind, key.min) + " to " + print_number(key.kind, key.max);
    default:
      return out;
  }
}

std::optional<int64_t> number_of(KeyKind kind, const toml::node& node) {
  if (kind == KeyKind::Number) return node.value_exact<int64_t>();
  auto text = node.value_exact<std::string_view>();
  if (!text) return std::nullopt;
  if (kind == KeyKind::Size) {
    auto size = parse_size(*text);
    if (!size || *size > INT64_MAX) return std::nullopt;
    return static_cast<int64_t>(*size);
  }
  auto duration = parse_duration(*text);
  if (!duration) return std::nullopt;
  return duration->count();
}

bool clean_text(std::string_view text, int64_t min, int64_t max) {
  return static_cast<int64_t>(text.size()) >= min && static_cast<int64_t>(text.size()) <= max && base::is_utf8(text) &&
         std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

// The value of one key, checked; nullopt: not what allowed() says.
template <class Target>
std::optional<KeyValue> value_of(const Key<Target>& key, const toml::node& node) {
  KeyValue value;
  switch (key.kind) {
    case KeyKind::Text: {
      auto text = node.value_exact<std::string>();
      if (!text || !clean_text(*text, key.min, key.max)) return std::nullopt;
      auto choices = base::split(key.choices, '|');
      if (!key.choices.empty() && std::find(choices.begin(), choices.end(), *text) == choices.end()) return std::nullopt;
      value.text = std::move(*text);
      return value;
    }
    case KeyKind::Flag: {
      auto flag = node.value_exact<bool>();
      if (!flag) return std::nullopt;
      value.flag = *flag;
      return value;
    }
    case KeyKind::Number:
    case KeyKind::Duration:
    case KeyKind::Size: {
      auto number = number_of(key.kind, node);
      if (!number || *number < key.min || *number > key.max) return std::nullopt;
      value.number = *number;
      return value;
    }
    case KeyKind::TextList:
      break;
  }
  const toml::array* array = node.as_array();
  if (!array) return std::nullopt;
  for (const toml::node& item : *array) {
    auto text = item.value_exact<std::string>();
    if (!text || !clean_text(*text, 1, 255)) return std::nullopt;
    value.texts.push_back(std::move(*text));
  }
  int64_t count = static_cast<int64_t>(array->size());
  if (count < key.min || count > key.max) return std::nullopt;
  return value;
}

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

template <class Target>
std::string nearest(std::span<const Key<Target>> keys, std::string_view name) {
  auto best = std::min_element(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
    return distance(a.name, name) < distance(b.name, name);
  });
  return std::string(best->name);
}

void set_defaults_of_text(std::string& document, std::string_view standard) {
  document += "x = " + std::string(standard) + "\n";
}

// Defaults go through the same door as the administrator's values, so that a wrong one cannot hide.
template <class Target>
void set_defaults(std::span<const Key<Target>> keys, Target& target) {
  for (const auto& key : keys) {
    if (key.standard.empty()) continue;
    std::string document;
    set_defaults_of_text(document, key.standard);
    toml::parse_result parsed = toml::parse(document);
    BZ_CHECK(parsed.succeeded(), "the default of a key is no TOML");
    auto value = value_of(key, *parsed.table().get("x"));
    BZ_CHECK(value.has_value(), "the default of a key is not allowed");
    key.set(target, std::move(*value));
  }
}

// Tables that come more than once; each kind has a reader of its own.
bool is_table_list(std::string_view name) {
  return name == "listener" || name == "directory" || name == "certificate" || name == "server" || name == "route" ||
         name == "client";
}

template <class Target>
struct TableReader {
  std::span<const Key<Target>> keys;
  std::string_view file;
  std::set<std::string, std::less<>> seen{};

  Result<void> read(const toml::table& table, const std::string& prefix, Target& target) {
    for (const auto& [name, node] : table) {
      std::string full = prefix + std::string(name.str());
      if (std::is_same_v<Target, Config> && is_table_list(full)) continue;
      const auto* key = find(full);
      if (key) {
        auto value = value_of(*key, node);
        if (!value) return bad(where_of(file, node), full, "must be " + allowed(*key));
        key->set(target, std::move(*value));
        seen.insert(full);
      } else if (const toml::table* inner = node.as_table(); inner && is_section(full)) {
        BZ_TRY_VOID(read(*inner, full + ".", target));
      } else {
        return bad(where_of(file, node), full, "unknown key; the nearest known one is " + nearest(keys, full));
      }
    }
    return {};
  }
  Result<void> check_required(size_t line) const {
    for (const auto& key : keys) {
      if (!key.required || seen.contains(key.name)) continue;
      return bad({file, line}, key.name, "is missing; it must be " + allowed(key));
    }
    return {};
  }

 private:
  const Key<Target>* find(std::string_view name) const {
    auto it = std::find_if(keys.begin(), keys.end(), [&](const auto& key) { return key.name == name; });
    return it == keys.end() ? nullptr : &*it;
  }
  bool is_section(const std::string& name) const {
    return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.name.starts_with(name + "."); });
  }
};

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

// All [[name]] tables, each read with its keys and given to `take`, which may refuse it.
template <class Target, class Take>
Result<void> read_tables(const toml::table& root, std::string_view name, std::span<const Key<Target>> keys, size_t limit,
                         std::string_view file, Take take) {
  const toml::node* node = root.get(name);
  if (!node) return {};
  const toml::array* array = node->as_array();
  if (!array || array->empty() || array->size() > limit) {
    return bad(where_of(file, *node), name,
               "must be [[" + std::string(name) + "]], 1 to " + std::to_string(limit) + " of them");
  }
  size_t number = 0;
  for (const toml::node& item : *array) {
    std::string key = std::string(name) + " " + std::to_string(++number);
    const toml::table* table = item.as_table();
    if (!table) return bad(where_of(file, item), key, "must be a table");
    Target target;
    set_defaults(keys, target);
    TableReader<Target> reader{keys, file};
    BZ_TRY_VOID(reader.read(*table, "", target));
    BZ_TRY_VOID(reader.check_required(where_of(file, item).line));
    BZ_TRY_VOID(take(std::move(target), where_of(file, item), std::string_view(key)));
  }
  return {};
}

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

Result<void> check_directory(const DirectoryConfig& directory, Where where, std::string_view key) {
  for (char c : directory.name)
    if (!base::is_alpha(c) && !base::is_digit(c) && c != '-')
      return bad(where, key, "name has letters, digits and \"-\" only");
  if (directory.name == "embedded") return bad(where, key, "the name \"embedded\" is taken");
  if (directory.bind_dn.empty() != directory.bind_password_file.empty())
    return bad(where, key, "bind_dn goes together with bind_password_file");
  if (directory.server_time > directory.time) return bad(where, key, "server_time must not be over time");
  if (auto checked = roles::check_directory(directory); !checked) return bad(where, key, checked.error().text());
  return {};
}

Result<void> read_directories(const toml::table& root, std::string_view file, Config& config) {
  std::set<std::string> names;
  auto take = [&](DirectoryConfig directory, Where where, std::string_view key) -> Result<void> {
    BZ_TRY_VOID(check_directory(directory, where, key));
    if (!names.insert(directory.name).second) return bad(where, key, "name is used twice");
    config.directories.push_back(std::move(directory));
    return {};
  };
  return read_tables(root, "directory", directory_keys(), 20, file, take);
}

Result<void> read_certificates(const toml::table& root, std::string_view file, Config& config) {
  const toml::node* node = root.get("certificate");
  if (!node) return {};
  const toml::array* array = node->as_array();
  if (!array || array->empty() || array->size() > 300)
    return bad(where_of(file, *node), "certificate", "must be [[certificate]], at most 300 of them");
  for (const toml::node& item : *array) {
    const toml::table* table = item.as_table();
    if (!table) return bad(where_of(file, item), "certificate", "must be a table");
    roles::CertificateConfig certificate;
    TableReader<roles::CertificateConfig> reader{certificate_keys(), file};
    BZ_TRY_VOID(reader.read(*table, "", certificate));
    BZ_TRY_VOID(reader.check_required(where_of(file, item).line));
    config.certificates.push_back(std::move(certificate));
  }
  return {};
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (std::string_view label : base::split(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (char c : label) {
      if (!base::is_alpha(c) && !base::is_digit(c) && c != '-') return false;
    }
  }
  return true;
}

// Domains may be written with U-labels; inside there are A-labels only. What converts to none stays, for the check that
// follows.
void to_a_labels(std::string& name) {
  auto ascii = intl::to_a_labels(name);
  if (ascii) name = std::move(*ascii);
}

bool is_mail_host(const std::string& host) { return is_host_name(host) || net::is_numeric(host); }

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

Result<void> read_clients(const toml::table& root, std::string_view file, Config& config) {
  auto take = [&](imap::ClientRule rule, Where where, std::string_view key) -> Result<void> {
    for (const auto* list : {&rule.hide, &rule.show})
      for (const std::string& capability : *list)
        if (capability.empty() || capability.find_first_of(" \t[]") != std::string::npos)
          return bad(where, key, "hide and show hold the names of capabilities");
    if (rule.hide.empty() && rule.show.empty()) return bad(where, key, "hides and shows nothing");
    config.clients.push_back(std::move(rule));
    return {};
  };
  return read_tables(root, "client", client_keys(), 1000, file, take);
}

// What the listeners' logins need of the rest.
Result<void> check_logins(const Config& config, Where where) {
  for (const std::string& name : config.auth.secrets) {
    auto kinds = directory::SecretKinds::parse(name);
    if (!kinds) return bad(where, "auth.secrets", kinds.error().text());
    if (kinds->need_seal() && config.auth.secrets_key_file.empty())
      return bad(where, "auth.secrets", name + " needs auth.secrets_key_file");
  }
  for (const std::string& name : config.client_certificates.names)
    if (name != "email" && name != "upn" && name != "cn")
      return bad(where, "client_certificates.names", "knows \"email\", \"upn\" and \"cn\"");
  if (auto oauth = check_oauth(config); !oauth) return bad(where, "oauth", oauth.error().text());
  if (auto kerberos = check_kerberos(config); !kerberos) return bad(where, "kerberos", kerberos.error().text());
  for (const ListenerConfig& listener : config.listeners) {
    std::string key = "listener " + listener.name;
    if (listener.client_certificates != roles::ClientCertificates::Off && listener.tls == roles::ListenerTls::None)
      return bad(where, key, "client certificates are shown in the TLS handshake: not with tls = \"none\"");
    if (listener.client_certificates != roles::ClientCertificates::Off && config.client_certificates.ca_file.empty())
      return bad(where, key, "client certificates need client_certificates.ca_file");
  }
  return {};
}

// LITERAL- before login too, unless the listener says itself what it shows or shows what any server can.
void promise_literals(Config& config) {
  const bool foreign =
      std::any_of(config.servers.begin(), config.servers.end(), [](const auto& s) { return s.imap_port != 0; });
  if (!config.mailstore.imap_literal_minus || foreign) return;
  for (ListenerConfig& listener : config.listeners)
    if (listener.front == roles::Front::Imap && listener.imap_capabilities.empty())
      listener.imap_capabilities = imap::with_literals(imap::kCapabilitiesBeforeLogin, imap::Literals::Minus);
}

Result<void> check_whole(const toml::table& root, std::string_view file, Config& config) {
  auto line = [&](std::string_view key) {
    toml::node_view<const toml::node> node = root.at_path(key);
    return Where{file, node ? node.node()->source().begin.line : 1};
  };
  to_a_labels(config.host);
  if (!is_host_name(config.host)) return bad(line("host"), "host", "must be a DNS name");
  for (std::string& domain : config.domains) {
    to_a_labels(domain);
    if (!is_host_name(domain)) return bad(line("domains"), "domains", "each must be a DNS name");
  }
  if (config.tls.rsa_certificate_file.empty() != config.tls.rsa_key_file.empty()) {
    return bad(line("tls"), "tls.rsa_certificate_file", "goes together with tls.rsa_key_file");
  }
  if (!config.tls.rsa_ocsp_file.empty() && config.tls.rsa_certificate_file.empty()) {
    return bad(line("tls"), "tls.rsa_ocsp_file", "goes together with tls.rsa_certificate_file");
  }
  for (auto [key, list] : {std::pair{"guard.trusted", &config.guard.trusted}, {"guard.denied", &config.guard.denied}}) {
    for (const std::string& network : *list) {
      if (auto parsed = directory::Network::parse(network); !parsed) {
        return bad(line("guard"), key, "each must be an address or a network (\"192.0.2.0/24\"), not " + network);
      }
    }
  }
  if (config.guard.delay + base::Millis(5'000) > config.gateway.auth_time) {
    return bad(line("guard"), "guard.delay", "must be at least 5 s less than gateway.auth_time");
  }
  to_a_labels(config.mta.smart_host.host);
  const auto& smart = config.mta.smart_host;
  if (smart.user.empty() != smart.password_file.empty()) {
    return bad(line("smart_host"), "smart_host.user", "goes together with smart_host.password_file");
  }
  if (smart.host.empty() && !smart.user.empty()) return bad(line("smart_host"), "smart_host.host", "is missing");
  const uint32_t shown = config.mailstore.message_limit, enforced = config.mailstore.message_limit_enforced;
  if (shown > 0 && shown < 1000) return bad(line("mailstore"), "mailstore.message_limit", "must be 0 or at least 1000");
  if (enforced > 0 && (shown == 0 || enforced < shown))
    return bad(line("mailstore"), "mailstore.message_limit_enforced", "must not be under message_limit, which must be set");
  if (config.gateway.max_pre_login > config.gateway.max_sessions) {
    return bad(line("gateway"), "gateway.max_pre_login", "must not be over gateway.max_sessions");
  }
  if (!config.servers.empty() && config.gateway.foreign_time < config.egress.login_time + base::Millis(5'000)) {
    return bad(line("gateway"), "gateway.foreign_time", "must be at least 5 s more than egress.login_time");
  }
  if (config.auth.realm.empty()) config.auth.realm = config.host;
  promise_literals(config);
  if (auto good = check_inner(config); !good) return bad(line("inner"), "inner", good.error().text());
  return check_logins(config, line("auth"));
}

template <class Target>
void doc_of(std::string& out, std::span<const Key<Target>> keys, std::string_view indent) {
  for (const auto& key : keys) {
    out += "# " + std::string(key.doc) + "\n#   " + allowed(key);
    if (key.needs_restart) out += "; takes effect at a restart";
    out += key.required ? "; required\n" : key.standard.empty() ? "; default: unset\n" : "\n";
    if (key.required || key.standard.empty()) out += "# ";
    out += std::string(indent) + std::string(key.name) + " = " + std::string(key.standard) + "\n\n";
  }
}

}  // namespace

std::optional<base::Millis> parse_duration(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && base::is_digit(text[digits])) ++digits;
  auto number = base::parse_number<int64_t>(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  int64_t factor = unit == "ms"  ? 1
                   : unit == "s" ? 1000
                   : unit == "m" ? 60'000
                   : unit == "h" ? 3'600'000
                   : unit == "d" ? 86'400'000
                                 : 0;
  if (!number || factor == 0 || *number > INT64_MAX / 86'400'000) return std::nullopt;
  return base::Millis(*number * factor);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && base::is_digit(text[digits])) ++digits;
  auto number = base::parse_number<uint64_t>(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  int shift = unit == "B" ? 0 : unit == "KiB" ? 10 : unit == "MiB" ? 20 : unit == "GiB" ? 30 : -1;
  if (!number || shift < 0 || *number > (UINT64_MAX >> 31)) return std::nullopt;
  return *number << shift;
}

namespace {

Error not_toml(const toml::parse_error& error, std::string_view file) {
  return bad({file, error.source().begin.line}, "TOML", std::string(error.description()));
}

}  // namespace

Result<std::string> parse_state(std::string_view text, std::string_view file_name) {
  toml::parse_result parsed = toml::parse(text, file_name);
  if (!parsed.succeeded()) return not_toml(parsed.error(), file_name);
  return parsed.table()["state"].value_or(std::string("."));
}

Result<Config> parse_config(std::string_view text, std::string_view file_name) {
  toml::parse_result parsed = toml::parse(text, file_name);
  if (!parsed.succeeded()) return not_toml(parsed.error(), file_name);
  Config config;
  set_defaults(config_keys(), config);
  TableReader<Config> reader{config_keys(), file_name};
  BZ_TRY_VOID(reader.read(parsed.table(), "", config));
  BZ_TRY_VOID(reader.check_required(1));
  BZ_TRY_VOID(read_listeners(parsed.table(), file_name, config));
  BZ_TRY_VOID(read_directories(parsed.table(), file_name, config));
  BZ_TRY_VOID(read_certificates(parsed.table(), file_name, config));
  BZ_TRY_VOID(read_servers(parsed.table(), file_name, config));
  BZ_TRY_VOID(read_clients(parsed.table(), file_name, config));
  BZ_TRY_VOID(check_whole(parsed.table(), file_name, config));
  if (auto checked = complete_acme(config); !checked) return bad({file_name, 1}, "acme", checked.error().text());
  return config;
}

std::string config_doc() {
  std::string out =
      "# Every setting of buzon with its default. Unknown keys are errors. A reload (buzon reload, SIGHUP, a changed "
      "file)\n"
      "# takes over all of them but those that say: takes effect at a restart.\n\n";
  doc_of(out, config_keys(), "");
  out += "# One table for each place where connections are taken.\n# [[listener]]\n\n";
  doc_of(out, listener_keys(), "");
  out +=
      "# One table for each directory of other accounts, asked in this order after the embedded one.\n# [[directory]]\n\n";
  doc_of(out, directory_keys(), "");
  out += "# One table for each further certificate, besides those of tls above.\n# [[certificate]]\n\n";
  doc_of(out, certificate_keys(), "");
  out += "# One table for each mail server of somebody else's that holds mailboxes of ours.\n# [[server]]\n\n";
  doc_of(out, server_keys(), "");
  out +=
      "# Whose mailbox is there: the first that fits counts, after what the directory says of the account.\n# "
      "[[route]]\n\n";
  doc_of(out, route_keys(), "");
  out += "# What an IMAP client that is known by its ID gets otherwise than the rest.\n# [[client]]\n\n";
  doc_of(out, client_keys(), "");
  return out;
}

}  // namespace bz::app

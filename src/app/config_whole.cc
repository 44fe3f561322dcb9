// What the keys must be to one another.
#include "app/config_apns.h"
#include "app/config_inner.h"
#include "app/config_kerberos.h"
#include "app/config_names.h"
#include "app/config_ntlm.h"
#include "app/config_oauth.h"
#include "app/config_parts.h"
#include "directory/entry.h"
#include "directory/guard.h"
#include "imap/capability.h"

namespace bz::app {
namespace {

using roles::Config;
using roles::ListenerConfig;

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
  if (auto ntlm = check_ntlm(config); !ntlm) return bad(where, "ntlm", ntlm.error().text());
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

// LITERAL- and XAPPLEPUSHSERVICE before login too, unless the listener says itself what it shows or shows what any server
// can.
void promise(Config& config) {
  const bool foreign =
      std::any_of(config.servers.begin(), config.servers.end(), [](const auto& s) { return s.imap_port != 0; });
  if (foreign || (!config.mailstore.imap_literal_minus && !config.apns.on())) return;
  const auto literals = config.mailstore.imap_literal_minus ? imap::Literals::Minus : imap::Literals::Plus;
  for (ListenerConfig& listener : config.listeners)
    if (listener.front == roles::Front::Imap && listener.imap_capabilities.empty())
      listener.imap_capabilities = imap::capabilities_before_login(literals, config.apns.on());
}

}  // namespace

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
  if (auto apns = check_apns(config.apns); !apns) return bad(line("apns"), "apns", apns.error().text());
  promise(config);
  if (auto good = check_inner(config); !good) return bad(line("inner"), "inner", good.error().text());
  return check_logins(config, line("auth"));
}

}  // namespace bz::app

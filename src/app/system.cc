#include "app/system.h"

#include <algorithm>

#include "app/config.h"
#include "app/config_kerberos.h"
#include "app/config_keys.h"
#include "app/config_oauth.h"
#include "app/issued.h"
#include "base/date.h"
#include "base/text.h"
#include "crypto/client_certificate.h"
#include "crypto/lint.h"
#include "crypto/node_certificate.h"
#include "crypto/push_certificate.h"
#include "crypto/tls.h"
#include "crypto/tls_tickets.h"
#include "oauth/jwt.h"
#include "roles/managed.h"
#include "roles/served_keys.h"

namespace bz::app {
namespace {

namespace secrets = roles::secrets;
constexpr int64_t kPushCertificateSoon = 30 * 86'400;         // s
constexpr size_t kMaxConfig = 48 << 10, kMaxFile = 48 << 10;  // both travel in one channel message

const RoleFacts kRoles[] = {
    {"admin",
     "acme",
     &roles::UsersConfig::admin,
     {secrets::kTlsCertificate, secrets::kTlsRsaCertificate, secrets::kTlsStaple, secrets::kTlsRsaStaple,
      secrets::kAdminHosts, secrets::kAcmeCa, secrets::kAcmeEabKey, secrets::kApnsCertificate, secrets::kApnsKey,
      secrets::kApnsCa}},
    {"mta",
     "queue",
     &roles::UsersConfig::mta,
     {secrets::kSmartHostPassword, secrets::kSmartHostCa, secrets::kDnsConfig, secrets::kServerCa}},
    {"egress", "egress", &roles::UsersConfig::egress, {secrets::kDnsConfig, secrets::kServerCa, secrets::kServerMaster}},
    {"mailstore", "mail", &roles::UsersConfig::mailstore, {secrets::kApnsCertificate}},
    {"inner", "inner", &roles::UsersConfig::inner, {secrets::kTicketKeys}},
    {"connector",
     "empty",
     &roles::UsersConfig::connector,
     {secrets::kInnerCa, secrets::kInnerCertificate, secrets::kInnerKey}},
    {"gateway",
     "empty",
     &roles::UsersConfig::gateway,
     {secrets::kTlsCertificate, secrets::kTlsKey, secrets::kTlsRsaCertificate, secrets::kTlsRsaKey, secrets::kTlsStaple,
      secrets::kTlsRsaStaple, secrets::kTlsHosts, secrets::kTicketKeys, secrets::kClientCa, secrets::kClientCrl}},
    {"auth",
     "auth",
     &roles::UsersConfig::auth,
     {secrets::kAuthSecrets, secrets::kClientCa, secrets::kClientCrl, secrets::kOauthKeys, secrets::kOauthClient,
      secrets::kOauthCa, secrets::kKeytab, secrets::kDirectories}},
};

constexpr uint32_t kOfNodes = 1000;  // number of `inner` among the gateways: over that of any worker
constexpr Link kLinks[] = {
    {"gateway", "auth", "auth", "gateway"},
    {"gateway", "mailstore", "mailstore", "gateway"},
    {"gateway", "mta", "mta", "gateway"},
    {"mailstore", "auth", "auth", "mailstore"},
    {"mta", "auth", "auth", "mta"},
    {"mta", "mailstore", "mailstore", "mta"},
    {"gateway", "egress", "egress", "gateway"},
    {"egress", "auth", "auth", "egress"},
    {"mta", "egress", "egress", "mta"},
    {"gateway", "admin", "admin", "gateway"},
    {"mailstore", "admin", "admin", "mailstore"},
    {"inner", "auth", "auth", "gateway", 1, kOfNodes},
    {"inner", "mailstore", "mailstore", "gateway", 1, kOfNodes},
    {"inner", "mta", "mta", "gateway", 1, kOfNodes},
    {"inner", "egress", "egress", "gateway", 1, kOfNodes},
    // roles::connector_index()
    {"gateway", "connector", "auth", "gateway", 8, 0},
    {"gateway", "connector", "mailstore", "gateway", 8, 1},
    {"gateway", "connector", "mta", "gateway", 8, 2},
    {"gateway", "connector", "egress", "gateway", 8, 3},
};

enum class Guarded : uint8_t { No, Yes, Binary };  // Binary: guarded, and a line end at its end is part of it

Result<void> read_into(Loaded& loaded, int folder, const std::string& name, const std::string& path, Guarded guarded) {
  if (path.empty()) return {};
  loaded.files.push_back(path);
  auto bytes =
      guarded == Guarded::No ? os::read_file(folder, path, kMaxFile) : os::read_secret_file(folder, path, kMaxFile);
  if (!bytes) return std::move(bytes).error();
  while (guarded == Guarded::Yes && (bytes->ends_with('\n') || bytes->ends_with('\r'))) bytes->pop_back();
  loaded.secrets[name] = Secret(std::move(*bytes));
  return {};
}

// A staple comes and goes by itself: a missing or empty file is no reason to stop.
void read_staple(Loaded& loaded, int folder, const std::string& name, const std::string& path) {
  if (path.empty()) return;
  loaded.files.push_back(path);
  auto bytes = os::read_file(folder, path, kMaxFile);
  if (!bytes && bytes.error().code() == Errc::NotFound && loaded.config.tls.ocsp_auto) return;  // not fetched yet
  if (bytes && !bytes->empty()) {
    loaded.secrets[name] = Secret(std::move(*bytes));
  } else {
    loaded.doubts.push_back("ocsp_file " + path + ": " + (bytes ? "is empty" : bytes.error().text()) +
                            "; nothing is stapled");
  }
}

Result<void> read_certificates(Loaded& loaded, int folder) {
  const roles::TlsConfig& tls = loaded.config.tls;
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kTlsCertificate, tls.certificate_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kTlsKey, tls.key_file, Guarded::Yes));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kTlsRsaCertificate, tls.rsa_certificate_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kTlsRsaKey, tls.rsa_key_file, Guarded::Yes));
  read_staple(loaded, folder, secrets::kTlsStaple, tls.ocsp_file);
  read_staple(loaded, folder, secrets::kTlsRsaStaple, tls.rsa_ocsp_file);
  for (size_t i = 0; i < loaded.config.certificates.size(); ++i) {
    const roles::CertificateConfig& one = loaded.config.certificates[i];
    BZ_TRY_VOID(read_into(loaded, folder, secrets::of_host(i, "certificate"), one.certificate_file, Guarded::No));
    BZ_TRY_VOID(read_into(loaded, folder, secrets::of_host(i, "key"), one.key_file, Guarded::Yes));
    read_staple(loaded, folder, secrets::of_host(i, "ocsp"), one.ocsp_file);
    if (!roles::wants_admin(loaded.config)) continue;
    for (const char* what : {"certificate", "ocsp"}) {  // admin gets no key
      auto it = loaded.secrets.find(secrets::of_host(i, what));
      if (it != loaded.secrets.end()) loaded.secrets[secrets::of_admin_host(i, what)] = it->second;
    }
  }
  return read_into(loaded, folder, secrets::kTicketKeys, tls.ticket_key_file, Guarded::Yes);
}

Result<void> check_certificates(Loaded& loaded) {
  static const Secret kNone;
  auto keys = roles::served_keys(loaded.config, [&](std::string_view name) -> const Secret& {
    auto it = loaded.secrets.find(std::string(name));
    return it == loaded.secrets.end() ? kNone : it->second;
  });
  for (const roles::ServedKey& key : keys) {
    auto facts = crypto::check_certified_key(key.pair);
    if (!facts) return std::move(facts).error().with_context(key.file);
    // Which roots phones have is not known here: `buzon tls lint` asks for them.
    crypto::LintInput input{
        .chain = {}, .host = key.of_host ? loaded.config.host : "", .roots = {}, .staple = key.pair.staple};
    BZ_TRY(input.chain, crypto::certificates_der(key.pair.chain_pem));
    input.judge_root = false;
    input.now = base::system_clock().unix_seconds();
    for (const crypto::Finding& finding : crypto::lint_certificates(input)) {
      if (finding.severity != crypto::Severity::Note) loaded.doubts.push_back(key.file + ": " + finding.text);
    }
  }
  for (const roles::ListenerConfig& listener : loaded.config.listeners) {
    if (listener.tls_profile != roles::TlsProfile::Legacy) continue;
    loaded.doubts.push_back(
        "listener " + listener.name +
        " takes TLS 1.0 and old suites (tls_profile = \"legacy\"): whoever can listen on the way may read those "
        "sessions and their passwords");
  }
  if (loaded.config.tls.ticket_key_file.empty()) return {};
  auto ring = crypto::parse_ticket_keys(loaded.secrets[secrets::kTicketKeys]);
  if (!ring) return std::move(ring).error().with_context(loaded.config.tls.ticket_key_file);
  return {};
}

Result<void> check_client_authorities(const Loaded& loaded) {
  auto ca = loaded.secrets.find(secrets::kClientCa), crl = loaded.secrets.find(secrets::kClientCrl);
  if (ca == loaded.secrets.end()) return {};
  auto lists = crl == loaded.secrets.end() ? std::string_view() : crl->second.reveal();
  auto authorities = crypto::ClientAuthorities::make(ca->second.reveal(), lists);
  if (!authorities) return std::move(authorities).error().with_context("client_certificates");
  return {};
}

Result<void> check_key_set(const Loaded& loaded) {
  auto keys = loaded.secrets.find(secrets::kOauthKeys);
  if (keys == loaded.secrets.end()) return {};
  auto parsed = oauth::parse_key_set(keys->second.reveal());
  if (!parsed) return std::move(parsed).error().with_context(loaded.config.oauth.jwks_file);
  return {};
}

// What the roles would refuse later, said now, when the old settings can still stay.
Result<void> check_secrets(const Loaded& loaded) {
  const roles::Config& c = loaded.config;
  if (auto key = loaded.secrets.find(secrets::kAuthSecrets); key != loaded.secrets.end()) {
    auto bytes = base::from_hex(base::trim(key->second.reveal()));
    if (!bytes || bytes->size() != 32) return fail(Errc::Invalid, c.auth.secrets_key_file + ": not 64 hex digits");
  }
  for (const auto& [name, file] : {std::pair(secrets::kSmartHostCa, c.mta.smart_host.ca_file),
                                   {secrets::kOauthCa, c.oauth.ca_file},
                                   {secrets::kApnsCa, c.apns.ca_file}}) {
    auto roots = loaded.secrets.find(name);
    if (roots == loaded.secrets.end()) continue;
    if (auto good = check_roots(roots->second); !good) return std::move(good).error().with_context(file);
  }
  return {};
}

// The node's own certificate, and the authority of the inside.
Result<void> read_inner(Loaded& loaded, int folder) {
  const roles::InnerConfig& inner = loaded.config.inner;
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kInnerCa, inner.ca_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kInnerCertificate, inner.certificate_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kInnerKey, inner.key_file, Guarded::Yes));
  if (inner.certificate_file.empty()) return {};
  const auto& files = loaded.secrets;
  auto facts = crypto::check_certified_key({std::string(files.at(secrets::kInnerCertificate).reveal()),
                                            Secret(std::string(files.at(secrets::kInnerKey).reveal()))});
  if (!facts) return std::move(facts).error().with_context(inner.certificate_file);
  auto node = crypto::node_identity_pem(files.at(secrets::kInnerCertificate).reveal());
  if (!node) return std::move(node).error().with_context(inner.certificate_file);
  // The connector has had half of the time it takes for it (roles/inner_renewal.h).
  const int64_t left = node->not_after - base::system_clock().unix_seconds();
  if (left < (node->not_after - node->not_before) / 6) {
    loaded.doubts.push_back(inner.certificate_file + ": ends " + base::date(node->not_after) +
                            " and has not been renewed (log/connector.log says why); without it the inside lets this "
                            "host in no more");
  }
  return {};
}

// Only the host that has the mail store uses it.
Result<void> read_apns(Loaded& loaded, int folder) {
  const roles::ApnsConfig& apns = loaded.config.apns;
  if (!roles::wants_push(loaded.config)) return {};
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kApnsCertificate, apns.certificate_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kApnsKey, apns.key_file, Guarded::Yes));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kApnsCa, apns.ca_file, Guarded::No));
  const std::string chain(loaded.secrets.at(secrets::kApnsCertificate).reveal());
  auto facts = crypto::check_certified_key({chain, loaded.secrets.at(secrets::kApnsKey)});
  if (!facts) return std::move(facts).error().with_context(apns.certificate_file);
  if (auto topic = crypto::push_topic(chain); !topic) return std::move(topic).error().with_context(apns.certificate_file);
  const int64_t now = base::system_clock().unix_seconds();
  if (facts->not_after < now + kPushCertificateSoon)
    loaded.doubts.push_back(apns.certificate_file + (facts->not_after < now ? ": ended " : ": ends ") +
                            base::date(facts->not_after) + "; without it phones hear of new mail only when they ask");
  return {};
}

Result<void> read_files(Loaded& loaded, int folder) {
  const roles::Config& c = loaded.config;
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kAcmeCa, c.acme.ca_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kAcmeEabKey, c.acme.eab_key_file, Guarded::Yes));
  if (c.acme.on()) settle_issued(c, folder);
  BZ_TRY_VOID(read_certificates(loaded, folder));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kAuthSecrets, c.auth.secrets_key_file, Guarded::Yes));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kClientCa, c.client_certificates.ca_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kClientCrl, c.client_certificates.crl_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kOauthKeys, c.oauth.jwks_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kOauthClient, c.oauth.introspection_secret_file, Guarded::Yes));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kOauthCa, c.oauth.ca_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kKeytab, c.kerberos.keytab_file, Guarded::Binary));
  if (auto keytab = loaded.secrets.find(secrets::kKeytab); keytab != loaded.secrets.end()) {
    BZ_TRY_VOID(check_keytab(c, keytab->second));
  }
  BZ_TRY_VOID(check_client_authorities(loaded));
  BZ_TRY_VOID(check_key_set(loaded));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kSmartHostPassword, c.mta.smart_host.password_file, Guarded::Yes));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kSmartHostCa, c.mta.smart_host.ca_file, Guarded::No));
  BZ_TRY_VOID(read_into(loaded, folder, secrets::kDnsConfig, c.mta.dns_config_file, Guarded::No));
  BZ_TRY_VOID(read_inner(loaded, folder));
  BZ_TRY_VOID(read_apns(loaded, folder));
  for (const roles::DirectoryConfig& d : c.directories) {
    BZ_TRY_VOID(read_into(loaded, folder, secrets::directory_password(d.name), d.bind_password_file, Guarded::Yes));
    BZ_TRY_VOID(read_into(loaded, folder, secrets::directory_ca(d.name), d.ca_file, Guarded::No));
  }
  for (const roles::ServerConfig& server : c.servers) {
    BZ_TRY_VOID(read_into(loaded, folder, secrets::kServerCa + server.name, server.tls_ca_file, Guarded::No));
    BZ_TRY_VOID(read_into(loaded, folder, secrets::kServerMaster + server.name, server.master_password_file, Guarded::Yes));
  }
  BZ_TRY_VOID(check_certificates(loaded));
  return check_secrets(loaded);
}

}  // namespace

std::span<const RoleFacts> role_facts() { return kRoles; }

const RoleFacts* find_role(std::string_view name) {
  auto it = std::find_if(std::begin(kRoles), std::end(kRoles), [&](const RoleFacts& role) { return role.name == name; });
  return it == std::end(kRoles) ? nullptr : it;
}

bool is_wanted(const RoleFacts& role, const roles::Config& config) {
  const bool inside = config.inner.connect.empty();
  if (role.name == "gateway") return true;
  if (role.name == "admin") return roles::wants_admin(config);
  if (role.name == "connector") return !inside;
  if (role.name == "inner") return !config.inner.listen.empty();
  return inside && (role.name != "egress" || !config.servers.empty());
}

std::span<const Link> links() { return kLinks; }

std::vector<roles::ListenerConfig> own_listeners(const roles::Config& config) {
  std::vector<roles::ListenerConfig> out;
  for (const roles::ListenerConfig& listener : config.listeners) {
    if (listener.node.empty()) out.push_back(listener);
  }
  return out;
}

std::optional<uint16_t> inner_port(const roles::InnerConfig& inner, std::string_view role) {
  if (role == "auth") return inner.auth_port;
  if (role == "mailstore") return inner.mailstore_port;
  if (role == "mta") return inner.mta_port;
  if (role == "egress" && inner.egress_port != 0) return inner.egress_port;
  if (role == "enroll") return inner.enroll_port;
  return std::nullopt;
}

std::vector<roles::ListenerConfig> inner_ports(const roles::Config& config) {
  std::vector<roles::ListenerConfig> out;
  if (config.inner.listen.empty()) return out;
  for (std::string_view name : {"enroll", "auth", "mailstore", "mta", "egress"}) {
    if (name == "egress" && config.servers.empty()) continue;
    roles::ListenerConfig port;
    port.name = name;
    port.address = config.inner.listen;
    port.port = *inner_port(config.inner, name);
    out.push_back(std::move(port));
  }
  return out;
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string state_path(const std::string& config_path, const roles::Config& config) {
  return config.state.starts_with('/') ? config.state : folder_of(config_path) + "/" + config.state;
}

Result<Loaded> load(const std::string& path) {
  Loaded loaded;
  loaded.file_name = path;
  loaded.files.push_back(path.substr(path.rfind('/') + 1));
  BZ_TRY(loaded.text, os::read_file(os::kHere, path, kMaxConfig));
  BZ_TRY(loaded.config, parse_config(loaded.text, path));
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, folder_of(path)));
  BZ_TRY_VOID(read_files(loaded, folder.get()));
  return loaded;
}

std::vector<os::FileStamp> stamps_of(const Loaded& loaded) {
  std::vector<os::FileStamp> stamps(loaded.files.size());
  auto folder = os::open_folder(os::kHere, folder_of(loaded.file_name));
  if (!folder) return stamps;
  for (size_t i = 0; i < stamps.size(); ++i) stamps[i] = os::stamp_of(folder->get(), loaded.files[i]);
  return stamps;
}

std::vector<std::string> needs_restart(const Loaded& before, const Loaded& now) {
  constexpr std::pair<std::string_view, const char*> kFiles[] = {{"auth.secrets_key_file", secrets::kAuthSecrets},
                                                                 {"dns.config_file", secrets::kDnsConfig}};
  auto content = [](const Loaded& loaded, const char* name) -> std::string_view {
    auto it = loaded.secrets.find(name);
    return it == loaded.secrets.end() ? std::string_view() : it->second.reveal();
  };
  std::vector<std::string> keys;
  for (const auto& key : config_keys()) {
    if (!key.needs_restart) continue;
    bool differs = key.needs_restart(before.config, now.config);
    for (const auto& [name, secret] : kFiles) {
      differs = differs || (key.name == name && content(before, secret) != content(now, secret));
    }
    if (differs) keys.emplace_back(key.name);
  }
  return keys;
}

Result<os::User> role_user(const RoleFacts& role, const roles::UsersConfig& users) {
  const std::string& name = users.*role.user;
  auto user = os::find_user(name);
  if (user) return user;
  return fail(Errc::NotFound,
              "the user of role " + std::string(role.name) +
                  " is missing; make it with: useradd --system --no-create-home --shell /usr/sbin/nologin " + name);
}

Result<void> make_state(int state, const roles::Config& config) {
  BZ_TRY(os::Fd log, os::make_folder(state, "log", 0700));
  BZ_TRY(os::Fd run, os::make_folder(state, "run", 0700));
  for (const RoleFacts& role : kRoles) {
    if (!is_wanted(role, config)) continue;
    std::string folder(role.folder);
    // The folder of those without files belongs to nobody who could write to it.
    bool own = role.folder != "empty";
    BZ_TRY(os::Fd made, os::make_folder(state, folder, own ? 0700 : 0755));
    if (!os::is_root() || !own) continue;
    BZ_TRY(os::User user, role_user(role, config.users));
    BZ_TRY_VOID(os::give_to(state, folder, user.uid, user.gid));
  }
  return {};
}

}  // namespace bz::app

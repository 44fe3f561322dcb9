// The settings of a running system as plain values: what app/config makes of the administrator's file, the same for every
// role (each reads its part). Immutable once made; a reload makes a new one. Units are in the names or the types; meaning,
// default and limits of each stand in the table of app/config_keys.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "imap/client_rules.h"

namespace bz::roles {

using base::Millis;

enum class Front : uint8_t { Imap, Pop3, Submission, Mx, Lmtp };
enum class ListenerTls : uint8_t { Implicit, StartTls, None };
enum class ClientCertificates : uint8_t { Off, Optional, Required };

// Protocol versions and suites (crypto/tls.h). Legacy is never the rule, only the explicit choice for a listener.
enum class TlsProfile : uint8_t { Modern, Intermediate, Legacy };

struct ListenerConfig {
  std::string name;  // unique; in logs and in SaslStart
  Front front = Front::Imap;
  std::string address;  // numeric
  uint16_t port = 0;
  ListenerTls tls = ListenerTls::Implicit;
  std::vector<std::string> mechanisms;    // upper case, in order of preference; empty: no login here (mx, lmtp)
  std::optional<TlsProfile> tls_profile;  // unset: that of all
  std::string imap_capabilities;  // shown before login; empty: ours, or what any server can do while there are servers
  ClientCertificates client_certificates = ClientCertificates::Off;
  std::vector<std::string> proxy_protocol_from;  // networks of balancers; set: nobody else may connect
  std::string node{};                            // the node whose gateway opens it; empty: this host's
  bool operator==(const ListenerConfig&) const = default;
};

struct TlsConfig {
  std::string certificate_file, key_file, rsa_certificate_file, rsa_key_file;
  std::string ocsp_file, rsa_ocsp_file;  // responses in DER to be stapled; empty: none
  TlsProfile profile = TlsProfile::Intermediate;
  std::string ticket_key_file;  // empty: the supervisor draws the keys
  Millis ticket_rotation{};
  bool ocsp_auto = false;  // role admin fetches the staples
};

// One more certificate of the gateway's, shown to clients that ask for its names by SNI.
struct CertificateConfig {
  std::string certificate_file, key_file, ocsp_file;
  std::vector<std::string> acme_names;  // empty: not by ACME
};

// Certificates of an authority that speaks ACME (RFC 8555).
struct AcmeConfig {
  std::string directory, ca_file;  // directory empty: none
  std::vector<std::string> contact;
  bool agree_terms = false;
  std::string challenge;           // "http-01|tls-alpn-01|dns-01"
  std::vector<std::string> names;  // of the certificates of [tls]; filled with the host when unset
  std::string eab_key_id, eab_key_file;
  std::vector<std::string> http_addresses;  // numeric
  uint16_t http_port = 0;
  std::string tls_alpn_listener;  // name of a [[listener]]
  std::string dns_hook;           // program
  Millis dns_hook_time{}, dns_wait{};
  bool on() const { return !directory.empty(); }
};

struct GatewayConfig {
  unsigned workers = 0;  // 0: one per core
  size_t max_pre_login = 0, max_pre_login_per_address = 0, max_sessions = 0;
  Millis handshake_time{}, login_time{}, tls_sniff{}, proxy_header_time{}, idle_time{}, back_end_time{}, foreign_time{},
      auth_time{}, drain_time{};
  unsigned max_login_tries = 0, max_bad_commands = 0;
};

struct AuthConfig {
  uint64_t argon2_memory = 0;  // bytes, one hash
  unsigned argon2_passes = 0, argon2_threads = 0;
  Millis cache_time{};
  std::string secrets_key_file;      // encrypts what CRAM-MD5 and its like need; outside the database
  std::vector<std::string> secrets;  // kinds stored for new accounts beside Argon2id and SCRAM-SHA-256
  std::string realm;                 // of DIGEST-MD5; filled with the host when unset
};

struct ClientCertificateConfig {
  std::string ca_file, crl_file;
  std::vector<std::string> names;  // "email", "upn", "cn": what in a certificate is a login name, in this order
};

struct OauthConfig {
  std::string jwks_file, jwks_url;  // both empty, and no introspection_url: no tokens
  Millis jwks_shortest{}, jwks_longest{};
  std::string introspection_url, introspection_client, introspection_secret_file;
  Millis introspection_cache{};
  std::string ca_file;  // of jwks_url and introspection_url; empty: the system's roots
  std::string issuer, user_claim;
  std::vector<std::string> audience;
  Millis clock_skew{};
};

struct KerberosConfig {
  std::string keytab_file;          // empty: no GSSAPI, no GSS-SPNEGO
  std::vector<std::string> realms;  // "REALM", "REALM=domain", "REALM=" (gss/principal.h)
  std::string channel_binding;      // "off|optional|required"
  Millis clock_skew{};
  unsigned threads = 0;
};

struct GuardConfig {
  std::vector<std::string> trusted;   // networks never delayed or limited: "127.0.0.0/8", "::1"
  std::vector<std::string> denied;    // networks nobody logs in from
  unsigned max_failures = 0;          // per address within `window`
  unsigned max_account_failures = 0;  // from strange places, of an account whose directory checks by bind
  Millis window{}, delay{}, stale_time{};
  unsigned max_sessions_per_address = 0;  // of one account
};

struct MailstoreConfig {
  Millis sent_match_window{};
  uint64_t append_limit = 0;   // bytes, one message
  uint64_t default_quota = 0;  // bytes; 0: none, as of the next two
  uint64_t default_quota_messages = 0, default_quota_mailboxes = 0;
  std::string server_comment, server_admin;  // METADATA of the server (RFC 5464); empty: none
  bool full_is_temporary = false;            // deliveries to an account over its quota
  Millis idle_time{};                        // a client that says nothing (RFC 3501 section 5.4: 30 minutes at least)
  Millis idle_keepalive{};                   // between two "* OK" during IDLE
  int compress_level = 0;                    // COMPRESS=DEFLATE: 1 to 9; 0: not offered
  uint32_t message_limit = 0, message_limit_enforced = 0;  // RFC 9738; 0: none
  bool message_limit_saves_only = false;                   // SAVELIMIT
  bool client_rules = false;                               // imap/client_rules.h: ours hold too
  unsigned lanes = 0;                                      // threads; 0: one per core
  uint64_t cache = 0;                                      // bytes of block cache
  unsigned max_sessions_per_account = 0;
  bool refuse_eight_bit_headers = false;       // in APPEND, of clients that do not enable UTF8=ACCEPT
  bool imap_literal_minus = false;             // LITERAL- instead of LITERAL+ (RFC 7888 section 5)
  imap::Offer imap4rev2 = imap::Offer::Never;  // RFC 9051
  Millis pop3_idle_time{};                     // RFC 1939 section 3: 10 minutes at least
  Millis pop3_take_over{};                     // 0: never
  bool pop3_marks_seen = false;                // what POP3 retrieved
};

struct SmartHostConfig {
  std::string host;  // empty: deliver by MX
  uint16_t port = 0;
  bool implicit_tls = false;
  std::string user, password_file, ca_file;
};

struct MtaConfig {
  SmartHostConfig smart_host;
  uint16_t mx_port = 25;        // tests only
  std::string dns_config_file;  // tests only
  uint64_t max_message = 0;     // bytes
  unsigned max_recipients = 0;
  Millis first_retry{}, max_retry{}, lifetime{}, bounce_lifetime{}, sent_wait{}, sent_lifetime{};
  unsigned max_deliveries = 0, max_deliveries_per_host = 0;
};

// A mail server of somebody else's that holds mailboxes of ours. Ports 0: that service is not there.
struct ServerConfig {
  std::string name, host;          // host empty: only hosts that the directory names
  std::vector<std::string> hosts;  // patterns of these
  uint16_t imap_port = 0, pop3_port = 0, submission_port = 0, delivery_port = 0;
  ListenerTls imap_tls{}, pop3_tls{}, submission_tls{}, delivery_tls{};
  bool lmtp = false;  // delivery by LMTP
  std::string tls_name, tls_ca_file;
  std::string login, login_name;  // "user|master", "address|local"
  std::string master_user, master_password_file, master_style;
  std::string send_client;  // "none|id|xclient|proxy|proxy-v1"
  bool sent_copy = true;
  std::string sent_mailbox;  // empty: looked for
  bool operator==(const ServerConfig&) const = default;
};

// Accounts that fit all that is set have their mailbox on `server`; which of several counts: authd/routes.h.
struct RouteConfig {
  std::string account, domain, type, server;
  std::string group, attribute, value;
};

struct EgressConfig {
  Millis connect_time{}, login_time{};
  size_t max_sessions = 0, max_logins_per_host = 0;
};

// The channel between a gateway host and the inside (docs/decisions/0010-dmz-split.md): `listen` on the inside, `connect`
// on the gateway's host, or neither.
struct InnerConfig {
  std::string listen, connect;    // numeric
  std::vector<std::string> from;  // on the inside: where nodes come from, addresses and networks; empty: anywhere
  uint16_t enroll_port = 0, auth_port = 0, mailstore_port = 0, mta_port = 0, egress_port = 0;
  std::string ca_file, certificate_file, key_file;  // with connect
  bool operator==(const InnerConfig&) const = default;
};

// NTLM by Samba's ntlm_auth, which asks a Windows domain through winbind.
struct NtlmConfig {
  std::string helper, smb_conf;      // programs' paths; helper empty: by NT hashes of ours
  unsigned helpers = 0;              // processes
  std::vector<std::string> domains;  // sasl::ntlm::DomainRule
  Millis answer_time{}, client_time{};
  bool on() const { return !helper.empty(); }
};

// Apple's push (docs/decisions/0027-apple-push.md).
struct ApnsConfig {
  std::string certificate_file, key_file;  // empty: no push, and no word of it
  std::string server, ca_file;             // server: "https://HOST[:PORT]"
  bool on() const { return !certificate_file.empty(); }
};

struct UsersConfig {
  std::string gateway, auth, mailstore, mta, egress, admin, connector, inner, ntlm;
};

struct DirectoryConfig {
  std::string name;  // unique
  std::string type;  // preset: openldap, ad, opendirectory
  std::vector<std::string> servers;
  std::string ca_file, bind_dn, bind_password_file;
  bool reads_secrets = false;  // else passwords are checked by a bind
  std::string base, group_base;
  std::string user_filter, address_filter, group_filter;  // empty: the preset's
  bool groups = true;
  std::vector<std::string> attributes;  // "mail=primaryMail"
  std::string require_group;
  Millis time{}, server_time{}, fresh{}, stale{}, negative{};
  unsigned bind_connections = 0, max_group_members = 0, max_group_depth = 0;
  bool operator==(const DirectoryConfig&) const = default;
};

struct Config {
  std::string host, state, log_level;
  std::vector<std::string> domains;  // lower case
  std::vector<ListenerConfig> listeners;
  std::vector<DirectoryConfig> directories;  // asked in this order, after the embedded one
  TlsConfig tls;
  std::vector<CertificateConfig> certificates;
  AcmeConfig acme;
  GatewayConfig gateway;
  AuthConfig auth;
  ClientCertificateConfig client_certificates;
  OauthConfig oauth;
  KerberosConfig kerberos;
  NtlmConfig ntlm;
  ApnsConfig apns;
  GuardConfig guard;
  MailstoreConfig mailstore;
  MtaConfig mta;
  EgressConfig egress;
  std::vector<ServerConfig> servers;
  std::vector<RouteConfig> routes;
  std::vector<imap::ClientRule> clients;
  InnerConfig inner;
  UsersConfig users;
  Millis restart_wait_max{};
  unsigned upkeep_hour = 0;  // of the day, UTC
  Millis upkeep_every{};     // 0: once a day at that hour
};

// Names of Secret messages: what the supervisor reads for a role, since a role opens no file of the administrator's.
namespace secrets {
inline constexpr char kTlsCertificate[] = "tls.certificate", kTlsKey[] = "tls.key";                // gateway
inline constexpr char kTlsRsaCertificate[] = "tls.rsa_certificate", kTlsRsaKey[] = "tls.rsa_key";  // gateway
inline constexpr char kTlsStaple[] = "tls.ocsp", kTlsRsaStaple[] = "tls.rsa_ocsp";                 // gateway
inline constexpr char kTicketKeys[] = "tls.tickets";  // gateway, inner: ring of session ticket keys (crypto/tls_tickets.h)
// gateway: the files of one [[certificate]], "tls.host.0.certificate"; what is not set is not sent
inline constexpr char kTlsHosts[] = "tls.host.";
inline std::string of_host(size_t number, std::string_view what) {
  return "tls.host." + std::to_string(number) + "." + std::string(what);
}
inline constexpr char kAuthSecrets[] = "auth.secrets_key";                                               // auth
inline constexpr char kClientCa[] = "client_certificates.ca", kClientCrl[] = "client_certificates.crl";  // gateway, auth
inline constexpr char kOauthKeys[] = "oauth.jwks";                                                       // auth
inline constexpr char kOauthClient[] = "oauth.client_secret", kOauthCa[] = "oauth.ca";                   // auth
inline constexpr char kKeytab[] = "kerberos.keytab";                                                     // auth
inline constexpr char kDirectories[] = "directory.";  // auth: all that begin so
inline std::string directory_password(const std::string& name) { return "directory." + name + ".password"; }
inline std::string directory_ca(const std::string& name) { return "directory." + name + ".ca"; }
inline constexpr char kSmartHostPassword[] = "smart_host.password", kSmartHostCa[] = "smart_host.ca";  // mta
inline constexpr char kDnsConfig[] = "dns.config";                                                     // mta, egress
inline constexpr char kInnerCa[] = "inner.ca", kInnerCertificate[] = "inner.certificate",
                      kInnerKey[] = "inner.key";  // connector
// Behind these, the name of a [[server]]: roots of its certificate (mta, egress), password of its master user (egress).
inline constexpr char kServerCa[] = "server.ca.", kServerMaster[] = "server.master.";
inline constexpr char kAcmeCa[] = "acme.ca", kAcmeEabKey[] = "acme.eab_key";  // admin
// admin: chain and staple of one [[certificate]], "admin.host.0.certificate"; never a key
inline constexpr char kAdminHosts[] = "admin.host.";
inline std::string of_admin_host(size_t number, std::string_view what) {
  return kAdminHosts + std::to_string(number) + "." + std::string(what);
}
inline constexpr char kApnsCertificate[] = "apns.certificate";         // mailstore, admin: without the key it is no secret
inline constexpr char kApnsKey[] = "apns.key", kApnsCa[] = "apns.ca";  // admin
}  // namespace secrets
// Name of a listener of HTTP-01 in a ListenerFd message to admin.
inline std::string acme_door(size_t number) { return "acme.http." + std::to_string(number); }

}  // namespace bz::roles

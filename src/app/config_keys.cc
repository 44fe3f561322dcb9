#include "app/config_keys.h"

#include "base/text.h"

namespace bz::app {
namespace {

using roles::CertificateConfig;
using roles::Config;
using roles::DirectoryConfig;
using roles::ListenerConfig;
using roles::RouteConfig;
using roles::ServerConfig;
using enum KeyKind;

constexpr int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;

roles::TlsProfile profile_of(const std::string& text) {
  return text == "modern"   ? roles::TlsProfile::Modern
         : text == "legacy" ? roles::TlsProfile::Legacy
                            : roles::TlsProfile::Intermediate;
}

roles::ListenerTls tls_of(std::string_view word) {
  return word == "implicit"   ? roles::ListenerTls::Implicit
         : word == "starttls" ? roles::ListenerTls::StartTls
                              : roles::ListenerTls::None;
}

#define TO(field) [](Config& c, KeyValue v) { c.field = std::move(v.text); }
#define LIST(field) [](Config& c, KeyValue v) { c.field = std::move(v.texts); }
#define NUMBER(field) [](Config& c, KeyValue v) { c.field = static_cast<decltype(c.field)>(v.number); }
// A key that takes effect when the role starts again; the others are taken over by a reload.
#define RESTART(field) [](const Config& a, const Config& b) { return a.field != b.field; }
#define TIME(field) [](Config& c, KeyValue v) { c.field = roles::Millis(v.number); }

// clang-format off
constexpr Key<Config> kKeys[] = {
    {"host", Text, "", 1, 253, "", "name of this server: greeting, EHLO, Received; clients connect to it and the certificate covers it", TO(host), true},
    {"domains", TextList, "", 1, 10'000, "", "domains whose mail is ours; accounts and aliases lie in them", LIST(domains), true},
    {"state", Text, "\".\"", 1, 4096, "", "folder of all that is kept, relative to the folder of this file", TO(state), false, RESTART(state)},
    {"log_level", Text, "\"info\"", 1, 16, "debug|info|warn|error", "least level that is written to STATE/log", TO(log_level)},

    {"tls.certificate_file", Text, "", 1, 4096, "", "certificate chain in PEM, leaf first, relative to this file; ECDSA is the better first choice", TO(tls.certificate_file), true},
    {"tls.key_file", Text, "", 1, 4096, "", "its private key in PEM, mode 0600", TO(tls.key_file), true},
    {"tls.rsa_certificate_file", Text, "", 1, 4096, "", "second chain with an RSA key, for clients that know no ECDSA", TO(tls.rsa_certificate_file)},
    {"tls.rsa_key_file", Text, "", 1, 4096, "", "its private key", TO(tls.rsa_key_file)},
    {"tls.ocsp_file", Text, "", 1, 4096, "", "OCSP response in DER to be stapled to the first chain, as `buzon tls staple` fetches it; left out when it has run out", TO(tls.ocsp_file)},
    {"tls.rsa_ocsp_file", Text, "", 1, 4096, "", "the same for the RSA chain", TO(tls.rsa_ocsp_file)},
    {"tls.ocsp", Text, "\"file\"", 4, 4, "file|auto", "auto: OCSP responses are fetched from the responder that each certificate names, and kept fresh; where no ocsp_file is set it is certificate_file with .ocsp behind it", [](Config& c, KeyValue v) { c.tls.ocsp_auto = v.text == "auto"; }},
    {"tls.profile", Text, "\"intermediate\"", 1, 16, "modern|intermediate", "modern: TLS 1.3 only; intermediate: 1.2 and 1.3, forward secrecy and AEAD", [](Config& c, KeyValue v) { c.tls.profile = profile_of(v.text); }},
    {"tls.ticket_key_file", Text, "", 1, 4096, "", "keys of TLS session tickets, 64 hex digits a line, the newest first, mode 0600: for gateways on several machines; unset: drawn at start and rotated", TO(tls.ticket_key_file)},
    {"tls.ticket_rotation", Duration, "\"12h\"", kSecond, 7 * kDay, "", "how often a new ticket key is drawn; tickets of the previous two are taken. A ticket_key_file is rotated by `buzon tls rotate`", TIME(tls.ticket_rotation)},

    {"acme.directory", Text, "", 9, 2048, "", "address of the directory of an authority that speaks ACME (RFC 8555), \"https://acme-v02.api.letsencrypt.org/directory\": the certificates of [tls] and of each [[certificate]] with acme_names are made by it and renewed in time; their files are replaced. Unset: no ACME", TO(acme.directory)},
    {"acme.ca_file", Text, "", 1, 4096, "", "roots in PEM that the directory's own certificate must come from; unset: the system's", TO(acme.ca_file)},
    {"acme.contact", TextList, "[]", 0, 10, "", "where the authority may write to, \"mailto:postmaster@example.org\"; told when the account is made", LIST(acme.contact)},
    {"acme.agree_terms", Flag, "false", 0, 0, "", "true: you have read the authority's terms of service and agree", [](Config& c, KeyValue v) { c.acme.agree_terms = v.flag; }},
    {"acme.challenge", Text, "\"http-01\"", 1, 16, "http-01|tls-alpn-01|dns-01", "how the authority sees that the names are ours: port 80, port 443, or a record in DNS", TO(acme.challenge)},
    {"acme.names", TextList, "[]", 0, 100, "", "names of the certificates of [tls], the first foremost; empty: the host", LIST(acme.names)},
    {"acme.eab_key_id", Text, "", 1, 1024, "", "external account binding: the key identifier that the authority has given you", TO(acme.eab_key_id)},
    {"acme.eab_key_file", Text, "", 1, 4096, "", "file that holds the key to it, in base64url, mode 0600", TO(acme.eab_key_file)},
    {"acme.http_addresses", TextList, "[\"0.0.0.0\", \"::\"]", 1, 20, "", "http-01: numeric addresses at which the authority is answered", LIST(acme.http_addresses)},
    {"acme.http_port", Number, "80", 1, 65535, "", "http-01: port there; the authority always comes to port 80, so another one needs a forwarding before it", NUMBER(acme.http_port)},
    {"acme.tls_alpn_listener", Text, "", 1, 32, "", "tls-alpn-01: name of the [[listener]] that the authority reaches as port 443; tls = \"implicit\"", TO(acme.tls_alpn_listener)},
    {"acme.dns_hook", Text, "", 1, 4096, "", "dns-01: program that is run as the user of role admin with the arguments add or remove, _acme-challenge.NAME, VALUE, and changes the TXT record", TO(acme.dns_hook)},
    {"acme.dns_hook_time", Duration, "\"1m\"", kSecond, 10 * kMinute, "", "it is killed after so long", TIME(acme.dns_hook_time)},
    {"acme.dns_wait", Duration, "\"30s\"", 0, kHour, "", "dns-01: time for the record to reach all name servers before the authority looks", TIME(acme.dns_wait)},

    {"gateway.workers", Number, "0", 0, 64, "", "processes that face the network; 0: one per core", NUMBER(gateway.workers)},
    {"gateway.max_pre_login", Number, "9000", 10, 1'000'000, "", "connections that have not logged in, per worker; beyond it the oldest is closed", NUMBER(gateway.max_pre_login)},
    {"gateway.max_pre_login_per_address", Number, "200", 1, 1'000'000, "", "of these, from one IPv4 address or IPv6 /64, per worker; beyond it new ones are refused", NUMBER(gateway.max_pre_login_per_address)},
    {"gateway.max_sessions", Number, "100000", 10, 10'000'000, "", "sessions of all kinds per worker", NUMBER(gateway.max_sessions)},
    {"gateway.handshake_time", Duration, "\"30s\"", kSecond, 10 * kMinute, "", "time for a TLS handshake", TIME(gateway.handshake_time)},
    {"gateway.proxy_header_time", Duration, "\"3s\"", 100, kMinute, "", "time for the PROXY protocol header of a balancer", TIME(gateway.proxy_header_time)},
    {"gateway.login_time", Duration, "\"3m\"", kSecond, kHour, "", "time from connection to login", TIME(gateway.login_time)},
    {"gateway.back_end_time", Duration, "\"5s\"", 100, kMinute, "", "how long a back end may take for its first answer to a session", TIME(gateway.back_end_time)},
    {"gateway.foreign_time", Duration, "\"40s\"", 5 * kSecond, 5 * kMinute, "", "the same of a login at a [[server]]; more than egress.login_time", TIME(gateway.foreign_time)},
    {"gateway.auth_time", Duration, "\"20s\"", 100, kMinute, "", "how long auth may take for each answer", TIME(gateway.auth_time)},
    {"gateway.tls_sniff", Duration, "\"100ms\"", 0, 2 * kSecond, "", "on STARTTLS ports: wait this long for a TLS hello before the greeting; phones probe so", TIME(gateway.tls_sniff)},
    {"gateway.idle_time", Duration, "\"40m\"", kMinute, kDay, "", "a session on which nothing moves for so long is closed; the back ends' own limits are shorter", TIME(gateway.idle_time)},
    {"gateway.drain_time", Duration, "\"1h\"", 0, 7 * kDay, "", "after a reload with fewer workers, the surplus ones go on with their sessions for so long at most", TIME(gateway.drain_time)},
    {"gateway.max_login_tries", Number, "4", 1, 20, "", "wrong passwords before the connection is closed", NUMBER(gateway.max_login_tries)},
    {"gateway.max_bad_commands", Number, "10", 1, 1000, "", "malformed or unknown commands before the connection is closed", NUMBER(gateway.max_bad_commands)},

    {"auth.argon2_memory", Size, "\"19MiB\"", kMiB, kGiB, "", "memory of one password hash (Argon2id), for new passwords; unknown users cost as much from the next start of auth", NUMBER(auth.argon2_memory)},
    {"auth.argon2_passes", Number, "2", 1, 20, "", "passes over that memory", NUMBER(auth.argon2_passes)},
    {"auth.argon2_threads", Number, "2", 1, 64, "", "hashes at work at the same time", NUMBER(auth.argon2_threads)},
    {"auth.cache_time", Duration, "\"1h\"", 0, kDay, "", "how long a correct password is remembered, in memory only", TIME(auth.cache_time)},
    {"auth.secrets_key_file", Text, "", 1, 4096, "", "key that encrypts secrets for CRAM-MD5, DIGEST-MD5, NTLM and APOP; 32 bytes in hex, mode 0600", TO(auth.secrets_key_file), false, RESTART(auth.secrets_key_file)},
    {"auth.secrets", TextList, "[]", 0, 16, "", "what to store for new accounts beside Argon2id and SCRAM-SHA-256: scram-sha-1, scram-sha-512, cram-md5, digest-md5, ntlm, apop; --secrets of `account` overrides it", LIST(auth.secrets)},
    {"auth.realm", Text, "", 1, 253, "", "DIGEST-MD5's realm; unset: the host. Secrets of before a change no longer fit: set the passwords anew", TO(auth.realm)},

    {"client_certificates.ca_file", Text, "", 1, 4096, "", "CA certificates in PEM that client certificates must come from", TO(client_certificates.ca_file)},
    {"client_certificates.crl_file", Text, "", 1, 4096, "", "revocation lists of these CAs in PEM; once set, each CA needs a current one", TO(client_certificates.crl_file)},
    {"client_certificates.names", TextList, "[\"email\", \"upn\"]", 1, 3, "", "what in a client certificate is a login name, tried in this order: email (rfc822Name), upn (user principal name), cn", LIST(client_certificates.names)},

    {"oauth.jwks_file", Text, "", 1, 4096, "", "public keys (JWKS, RFC 7517) of the identity provider whose tokens OAUTHBEARER and XOAUTH2 take", TO(oauth.jwks_file)},
    {"oauth.jwks_url", Text, "", 9, 2048, "", "https address these keys are fetched from, when they are old and when a token bears an unknown one; those that were fetched stay good while it does not answer", TO(oauth.jwks_url)},
    {"oauth.jwks_shortest", Duration, "\"5m\"", kSecond, kDay, "", "at least so long between two fetches", TIME(oauth.jwks_shortest)},
    {"oauth.jwks_longest", Duration, "\"1d\"", kMinute, 30 * kDay, "", "at most so long; between the two, what the provider's Cache-Control says, or an hour", TIME(oauth.jwks_longest)},
    {"oauth.introspection_url", Text, "", 9, 2048, "", "https address that says whose a token is (RFC 7662), for tokens that are no JWT, or for all where no keys are set", TO(oauth.introspection_url)},
    {"oauth.introspection_client", Text, "", 1, 255, "", "our client id there", TO(oauth.introspection_client)},
    {"oauth.introspection_secret_file", Text, "", 1, 4096, "", "file that holds our client secret, mode 0600", TO(oauth.introspection_secret_file)},
    {"oauth.introspection_cache", Duration, "\"60s\"", 0, kMinute, "", "an answer is remembered so long, and never longer than its token is valid: a revoked token may still open sessions meanwhile", TIME(oauth.introspection_cache)},
    {"oauth.ca_file", Text, "", 1, 4096, "", "roots in PEM that the provider's certificate must come from; unset: the system's", TO(oauth.ca_file)},
    {"oauth.issuer", Text, "", 1, 1024, "", "what a token's \"iss\" must be", TO(oauth.issuer)},
    {"oauth.audience", TextList, "", 1, 20, "", "a token's \"aud\" must hold one of these", LIST(oauth.audience)},
    {"oauth.user_claim", Text, "\"email\"", 1, 100, "", "the claim that is the login name", TO(oauth.user_claim)},
    {"oauth.clock_skew", Duration, "\"60s\"", 0, 10 * kMinute, "", "how far the provider's clock may be off", TIME(oauth.clock_skew)},

    {"kerberos.keytab_file", Text, "", 1, 4096, "", "keys of our service principals (imap/host.name@REALM, pop/..., smtp/...), mode 0600; for GSSAPI and GSS-SPNEGO", TO(kerberos.keytab_file)},
    {"kerberos.realms", TextList, "[]", 0, 20, "", "whose principals may log in: \"EXAMPLE.ORG\" (ana@EXAMPLE.ORG is ana@example.org), \"EXAMPLE.ORG=example.com\" (she is ana@example.com), \"EXAMPLE.ORG=\" (she is ana)", LIST(kerberos.realms)},
    {"kerberos.channel_binding", Text, "\"optional\"", 3, 8, "off|optional|required", "optional: what a client sends must be of this TLS connection (tls-server-end-point); required: it must send it; off: for TLS that ends elsewhere", TO(kerberos.channel_binding)},
    {"kerberos.clock_skew", Duration, "\"5m\"", kSecond, 10 * kMinute, "", "how far a client's clock may be off", TIME(kerberos.clock_skew)},
    {"kerberos.threads", Number, "2", 1, 16, "", "tickets judged at the same time", NUMBER(kerberos.threads)},
    {"ntlm.helper", Text, "", 1, 4096, "", "Samba's ntlm_auth (\"/usr/bin/ntlm_auth\", package winbind): NTLM logins are judged by the Windows domain this host is a member of, instead of by NT hashes of ours", TO(ntlm.helper)},
    {"ntlm.domains", TextList, "[]", 0, 50, "", "whose users may log in: \"OFFICE\" (OFFICE\\ana is ana, which a directory finds as sAMAccountName) or \"OFFICE=example.org\" (she is ana@example.org); the first is meant where a client names none", LIST(ntlm.domains)},
    {"ntlm.helpers", Number, "8", 1, 64, "", "processes of ntlm.helper; each judges one login at a time, from the challenge to the verdict", NUMBER(ntlm.helpers)},
    {"ntlm.smb_conf", Text, "", 1, 4096, "", "Samba's settings for ntlm.helper, where they are not /etc/samba/smb.conf; its user must be able to read them", TO(ntlm.smb_conf)},
    {"ntlm.answer_time", Duration, "\"7s\"", kSecond, kMinute, "", "how long a helper may take for an answer, and a login may wait for a free helper; twice as long and 5 s must fit into gateway.auth_time", TIME(ntlm.answer_time)},
    {"ntlm.client_time", Duration, "\"10s\"", kSecond, 5 * kMinute, "", "how long a client may keep a challenge, and with it a helper", TIME(ntlm.client_time)},

    {"apns.certificate_file", Text, "", 1, 4096, "", "certificate for Apple's push of mail, in PEM: iPhones then hear of new mail at once (XAPPLEPUSHSERVICE). Its subject's UID is the topic, com.apple.mail.XServer.<uuid>; who can have one: docs/administration.md. Unset: no push is offered", TO(apns.certificate_file)},
    {"apns.key_file", Text, "", 1, 4096, "", "its private key in PEM, mode 0600", TO(apns.key_file)},
    {"apns.server", Text, "\"https://api.push.apple.com:443\"", 9, 300, "", "Apple's push service; it must be reachable from this host (`buzon network plan`)", TO(apns.server)},
    {"apns.ca_file", Text, "", 1, 4096, "", "roots in PEM that the service's certificate must come from; unset: the system's", TO(apns.ca_file)},

    {"guard.trusted", TextList, "[\"127.0.0.0/8\", \"::1/128\"]", 0, 1000, "", "networks that are never delayed or limited", LIST(guard.trusted)},
    {"guard.denied", TextList, "[]", 0, 1000, "", "networks nobody may log in from; mail on port 25 is taken from there all the same", LIST(guard.denied)},
    {"guard.max_failures", Number, "20", 1, 100'000, "", "failed logins of one IPv4 address or IPv6 /64 within the window before it is put off; each account that has logged in there adds three. Accounts go on logging in where they have before", NUMBER(guard.max_failures)},
    {"guard.max_account_failures", Number, "5", 0, 100'000, "", "wrong passwords for one account from addresses where it has not logged in before, within the window, that a [[directory]] with mode \"bind\" is asked about; keep it well under the number at which the directory locks the account. 0: no limit", NUMBER(guard.max_account_failures)},
    {"guard.window", Duration, "\"15m\"", kSecond, kDay, "", "in this time max_failures and max_account_failures fade away", TIME(guard.window)},
    {"guard.delay", Duration, "\"2s\"", 0, 10 * kSecond, "", "most that the answer to a login is held back", TIME(guard.delay)},
    {"guard.stale_time", Duration, "\"30m\"", 0, kDay, "", "a password that a [[directory]] with mode \"bind\" has refused is not sent to it again for so long; no less than the time after which it forgets failures", TIME(guard.stale_time)},
    {"guard.max_sessions_per_address", Number, "50", 1, 10'000, "", "IMAP sessions of one account from one IPv4 address or IPv6 /64; a phone needs about five for each of its programs", NUMBER(guard.max_sessions_per_address)},

    {"sent.match_window", Duration, "\"10m\"", 0, kDay, "", "a client's own copy of a sent message joins ours when it comes within this time", TIME(mailstore.sent_match_window)},
    {"mailstore.append_limit", Size, "\"64MiB\"", kMiB, kGiB, "", "largest message a client may store", NUMBER(mailstore.append_limit)},
    {"mailstore.default_quota", Size, "\"0B\"", 0, 1024 * kGiB, "", "quota of accounts that have none of their own; 0B: none", NUMBER(mailstore.default_quota)},
    {"mailstore.default_quota_messages", Number, "0", 0, 4'000'000'000, "", "messages that such an account may hold in all its mailboxes together; 0: any number", NUMBER(mailstore.default_quota_messages)},
    {"mailstore.default_quota_mailboxes", Number, "0", 0, 10'000, "", "mailboxes that its user may make; the six that every account begins with count. 0: as many as the store takes (10,000)", NUMBER(mailstore.default_quota_mailboxes)},
    {"mailstore.quota_full", Text, "\"reject\"", 5, 6, "reject|defer", "mail for an account over its quota. reject: 552 5.2.2, its sender hears of it at once; defer: 452 4.2.2, the queue tries again until mta.lifetime is over. A Sent copy always waits", [](Config& c, KeyValue v) { c.mailstore.full_is_temporary = v.text == "defer"; }},
    {"mailstore.server_comment", Text, "", 1, 1024, "", "what IMAP clients read as the server's /shared/comment (METADATA, RFC 5464); unset: nothing", TO(mailstore.server_comment)},
    {"mailstore.server_admin", Text, "", 1, 1024, "", "how its administrator is reached, a URI (\"mailto:postmaster@example.org\"): the server's /shared/admin; unset: nothing", TO(mailstore.server_admin)},
    {"mailstore.idle_time", Duration, "\"30m\"", 30 * kMinute, kDay, "", "an IMAP client that says nothing is logged out (RFC 3501 5.4: not under 30 minutes)", TIME(mailstore.idle_time)},
    {"mailstore.idle_keepalive", Duration, "\"2m\"", kSecond, 29 * kMinute, "", "during IDLE the client hears from us so often, which keeps the NAT entries of mobile networks alive", TIME(mailstore.idle_keepalive)},
    {"mailstore.compress_level", Number, "3", 0, 9, "", "COMPRESS=DEFLATE of IMAP sessions: 1 is quick, 9 small (3: 90 MB/s on one core, headers to a quarter); 0: not offered", NUMBER(mailstore.compress_level)},
    {"mailstore.client_rules", Flag, "true", 0, 0, "", "the built-in rules for IMAP clients known by their ID hold behind those of [[client]]; docs/imap.md lists them", [](Config& c, KeyValue v) { c.mailstore.client_rules = v.flag; }},
    {"mailstore.message_limit", Number, "100000", 0, 1'000'000'000, "", "messages that IMAP clients are asked not to exceed in one command (MESSAGELIMIT, RFC 9738); 0: not offered, else at least 1000", NUMBER(mailstore.message_limit)},
    {"mailstore.message_limit_enforced", Number, "0", 0, 1'000'000'000, "", "messages that one IMAP command takes at most, at least message_limit; what is over is left to a second command, which clients that do not know RFC 9738 never send. 0: no limit", NUMBER(mailstore.message_limit_enforced)},
    {"mailstore.message_limit_for", Text, "\"all\"", 3, 5, "all|saves", "saves: only COPY and APPEND are limited, and the capability is SAVELIMIT", [](Config& c, KeyValue v) { c.mailstore.message_limit_saves_only = v.text == "saves"; }},
    {"mailstore.lanes", Number, "0", 0, 64, "", "threads that serve accounts; 0: one per core", NUMBER(mailstore.lanes), false, RESTART(mailstore.lanes)},
    {"mailstore.cache", Size, "\"64MiB\"", kMiB, 1024 * kGiB, "", "database cache", NUMBER(mailstore.cache), false, RESTART(mailstore.cache)},
    {"mailstore.max_sessions_per_account", Number, "100", 1, 10'000, "", "IMAP sessions of one account; phones with several apps need dozens", NUMBER(mailstore.max_sessions_per_account)},
    {"mailstore.imap_literals", Text, "\"plus\"", 1, 5, "plus|minus", "plus: clients may send literals of any size without waiting for us (LITERAL+); minus: only up to 4096 octets, so that no client sends a large message that is refused (LITERAL-, RFC 7888 5)", [](Config& c, KeyValue v) { c.mailstore.imap_literal_minus = v.text == "minus"; }, false, RESTART(mailstore.imap_literal_minus)},
    {"mailstore.imap4rev2", Text, "\"named\"", 1, 6, "never|named|always", "which IMAP clients are offered IMAP4rev2 (RFC 9051) beside IMAP4rev1. named: those that have said by ID what they are and that no [[client]] or built-in rule keeps from it; phones log in first and say who they are later, when they have read the list. always: also those that have not", [](Config& c, KeyValue v) { c.mailstore.imap4rev2 = v.text == "never" ? imap::Offer::Never : v.text == "named" ? imap::Offer::ToNamed : imap::Offer::Always; }},
    {"mailstore.append_8bit_headers", Text, "\"accept\"", 1, 6, "accept|refuse", "messages whose header fields hold 8-bit octets, uploaded by IMAP clients that have not said that they know UTF-8 there (ENABLE UTF8=ACCEPT). refuse is what RFC 6855 4 demands; accept lets users bring their old mail", [](Config& c, KeyValue v) { c.mailstore.refuse_eight_bit_headers = v.text == "refuse"; }},

    {"mailstore.pop3_idle_time", Duration, "\"10m\"", 10 * kMinute, kDay, "", "a POP3 client that says nothing is cut off, and nothing is removed (RFC 1939 3: not under 10 minutes)", TIME(mailstore.pop3_idle_time)},
    {"mailstore.pop3_take_over", Duration, "\"1m\"", 0, kDay, "", "a POP3 session whose client has been silent for so long ends, and removes nothing, when another one of its account comes (a phone that changed its network); 0: never, the new one hears [IN-USE] until pop3_idle_time is over", TIME(mailstore.pop3_take_over)},
    {"mailstore.pop3_marks_seen", Flag, "true", 0, 0, "", "messages that a POP3 client retrieved are \\Seen for IMAP clients once it has said QUIT; false: a download is no reading", [](Config& c, KeyValue v) { c.mailstore.pop3_marks_seen = v.flag; }},

    {"smart_host.host", Text, "", 1, 253, "", "all outgoing mail goes to this server; unset: by MX", TO(mta.smart_host.host)},
    {"smart_host.port", Number, "587", 1, 65535, "", "its port", NUMBER(mta.smart_host.port)},
    {"smart_host.implicit_tls", Flag, "false", 0, 0, "", "TLS from the first byte (port 465) instead of STARTTLS; there is no way without TLS", [](Config& c, KeyValue v) { c.mta.smart_host.implicit_tls = v.flag; }},
    {"smart_host.user", Text, "", 1, 255, "", "login name there", TO(mta.smart_host.user)},
    {"smart_host.password_file", Text, "", 1, 4096, "", "file that holds the password, mode 0600", TO(mta.smart_host.password_file)},
    {"smart_host.ca_file", Text, "", 1, 4096, "", "roots in PEM that its certificate must come from; unset: the system's", TO(mta.smart_host.ca_file)},

    {"mta.max_message", Size, "\"64MiB\"", kMiB, kGiB, "", "largest message that is taken, announced as SIZE", NUMBER(mta.max_message)},
    {"mta.max_recipients", Number, "1000", 100, 100'000, "", "recipients of one message (RFC 5321 4.5.3.1.8: not under 100)", NUMBER(mta.max_recipients)},
    {"mta.first_retry", Duration, "\"5m\"", kSecond, kDay, "", "wait before the second delivery attempt; each further wait is twice as long; waits that have begun stay as they are", TIME(mta.first_retry)},
    {"mta.max_retry", Duration, "\"4h\"", kSecond, kDay, "", "longest wait between two attempts", TIME(mta.max_retry)},
    {"mta.lifetime", Duration, "\"5d\"", kMinute, 30 * kDay, "", "after this time the sender gets the message back", TIME(mta.lifetime)},
    {"mta.bounce_lifetime", Duration, "\"1d\"", kMinute, 30 * kDay, "", "the same for notifications, which nobody gets back", TIME(mta.bounce_lifetime)},
    {"mta.max_deliveries", Number, "64", 1, 10'000, "", "deliveries under way at the same time", NUMBER(mta.max_deliveries)},
    {"mta.max_deliveries_per_host", Number, "4", 1, 1000, "", "of these, to one destination", NUMBER(mta.max_deliveries_per_host)},
    {"mta.sent_wait", Duration, "\"20s\"", 0, kHour, "", "Sent copies for a [[server]] wait so long, for a client that files its own", TIME(mta.sent_wait)},
    {"mta.sent_lifetime", Duration, "\"14d\"", kMinute, 365 * kDay, "", "after this time a Sent copy that its [[server]] has not taken is given up; the log says so (sent_copy_given_up), and the sender, whose message has gone its way, is not told", TIME(mta.sent_lifetime)},
    {"mx.port", Number, "25", 1, 65535, "", "port of other hosts' MX; for tests only", NUMBER(mta.mx_port)},
    {"dns.config_file", Text, "", 1, 4096, "", "resolver configuration (unbound.conf); for tests only", TO(mta.dns_config_file), false, RESTART(mta.dns_config_file)},

    {"egress.connect_time", Duration, "\"10s\"", kSecond, kMinute, "", "time to reach one address of a [[server]], its TLS handshake included", TIME(egress.connect_time)},
    {"egress.login_time", Duration, "\"30s\"", 2 * kSecond, 2 * kMinute, "", "time from the look-up of its name to the login", TIME(egress.login_time)},
    {"egress.max_sessions", Number, "20000", 10, 1'000'000, "", "sessions at such servers", NUMBER(egress.max_sessions)},
    {"egress.max_logins_per_host", Number, "200", 1, 100'000, "", "logins under way at one host; beyond it clients are asked to try later", NUMBER(egress.max_logins_per_host)},

    {"supervisor.restart_wait_max", Duration, "\"10s\"", 100, kMinute, "", "longest wait before a role that ended by itself is started again", TIME(restart_wait_max)},
    {"upkeep.hour", Number, "2", 0, 23, "", "hour of the day (UTC) at which the space of removed messages goes back to the disk; choose a quiet one", NUMBER(upkeep_hour)},
    {"upkeep.every", Duration, "\"0s\"", 0, kDay, "", "how often instead, from the start of a role on; for a store in which very much is removed each day; 0s: once a day", TIME(upkeep_every)},
    {"inner.listen", Text, "", 1, 45, "", "on the inside: numeric address, reachable from gateway hosts, on which their connections are taken; the nodes' authority is then kept in STATE/inner", TO(inner.listen), false, RESTART(inner.listen)},
    {"inner.connect", Text, "", 1, 45, "", "on a gateway's host: numeric address of the inside; this host then runs gateways only", TO(inner.connect), false, RESTART(inner.connect)},
    {"inner.ca_file", Text, "", 1, 4096, "", "with connect: certificate of the inside's authority, in PEM", TO(inner.ca_file)},
    {"inner.certificate_file", Text, "", 1, 4096, "", "with connect: this node's certificate, in PEM", TO(inner.certificate_file)},
    {"inner.key_file", Text, "", 1, 4096, "", "with connect: its private key, mode 0600; made on this host and never taken elsewhere", TO(inner.key_file)},
    {"inner.from", TextList, "[]", 0, 100, "", "on the inside: addresses and networks that gateway hosts connect from; others are closed at once; for the firewall's rules too; empty: anywhere", LIST(inner.from)},
    {"inner.enroll_port", Number, "7460", 1, 65535, "", "inner port where nodes get and renew their certificates", NUMBER(inner.enroll_port), false, RESTART(inner.enroll_port)},
    {"inner.auth_port", Number, "7461", 1, 65535, "", "inner port of the role channel: logins, and orders to end sessions", NUMBER(inner.auth_port), false, RESTART(inner.auth_port)},
    {"inner.mailstore_port", Number, "7462", 1, 65535, "", "inner port of IMAP and POP3 sessions", NUMBER(inner.mailstore_port), false, RESTART(inner.mailstore_port)},
    {"inner.mta_port", Number, "7463", 1, 65535, "", "inner port of SMTP sessions", NUMBER(inner.mta_port), false, RESTART(inner.mta_port)},
    {"inner.egress_port", Number, "7464", 0, 65535, "", "inner port of sessions with a [[server]]; not opened without one; 0 on a gateway's host: there is none", NUMBER(inner.egress_port), false, RESTART(inner.egress_port)},

    {"users.gateway", Text, "\"buzon-gateway\"", 1, 32, "", "user of the role when started as root", TO(users.gateway), false, RESTART(users.gateway)},
    {"users.auth", Text, "\"buzon-auth\"", 1, 32, "", "user of the role when started as root", TO(users.auth), false, RESTART(users.auth)},
    {"users.mailstore", Text, "\"buzon-mailstore\"", 1, 32, "", "user of the role when started as root", TO(users.mailstore), false, RESTART(users.mailstore)},
    {"users.mta", Text, "\"buzon-mta\"", 1, 32, "", "user of the role when started as root", TO(users.mta), false, RESTART(users.mta)},
    {"users.egress", Text, "\"buzon-egress\"", 1, 32, "", "user of the role when started as root", TO(users.egress), false, RESTART(users.egress)},
    {"users.admin", Text, "\"buzon-admin\"", 1, 32, "", "user of the role when started as root", TO(users.admin), false, RESTART(users.admin)},
    {"users.connector", Text, "\"buzon-connector\"", 1, 32, "", "user of the role when started as root; only on a gateway's host", TO(users.connector), false, RESTART(users.connector)},
    {"users.inner", Text, "\"buzon-inner\"", 1, 32, "", "user of the role when started as root; only with inner.listen", TO(users.inner), false, RESTART(users.inner)},
    {"users.ntlm", Text, "\"buzon-ntlm\"", 1, 32, "", "user of ntlm.helper when started as root: a member of the group that may use winbind's privileged pipe (winbindd_priv)", TO(users.ntlm), false, RESTART(users.ntlm)},
};

constexpr Key<ListenerConfig> kListenerKeys[] = {
    {"name", Text, "", 1, 32, "", "unique name, for the log", [](ListenerConfig& l, KeyValue v) { l.name = v.text; }, true},
    {"service", Text, "", 1, 16, "imap|pop3|submission|mx|lmtp", "what is spoken there",
     [](ListenerConfig& l, KeyValue v) {
       l.front = v.text == "imap" ? roles::Front::Imap
               : v.text == "pop3" ? roles::Front::Pop3
               : v.text == "submission" ? roles::Front::Submission
               : v.text == "mx" ? roles::Front::Mx : roles::Front::Lmtp;
     }, true},
    {"address", Text, "\"::\"", 1, 45, "", "numeric address; \"::\" is every address, IPv4 too", [](ListenerConfig& l, KeyValue v) { l.address = v.text; }},
    {"port", Number, "", 1, 65535, "", "TCP port", [](ListenerConfig& l, KeyValue v) { l.port = static_cast<uint16_t>(v.number); }, true},
    {"tls", Text, "\"implicit\"", 1, 16, "implicit|starttls|none", "none: passwords and mail in clear, only on a loopback or private address; lmtp knows nothing else, mx needs starttls",
     [](ListenerConfig& l, KeyValue v) { l.tls = tls_of(v.text); }},
    {"mechanisms", TextList, "[\"PLAIN\", \"LOGIN\", \"SCRAM-SHA-256\"]", 0, 32, "", "login mechanisms offered under TLS, best first for clients that take the first; on mx too, for phones that know port 25 only. PLAIN, LOGIN, SCRAM-SHA-1, -256 and -512, each also with -PLUS, CRAM-MD5, DIGEST-MD5, NTLM, EXTERNAL, OAUTHBEARER, XOAUTH2", [](ListenerConfig& l, KeyValue v) { l.mechanisms = std::move(v.texts); }},
    {"client_certificates", Text, "\"off\"", 3, 8, "off|optional|required", "ask clients for a certificate in the TLS handshake; needed for EXTERNAL",
     [](ListenerConfig& l, KeyValue v) {
       using roles::ClientCertificates;
       l.client_certificates = v.text == "off" ? ClientCertificates::Off
                             : v.text == "optional" ? ClientCertificates::Optional : ClientCertificates::Required;
     }},
    {"tls_profile", Text, "", 1, 16, "modern|intermediate|legacy", "unset: tls.profile. legacy also speaks TLS 1.0 and 1.1 with old suites, for phones before iOS 9: whoever can listen may read those sessions; give such phones a port of their own",
     [](ListenerConfig& l, KeyValue v) { l.tls_profile = profile_of(v.text); }},
    {"proxy_protocol_from", TextList, "[]", 0, 100, "", "addresses and networks of balancers that begin each connection with a PROXY protocol header (version 1 or 2), whose client address is then believed; set: who is not listed, or sends none, is refused", [](ListenerConfig& l, KeyValue v) { l.proxy_protocol_from = std::move(v.texts); }},
    {"node", Text, "", 1, 32, "", "name of the node (`buzon node list`) whose gateway opens this listener; this host then only knows of it", [](ListenerConfig& l, KeyValue v) { l.node = std::move(v.text); }},
    {"imap_capabilities", Text, "", 1, 1000, "", "what IMAP shows before login, without AUTH= and STARTTLS; unset: what our own store can do, or while there are [[server]]s what any can: \"IMAP4rev1 SASL-IR ID\"", [](ListenerConfig& l, KeyValue v) { l.imap_capabilities = std::move(v.text); }},
};

constexpr Key<DirectoryConfig> kDirectoryKeys[] = {
    {"name", Text, "", 1, 32, "", "unique name, letters, digits and \"-\"; never change it: the numbers of its users hang on it", [](DirectoryConfig& d, KeyValue v) { d.name = std::move(v.text); }, true},
    {"type", Text, "", 1, 16, "openldap|ad|opendirectory", "kind of server: which filters and attributes are meant", [](DirectoryConfig& d, KeyValue v) { d.type = std::move(v.text); }, true},
    {"servers", TextList, "", 1, 16, "", "\"ldap://HOST[:PORT]\" (StartTLS) or \"ldaps://HOST[:PORT]\", asked in this order; the certificate must be of HOST. \"ldap+plain://127.0.0.1\" for loopback only", [](DirectoryConfig& d, KeyValue v) { d.servers = std::move(v.texts); }, true},
    {"base", Text, "", 1, 1024, "", "DN below which users are", [](DirectoryConfig& d, KeyValue v) { d.base = std::move(v.text); }, true},
    {"group_base", Text, "", 1, 1024, "", "DN below which groups are; unset: base", [](DirectoryConfig& d, KeyValue v) { d.group_base = std::move(v.text); }},
    {"bind_dn", Text, "", 1, 1024, "", "service account that searches; unset: anonymous", [](DirectoryConfig& d, KeyValue v) { d.bind_dn = std::move(v.text); }},
    {"bind_password_file", Text, "", 1, 4096, "", "file that holds its password, mode 0600", [](DirectoryConfig& d, KeyValue v) { d.bind_password_file = std::move(v.text); }},
    {"ca_file", Text, "", 1, 4096, "", "roots in PEM that the servers' certificates must come from; unset: the system's", [](DirectoryConfig& d, KeyValue v) { d.ca_file = std::move(v.text); }},
    {"mode", Text, "\"bind\"", 1, 16, "bind|secrets", "bind: passwords are checked by a bind as the user (PLAIN, LOGIN); secrets: the service account reads userPassword and the like", [](DirectoryConfig& d, KeyValue v) { d.reads_secrets = v.text == "secrets"; }},
    {"user_filter", Text, "", 1, 2000, "", "finds who logs in: {user} as typed, {address} completed, {local}, {domain}; unset: of the type", [](DirectoryConfig& d, KeyValue v) { d.user_filter = std::move(v.text); }},
    {"address_filter", Text, "", 1, 2000, "", "finds who has the mail address {address}; unset: of the type", [](DirectoryConfig& d, KeyValue v) { d.address_filter = std::move(v.text); }},
    {"group_filter", Text, "", 1, 2000, "", "finds the group with the mail address {address}; unset: of the type", [](DirectoryConfig& d, KeyValue v) { d.group_filter = std::move(v.text); }},
    {"groups", Flag, "true", 0, 0, "", "groups with a mail address are distribution lists", [](DirectoryConfig& d, KeyValue v) { d.groups = v.flag; }},
    {"attributes", TextList, "[]", 0, 32, "", "other attributes than the type's: \"mail=primaryMail,otherMail\"; fields: id, login, name, mail, alias, send_as, quota, mail_host, server_type, disabled, expires, password, nt_hash, scram, changed, member, member_uid", [](DirectoryConfig& d, KeyValue v) { d.attributes = std::move(v.texts); }},
    {"require_group", Text, "", 1, 1024, "", "DN of the group whose members have mail here; others cannot log in and take no mail", [](DirectoryConfig& d, KeyValue v) { d.require_group = std::move(v.text); }},
    {"time", Duration, "\"3s\"", 100, kMinute, "", "most that a login waits for this directory, all its servers together", [](DirectoryConfig& d, KeyValue v) { d.time = roles::Millis(v.number); }},
    {"server_time", Duration, "\"1s\"", 50, kMinute, "", "of it, for one server before the next is asked", [](DirectoryConfig& d, KeyValue v) { d.server_time = roles::Millis(v.number); }},
    {"fresh", Duration, "\"60s\"", 0, kHour, "", "an answer or a password found right saves the next question for so long", [](DirectoryConfig& d, KeyValue v) { d.fresh = roles::Millis(v.number); }},
    {"stale", Duration, "\"1h\"", 0, kDay, "", "older answers are still used while the directory does not answer", [](DirectoryConfig& d, KeyValue v) { d.stale = roles::Millis(v.number); }},
    {"negative", Duration, "\"10s\"", 0, kHour, "", "how long it is remembered that somebody is not there", [](DirectoryConfig& d, KeyValue v) { d.negative = roles::Millis(v.number); }},
    {"bind_connections", Number, "4", 1, 100, "", "connections for binds per server", [](DirectoryConfig& d, KeyValue v) { d.bind_connections = static_cast<unsigned>(v.number); }},
    {"max_group_members", Number, "1000", 1, 10'000, "", "a larger group takes no mail", [](DirectoryConfig& d, KeyValue v) { d.max_group_members = static_cast<unsigned>(v.number); }},
    {"max_group_depth", Number, "5", 1, 20, "", "groups of groups are followed so far", [](DirectoryConfig& d, KeyValue v) { d.max_group_depth = static_cast<unsigned>(v.number); }},
};

constexpr Key<CertificateConfig> kCertificateKeys[] = {
    {"certificate_file", Text, "", 1, 4096, "", "chain of one more certificate, for clients that ask for one of its names (SNI); for the same names one ECDSA and one RSA may stand side by side", [](CertificateConfig& c, KeyValue v) { c.certificate_file = std::move(v.text); }, true},
    {"key_file", Text, "", 1, 4096, "", "its private key in PEM, mode 0600", [](CertificateConfig& c, KeyValue v) { c.key_file = std::move(v.text); }, true},
    {"ocsp_file", Text, "", 1, 4096, "", "OCSP response in DER to be stapled to it", [](CertificateConfig& c, KeyValue v) { c.ocsp_file = std::move(v.text); }},
    {"acme_names", TextList, "", 1, 100, "", "made and renewed by ACME for these names, with an ECDSA key; the two files need not be there yet", [](CertificateConfig& c, KeyValue v) { c.acme_names = std::move(v.texts); }},
};

#define SERVER_TEXT(field) [](ServerConfig& s, KeyValue v) { s.field = std::move(v.text); }
#define SERVER_PORT(field) [](ServerConfig& s, KeyValue v) { s.field = static_cast<uint16_t>(v.number); }
#define SERVER_TLS(field) [](ServerConfig& s, KeyValue v) { s.field = tls_of(v.text); }
constexpr Key<ServerConfig> kServerKeys[] = {
    {"name", Text, "", 1, 32, "", "unique name, for [[route]], `buzon account route` and the log", SERVER_TEXT(name), true},
    {"host", Text, "", 1, 253, "", "its DNS name or numeric address; unset: only hosts that the directory names (see hosts)", SERVER_TEXT(host)},
    {"hosts", TextList, "[]", 0, 100, "", "mail hosts that the directory may name for an account, with the settings of this table: \"mail7.example.net\", \"*.example.net\"", [](ServerConfig& s, KeyValue v) { s.hosts = std::move(v.texts); }},
    {"imap_port", Number, "993", 0, 65535, "", "0: no IMAP there", SERVER_PORT(imap_port)},
    {"imap_tls", Text, "\"implicit\"", 1, 16, "implicit|starttls|none", "none: only to a loopback or private address", SERVER_TLS(imap_tls)},
    {"pop3_port", Number, "0", 0, 65535, "", "995, say; 0: no POP3 there", SERVER_PORT(pop3_port)},
    {"pop3_tls", Text, "\"implicit\"", 1, 16, "implicit|starttls|none", "as imap_tls", SERVER_TLS(pop3_tls)},
    {"submission_port", Number, "0", 0, 65535, "", "587, say; 0: its users submit through us", SERVER_PORT(submission_port)},
    {"submission_tls", Text, "\"starttls\"", 1, 16, "implicit|starttls|none", "as imap_tls", SERVER_TLS(submission_tls)},
    {"delivery", Text, "\"smtp\"", 1, 16, "smtp|lmtp", "how mail for its accounts is brought there", [](ServerConfig& s, KeyValue v) { s.lmtp = v.text == "lmtp"; }},
    {"delivery_port", Number, "0", 0, 65535, "", "25 or 24, say; 0: we take no mail for its accounts", SERVER_PORT(delivery_port)},
    {"delivery_tls", Text, "\"starttls\"", 1, 16, "implicit|starttls|none", "as imap_tls; the certificate is checked here too", SERVER_TLS(delivery_tls)},
    {"tls_name", Text, "", 1, 253, "", "name that its certificate must bear; unset: the host's", SERVER_TEXT(tls_name)},
    {"tls_ca_file", Text, "", 1, 4096, "", "roots in PEM that its certificate must come from; unset: the system's", SERVER_TEXT(tls_ca_file)},
    {"login", Text, "\"user\"", 1, 16, "user|master", "user: with the password the user gave us (PLAIN, LOGIN), with the master user after other mechanisms; master: always as master user", SERVER_TEXT(login)},
    {"login_name", Text, "\"address\"", 1, 16, "address|local", "how the user is called there: ana@example.org or ana", SERVER_TEXT(login_name)},
    {"master_user", Text, "", 1, 255, "", "a user there who may log in for others", SERVER_TEXT(master_user)},
    {"master_password_file", Text, "", 1, 4096, "", "file that holds its password, mode 0600", SERVER_TEXT(master_password_file)},
    {"master_style", Text, "\"user*master\"", 1, 16, "user*master|sasl-authzid", "how the master user says for whom: in the name, or as the authorization identity (RFC 4616)", SERVER_TEXT(master_style)},
    {"send_client", Text, "\"none\"", 1, 16, "none|id|xclient|proxy|proxy-v1", "how it is told the client's address; it must trust us for that: ID of IMAP, XCLIENT (and ID), or a PROXY protocol header of version 2 or 1 before anything else", SERVER_TEXT(send_client)},
    {"sent_copy", Flag, "true", 0, 0, "", "the master user files what is submitted through us in the user's Sent mailbox there, unless the client does; without master_user there is none", [](ServerConfig& s, KeyValue v) { s.sent_copy = v.flag; }},
    {"sent_mailbox", Text, "", 1, 200, "", "name of that mailbox (in ASCII) where the server marks none as \\Sent; unset: the usual ones", SERVER_TEXT(sent_mailbox)},
};

constexpr Key<RouteConfig> kRouteKeys[] = {
    {"account", Text, "", 1, 254, "", "login name", [](RouteConfig& r, KeyValue v) { r.account = base::lower(v.text); }},
    {"domain", Text, "", 1, 253, "", "domain of the login name", [](RouteConfig& r, KeyValue v) { r.domain = base::lower(v.text); }},
    {"attribute", Text, "", 1, 64, "", "attribute of the account's entry in a [[directory]] whose value decides", [](RouteConfig& r, KeyValue v) { r.attribute = std::move(v.text); }},
    {"value", Text, "", 1, 253, "", "that value, whatever its case; \"*\": any", [](RouteConfig& r, KeyValue v) { r.value = std::move(v.text); }},
    {"group", Text, "", 1, 1024, "", "DN of a group in a [[directory]] that the account is a member of", [](RouteConfig& r, KeyValue v) { r.group = std::move(v.text); }},
    {"type", Text, "", 1, 32, "", "server type that the directory gives the account", [](RouteConfig& r, KeyValue v) { r.type = std::move(v.text); }},
    {"server", Text, "", 1, 32, "", "name of a [[server]]; \"-\": our own mail store", [](RouteConfig& r, KeyValue v) { r.server = std::move(v.text); }, true},
};

constexpr Key<imap::ClientRule> kClientKeys[] = {
    {"name", Text, "", 1, 100, "", "what the client calls itself in the field \"name\" of its ID, whatever its case; \"Foo*\": anything that begins so. The log shows it (event=imap_id)", [](imap::ClientRule& r, KeyValue v) { r.name = std::move(v.text); }, true},
    {"version", Text, "", 1, 100, "", "the field \"version\" likewise; unset: any", [](imap::ClientRule& r, KeyValue v) { r.version = std::move(v.text); }},
    {"hide", TextList, "[]", 0, 100, "", "capabilities that are not offered to it: \"THREAD=REFS\", or \"COMPRESS\" whatever stands behind \"=\"", [](imap::ClientRule& r, KeyValue v) { r.hide = std::move(v.texts); }},
    {"show", TextList, "[]", 0, 100, "", "capabilities that are offered although a table further down, or a built-in rule, hides them", [](imap::ClientRule& r, KeyValue v) { r.show = std::move(v.texts); }},
    {"reason", Text, "", 1, 500, "", "why, for those who come after you", [](imap::ClientRule& r, KeyValue v) { r.reason = std::move(v.text); }, true},
};
// clang-format on

}  // namespace

std::span<const Key<Config>> config_keys() { return kKeys; }
std::span<const Key<ListenerConfig>> listener_keys() { return kListenerKeys; }
std::span<const Key<DirectoryConfig>> directory_keys() { return kDirectoryKeys; }
std::span<const Key<CertificateConfig>> certificate_keys() { return kCertificateKeys; }
std::span<const Key<ServerConfig>> server_keys() { return kServerKeys; }
std::span<const Key<RouteConfig>> route_keys() { return kRouteKeys; }
std::span<const Key<imap::ClientRule>> client_keys() { return kClientKeys; }

std::string_view describe(KeyKind kind) {
  switch (kind) {
    case Text:
      return "a text in quotes";
    case TextList:
      return "a list of texts: [\"a\", \"b\"]";
    case Number:
      return "a whole number";
    case Duration:
      return "a duration in quotes: \"100ms\", \"90s\", \"10m\", \"2h\" or \"5d\"";
    case Size:
      return "a size in quotes: \"512B\", \"64KiB\", \"50MiB\" or \"1GiB\"";
    case Flag:
      return "true or false";
  }
  return "";
}

}  // namespace bz::app

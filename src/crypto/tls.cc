#include "crypto/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/text.h"
#include "crypto/acme_alpn.h"
#include "crypto/ocsp.h"
#include "crypto/openssl_ptr.h"
#include "crypto/pem.h"
#include "crypto/tls_tickets.h"

namespace bz::crypto {

namespace {

// TLS 1.2: forward secrecy and AEAD only; TLS 1.3 has nothing else. AES-256 leaves the order to the client's hardware.
constexpr const char* kSuites12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kSuites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// Phones before iOS 9 know 1.0 only, the oldest no forward secrecy. Level 0: TLS below 1.2 signs with SHA-1.
constexpr const char* kSuitesLegacy =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"
    "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:AES128-SHA:AES256-SHA:@SECLEVEL=0";
constexpr const char* kSuitesProbe = "ALL:!aNULL:!eNULL:@SECLEVEL=0";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr long kTicketLife = 86'400;  // seconds: phones come back in the morning; two rotations of twelve hours

struct Staple {
  std::string response;
  int64_t next_update;
};

// What the callbacks of every context of one server need. Shared by those contexts.
struct ServerPolicy {
  std::vector<std::string> alpn;
  std::unique_ptr<TicketRing> tickets;    // nullptr: OpenSSL's own
  std::map<const X509*, Staple> staples;  // by the contexts' own certificates
};
// What the first context keeps beside it: the contexts of the names it does not answer itself.
struct ServerExtra {
  std::shared_ptr<ServerPolicy> policy;
  std::shared_ptr<const AcmeChallenges> challenges{};      // TLS-ALPN-01; nullptr: not here
  std::map<std::string, TlsContext, std::less<>> by_name;  // exact and "*.example.org"; not valid: stay with the first
};

void free_extra(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<ServerExtra*>(data); }

int extra_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_extra);
  return index;
}

ServerExtra* extra_of(SSL_CTX* ctx) { return static_cast<ServerExtra*>(SSL_CTX_get_ex_data(ctx, extra_index())); }
ServerPolicy& policy_of(SSL* ssl) { return *extra_of(SSL_get_SSL_CTX(ssl))->policy; }

const TlsContext* find_host(const ServerExtra& extra, std::string_view name) {
  std::string lower = base::lower(name);
  if (auto it = extra.by_name.find(lower); it != extra.by_name.end()) return &it->second;
  size_t dot = lower.find('.');
  if (dot == lower.npos) return nullptr;
  auto it = extra.by_name.find("*" + lower.substr(dot));
  return it == extra.by_name.end() ? nullptr : &it->second;
}

// An unknown name gets the first host's certificate: refusing would lock out clients with a typing error for no gain.
int on_server_name(SSL* ssl, int*, void* argument) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  const TlsContext* host = find_host(*static_cast<ServerExtra*>(argument), name);
  if (host && host->valid()) SSL_set_SSL_CTX(ssl, host->get());
  return SSL_TLSEXT_ERR_OK;
}

int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
            void*) {
  for (const std::string& ours : policy_of(ssl).alpn)
    for (unsigned at = 0; at < in_size; at += in[at] + 1u) {
      if (in[at] + 1u > in_size - at) return SSL_TLSEXT_ERR_NOACK;
      if (std::string_view(reinterpret_cast<const char*>(in + at + 1), in[at]) != ours) continue;
      *out = in + at + 1;
      *out_size = in[at];
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_NOACK;
}

std::string_view hello_extension(SSL* ssl, unsigned type) {
  const unsigned char* bytes = nullptr;
  size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, type, &bytes, &size) != 1) return {};
  return {reinterpret_cast<const char*>(bytes), size};
}

// The one host name of a server_name extension (RFC 6066 section 3); empty: another form.
std::string_view hello_name(SSL* ssl) {
  std::string_view in = hello_extension(ssl, TLSEXT_TYPE_server_name);
  constexpr size_t kHead = 5;  // length of the list, type 0, length of the name
  if (in.size() <= kHead || in[2] != 0) return {};
  auto number = [&](size_t at) { return static_cast<size_t>(u8(in)[at]) << 8 | u8(in)[at + 1]; };
  return number(0) == in.size() - 2 && number(3) == in.size() - kHead ? in.substr(kHead) : std::string_view();
}

// RFC 8737 section 3: an authority's validator offers "acme-tls/1" alone and names the host. Everybody else, and a
// validator whose name is not being proved here, goes on as any client.
int on_client_hello(SSL* ssl, int*, void* argument) {
  constexpr std::string_view kOnlyAcme(
      "\x00\x0b\x0a"
      "acme-tls/1",
      13);
  const ServerExtra& extra = *static_cast<const ServerExtra*>(argument);
  if (hello_extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation) != kOnlyAcme)
    return SSL_CLIENT_HELLO_SUCCESS;
  const TlsContext* context = extra.challenges->find(hello_name(ssl));
  if (!context) return SSL_CLIENT_HELLO_SUCCESS;
  // What a connection has from the server's own context stays with it: tickets and the wish for client certificates.
  SSL_set_SSL_CTX(ssl, context->get());
  SSL_set_options(ssl, SSL_OP_NO_TICKET);
  SSL_set_num_tickets(ssl, 0);
  SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
  return SSL_CLIENT_HELLO_SUCCESS;
}

// RFC 5077 5.2, 5.3: 1 done, 2 done and a newer key is in use, 0 the key is not known, -1 failed.
int on_ticket(SSL* ssl, unsigned char name[16], unsigned char iv[EVP_MAX_IV_LENGTH], EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int encrypt) {
  const ServerExtra* extra = extra_of(SSL_get_SSL_CTX(ssl));
  if (!extra) return 0;  // a challenge is being answered
  const std::vector<TicketRing::Key>& ring = extra->policy->tickets->keys();
  auto key = ring.begin();
  if (encrypt == 1) {
    std::memcpy(name, key->name.data(), key->name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else {
    key = std::find_if(ring.begin(), ring.end(),
                       [&](const auto& k) { return std::memcmp(name, k.name.data(), k.name.size()) == 0; });
    if (key == ring.end()) return 0;
  }
  char digest[] = "SHA256";
  OSSL_PARAM with[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key->mac.data()), key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, with) != 1) return -1;
  if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv, encrypt) != 1) return -1;
  return encrypt == 1 || key == ring.begin() ? 1 : 2;
}

// RFC 6066 section 8. The certificate has been chosen by now; OpenSSL frees what it is given.
int on_status_request(SSL* ssl, void*) {
  const auto& staples = policy_of(ssl).staples;
  auto it = staples.find(SSL_get_certificate(ssl));
  if (it == staples.end() || base::system_clock().unix_seconds() >= it->second.next_update) return SSL_TLSEXT_ERR_NOACK;
  const std::string& response = it->second.response;
  void* copy = OPENSSL_memdup(response.data(), response.size());
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<int>(response.size()));
  return SSL_TLSEXT_ERR_OK;
}

int accept_any_client_certificate(int, X509_STORE_CTX*) { return 1; }

int least_version(TlsProfile profile) {
  return profile == TlsProfile::Modern         ? TLS1_3_VERSION
         : profile == TlsProfile::Intermediate ? TLS1_2_VERSION
                                               : TLS1_VERSION;
}

bool set_common_policy(SSL_CTX* ctx, TlsProfile profile, const char* legacy_suites) {
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const char* suites = profile == TlsProfile::Legacy ? legacy_suites : kSuites12;
  return SSL_CTX_set_min_proto_version(ctx, least_version(profile)) == 1 && SSL_CTX_set_cipher_list(ctx, suites) == 1 &&
         SSL_CTX_set_ciphersuites(ctx, kSuites13) == 1 && SSL_CTX_set1_groups_list(ctx, kGroups) == 1;
}

Result<void> use_pair(SSL_CTX* ctx, const CertifiedKey& pair) {
  BZ_TRY_VOID(check_certified_key(pair));
  BZ_TRY(auto chain, parse_certificates(pair.chain_pem, kMaxChain));
  BZ_TRY(PkeyPtr key, parse_private_key(pair.key_pem));
  if (SSL_CTX_use_certificate(ctx, chain[0].get()) != 1 || SSL_CTX_use_PrivateKey(ctx, key.get()) != 1)
    return openssl_error(Errc::Invalid, "certificate");
  SSL_CTX_clear_chain_certs(ctx);
  for (size_t i = 1; i < chain.size(); ++i)
    if (SSL_CTX_add1_chain_cert(ctx, chain[i].get()) != 1) return openssl_error(Errc::Invalid, "certificate chain");
  return {};
}

// The response for the certificate that the context has just taken, when it is one that clients will believe.
void use_staple(SSL_CTX* ctx, const CertifiedKey& pair, ServerPolicy& policy) {
  if (pair.staple.empty()) return;
  int64_t now = base::system_clock().unix_seconds();
  auto facts = check_staple(pair.staple, pair.chain_pem, now);
  if (facts && usable(*facts, now)) policy.staples[SSL_CTX_get0_certificate(ctx)] = {pair.staple, facts->next_update};
}

Result<void> ask_for_certificates(SSL_CTX* ctx, const TlsServerOptions& options) {
  using enum ClientCertificates;
  if (options.client_certificates == Off) return {};
  if (options.client_certificates == Unverified) {
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any_client_certificate);
    return {};
  }
  if (!options.client_authorities.valid()) return fail(Errc::Invalid, "client certificates need a CA");
  bool required = options.client_certificates == Required;
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_CTX_set_verify_depth(ctx, kMaxChain);
  SSL_CTX_set1_cert_store(ctx, options.client_authorities.get());
  // Nor may a session begun where nobody was asked be resumed here.
  std::string_view session_context = required ? "buzon, certificate required" : "buzon, certificate";
  BZ_CHECK(SSL_CTX_set_session_id_context(ctx, u8(session_context), static_cast<unsigned>(session_context.size())) == 1,
           "a session context has at most 32 bytes");
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(ctx, 0);
  BZ_TRY(auto roots, parse_certificates(options.client_authorities.ca_pem(), kMaxRoots));
  for (const X509Ptr& root : roots)
    if (SSL_CTX_add_client_CA(ctx, root.get()) != 1) return openssl_error(Errc::Internal, "names of client CAs");
  return {};
}

using Pairs = std::vector<const CertifiedKey*>;

Result<TlsContext> make_host(const TlsServerOptions& options, const std::shared_ptr<ServerPolicy>& policy,
                             const Pairs& pairs) {
  if (pairs.empty()) return fail(Errc::Invalid, "a host without certificate");
  TlsContext out(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = out.get();
  if (!ctx || !set_common_policy(ctx, options.profile, kSuitesLegacy)) return openssl_error(Errc::Internal, "TLS context");
  auto* extra = new ServerExtra{policy, {}, {}};  // owned by the context from the next line on
  BZ_CHECK(SSL_CTX_set_ex_data(ctx, extra_index(), extra) == 1, "no memory for a TLS context");
  SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);  // tickets only: nothing to keep between workers
  SSL_CTX_set_num_tickets(ctx, 1);
  SSL_CTX_set_timeout(ctx, kTicketLife);
  constexpr std::string_view kSessionContext = "buzon";
  SSL_CTX_set_session_id_context(ctx, u8(kSessionContext), kSessionContext.size());
  // OpenSSL asks the context that SNI has chosen for some of these and the first one for others: all have all.
  if (policy->tickets) SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
  if (!policy->alpn.empty()) SSL_CTX_set_alpn_select_cb(ctx, on_alpn, nullptr);
  SSL_CTX_set_tlsext_status_cb(ctx, on_status_request);
  for (const CertifiedKey* pair : pairs) {
    BZ_TRY_VOID(use_pair(ctx, *pair));
    use_staple(ctx, *pair, *policy);
  }
  BZ_TRY_VOID(ask_for_certificates(ctx, options));
  return out;
}

struct Candidate {
  const CertifiedKey* pair;
  CertificateFacts facts;
  bool rsa() const { return facts.key_type.starts_with("RSA "); }
  bool names(const std::string& name) const {
    return std::find(facts.names.begin(), facts.names.end(), name) != facts.names.end();
  }
};

// The first key of each kind for a name, those that name it before those whose wildcard covers it.
Pairs pairs_for(const std::vector<Candidate>& all, const std::string& name) {
  Pairs out;
  for (bool rsa : {false, true}) {
    auto find = [&](auto covers) {
      return std::find_if(all.begin(), all.end(), [&](const Candidate& c) { return c.rsa() == rsa && covers(c); });
    };
    auto it = find([&](const Candidate& c) { return c.names(name); });
    if (it == all.end()) it = find([&](const Candidate& c) { return certificate_covers(c.facts, name); });
    if (it != all.end()) out.push_back(it->pair);
  }
  return out;
}

Result<std::vector<Candidate>> candidates_of(const TlsServerOptions& options) {
  std::vector<Candidate> out;
  for (const auto& host : options.hosts) {
    if (host.empty()) return fail(Errc::Invalid, "a host without certificate");
    for (const CertifiedKey& pair : host) {
      BZ_TRY(CertificateFacts facts, read_certificate(pair.chain_pem));
      out.push_back({&pair, std::move(facts)});
    }
  }
  return out;
}

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* take) : context_(take, [](ssl_ctx_st* c) { SSL_CTX_free(c); }) {
  if (!take) context_ = nullptr;
}

Result<TlsContext> make_tls_server(const TlsServerOptions& options) {
  if (options.hosts.empty()) return fail(Errc::Invalid, "no certificate");
  auto policy = std::make_shared<ServerPolicy>();
  policy->alpn = options.alpn;
  for (const Secret& key : options.ticket_keys) {
    if (key.reveal().size() < kTicketKeySize) return fail(Errc::Invalid, "a ticket key is shorter than 32 bytes");
  }
  if (!options.ticket_keys.empty()) policy->tickets = std::make_unique<TicketRing>(options.ticket_keys);
  BZ_TRY(auto candidates, candidates_of(options));
  Pairs of_first;
  for (const CertifiedKey& pair : options.hosts[0]) of_first.push_back(&pair);
  BZ_TRY(TlsContext first, make_host(options, policy, of_first));
  ServerExtra* extra = extra_of(first.get());
  std::map<Pairs, TlsContext> made{{of_first, TlsContext()}};  // not valid: "stay"
  for (const Candidate& candidate : candidates) {
    for (const std::string& name : candidate.facts.names) {
      if (extra->by_name.contains(name)) continue;
      Pairs pairs = pairs_for(candidates, name);
      auto it = made.find(pairs);
      if (it == made.end()) {
        BZ_TRY(TlsContext host, make_host(options, policy, pairs));
        it = made.emplace(pairs, std::move(host)).first;
      }
      extra->by_name.emplace(name, it->second);
    }
  }
  // A certificate without any name still answers as the first one; every other pair is checked even if no name leads to it.
  for (const Candidate& candidate : candidates) {
    BZ_TRY_VOID(check_certified_key(*candidate.pair));
  }
  SSL_CTX_set_tlsext_servername_callback(first.get(), on_server_name);
  SSL_CTX_set_tlsext_servername_arg(first.get(), extra);
  extra->challenges = options.challenges;
  if (extra->challenges) SSL_CTX_set_client_hello_cb(first.get(), on_client_hello, extra);
  return first;
}

Result<TlsContext> make_tls_client(const TlsClientOptions& options) {
  TlsContext out(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* ctx = out.get();
  if (!ctx || !set_common_policy(ctx, options.profile, kSuitesProbe)) return openssl_error(Errc::Internal, "TLS context");
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  if (options.check == PeerCheck::Required && options.ca_pem.empty() && !options.system_roots)
    return fail(Errc::Invalid, "a client that checks needs roots");
  SSL_CTX_set_verify(ctx, options.check == PeerCheck::Required ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_verify_depth(ctx, kMaxChain);
  if (options.profile == TlsProfile::Legacy) SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);  // a probe
  if (options.check == PeerCheck::Required && options.system_roots) SSL_CTX_set_default_verify_paths(ctx);
  if (!options.ca_pem.empty()) {
    BZ_TRY(auto roots, parse_certificates(options.ca_pem, kMaxRoots));
    for (const X509Ptr& root : roots)
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root.get()) != 1)
        return openssl_error(Errc::Invalid, "trusted root");
  }
  if (options.client_certificate.size() > 1) return fail(Errc::Invalid, "more than one client certificate");
  for (const CertifiedKey& pair : options.client_certificate) {
    BZ_TRY_VOID(use_pair(ctx, pair));
  }
  (void)take_tls_errors();  // a machine without a system bundle
  return out;
}

Result<void> prepare_client(ssl_st* ssl, std::string_view host) {
  std::string name(host);
  if (name.ends_with('.')) name.pop_back();
  if (name.empty() || name.size() > 253 || name.find('\0') != name.npos) return fail(Errc::Invalid, "host name");
  X509_VERIFY_PARAM* check = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (X509_VERIFY_PARAM_set1_ip_asc(check, name.c_str()) == 1) return {};  // RFC 6066 3: no SNI for addresses
  (void)take_tls_errors();
  if (X509_VERIFY_PARAM_set1_host(check, name.data(), name.size()) != 1 || SSL_set_tlsext_host_name(ssl, name.c_str()) != 1)
    return openssl_error(Errc::Invalid, "host name");
  return {};
}

namespace {

std::string der_of(X509* certificate) {
  unsigned char* der = nullptr;
  int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

// RFC 5929 section 3: the first Finished message of the last handshake.
std::string tls_unique(ssl_st* ssl) {
  if (SSL_version(ssl) != TLS1_2_VERSION || SSL_get_extms_support(ssl) != 1) return {};
  bool client_was_first = SSL_session_reused(ssl) != 1;
  bool ours = client_was_first != (SSL_is_server(ssl) == 1);
  char finished[EVP_MAX_MD_SIZE];
  size_t size =
      ours ? SSL_get_finished(ssl, finished, sizeof finished) : SSL_get_peer_finished(ssl, finished, sizeof finished);
  return std::string(finished, std::min(size, sizeof finished));
}

// RFC 5929 section 4.1: the hash of the server's certificate by its signature's hash, SHA-256 in place of MD5 and SHA-1.
// EdDSA has no hash and no binding.
std::string tls_server_end_point(ssl_st* ssl) {
  if (SSL_session_reused(ssl) == 1) return {};
  X509* certificate = SSL_is_server(ssl) == 1 ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
  int nid = NID_undef;
  if (!certificate || X509_get_signature_info(certificate, &nid, nullptr, nullptr, nullptr) != 1) return {};
  if (nid == NID_md5 || nid == NID_sha1) nid = NID_sha256;
  const EVP_MD* hash = EVP_get_digestbynid(nid);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!hash || X509_digest(certificate, hash, out, &size) != 1) return {};
  return std::string(reinterpret_cast<char*>(out), size);
}

std::vector<std::string> verified_chain(ssl_st* ssl) {
  std::vector<std::string> out;
  STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
  if (!chain || SSL_get_verify_result(ssl) != X509_V_OK) return out;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* certificate = sk_X509_value(chain, i);
    if (i > 0 && X509_self_signed(certificate, 0) == 1) break;
    out.push_back(der_of(certificate));
  }
  return out;
}

}  // namespace

TlsFacts tls_facts(ssl_st* ssl) {
  TlsFacts facts;
  facts.version = SSL_get_version(ssl);
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl)) {
    facts.cipher = SSL_CIPHER_get_name(cipher);
    facts.bits = SSL_CIPHER_get_bits(cipher, nullptr);
  }
  if (const char* sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) facts.sni = sni;
  const unsigned char* alpn = nullptr;
  unsigned alpn_size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
  if (alpn) facts.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  if (X509Ptr peer(SSL_get1_peer_certificate(ssl)); peer) facts.peer_sha256 = facts_of(peer.get(), 1).sha256;
  // RFC 9266 4.2: TLS 1.2 without the extended master secret has no unique exporter.
  if (SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) == 1) {
    constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    facts.exporter.resize(32);
    if (SSL_export_keying_material(ssl, u8(facts.exporter), 32, kLabel.data(), kLabel.size(), nullptr, 0, 1) != 1)
      facts.exporter.clear();
  }
  facts.unique = tls_unique(ssl);
  facts.server_end_point = tls_server_end_point(ssl);
  facts.peer_chain = verified_chain(ssl);
  facts.resumed = SSL_session_reused(ssl) == 1;
  (void)take_tls_errors();
  return facts;
}

PeerCertificates peer_certificates(ssl_st* ssl) {
  PeerCertificates out;
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);  // of a client: the leaf is in it
  for (int i = 0; i < sk_X509_num(chain) && out.chain.size() < kMaxChain; ++i)
    out.chain.push_back(certificate_der(sk_X509_value(chain, i)));
  const unsigned char* response = nullptr;
  long size = SSL_get_tlsext_status_ocsp_resp(ssl, &response);
  if (response && size > 0) out.staple.assign(reinterpret_cast<const char*>(response), static_cast<size_t>(size));
  return out;
}

std::string verify_error(ssl_st* ssl) {
  long code = SSL_get_verify_result(ssl);
  return code == X509_V_OK ? "" : X509_verify_cert_error_string(code);
}

}  // namespace bz::crypto

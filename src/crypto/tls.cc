#include "crypto/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/openssl_ptr.h"
#include "crypto/pem.h"

namespace bz::crypto {

namespace {

// TLS 1.2: forward secrecy and AEAD only; TLS 1.3 has nothing else. AES-256 leaves the order to the client's hardware.
constexpr const char* kSuites12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kSuites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr size_t kOpensslTicketKeys = 80;  // name 16, HMAC 32, AES 32
constexpr size_t kMinTicketSecret = 32;

// What a server context keeps beside OpenSSL's own: the contexts of further hosts and the ALPN list.
struct ServerExtra {
  std::map<std::string, TlsContext, std::less<>> by_name;  // exact and "*.example.org"
  std::vector<std::string> alpn;
};

void free_extra(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<ServerExtra*>(data); }

int extra_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_extra);
  return index;
}

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

int on_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
            void* argument) {
  for (const std::string& ours : static_cast<ServerExtra*>(argument)->alpn)
    for (unsigned at = 0; at < in_size; at += in[at] + 1u) {
      if (in[at] + 1u > in_size - at) return SSL_TLSEXT_ERR_NOACK;
      if (std::string_view(reinterpret_cast<const char*>(in + at + 1), in[at]) != ours) continue;
      *out = in + at + 1;
      *out_size = in[at];
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_NOACK;
}

int accept_any_client_certificate(int, X509_STORE_CTX*) { return 1; }

bool set_common_policy(SSL_CTX* ctx) {
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 && SSL_CTX_set_cipher_list(ctx, kSuites12) == 1 &&
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

Result<void> use_ticket_keys(SSL_CTX* ctx, const Secret& secret) {
  if (secret.empty()) return {};
  if (secret.reveal().size() < kMinTicketSecret) return fail(Errc::Invalid, "the ticket secret is shorter than 32 bytes");
  std::string keys = hkdf(Hash::Sha256, secret.reveal(), "", "buzon tls tickets 1", kOpensslTicketKeys);
  long done = SSL_CTX_set_tlsext_ticket_keys(ctx, keys.data(), static_cast<long>(keys.size()));
  base::wipe(keys.data(), keys.size());
  if (done != 1) return openssl_error(Errc::Internal, "ticket keys");
  return {};
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

Result<TlsContext> make_host(const TlsServerOptions& options, const std::vector<CertifiedKey>& pairs) {
  if (pairs.empty()) return fail(Errc::Invalid, "a host without certificate");
  TlsContext out(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = out.get();
  if (!ctx || !set_common_policy(ctx)) return openssl_error(Errc::Internal, "TLS context");
  SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);  // tickets only: nothing to keep between workers
  SSL_CTX_set_num_tickets(ctx, 1);
  constexpr std::string_view kSessionContext = "buzon";
  SSL_CTX_set_session_id_context(ctx, u8(kSessionContext), kSessionContext.size());
  BZ_TRY_VOID(use_ticket_keys(ctx, options.ticket_secret));
  for (const CertifiedKey& pair : pairs) {
    BZ_TRY_VOID(use_pair(ctx, pair));
  }
  BZ_TRY_VOID(ask_for_certificates(ctx, options));
  return out;
}

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* take) : context_(take, [](ssl_ctx_st* c) { SSL_CTX_free(c); }) {
  if (!take) context_ = nullptr;
}

Result<TlsContext> make_tls_server(const TlsServerOptions& options) {
  if (options.hosts.empty()) return fail(Errc::Invalid, "no certificate");
  BZ_TRY(TlsContext first, make_host(options, options.hosts[0]));
  auto* extra = new ServerExtra;  // owned by the context from the next line on
  BZ_CHECK(SSL_CTX_set_ex_data(first.get(), extra_index(), extra) == 1, "no memory for a TLS context");
  extra->alpn = options.alpn;
  for (size_t i = 1; i < options.hosts.size(); ++i) {
    BZ_TRY(TlsContext host, make_host(options, options.hosts[i]));
    BZ_TRY(CertificateFacts facts, read_certificate(options.hosts[i][0].chain_pem));
    for (const std::string& name : facts.names) extra->by_name.emplace(name, host);
  }
  // The first host's own names win over another host's wildcard: an empty context means "stay".
  BZ_TRY(CertificateFacts own, read_certificate(options.hosts[0][0].chain_pem));
  for (const std::string& name : own.names) extra->by_name[name] = TlsContext();
  SSL_CTX_set_tlsext_servername_callback(first.get(), on_server_name);
  SSL_CTX_set_tlsext_servername_arg(first.get(), extra);
  if (!options.alpn.empty()) SSL_CTX_set_alpn_select_cb(first.get(), on_alpn, extra);
  return first;
}

Result<TlsContext> make_tls_client(const TlsClientOptions& options) {
  TlsContext out(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* ctx = out.get();
  if (!ctx || !set_common_policy(ctx)) return openssl_error(Errc::Internal, "TLS context");
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  if (options.check == PeerCheck::Required && options.ca_pem.empty() && !options.system_roots)
    return fail(Errc::Invalid, "a client that checks needs roots");
  SSL_CTX_set_verify(ctx, options.check == PeerCheck::Required ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_verify_depth(ctx, kMaxChain);
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

std::string verify_error(ssl_st* ssl) {
  long code = SSL_get_verify_result(ssl);
  return code == X509_V_OK ? "" : X509_verify_cert_error_string(code);
}

}  // namespace bz::crypto

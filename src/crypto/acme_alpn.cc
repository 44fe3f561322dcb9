#include "crypto/acme_alpn.h"

#include <openssl/ssl.h>

#include "base/text.h"
#include "crypto/openssl_ptr.h"
#include "crypto/pem.h"

namespace bz::crypto {
namespace {

int choose_acme(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char*, unsigned, void*) {
  *out = reinterpret_cast<const unsigned char*>(kAcmeProtocol);
  *out_size = sizeof kAcmeProtocol - 1;
  return SSL_TLSEXT_ERR_OK;
}

// Without it OpenSSL would ask the server's own context, which would put its certificate back.
int keep_context(SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; }

Result<TlsContext> make_context(const CertifiedKey& pair) {
  BZ_TRY(auto chain, parse_certificates(pair.chain_pem, kMaxChain));
  BZ_TRY(PkeyPtr key, parse_private_key(pair.key_pem));
  TlsContext out(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = out.get();
  // RFC 8737 section 3: TLS 1.2 at least.
  if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) return openssl_error(Errc::Internal, "TLS context");
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(ctx, 0);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(ctx, choose_acme, nullptr);
  SSL_CTX_set_tlsext_servername_callback(ctx, keep_context);
  if (SSL_CTX_use_certificate(ctx, chain[0].get()) != 1 || SSL_CTX_use_PrivateKey(ctx, key.get()) != 1)
    return openssl_error(Errc::Invalid, "challenge certificate");
  return out;
}

}  // namespace

Result<void> AcmeChallenges::set(const std::string& name, const CertifiedKey& pair) {
  BZ_TRY(TlsContext context, make_context(pair));
  std::string key = base::lower(name);
  if (contexts_.size() >= kMax && !contexts_.contains(key)) return fail(Errc::Limit, "too many challenges at once");
  contexts_[std::move(key)] = std::move(context);
  return {};
}

void AcmeChallenges::remove(const std::string& name) { contexts_.erase(base::lower(name)); }

const TlsContext* AcmeChallenges::find(std::string_view name) const {
  auto it = contexts_.find(base::lower(name));
  return it == contexts_.end() ? nullptr : &it->second;
}

}  // namespace bz::crypto

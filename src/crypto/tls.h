// TLS policy in one place: ECDHE with AEAD suites, X25519 first, no compression, no renegotiation, buffers released when
// idle, one session ticket; three profiles of protocol versions. A context is immutable once made and may be shared by
// threads and connections; replacing certificates means making a new one (old connections keep theirs: SSL holds a
// reference).
//
// net/stream calls: SSL_new(ctx.get()), for clients prepare_client(ssl, host), then the handshake, then tls_facts(ssl).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/client_certificate.h"
#include "crypto/x509.h"

struct ssl_ctx_st;
struct ssl_st;

namespace bz::crypto {

class AcmeChallenges;

// Owns one reference of an SSL_CTX.
class TlsContext {
 public:
  TlsContext() = default;
  explicit TlsContext(ssl_ctx_st* take);
  bool valid() const { return context_ != nullptr; }
  ssl_ctx_st* get() const { return context_.get(); }

 private:
  std::shared_ptr<ssl_ctx_st> context_;  // shared: listeners and streams of many sessions hold it
};

enum class ClientCertificates : uint8_t {
  Off,
  Unverified,  // asked for, any is taken: its SHA-256 is in TlsFacts, trust is decided above
  Optional,    // asked for; one that does not verify ends the handshake
  Required,    // none, too
};

enum class TlsProfile : uint8_t {
  Modern,        // 1.3 only
  Intermediate,  // 1.2 and 1.3, AEAD suites with forward secrecy: the rule (RFC 9325)
  Legacy,        // also 1.0 and 1.1 (RFC 8996 forbids them), CBC suites and RSA key exchange: for phones before iOS 9
};

struct TlsServerOptions {
  // The first host, of one or two certified keys (ECDSA before RSA), answers clients that send no SNI or an unknown one.
  // For a name of any certificate (its SAN) the first ECDSA and the first RSA key that cover it stand side by side: exact
  // names before wildcards, earlier hosts before later ones (RFC 6066 section 3, RFC 6125 section 6.4.3).
  std::vector<std::vector<CertifiedKey>> hosts{};
  // Shared by all workers and kept over a reload, so that tickets work everywhere: the first encrypts, all decrypt (see
  // tls_tickets.h). Empty: each context draws its own.
  std::vector<Secret> ticket_keys{};
  TlsProfile profile = TlsProfile::Intermediate;
  std::vector<std::string> alpn{};  // offered protocols, e.g. "imap"; a client without a common one goes on without ALPN
  // Optional and Required need authorities, and give no session tickets: a resumed session has no chain to look at.
  ClientCertificates client_certificates = ClientCertificates::Off;
  ClientAuthorities client_authorities{};
  // Answers of TLS-ALPN-01 (acme_alpn.h), which come and go while the context lives; nullptr: none here.
  std::shared_ptr<const AcmeChallenges> challenges{};
};
// A staple that is not for its certificate or has run out is left out: whoever reads the files says so.
Result<TlsContext> make_tls_server(const TlsServerOptions& options);

enum class PeerCheck : uint8_t {
  Required,  // chain and name must be right
  None,      // opportunistic TLS between mail hosts (RFC 7435): encrypt, believe nothing
};
struct TlsClientOptions {
  std::string ca_pem{};      // trusted roots; empty with system_roots=false and Required is refused
  bool system_roots = true;  // also the system's bundle
  PeerCheck check = PeerCheck::Required;
  TlsProfile profile = TlsProfile::Intermediate;   // Legacy also takes keys and signatures that are too weak: probes only
  std::vector<CertifiedKey> client_certificate{};  // none or one
};
Result<TlsContext> make_tls_client(const TlsClientOptions& options);

// SNI and, for Required contexts, the name to check (DNS name or IP address). Before the handshake.
Result<void> prepare_client(ssl_st* ssl, std::string_view host);

// Known after the handshake; for the log, the hand-over and channel binding.
struct TlsFacts {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
  int bits = 0;         // of the cipher
  std::string sni;      // empty: none sent
  std::string alpn;
  std::string peer_sha256;  // of the peer certificate's DER, hex; empty: none
  std::string exporter;  // RFC 9266 "EXPORTER-Channel-Binding", 32 raw bytes; empty where undefined (TLS 1.2 without EMS)
  // RFC 5929. tls-unique: TLS 1.2 with the extended master secret only (RFC 7627). tls-server-end-point: not on a resumed
  // session, which does not say which of two certificates the client once saw.
  std::string unique, server_end_point;
  std::vector<std::string> peer_chain;  // DER, leaf first, without the root; only if verified
  bool resumed = false;
};
TlsFacts tls_facts(ssl_st* ssl);

// What the server sent, in DER and in its order, and the OCSP response stapled to it (empty: none). For the linter.
struct PeerCertificates {
  std::vector<std::string> chain;
  std::string staple;
};
PeerCertificates peer_certificates(ssl_st* ssl);

// The reasons on OpenSSL's per-thread error queue as one line, emptied: "tlsv1 alert unknown ca".
std::string take_tls_errors();
// Verification result of a failed client handshake in words; empty: none.
std::string verify_error(ssl_st* ssl);

}  // namespace bz::crypto

// Client certificates: whom we believe, and what a certificate says of its owner. The same check is made twice, by the TLS
// handshake of the gateway and by auth over the chain the gateway passes on.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"

struct x509_store_st;

namespace bz::crypto {

// CA certificates and revocation lists. Immutable once made; may be shared by threads.
class ClientAuthorities {
 public:
  ClientAuthorities() = default;
  // PEM. Empty `crl_pem`: nothing is revoked; otherwise a certificate whose issuer has no current list here is refused.
  static Result<ClientAuthorities> make(std::string_view ca_pem, std::string_view crl_pem);
  bool valid() const { return store_ != nullptr; }
  x509_store_st* get() const { return store_.get(); }
  const std::string& ca_pem() const { return ca_pem_; }

 private:
  std::shared_ptr<x509_store_st> store_;  // shared: TLS contexts hold it too
  std::string ca_pem_;
};

// Who a verified certificate says its owner is.
struct ClientIdentity {
  std::string sha256;               // of the DER, hex
  std::string subject;              // one line
  std::string common_name;          // UTF-8; empty: none
  std::vector<std::string> emails;  // SAN rfc822Name
  std::vector<std::string> upns;    // SAN otherName 1.3.6.1.4.1.311.20.2.3 (user principal name)
};

// SHA-256 of the DER, raw, of the one certificate in a PEM text. Invalid: none, or more than one.
Result<std::string> certificate_sha256(std::string_view pem);

inline constexpr size_t kMaxClientChain = 10, kMaxClientCertificate = 16 << 10;  // bytes of one

// `chain`: DER, the client's certificate first. Denied, with the reason: no chain to a CA of ours, expired, revoked, not
// for client authentication (RFC 5280 4.2.1.12). Invalid: not certificates.
Result<ClientIdentity> verify_client_certificate(const std::vector<std::string>& chain,
                                                 const ClientAuthorities& authorities, const base::Clock& clock);

}  // namespace bz::crypto

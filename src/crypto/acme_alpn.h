// Certificates that answer the TLS-ALPN-01 challenge of an authority (RFC 8737): shown only to a client that offers the
// protocol "acme-tls/1" and nothing else, for the one name that is being proved. One thread: that of the handshakes.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/env.h"
#include "crypto/tls.h"
#include "crypto/x509.h"

namespace bz::crypto {

inline constexpr char kAcmeProtocol[] = "acme-tls/1";

// Self-signed for `name` alone, with the digest of the key authorization (RFC 8737 section 3), good for a week.
Result<CertifiedKey> make_challenge_certificate(const std::string& name, std::string_view key_authorization,
                                                const base::Clock& clock, base::Random& random);

class AcmeChallenges {
 public:
  static constexpr size_t kMax = 100;
  // Limit: too many at once. Invalid: certificate and key.
  Result<void> set(const std::string& name, const CertifiedKey& pair);
  void remove(const std::string& name);
  // nullptr: that name is not being proved now. Lower or upper case.
  const TlsContext* find(std::string_view name) const;

 private:
  std::map<std::string, TlsContext, std::less<>> contexts_;  // by the name in lower case
};

}  // namespace bz::crypto

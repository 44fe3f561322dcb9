// One certificate from the order to the chain (RFC 8555 section 7.4): each name is proved by a challenge, the request is
// made with a new key, and what comes back is checked as if a stranger had sent it. One thread.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "acme/session.h"
#include "crypto/x509.h"

namespace bz::acme {

inline constexpr char kHttp01[] = "http-01", kTlsAlpn01[] = "tls-alpn-01", kDns01[] = "dns-01";

// What has to be shown for one name.
struct Proof {
  std::string name;               // without "*."
  std::string token;              // base64url signs only
  std::string authorization;      // RFC 8555 section 8.1
  std::string dns_value() const;  // of the TXT record (section 8.4)
};
// Shows proofs to the authority.
class Solver {
 public:
  virtual ~Solver() = default;
  virtual std::string_view type() const = 0;  // "http-01"
  // Done when the authority may look.
  virtual Task<Result<void>> present(Proof proof) = 0;
  virtual Task<void> withdraw(Proof proof) = 0;
};

struct Want {
  std::vector<std::string> names;  // the first one foremost
  crypto::KeyKind kind = crypto::KeyKind::EcdsaP256;
};
// The order may take twenty minutes. On an error nothing is left behind but what the authority remembers.
Task<Result<crypto::CertifiedKey>> issue(Session& session, Solver& solver, Want want);

// Chain and key fit, all names are covered, phones would take it; the chain comes out in order. Roots are not judged: the
// administrator has chosen the authority.
Result<crypto::CertifiedKey> check_issued(std::string_view chain_pem, Secret key_pem, const Want& want, int64_t now);

}  // namespace bz::acme

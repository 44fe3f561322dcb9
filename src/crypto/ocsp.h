// OCSP (RFC 6960) for stapling: which responder to ask, the question, and whether an answer is good enough to be stapled.
// Bytes in, facts out: nothing is opened or sent here. Responses are hostile until checked. Any thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::crypto {

inline constexpr size_t kMaxOcspResponse = 32 << 10;  // it travels in one handshake

enum class CertificateStatus : uint8_t { Good, Revoked, Unknown };

struct StapleFacts {
  CertificateStatus status = CertificateStatus::Unknown;
  int64_t this_update = 0, next_update = 0;  // Unix seconds
};

// The answer of the responder for the first certificate of the chain: signed by its issuer, which must be the second of
// the chain, or by whom the issuer has appointed (RFC 6960 section 4.2.2.2); this_update is not in the future. An answer
// without next_update is refused: nobody could tell when to drop it. Invalid otherwise, with a text.
// Whether it is still fresh and says Good is for the caller: see usable().
Result<StapleFacts> check_staple(std::string_view response_der, std::string_view chain_pem, int64_t now);
inline bool usable(const StapleFacts& facts, int64_t now) {
  return facts.status == CertificateStatus::Good && now < facts.next_update;
}

struct OcspQuestion {
  std::string url;          // of the responder, from the certificate (AIA)
  std::string request_der;  // without a nonce: responders answer from a store (RFC 5019)
};
// NotFound: the certificate names no responder. Invalid: the chain lacks the issuer.
Result<OcspQuestion> ocsp_question(std::string_view chain_pem);

}  // namespace bz::crypto

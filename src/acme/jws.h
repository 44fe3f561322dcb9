// Requests of an ACME client: JSON Web Signatures by the account's key (RFC 7515, RFC 8555 sections 6.2 and 7.3.4).
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/es256.h"

namespace bz::acme {

// The public key as RFC 7638 hashes it.
std::string jwk(const crypto::Es256Key& key);
std::string thumbprint(const crypto::Es256Key& key);
// RFC 8555 section 8.1; what a challenge shows.
std::string key_authorization(std::string_view token, const crypto::Es256Key& key);

struct Signing {
  std::string_view account;  // its address; empty: the key itself stands in the header (newAccount)
  std::string_view nonce, url;
};
// The body of a POST; an empty payload is a POST-as-GET (section 6.3).
Result<std::string> signed_body(const crypto::Es256Key& key, const Signing& signing, std::string_view payload);
// The binding to an account that the authority has elsewhere, as a JSON object. `mac_key`: raw bytes.
std::string external_binding(const crypto::Es256Key& key, std::string_view key_id, const Secret& mac_key,
                             std::string_view new_account_url);

}  // namespace bz::acme

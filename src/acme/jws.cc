#include "acme/jws.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "crypto/digest.h"

namespace bz::acme {
namespace {

namespace json = boost::json;

json::string text(std::string_view value) { return json::string(value.data(), value.size()); }

std::string flattened(std::string_view protected_part, std::string_view payload, std::string_view signature) {
  json::object out;
  out["protected"] = text(protected_part);
  out["payload"] = text(payload);
  out["signature"] = text(base::base64url(signature));
  return json::serialize(out);
}

}  // namespace

std::string jwk(const crypto::Es256Key& key) {
  return R"({"crv":"P-256","kty":"EC","x":")" + base::base64url(key.x()) + R"(","y":")" + base::base64url(key.y()) + "\"}";
}

std::string thumbprint(const crypto::Es256Key& key) { return base::base64url(crypto::sha256(jwk(key))); }

std::string key_authorization(std::string_view token, const crypto::Es256Key& key) {
  return std::string(token) + "." + thumbprint(key);
}

Result<std::string> signed_body(const crypto::Es256Key& key, const Signing& signing, std::string_view payload) {
  json::object head;
  head["alg"] = "ES256";
  if (signing.account.empty()) {
    head["jwk"] = json::parse(jwk(key));
  } else {
    head["kid"] = text(signing.account);
  }
  head["nonce"] = text(signing.nonce);
  head["url"] = text(signing.url);
  const std::string first = base::base64url(json::serialize(head)), second = base::base64url(payload);
  BZ_TRY(std::string signature, key.sign(first + "." + second));
  return flattened(first, second, signature);
}

std::string external_binding(const crypto::Es256Key& key, std::string_view key_id, const Secret& mac_key,
                             std::string_view new_account_url) {
  json::object head;
  head["alg"] = "HS256";
  head["kid"] = text(key_id);
  head["url"] = text(new_account_url);
  const std::string first = base::base64url(json::serialize(head)), second = base::base64url(jwk(key));
  return flattened(first, second, crypto::hmac(crypto::Hash::Sha256, mac_key.reveal(), first + "." + second));
}

}  // namespace bz::acme

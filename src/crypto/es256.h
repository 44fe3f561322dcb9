// A P-256 key that signs as JSON Web Signatures want it (ES256, RFC 7518 section 3.4). Any thread.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

struct evp_pkey_st;

namespace bz::crypto {

class Es256Key {
 public:
  static Result<Es256Key> make();
  static Result<Es256Key> from_pem(const Secret& pem);  // Invalid: no P-256 key
  Result<Secret> pem() const;                           // PKCS#8
  // r and s, 32 bytes each.
  Result<std::string> sign(std::string_view message) const;
  // The public point, 32 bytes each.
  const std::string& x() const { return x_; }
  const std::string& y() const { return y_; }

 private:
  static Result<Es256Key> take(evp_pkey_st* key);
  std::shared_ptr<evp_pkey_st> key_;  // shared: a copy is the same key
  std::string x_, y_;
};

}  // namespace bz::crypto

#include "crypto/es256.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>

#include "crypto/openssl_ptr.h"
#include "crypto/pem.h"

namespace bz::crypto {
namespace {

using BignumPtr = OpensslPtr<BIGNUM, BN_free>;
using EcdsaSigPtr = OpensslPtr<ECDSA_SIG, ECDSA_SIG_free>;
constexpr int kCoordinate = 32;

// Empty: the key has no such number, or a larger one than P-256 has.
std::string coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return {};
  BignumPtr owned(number);
  std::string out(kCoordinate, '\0');
  return BN_bn2binpad(number, u8(out), kCoordinate) == kCoordinate ? out : std::string();
}

}  // namespace

Result<Es256Key> Es256Key::take(evp_pkey_st* key) {
  Es256Key out;
  out.key_ = std::shared_ptr<evp_pkey_st>(key, [](evp_pkey_st* k) { EVP_PKEY_free(k); });
  char group[32] = "";
  size_t size = 0;
  const bool named = key && EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1;
  if (!named || std::string_view(group, size) != "prime256v1") return openssl_error(Errc::Invalid, "no P-256 key");
  out.x_ = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
  out.y_ = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
  if (out.x_.empty() || out.y_.empty()) return openssl_error(Errc::Invalid, "P-256 key");
  return out;
}

Result<Es256Key> Es256Key::make() { return take(EVP_EC_gen("P-256")); }

Result<Es256Key> Es256Key::from_pem(const Secret& pem) {
  BZ_TRY(PkeyPtr key, parse_private_key(pem));
  return take(key.release());
}

Result<Secret> Es256Key::pem() const { return private_key_pem(key_.get()); }

Result<std::string> Es256Key::sign(std::string_view message) const {
  MdCtxPtr context(EVP_MD_CTX_new());
  unsigned char der[128];
  size_t size = sizeof der;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), der, &size, u8(message), message.size()) != 1)
    return openssl_error(Errc::Internal, "signing");
  const unsigned char* at = der;
  EcdsaSigPtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  std::string out(2 * kCoordinate, '\0');
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), u8(out), kCoordinate) != kCoordinate ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), u8(out) + kCoordinate, kCoordinate) != kCoordinate)
    return openssl_error(Errc::Internal, "signature");
  return out;
}

}  // namespace bz::crypto

#include "crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "crypto/openssl_ptr.h"
#include "crypto/tls.h"

namespace bz::crypto {

namespace {

using BignumPtr = OpensslPtr<BIGNUM, BN_free>;
using BuilderPtr = OpensslPtr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using ParamsPtr = OpensslPtr<OSSL_PARAM, OSSL_PARAM_free>;
using EcdsaSigPtr = OpensslPtr<ECDSA_SIG, ECDSA_SIG_free>;
constexpr int kMinRsaBits = 2048, kMaxRsaBits = 8192;
constexpr size_t kCoordinate = 32;

BignumPtr number(std::string_view bytes) {
  return BignumPtr(BN_bin2bn(u8(bytes), static_cast<int>(bytes.size()), nullptr));
}

Result<PkeyPtr> key_from(const char* type, OSSL_PARAM* params) {
  PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    return openssl_error(Errc::Invalid, "public key");
  return PkeyPtr(key);
}

// r and s as DER, which is what OpenSSL checks; empty: not 64 bytes.
std::string to_der(std::string_view raw) {
  if (raw.size() != 2 * kCoordinate) return {};
  EcdsaSigPtr signature(ECDSA_SIG_new());
  BignumPtr r = number(raw.substr(0, kCoordinate)), s = number(raw.substr(kCoordinate));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.release(), s.release()) != 1) return {};
  unsigned char* der = nullptr;
  int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace

PublicKey::PublicKey(Kind kind, evp_pkey_st* take) : kind_(kind), key_(take, [](evp_pkey_st* k) { EVP_PKEY_free(k); }) {}

bool PublicKey::fits(SignatureAlgorithm algorithm) const {
  switch (algorithm) {
    case SignatureAlgorithm::Rs256:
    case SignatureAlgorithm::Ps256:
      return kind_ == Kind::Rsa;
    case SignatureAlgorithm::Es256:
      return kind_ == Kind::P256;
    case SignatureAlgorithm::Ed25519:
      return kind_ == Kind::Ed25519;
  }
  return false;
}

Result<PublicKey> PublicKey::rsa(std::string_view modulus, std::string_view exponent) {
  if (modulus.size() > kMaxRsaBits / 8 + 1 || exponent.size() > 8) return fail(Errc::Invalid, "RSA key too long");
  BignumPtr n = number(modulus), e = number(exponent);
  if (!n || !e || BN_num_bits(n.get()) < kMinRsaBits || BN_num_bits(n.get()) > kMaxRsaBits)
    return fail(Errc::Invalid, "an RSA key has 2048 to 8192 bits");
  if (!BN_is_odd(e.get()) || BN_is_one(e.get())) return fail(Errc::Invalid, "RSA exponent");
  BuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return openssl_error(Errc::Internal, "RSA key");
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  BZ_TRY(PkeyPtr key, key_from("RSA", params.get()));
  return PublicKey(Kind::Rsa, key.release());
}

Result<PublicKey> PublicKey::p256(std::string_view x, std::string_view y) {
  if (x.size() != kCoordinate || y.size() != kCoordinate) return fail(Errc::Invalid, "P-256 coordinates have 32 bytes");
  std::string point = "\x04" + std::string(x) + std::string(y);
  std::string group = "prime256v1";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
                         OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
                         OSSL_PARAM_construct_end()};
  BZ_TRY(PkeyPtr key, key_from("EC", params));
  return PublicKey(Kind::P256, key.release());
}

Result<PublicKey> PublicKey::ed25519(std::string_view bytes) {
  PkeyPtr key(bytes.size() == 32 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, u8(bytes), bytes.size())
                                 : nullptr);
  if (!key) return openssl_error(Errc::Invalid, "Ed25519 key");
  return PublicKey(Kind::Ed25519, key.release());
}

bool PublicKey::verify(SignatureAlgorithm algorithm, std::string_view message, std::string_view signature) const {
  if (!fits(algorithm)) return false;
  std::string der;
  if (algorithm == SignatureAlgorithm::Es256) {
    der = to_der(signature);
    if (der.empty()) return false;
    signature = der;
  }
  MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* details = nullptr;  // the context's
  const EVP_MD* hash = algorithm == SignatureAlgorithm::Ed25519 ? nullptr : EVP_sha256();
  bool ready = context && EVP_DigestVerifyInit(context.get(), &details, hash, nullptr, key_.get()) == 1;
  if (ready && algorithm == SignatureAlgorithm::Ps256)
    ready = EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) == 1;
  bool good = ready && EVP_DigestVerify(context.get(), u8(signature), signature.size(), u8(message), message.size()) == 1;
  (void)take_tls_errors();
  return good;
}

}  // namespace bz::crypto

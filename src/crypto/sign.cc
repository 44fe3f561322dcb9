#include "crypto/sign.h"

#include "crypto/openssl_ptr.h"

namespace bz::crypto {

namespace {
PkeyPtr private_pkey(const Secret& key) {
  return PkeyPtr(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, u8(key.reveal()), key.reveal().size()));
}
}  // namespace

SignKeyPair make_sign_key(base::Random& random) {
  SignKeyPair pair;
  pair.private_key = Secret(random.bytes(kSignKeySize));
  auto public_key = public_key_of(pair.private_key);
  BZ_CHECK(public_key.has_value(), "Ed25519 is not available");
  pair.public_key = *public_key;
  return pair;
}

Result<std::string> public_key_of(const Secret& private_key) {
  PkeyPtr key = private_pkey(private_key);
  if (!key) return openssl_error(Errc::Invalid, "Ed25519 private key");
  std::string out(kSignKeySize, '\0');
  size_t size = out.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), u8(out), &size) != 1 || size != kSignKeySize)
    return openssl_error(Errc::Internal, "Ed25519 public key");
  return out;
}

Result<std::string> sign(const Secret& private_key, std::string_view message) {
  PkeyPtr key = private_pkey(private_key);
  if (!key) return openssl_error(Errc::Invalid, "Ed25519 private key");
  MdCtxPtr ctx(EVP_MD_CTX_new());
  std::string out(kSignatureSize, '\0');
  size_t size = out.size();
  if (!ctx || EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(ctx.get(), u8(out), &size, u8(message), message.size()) != 1)
    return openssl_error(Errc::Internal, "Ed25519 sign");
  return out;
}

bool verify(std::string_view public_key, std::string_view message, std::string_view signature) {
  if (public_key.size() != kSignKeySize || signature.size() != kSignatureSize) return false;
  PkeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, u8(public_key), public_key.size()));
  MdCtxPtr ctx(EVP_MD_CTX_new());
  bool good = key && ctx && EVP_DigestVerifyInit(ctx.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
              EVP_DigestVerify(ctx.get(), u8(signature), signature.size(), u8(message), message.size()) == 1;
  if (!good) (void)openssl_error(Errc::Denied, "");  // leaves the thread's error queue empty
  return good;
}

}  // namespace bz::crypto

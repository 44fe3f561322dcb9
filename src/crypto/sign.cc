#include "crypto/sign.h"

#include <sodium.h>

#include "crypto/openssl_ptr.h"

namespace bz::crypto {

namespace {
static_assert(crypto_sign_ed25519_SEEDBYTES == kSignKeySize && crypto_sign_ed25519_PUBLICKEYBYTES == kSignKeySize &&
              crypto_sign_ed25519_BYTES == kSignatureSize);

// A login pays for one signature and one check: libsodium does both in less than half the time of OpenSSL 3.0.
bool ready() {
  static const bool started = sodium_init() >= 0;
  return started;
}

// libsodium's form: the seed and the public key behind it.
Result<Secret> full_key(const Secret& private_key) {
  if (!ready() || private_key.reveal().size() != kSignKeySize) return fail(Errc::Invalid, "Ed25519 private key");
  std::string out(kSignKeySize, '\0'), full(crypto_sign_ed25519_SECRETKEYBYTES, '\0');
  if (crypto_sign_ed25519_seed_keypair(u8(out), u8(full), u8(private_key.reveal())) != 0)
    return fail(Errc::Internal, "Ed25519 key");
  return Secret(std::move(full));
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
  BZ_TRY(const Secret key, full_key(private_key));
  return std::string(key.reveal().substr(kSignKeySize));
}

Result<std::string> sign(const Secret& private_key, std::string_view message) {
  BZ_TRY(const Secret key, full_key(private_key));
  std::string out(kSignatureSize, '\0');
  if (crypto_sign_ed25519_detached(u8(out), nullptr, u8(message), message.size(), u8(key.reveal())) != 0)
    return fail(Errc::Internal, "Ed25519 sign");
  return out;
}

bool verify(std::string_view public_key, std::string_view message, std::string_view signature) {
  if (!ready() || public_key.size() != kSignKeySize || signature.size() != kSignatureSize) return false;
  return crypto_sign_ed25519_verify_detached(u8(signature), u8(message), message.size(), u8(public_key)) == 0;
}

}  // namespace bz::crypto

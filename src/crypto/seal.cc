#include "crypto/seal.h"

#include "crypto/openssl_ptr.h"

namespace bz::crypto {

namespace {
constexpr char kVersion = 1;
constexpr size_t kNonceSize = 12, kTagSize = 16, kOverhead = 1 + kNonceSize + kTagSize;
constexpr size_t kMaxPlain = 1 << 20;
}  // namespace

Result<std::string> seal(const Secret& key, std::string_view context, std::string_view plain, base::Random& random) {
  if (key.reveal().size() != kSealKeySize) return fail(Errc::Invalid, "seal key is not 32 bytes");
  if (plain.size() > kMaxPlain || context.size() > kMaxPlain) return fail(Errc::TooLarge, "too long to seal");
  std::string nonce = random.bytes(kNonceSize);
  std::string cipher(plain.size(), '\0'), tag(kTagSize, '\0');
  CipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  int size = 0;
  unsigned char none[16];
  bool good = ctx && EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, u8(key.reveal()), u8(nonce)) == 1 &&
              EVP_EncryptUpdate(ctx.get(), nullptr, &size, u8(context), static_cast<int>(context.size())) == 1 &&
              EVP_EncryptUpdate(ctx.get(), u8(cipher), &size, u8(plain), static_cast<int>(plain.size())) == 1 &&
              EVP_EncryptFinal_ex(ctx.get(), none, &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, tag.data()) == 1;
  if (!good) return openssl_error(Errc::Internal, "AES-256-GCM");
  return std::string(1, kVersion) + nonce + cipher + tag;
}

Result<Secret> open_sealed(const Secret& key, std::string_view context, std::string_view sealed) {
  if (key.reveal().size() != kSealKeySize) return fail(Errc::Invalid, "seal key is not 32 bytes");
  if (sealed.size() < kOverhead || sealed.size() > kMaxPlain + kOverhead || context.size() > kMaxPlain ||
      sealed[0] != kVersion)
    return fail(Errc::Corrupt, "not a sealed value");
  std::string_view nonce = sealed.substr(1, kNonceSize);
  std::string_view cipher = sealed.substr(1 + kNonceSize, sealed.size() - kOverhead);
  std::string tag(sealed.substr(sealed.size() - kTagSize));
  std::string plain(cipher.size(), '\0');
  CipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  int size = 0;
  unsigned char none[16];
  bool good = ctx && EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, u8(key.reveal()), u8(nonce)) == 1 &&
              EVP_DecryptUpdate(ctx.get(), nullptr, &size, u8(context), static_cast<int>(context.size())) == 1 &&
              EVP_DecryptUpdate(ctx.get(), u8(plain), &size, u8(cipher), static_cast<int>(cipher.size())) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()) == 1 &&
              EVP_DecryptFinal_ex(ctx.get(), none, &size) == 1;
  Secret out(std::move(plain));
  if (!good) return openssl_error(Errc::Corrupt, "sealed under another key or for another record, or changed");
  return out;
}

}  // namespace bz::crypto

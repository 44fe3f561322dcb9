// MD5's compression states are read from OpenSSL's MD5_CTX: the EVP interface hides them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/md5.h>
#include <openssl/params.h>

#include <utility>

#include "base/check.h"
#include "base/secret.h"

namespace bz::crypto {

namespace {

const EVP_MD* algorithm(Hash hash) {
  switch (hash) {
    case Hash::Md5:
      return EVP_md5();
    case Hash::Sha1:
      return EVP_sha1();
    case Hash::Sha256:
      return EVP_sha256();
    case Hash::Sha512:
      return EVP_sha512();
  }
  BZ_CHECK(false, "unknown digest");
  return nullptr;
}

unsigned char* bytes_of(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }
const unsigned char* bytes_of(std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); }

std::array<uint32_t, 4> state_after_block(std::string_view block) {
  MD5_CTX ctx;
  MD5_Init(&ctx);
  MD5_Update(&ctx, block.data(), block.size());
  std::array<uint32_t, 4> state{ctx.A, ctx.B, ctx.C, ctx.D};
  base::wipe(&ctx, sizeof ctx);
  return state;
}

// Goes on where one 64-octet block left off: its 512 bits count in the padding.
std::string md5_from(const std::array<uint32_t, 4>& state, std::string_view bytes) {
  MD5_CTX ctx;
  MD5_Init(&ctx);
  ctx.A = state[0], ctx.B = state[1], ctx.C = state[2], ctx.D = state[3];
  ctx.Nl = 512;
  MD5_Update(&ctx, bytes.data(), bytes.size());
  std::string out(MD5_DIGEST_LENGTH, '\0');
  MD5_Final(bytes_of(out), &ctx);
  return out;
}

}  // namespace

size_t digest_size(Hash hash) { return static_cast<size_t>(EVP_MD_get_size(algorithm(hash))); }

std::string digest(Hash hash, std::string_view bytes) {
  std::string out(digest_size(hash), '\0');
  unsigned size = 0;
  BZ_CHECK(EVP_Digest(bytes.data(), bytes.size(), bytes_of(out), &size, algorithm(hash), nullptr) == 1, "digest failed");
  return out;
}

std::string hmac(Hash hash, std::string_view key, std::string_view bytes) {
  std::string out(digest_size(hash), '\0');
  unsigned size = 0;
  // A null key pointer would mean "the key of the last call".
  BZ_CHECK(HMAC(algorithm(hash), key.empty() ? "" : key.data(), static_cast<int>(key.size()), bytes_of(bytes), bytes.size(),
                bytes_of(out), &size) != nullptr,
           "HMAC failed");
  return out;
}

std::string pbkdf2(Hash hash, std::string_view password, std::string_view salt, uint32_t iterations, size_t length) {
  std::string out(length, '\0');
  BZ_CHECK(PKCS5_PBKDF2_HMAC(password.empty() ? "" : password.data(), static_cast<int>(password.size()), bytes_of(salt),
                             static_cast<int>(salt.size()), static_cast<int>(iterations), algorithm(hash),
                             static_cast<int>(length), bytes_of(out)) == 1,
           "PBKDF2 failed");
  return out;
}

std::string hkdf(Hash hash, std::string_view key, std::string_view salt, std::string_view info, size_t length) {
  size_t unit = digest_size(hash);
  BZ_CHECK(length <= 255 * unit, "HKDF: too long");
  std::string extracted = hmac(hash, salt.empty() ? std::string(unit, '\0') : std::string(salt), key);
  std::string out, block;
  for (uint8_t counter = 1; out.size() < length; ++counter) {
    block += info;
    block += static_cast<char>(counter);
    block = hmac(hash, extracted, block);
    out += block;
  }
  base::wipe(extracted.data(), extracted.size());
  out.resize(length);
  return out;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  BZ_CHECK(context_ && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1, "SHA-256 start failed");
}
Sha256::~Sha256() { EVP_MD_CTX_free(context_); }
Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}
void Sha256::update(std::string_view bytes) {
  BZ_CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1, "SHA-256 failed");
}
std::string Sha256::finish() {
  std::string out(32, '\0');
  BZ_CHECK(EVP_DigestFinal_ex(context_, bytes_of(out), nullptr) == 1, "SHA-256 end failed");
  BZ_CHECK(EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1, "SHA-256 start failed");
  return out;
}

std::string HmacMd5States::encode() const {
  std::string out;
  for (const auto* state : {&inner, &outer})
    for (uint32_t word : *state)
      for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(word >> shift);
  return out;
}

bool HmacMd5States::decode(std::string_view bytes, HmacMd5States& out) {
  if (bytes.size() != 32) return false;
  size_t at = 0;
  for (auto* state : {&out.inner, &out.outer})
    for (uint32_t& word : *state) {
      word = 0;
      for (int shift = 0; shift < 32; shift += 8) word |= uint32_t{static_cast<unsigned char>(bytes[at++])} << shift;
    }
  return true;
}

HmacMd5States hmac_md5_states(std::string_view key) {
  std::string block = key.size() > MD5_CBLOCK ? md5(key) : std::string(key);
  block.resize(MD5_CBLOCK, '\0');
  HmacMd5States states;
  for (char& c : block) c = static_cast<char>(c ^ 0x36);
  states.inner = state_after_block(block);
  for (char& c : block) c = static_cast<char>(c ^ 0x36 ^ 0x5c);
  states.outer = state_after_block(block);
  base::wipe(block.data(), block.size());
  return states;
}

std::string hmac_md5(const HmacMd5States& states, std::string_view bytes) {
  return md5_from(states.outer, md5_from(states.inner, bytes));
}

}  // namespace bz::crypto

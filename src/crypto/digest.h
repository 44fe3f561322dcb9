// Digests, keyed digests and key derivation on OpenSSL. Pure functions, any thread; they fail only when the process has no
// memory or OpenSSL lacks the algorithm, which stops the process. pbkdf2 is slow on purpose: pool only.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace bz::crypto {

enum class Hash : uint8_t { Md5, Sha1, Sha256, Sha512 };
size_t digest_size(Hash hash);

// All results are raw bytes.
std::string digest(Hash hash, std::string_view bytes);
inline std::string md5(std::string_view bytes) { return digest(Hash::Md5, bytes); }
inline std::string sha1(std::string_view bytes) { return digest(Hash::Sha1, bytes); }
inline std::string sha256(std::string_view bytes) { return digest(Hash::Sha256, bytes); }
inline std::string sha512(std::string_view bytes) { return digest(Hash::Sha512, bytes); }

std::string hmac(Hash hash, std::string_view key, std::string_view bytes);  // RFC 2104
std::string pbkdf2(Hash hash, std::string_view password, std::string_view salt, uint32_t iterations,
                   size_t length);  // RFC 8018 5.2
std::string hkdf(Hash hash, std::string_view key, std::string_view salt, std::string_view info, size_t length);  // RFC 5869

// Incremental SHA-256: update any number of times, then finish once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  std::string finish();  // 32 raw bytes; the object starts anew

 private:
  evp_md_ctx_st* context_;
};

// HMAC-MD5 cut in two (RFC 2195 section 2): the MD5 states after the inner and the outer key block. With them a CRAM-MD5
// answer can be checked without the password; whoever steals them can answer CRAM-MD5, so they are stored sealed.
struct HmacMd5States {
  std::array<uint32_t, 4> inner{}, outer{};
  std::string encode() const;  // 32 bytes
  static bool decode(std::string_view bytes, HmacMd5States& out);
};
HmacMd5States hmac_md5_states(std::string_view key);
std::string hmac_md5(const HmacMd5States& states, std::string_view bytes);  // equal to hmac(Hash::Md5, key, bytes)

}  // namespace bz::crypto

#include "crypto/password.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <sodium.h>

#include <cerrno>

#include "base/check.h"
#include "base/text.h"
#include "crypto/hash_memory.h"

namespace bz::crypto {

namespace {

constexpr size_t kSaltSize = 16, kHashSize = 32;
constexpr std::string_view kPrefix = "$argon2id$v=19$";

// "m=19456,t=2,p=1" of a PHC string.
std::optional<PasswordCost> cost_of(std::string_view verifier) {
  if (!verifier.starts_with(kPrefix) || verifier.size() > 512) return std::nullopt;
  std::string_view rest = verifier.substr(kPrefix.size());
  rest = rest.substr(0, rest.find('$'));
  auto parts = base::split(rest, ',');
  if (parts.size() != 3 || !parts[0].starts_with("m=") || !parts[1].starts_with("t=") || !parts[2].starts_with("p="))
    return std::nullopt;
  auto memory = base::parse_number<uint32_t>(parts[0].substr(2));
  auto passes = base::parse_number<uint32_t>(parts[1].substr(2));
  auto lanes = base::parse_number<uint32_t>(parts[2].substr(2));
  if (!memory || !passes || !lanes) return std::nullopt;
  return PasswordCost{*memory, *passes, *lanes};
}

std::string unpadded_base64(std::string_view bytes) {
  std::string text = base::base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::string> from_unpadded_base64(std::string_view text) {
  std::string padded(text);
  padded.resize((text.size() + 3) / 4 * 4, '=');
  return base::from_base64(padded);
}

std::string phc_string(const PasswordCost& cost, std::string_view salt, std::string_view hash) {
  return std::string(kPrefix) + "m=" + std::to_string(cost.memory_kib) + ",t=" + std::to_string(cost.passes) +
         ",p=" + std::to_string(cost.lanes) + "$" + unpadded_base64(salt) + "$" + unpadded_base64(hash);
}

// libsodium has vector code for AVX2 and AVX-512, Debian's libargon2 has none and takes 1.7 times as long; but libsodium
// knows one lane and salts of 16 bytes only. All hashes made here by default are such.
bool fits_sodium(const PasswordCost& cost, size_t salt_size, size_t hash_size) {
  return cost.lanes == 1 && salt_size == crypto_pwhash_argon2id_SALTBYTES && cost.memory_kib >= 8 && hash_size >= 16 &&
         hash_size <= 64;
}

Result<std::string> sodium_hash(const Secret& password, std::string_view salt, const PasswordCost& cost, size_t size) {
  static const bool ready = sodium_init() >= 0;
  BZ_CHECK(ready, "libsodium does not start");
  std::string out(size, '\0');
  std::string_view text = password.reveal();
  // After two passes the memory tells no more than the verifier does: to check a guess against any of it, all of the first
  // pass is needed. After a single one its first blocks would make guessing cheap.
  const HashMemory::Loan memory(size_t{cost.memory_kib} * 1024, cost.passes > 1);
  if (crypto_pwhash_argon2id(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(),
                             reinterpret_cast<const unsigned char*>(salt.data()), cost.passes,
                             size_t{cost.memory_kib} * 1024, crypto_pwhash_argon2id_ALG_ARGON2ID13) == 0)
    return out;
  return errno == ENOMEM ? fail(Errc::Unavailable, "no memory for Argon2id")
                         : fail(Errc::Invalid, "Argon2id parameters out of range");
}

Result<std::string> argon2_hash(const Secret& password, std::string_view salt, const PasswordCost& cost, size_t size) {
  std::string out(size, '\0');
  std::string_view text = password.reveal();
  int code = argon2id_hash_raw(cost.passes, cost.memory_kib, cost.lanes, text.data(), text.size(), salt.data(), salt.size(),
                               out.data(), out.size());
  if (code == ARGON2_OK) return out;
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR) return fail(Errc::Unavailable, "no memory for Argon2id");
  return fail(Errc::Invalid, argon2_error_message(code));
}

Result<std::string> argon2id(const Secret& password, std::string_view salt, const PasswordCost& cost, size_t size) {
  return fits_sodium(cost, salt.size(), size) ? sodium_hash(password, salt, cost, size)
                                              : argon2_hash(password, salt, cost, size);
}

}  // namespace

Result<std::string> hash_password(const Secret& password, const PasswordCost& cost, base::Random& random) {
  if (password.reveal().size() > kMaxPasswordSize) return fail(Errc::TooLarge, "password over 1024 bytes");
  std::string salt = random.bytes(kSaltSize);
  auto hash = argon2id(password, salt, cost, kHashSize);
  if (!hash) return hash.error();
  return phc_string(cost, salt, *hash);
}

Result<void> verify_password(std::string_view verifier, const Secret& password) {
  auto cost = cost_of(verifier);
  if (!cost || cost->memory_kib > 1024 * 1024 || cost->passes > 64 || cost->lanes > 64)
    return fail(Errc::Invalid, "not an Argon2id verifier within limits");
  if (password.reveal().size() > kMaxPasswordSize) return fail(Errc::AuthFailed, "password over 1024 bytes");
  auto fields = base::split(verifier.substr(kPrefix.size()), '$');
  auto salt = fields.size() == 3 ? from_unpadded_base64(fields[1]) : std::nullopt;
  auto hash = fields.size() == 3 ? from_unpadded_base64(fields[2]) : std::nullopt;
  if (!salt || !hash || hash->empty()) return fail(Errc::Invalid, "not an Argon2id verifier");
  auto made = argon2id(password, *salt, *cost, hash->size());
  if (!made) return made.error();
  if (CRYPTO_memcmp(made->data(), hash->data(), hash->size()) != 0) return fail(Errc::AuthFailed, "wrong password");
  return {};
}

bool needs_rehash(std::string_view verifier, const PasswordCost& cost) {
  auto have = cost_of(verifier);
  return !have || have->memory_kib < cost.memory_kib || have->passes < cost.passes;
}

// Salt and hash are both random: no password is known to give them.
std::string decoy_verifier(const PasswordCost& cost, base::Random& random) {
  std::string salt = random.bytes(kSaltSize);
  return phc_string(cost, salt, random.bytes(kHashSize));
}

}  // namespace bz::crypto

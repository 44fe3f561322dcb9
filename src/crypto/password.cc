#include "crypto/password.h"

#include <argon2.h>

#include "base/text.h"

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

Result<std::string> hash_with_salt(std::string_view password, std::string_view salt, const PasswordCost& cost) {
  std::string out(argon2_encodedlen(cost.passes, cost.memory_kib, cost.lanes, kSaltSize, kHashSize, Argon2_id), '\0');
  int code = argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, password.data(), password.size(), salt.data(),
                                   salt.size(), kHashSize, out.data(), out.size());
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR) return fail(Errc::Unavailable, "no memory for Argon2id");
  if (code != ARGON2_OK) return fail(Errc::Invalid, argon2_error_message(code));
  out.resize(out.find('\0'));
  return out;
}

}  // namespace

Result<std::string> hash_password(const Secret& password, const PasswordCost& cost, base::Random& random) {
  if (password.reveal().size() > kMaxPasswordSize) return fail(Errc::TooLarge, "password over 1024 bytes");
  return hash_with_salt(password.reveal(), random.bytes(kSaltSize), cost);
}

Result<void> verify_password(std::string_view verifier, const Secret& password) {
  auto cost = cost_of(verifier);
  if (!cost || cost->memory_kib > 1024 * 1024 || cost->passes > 64 || cost->lanes > 64)
    return fail(Errc::Invalid, "not an Argon2id verifier within limits");
  if (password.reveal().size() > kMaxPasswordSize) return fail(Errc::AuthFailed, "password over 1024 bytes");
  int code = argon2id_verify(std::string(verifier).c_str(), password.reveal().data(), password.reveal().size());
  if (code == ARGON2_OK) return {};
  if (code == ARGON2_VERIFY_MISMATCH) return fail(Errc::AuthFailed, "wrong password");
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR) return fail(Errc::Unavailable, "no memory for Argon2id");
  return fail(Errc::Invalid, argon2_error_message(code));
}

bool needs_rehash(std::string_view verifier, const PasswordCost& cost) {
  auto have = cost_of(verifier);
  return !have || have->memory_kib < cost.memory_kib || have->passes < cost.passes;
}

// Salt and hash are both random: no password is known to give them.
std::string decoy_verifier(const PasswordCost& cost, base::Random& random) {
  auto unpadded = [](std::string text) {
    while (text.ends_with('=')) text.pop_back();
    return text;
  };
  return std::string(kPrefix) + "m=" + std::to_string(cost.memory_kib) + ",t=" + std::to_string(cost.passes) +
         ",p=" + std::to_string(cost.lanes) + "$" + unpadded(base::base64(random.bytes(kSaltSize))) + "$" +
         unpadded(base::base64(random.bytes(kHashSize)));
}

}  // namespace bz::crypto

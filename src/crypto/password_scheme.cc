#include "crypto/password_scheme.h"

#include <crypt.h>

#include <algorithm>
#include <memory>

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/password.h"

namespace bz::crypto {

namespace {

struct DigestScheme {
  std::string_view name;
  Hash hash;
};
constexpr DigestScheme kDigests[] = {{"SHA", Hash::Sha1},
                                     {"SSHA", Hash::Sha1},
                                     {"SHA256", Hash::Sha256},
                                     {"SSHA256", Hash::Sha256},
                                     {"SHA512", Hash::Sha512},
                                     {"SSHA512", Hash::Sha512},
                                     {"MD5", Hash::Md5},
                                     {"SMD5", Hash::Md5},
                                     {"PBKDF2", Hash::Sha1},
                                     {"PBKDF2-SHA1", Hash::Sha1},
                                     {"PBKDF2-SHA256", Hash::Sha256},
                                     {"PBKDF2-SHA512", Hash::Sha512}};
constexpr uint32_t kMaxRounds = 2'000'000, kMaxBcryptCost = 14;

const DigestScheme* find(std::string_view scheme) {
  auto it = std::find_if(std::begin(kDigests), std::end(kDigests), [&](const auto& d) { return d.name == scheme; });
  return it == std::end(kDigests) ? nullptr : it;
}

std::string_view value_of(std::string_view stored) {
  return password_scheme(stored).empty() ? stored : stored.substr(stored.find('}') + 1);
}

Result<void> right_if(bool equal) {
  if (equal) return {};
  return fail(Errc::AuthFailed, "wrong password");
}

// base64(digest || salt), the digest over password || salt; an unsalted scheme has no salt.
Result<void> verify_digest(const DigestScheme& scheme, std::string_view value, const Secret& password) {
  auto bytes = base::from_base64(value);
  size_t size = digest_size(scheme.hash);
  bool salted = scheme.name.starts_with("SS") || scheme.name == "SMD5";
  if (!bytes || bytes->size() < size || (!salted && bytes->size() != size))
    return fail(Errc::Invalid, "broken {" + std::string(scheme.name) + "} value");
  Secret text(std::string(password.reveal()) + bytes->substr(size));
  return right_if(base::equal_constant_time(digest(scheme.hash, text.reveal()), std::string_view(*bytes).substr(0, size)));
}

// "iterations$salt$key" in base64 with "." for "+" and without padding.
std::optional<std::string> from_adapted_base64(std::string_view text) {
  std::string padded(text);
  std::replace(padded.begin(), padded.end(), '.', '+');
  padded.append((4 - padded.size() % 4) % 4, '=');
  return base::from_base64(padded);
}

Result<void> verify_pbkdf2(const DigestScheme& scheme, std::string_view value, const Secret& password) {
  Error broken(Errc::Invalid, "broken {" + std::string(scheme.name) + "} value");
  auto parts = base::split(value, '$');
  if (parts.size() != 3) return broken;
  auto rounds = base::parse_number<uint32_t>(parts[0]);
  auto salt = from_adapted_base64(parts[1]), key = from_adapted_base64(parts[2]);
  if (!rounds || *rounds == 0 || !salt || !key || key->size() < 16 || key->size() > 64) return broken;
  if (*rounds > kMaxRounds) return fail(Errc::Invalid, "PBKDF2 with over two million rounds");
  return right_if(base::equal_constant_time(pbkdf2(scheme.hash, password.reveal(), *salt, *rounds, key->size()), *key));
}

// What a hostile or broken value could cost: rounds of SHA-crypt, cost of bcrypt; the others are bounded by libcrypt.
bool affordable(std::string_view setting) {
  if (setting.starts_with("$2")) {
    auto cost = base::parse_number<uint32_t>(setting.substr(std::min<size_t>(4, setting.size())).substr(0, 2));
    return cost && *cost <= kMaxBcryptCost;
  }
  if (setting.starts_with("$y$") || setting.starts_with("$gy$")) {
    // "j9T": flags j, then log2(N) as one sign, then the block size; "jDT" is 256 MiB.
    std::string_view cost = setting.substr(setting.find('$', 1) + 1);
    return cost.size() > 2 && cost[0] == 'j' && cost[1] <= 'D' && cost[2] == 'T';
  }
  if (setting.starts_with("$7$")) return setting.size() > 3 && setting[3] <= 'F';
  size_t at = setting.find("rounds=");
  if (at == setting.npos) return true;
  std::string_view rounds = setting.substr(at + 7);
  auto number = base::parse_number<uint32_t>(rounds.substr(0, rounds.find('$')));
  return number && *number <= kMaxRounds;
}

Result<void> verify_crypt(std::string_view value, const Secret& password) {
  if (!affordable(value)) return fail(Errc::Invalid, "a {CRYPT} value that costs too much");
  if (password.reveal().find('\0') != std::string_view::npos) return fail(Errc::AuthFailed, "wrong password");
  auto data = std::make_unique<crypt_data>();
  std::string setting(value);
  const char* made = crypt_r(std::string(password.reveal()).c_str(), setting.c_str(), data.get());
  std::string hash = made ? made : "*";
  base::wipe(data.get(), sizeof *data);
  if (hash.empty() || hash[0] == '*') return fail(Errc::Invalid, "broken {CRYPT} value");
  return right_if(base::equal_constant_time(hash, setting));
}

}  // namespace

std::string password_scheme(std::string_view stored) {
  size_t end = stored.find('}');
  if (!stored.starts_with('{') || end == stored.npos || end == 1 || end > 32) return {};
  return base::upper(stored.substr(1, end - 1));
}

bool is_known_scheme(std::string_view scheme) {
  return scheme.empty() || scheme == "CRYPT" || scheme == "ARGON2" || scheme == "ARGON2ID" || scheme == "CLEARTEXT" ||
         find(scheme) != nullptr;
}

Result<void> verify_stored_password(std::string_view stored, const Secret& password) {
  if (stored.empty() || stored.size() > kMaxStoredPassword) return fail(Errc::Invalid, "a stored password of odd size");
  if (password.empty() || password.reveal().size() > kMaxPasswordSize) return fail(Errc::AuthFailed, "wrong password");
  std::string scheme = password_scheme(stored);
  std::string_view value = value_of(stored);
  if (scheme.empty() || scheme == "CLEARTEXT") return right_if(!value.empty() && password.equals(value));
  if (scheme == "ARGON2" || scheme == "ARGON2ID") return verify_password(value, password);
  if (scheme == "CRYPT") return verify_crypt(value, password);
  const DigestScheme* digest = find(scheme);
  if (!digest) return fail(Errc::Unsupported, "password scheme {" + scheme + "}");
  if (scheme.starts_with("PBKDF2")) return verify_pbkdf2(*digest, value, password);
  return verify_digest(*digest, value, password);
}

}  // namespace bz::crypto

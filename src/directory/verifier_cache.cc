#include "directory/verifier_cache.h"

#include <utility>

#include "base/coding.h"
#include "crypto/digest.h"

namespace bz::directory {

VerifierCache::VerifierCache(const base::Clock& clock, base::Random& random, base::Millis life, size_t max_entries)
    : clock_(clock), key_(random.bytes(32)), life_(life), max_entries_(max_entries) {}

std::string VerifierCache::mac(AccountId account, uint64_t version, const Secret& password) const {
  std::string head;
  base::put_be64(head, account.value());
  base::put_be64(head, version);
  Secret text(head + std::string(password.reveal()));
  return crypto::hmac(crypto::Hash::Sha256, key_.reveal(), text.reveal());
}

std::optional<base::Millis> VerifierCache::age(AccountId account, uint64_t version, const Secret& password) {
  auto it = map_.find(account);
  if (it == map_.end()) return std::nullopt;
  auto age = std::chrono::duration_cast<base::Millis>(clock_.mono() - it->second->at);
  if (age >= life_) {
    forget(account);
    return std::nullopt;
  }
  if (!base::equal_constant_time(it->second->mac, mac(account, version, password))) return std::nullopt;
  return age;
}

void VerifierCache::remember(AccountId account, uint64_t version, const Secret& password) {
  if (life_.count() == 0 || max_entries_ == 0) return;
  forget(account);
  while (map_.size() >= max_entries_) forget(order_.back().account);
  order_.push_front({account, mac(account, version, password), clock_.mono()});
  map_.emplace(account, order_.begin());
}

void VerifierCache::forget(AccountId account) {
  auto it = map_.find(account);
  if (it == map_.end()) return;
  order_.erase(it->second);
  map_.erase(it);
}

void VerifierCache::set_life(base::Millis life) {
  if (std::exchange(life_, life) <= life) return;
  map_.clear();
  order_.clear();
}

uint64_t VerifierCache::fingerprint(std::string_view name, const Secret& password) const {
  std::string head(1, '\x01');  // apart from mac(), whose text begins with eight bytes of a number
  base::put_bytes(head, name);
  Secret text(head + std::string(password.reveal()));
  std::string mac = crypto::hmac(crypto::Hash::Sha256, key_.reveal(), text.reveal());
  return base::get_be64(mac.data()) | 1;
}

}  // namespace bz::directory

// Remembers, in memory only, that a password was right, so that a phone that opens ten connections pays for one Argon2id:
// HMAC-SHA-256 under a key drawn at start over (account, verifier version, password), for an hour. Any change of the
// account raises its verifier version, and forget() drops the entry at once. One thread.
#pragma once
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/env.h"
#include "base/secret.h"
#include "model/ids.h"

namespace bz::directory {

class VerifierCache {
 public:
  VerifierCache(const base::Clock& clock, base::Random& random, base::Millis life = base::Millis(3'600'000),
                size_t max_entries = 100'000);
  bool knows(AccountId account, uint64_t version, const Secret& password) {
    return age(account, version, password).has_value();
  }
  // How long ago it was right; nullopt: not known.
  std::optional<base::Millis> age(AccountId account, uint64_t version, const Secret& password);
  void remember(AccountId account, uint64_t version, const Secret& password);
  void forget(AccountId account);
  void set_life(base::Millis life);  // a shorter one forgets all
  size_t size() const { return map_.size(); }

  // Of a name and a password, under the same key: tells the guard that an attempt is a repetition. Never 0.
  uint64_t fingerprint(std::string_view name, const Secret& password) const;

 private:
  struct Entry {
    AccountId account;
    std::string mac;
    base::MonoTime at;
  };
  std::string mac(AccountId account, uint64_t version, const Secret& password) const;
  const base::Clock& clock_;
  Secret key_;
  base::Millis life_;
  size_t max_entries_;
  std::list<Entry> order_;  // most recent first
  std::unordered_map<AccountId, std::list<Entry>::iterator> map_;
};

}  // namespace bz::directory

// Passwords that were wrong, remembered so that a phone which keeps an old one cannot lock its owner out of his directory:
// what a directory has refused for an account is not sent to it again until
//   - `life` has passed since it was asked,
//   - the account's entry over there has changed (its verifier version: pwdLastSet, pwdChangedTime, the state),
//   - the account logs in with another right password than before, or is given one by us (forget()).
// A right password that was refused too early is thus shut out for `life` at most.
//
// Kept are an HMAC-SHA-256 of account and password under a key drawn at start, and which devices said it: the administrator
// sees whose phone it is, never the password. In memory only, bounded: the least recently used accounts go first, and of
// one account the passwords nobody has tried for the longest time. One thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/secret.h"
#include "directory/lru.h"
#include "model/ids.h"

namespace bz::directory {

class StalePasswords {
 public:
  StalePasswords(const base::Clock& clock, base::Random& random, base::Millis life, size_t max_accounts = 20'000);
  void set_life(base::Millis life) { life_ = life; }  // 0: everything is sent

  // How long ago the directory refused it; nullopt: it may be asked.
  std::optional<base::Millis> refused(AccountId account, uint64_t version, const Secret& password) const;

  struct Device {
    std::string address, client, service;
    int64_t first = 0, last = 0;  // Unix seconds
    uint64_t count = 0;
    base::MonoTime logged{};  // MonoTime{}: never
  };
  // The password was wrong: `asked`, the directory said so now; else we knew. A device to be told the administrator about,
  // once when it repeats itself and then once an hour; valid until the next call.
  struct Attempt {
    AccountId account;
    std::string_view name, address, client, service;
  };
  const Device* wrong(const Attempt& attempt, uint64_t version, const Secret& password, bool asked);
  void right(AccountId account, const Secret& password);
  // For what is no password but stands for one (a client's NTLM): how often it was wrong within a day, and that it is not.
  uint64_t times(AccountId account, const Secret& password) const;
  void clear(AccountId account, const Secret& password);
  // The account's password was set anew, or the administrator wants it asked again. By id, or by name; how many were there.
  size_t forget(AccountId account);
  size_t forget(std::string_view name);

  // Devices that have said the same wrong password `least` times or more within a day; the last seen first.
  struct Row {
    std::string account;
    Device device;
    std::optional<base::Millis> shielded;  // for so long the directory will not be asked about it
  };
  std::vector<Row> rows(uint64_t least) const;

 private:
  struct Password {
    std::string mac;
    uint64_t version = 0;
    base::MonoTime refused_at{}, last{};
    bool refused = false;  // by the directory
    std::vector<Device> devices{};
  };
  struct Account {
    std::string name, right;  // right: MAC of the last one that was
    std::vector<Password> passwords{};
  };
  std::string mac(AccountId account, const Secret& password) const;
  std::optional<base::Millis> shield_of(const Password& password) const;
  bool is_old(const Password& password) const;

  const base::Clock& clock_;
  Secret key_;
  base::Millis life_;
  size_t max_accounts_;
  Lru<Account> accounts_;
};

}  // namespace bz::directory

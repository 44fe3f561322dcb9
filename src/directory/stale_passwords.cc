#include "directory/stale_passwords.h"

#include <algorithm>
#include <tuple>

#include "base/coding.h"
#include "crypto/digest.h"

namespace bz::directory {

namespace {

constexpr size_t kMaxPasswords = 16, kMaxDevices = 8;  // of one account, of one password
constexpr size_t kMaxText = 200;
constexpr auto kKept = std::chrono::hours(24);
constexpr auto kLogEvery = std::chrono::hours(1);
constexpr uint64_t kRepeats = 2;  // from then on it is no slip of the finger

std::string key_of(AccountId account) {
  std::string key;
  base::put_be64(key, account.value());
  return key;
}

template <class List, class Same>
auto find_in(List& list, Same is_it) {
  return std::find_if(list.begin(), list.end(), is_it);
}

}  // namespace

StalePasswords::StalePasswords(const base::Clock& clock, base::Random& random, base::Millis life, size_t max_accounts)
    : clock_(clock), key_(random.bytes(32)), life_(life), max_accounts_(max_accounts) {}

std::string StalePasswords::mac(AccountId account, const Secret& password) const {
  Secret text(key_of(account) + std::string(password.reveal()));
  return crypto::hmac(crypto::Hash::Sha256, key_.reveal(), text.reveal());
}

bool StalePasswords::is_old(const Password& password) const { return clock_.mono() - password.last >= kKept; }

std::optional<base::Millis> StalePasswords::refused(AccountId account, uint64_t version, const Secret& password) const {
  const Account* known = accounts_.find(key_of(account));
  if (!known) return std::nullopt;
  const std::string its = mac(account, password);
  auto it = find_in(known->passwords, [&](const Password& p) { return base::equal_constant_time(p.mac, its); });
  if (it == known->passwords.end() || it->version != version || !shield_of(*it)) return std::nullopt;
  return std::chrono::duration_cast<base::Millis>(clock_.mono() - it->refused_at);
}

std::optional<base::Millis> StalePasswords::shield_of(const Password& password) const {
  auto age = std::chrono::duration_cast<base::Millis>(clock_.mono() - password.refused_at);
  if (!password.refused || age >= life_) return std::nullopt;
  return life_ - age;
}

const StalePasswords::Device* StalePasswords::wrong(const Attempt& attempt, uint64_t version, const Secret& password,
                                                    bool asked) {
  Account& account = accounts_.touch(key_of(attempt.account), max_accounts_);
  account.name = attempt.name;
  std::erase_if(account.passwords, [&](const Password& p) { return is_old(p); });
  std::string its = mac(attempt.account, password);
  auto it = find_in(account.passwords, [&](const Password& p) { return p.mac == its; });
  if (it == account.passwords.end()) {
    auto by_last = [](const Password& a, const Password& b) { return a.last < b.last; };
    if (account.passwords.size() >= kMaxPasswords)
      account.passwords.erase(std::min_element(account.passwords.begin(), account.passwords.end(), by_last));
    it = account.passwords.insert(account.passwords.end(), Password{});
    it->mac = std::move(its);
  }
  const base::MonoTime now = clock_.mono();
  it->last = now;
  if (it->version != version) it->refused = false;
  it->version = version;
  if (asked) it->refused = true, it->refused_at = now;
  const std::string address(attempt.address.substr(0, kMaxText)), client(attempt.client.substr(0, kMaxText));
  auto device = find_in(it->devices, [&](const Device& d) {
    return d.address == address && d.client == client && d.service == attempt.service;
  });
  if (device == it->devices.end()) {
    auto by_last = [](const Device& a, const Device& b) { return a.last < b.last; };
    if (it->devices.size() >= kMaxDevices)
      it->devices.erase(std::min_element(it->devices.begin(), it->devices.end(), by_last));
    device = it->devices.insert(it->devices.end(),
                                {address, client, std::string(attempt.service), clock_.unix_seconds(), 0, 0, {}});
  }
  device->last = clock_.unix_seconds();
  if (++device->count < kRepeats) return nullptr;
  if (device->logged != base::MonoTime{} && now - device->logged < kLogEvery) return nullptr;
  device->logged = now;
  return &*device;
}

void StalePasswords::right(AccountId id, const Secret& password) {
  Account& account = accounts_.touch(key_of(id), max_accounts_);
  std::string its = mac(id, password);
  std::erase_if(account.passwords, [&](const Password& p) { return p.mac == its; });
  // Another one than before: it was changed over there, and what was wrong yesterday may be right today.
  if (!account.right.empty() && account.right != its)
    for (Password& one : account.passwords) one.refused = false;
  account.right = std::move(its);
}

uint64_t StalePasswords::times(AccountId id, const Secret& password) const {
  const Account* known = accounts_.find(key_of(id));
  if (!known) return 0;
  const std::string its = mac(id, password);
  auto it = find_in(known->passwords, [&](const Password& p) { return base::equal_constant_time(p.mac, its); });
  if (it == known->passwords.end() || is_old(*it)) return 0;
  uint64_t sum = 0;
  for (const Device& device : it->devices) sum += device.count;
  return sum;
}

void StalePasswords::clear(AccountId id, const Secret& password) {
  if (!accounts_.find(key_of(id))) return;
  const std::string its = mac(id, password);
  std::erase_if(accounts_.touch(key_of(id), max_accounts_).passwords, [&](const Password& p) { return p.mac == its; });
}

size_t StalePasswords::forget(AccountId id) {
  const std::string key = key_of(id);
  const Account* account = accounts_.find(key);
  size_t count = account ? account->passwords.size() : 0;
  accounts_.erase(key);
  return count;
}

size_t StalePasswords::forget(std::string_view name) {
  size_t count = 0;
  accounts_.erase_if([&](const std::string&, const Account& account) {
    if (account.name != name) return false;
    count += account.passwords.size();
    return true;
  });
  return count;
}

std::vector<StalePasswords::Row> StalePasswords::rows(uint64_t least) const {
  std::vector<Row> out;
  for (const auto& entry : accounts_.entries()) {
    for (const Password& password : entry.value.passwords) {
      if (is_old(password)) continue;
      for (const Device& device : password.devices)
        if (device.count >= least) out.push_back({entry.value.name, device, shield_of(password)});
    }
  }
  std::sort(out.begin(), out.end(), [](const Row& a, const Row& b) {
    return std::tie(b.device.last, a.account, a.device.address) < std::tie(a.device.last, b.account, b.device.address);
  });
  return out;
}

}  // namespace bz::directory

#include "directory/guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.h"

namespace bz::directory {

namespace {

constexpr double kFreeFailures = 3;  // people mistype
constexpr double kFirstDelayMs = 250;
constexpr auto kFamiliarFor = std::chrono::hours(24 * 30);

// 4 or 16 bytes; 0: not an address. IPv4 in IPv6 (::ffff:0:0/96) counts as IPv4.
size_t parse_address(std::string_view text, std::array<uint8_t, 16>& out) {
  std::string zero_ended(text.substr(0, 64));
  if (inet_pton(AF_INET, zero_ended.c_str(), out.data()) == 1) return 4;
  if (inet_pton(AF_INET6, zero_ended.c_str(), out.data()) != 1) return 0;
  constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(out.data(), kMapped, sizeof kMapped) != 0) return 16;
  std::memmove(out.data(), out.data() + 12, 4);
  return 4;
}

// Who shares a budget: one IPv4 address, or the /64 that one IPv6 line has.
std::string address_key(std::string_view address) {
  std::array<uint8_t, 16> bytes{};
  size_t size = parse_address(address, bytes);
  if (size == 0) return "?" + std::string(address.substr(0, 64));
  return std::string(reinterpret_cast<const char*>(bytes.data()), size == 4 ? 4 : 8);
}

std::string pair_key(std::string_view address, std::string_view account) {
  return address_key(address) + " " + base::lower(account.substr(0, 254));
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  Network network;
  size_t slash = text.find('/');
  network.size_ = parse_address(text.substr(0, slash), network.bytes_);
  if (network.size_ == 0) return fail(Errc::Invalid, "not a network: " + std::string(text.substr(0, 64)));
  network.bits_ = static_cast<unsigned>(network.size_ * 8);
  if (slash != text.npos) {
    auto bits = base::parse_number<unsigned>(text.substr(slash + 1));
    if (!bits || *bits > network.bits_) return fail(Errc::Invalid, "not a network: " + std::string(text.substr(0, 64)));
    network.bits_ = *bits;
  }
  return network;
}

bool Network::contains(std::string_view address) const {
  std::array<uint8_t, 16> bytes{};
  if (parse_address(address, bytes) != size_ || size_ == 0) return false;
  for (unsigned bit = 0; bit < bits_; bit += 8) {
    unsigned take = std::min(8u, bits_ - bit);
    uint8_t mask = static_cast<uint8_t>(0xff << (8 - take));
    if ((bytes[bit / 8] ^ bytes_[bit / 8]) & mask) return false;
  }
  return true;
}

template <class T>
T* Guard::Table<T>::find(const std::string& key) {
  auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second->value;
}

template <class T>
T& Guard::Table<T>::touch(const std::string& key, size_t limit) {
  if (auto it = map.find(key); it != map.end()) {
    order.splice(order.begin(), order, it->second);
    return order.front().value;
  }
  while (map.size() >= std::max<size_t>(limit, 1)) {
    map.erase(order.back().key);
    order.pop_back();
  }
  order.push_front({key, T{}});
  map.emplace(key, order.begin());
  return order.front().value;
}

bool Guard::is_trusted(std::string_view address) const {
  return std::any_of(options_.trusted.begin(), options_.trusted.end(),
                     [&](const Network& network) { return network.contains(address); });
}

// Failures fade evenly: after a whole window without new ones nothing is left of max_failures.
double Guard::current(const Budget& budget) const {
  double passed = std::chrono::duration<double>(clock_.mono() - budget.at).count();
  double window = std::max(std::chrono::duration<double>(options_.window).count(), 1.0);
  return std::max(0.0, budget.failures - passed / window * options_.max_failures);
}

base::Millis Guard::delay_of(double failures) const {
  if (failures < kFreeFailures) return base::Millis(0);
  double ms = kFirstDelayMs * std::exp2(std::min(20.0, std::floor(failures - kFreeFailures)));
  return base::Millis(static_cast<int64_t>(std::min(ms, static_cast<double>(options_.max_delay.count()))));
}

void Guard::count(Budget& budget, uint64_t fingerprint) const {
  budget.failures = current(budget);
  budget.at = clock_.mono();
  if (fingerprint != 0) {
    if (std::find(budget.recent.begin(), budget.recent.end(), fingerprint) != budget.recent.end()) return;
    budget.recent[budget.next++ % budget.recent.size()] = fingerprint;
  }
  // The sum is bounded, so that an hour of guessing costs no more than a window of waiting.
  budget.failures = std::min(budget.failures + 1, 2.0 * options_.max_failures);
}

bool Guard::refuses(std::string_view address) {
  if (is_trusted(address)) return false;
  Budget* budget = addresses_.find(address_key(address));
  return budget && current(*budget) >= options_.max_failures;
}

base::Millis Guard::delay(std::string_view address, std::string_view account) {
  if (is_trusted(address)) return base::Millis(0);
  base::Millis wait(0);
  if (Budget* budget = addresses_.find(address_key(address))) wait = delay_of(current(*budget));
  base::MonoTime* last = familiar_.find(pair_key(address, account));
  bool familiar = last && clock_.mono() - *last < kFamiliarFor;
  if (Budget* budget = accounts_.find(base::lower(account.substr(0, 254))); budget && !familiar)
    wait = std::max(wait, delay_of(current(*budget)));
  return wait;
}

void Guard::failed(std::string_view address, std::string_view account, uint64_t fingerprint) {
  if (is_trusted(address)) return;
  count(addresses_.touch(address_key(address), options_.max_entries), fingerprint);
  count(accounts_.touch(base::lower(account.substr(0, 254)), options_.max_entries), fingerprint);
}

void Guard::succeeded(std::string_view address, std::string_view account) {
  if (is_trusted(address)) return;
  familiar_.touch(pair_key(address, account), options_.max_entries) = clock_.mono();
  // The address keeps its failures: one good account of his own must not wash a guesser clean.
}

}  // namespace bz::directory

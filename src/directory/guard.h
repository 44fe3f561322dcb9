// Password guessing made slow, without a way to lock anybody out of his account: failures cost time, not access.
//   - An address (IPv4, IPv6 /64) has a budget of failures; each failure beyond a few doubles the delay of its next
//   answers,
//     and past `max_failures` within the window its logins are refused unread until the window has moved on.
//   - An account has a delay of its own against guessing from many addresses. Pairs of address and account that have logged
//     in before do not feel it.
//   - The same wrong password again (a phone with an old one) counts once.
// Trusted networks are never delayed, limited or counted. Pure: knows no sockets, sleeps nowhere. One thread.
#pragma once
#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/env.h"
#include "base/result.h"

namespace bz::directory {

// "192.0.2.0/24", "2001:db8::/32", "::1".
class Network {
 public:
  static Result<Network> parse(std::string_view text);
  bool contains(std::string_view address) const;  // false for what is no address; ::ffff:a.b.c.d is a.b.c.d

 private:
  std::array<uint8_t, 16> bytes_{};
  size_t size_ = 0;  // 4 or 16
  unsigned bits_ = 0;
};

struct GuardOptions {
  std::vector<Network> trusted{};
  unsigned max_failures = 20;
  base::Millis window{15 * 60'000};
  base::Millis max_delay{2000};
  size_t max_entries = 100'000;  // of each table; the least recently used go first
};

class Guard {
 public:
  Guard(GuardOptions options, const base::Clock& clock) : options_(std::move(options)), clock_(clock) {}
  void set_options(GuardOptions options) { options_ = std::move(options); }

  // Asked before an attempt is judged: refuse it unread (temporary failure)?
  bool refuses(std::string_view address);
  // How long the answer to an attempt is held back, good or bad alike.
  base::Millis delay(std::string_view address, std::string_view account);
  // `fingerprint`: of account and password by a keyed hash; 0: unknown (SCRAM, CRAM-MD5).
  void failed(std::string_view address, std::string_view account, uint64_t fingerprint);
  void succeeded(std::string_view address, std::string_view account);
  bool is_trusted(std::string_view address) const;
  size_t entries() const { return addresses_.map.size() + accounts_.map.size() + familiar_.map.size(); }

 private:
  struct Budget {
    double failures = 0;  // decays to nothing over the window
    base::MonoTime at{};
    std::array<uint64_t, 8> recent{};
    size_t next = 0;
  };
  template <class T>
  struct Table {
    struct Entry {
      std::string key;
      T value;
    };
    std::list<Entry> order;  // most recent first
    std::unordered_map<std::string, typename std::list<Entry>::iterator> map;
    T* find(const std::string& key);
    T& touch(const std::string& key, size_t limit);
  };
  double current(const Budget& budget) const;
  base::Millis delay_of(double failures) const;
  void count(Budget& budget, uint64_t fingerprint) const;

  GuardOptions options_;
  const base::Clock& clock_;
  Table<Budget> addresses_, accounts_;
  Table<base::MonoTime> familiar_;  // "address account" -> last success
};

}  // namespace bz::directory

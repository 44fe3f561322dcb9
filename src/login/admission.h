// Who may stay before login: a limit in all, where the oldest has to go for a new one (a slow or silent crowd cannot keep
// others out), and a limit per address (an IPv6 client counts as its /64), where the new one has to go. Trusted networks
// are not counted per address. A connection gives its place back at the hand-over. One thread.
#pragma once
#include <array>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace bz::login {

// "192.0.2.0/24", "2001:db8::/32", "::1". IPv4 networks match mapped IPv6 addresses too.
class Networks {
 public:
  Networks() = default;
  static Result<Networks> parse(const std::vector<std::string>& texts);
  bool contains(std::string_view address) const;
  bool empty() const { return list_.empty(); }

 private:
  struct Network {
    std::array<unsigned char, 16> base;
    int bits;
  };
  std::vector<Network> list_;
};

class Admission {
  struct Guest {
    std::string key;  // empty: not counted per address
    std::function<void()> shed;
  };

 public:
  struct Limits {
    size_t total, per_address;
    Networks trusted;
    Networks denied{};  // nobody logs in from there
  };
  explicit Admission(Limits limits) : limits_(std::move(limits)) {}
  void set_limits(Limits limits) { limits_ = std::move(limits); }

  // A place among those who have not logged in; gives it back when destroyed. The Admission must outlive it.
  class Place {
   public:
    ~Place() { room_.leave(where_); }
    Place(const Place&) = delete;

   private:
    friend class Admission;
    Place(Admission& room, std::list<Guest>::iterator where) : room_(room), where_(where) {}
    Admission& room_;
    std::list<Guest>::iterator where_;
  };
  // Limit: this address has too many. `shed` is called at most once, when the guest must go; it must not destroy the Place
  // at once (close the stream, or post).
  Result<std::unique_ptr<Place>> enter(std::string_view address, std::function<void()> shed);
  bool is_denied(std::string_view address) const { return limits_.denied.contains(address); }
  size_t size() const { return guests_.size(); }
  uint64_t shed_count() const { return shed_count_; }

 private:
  void leave(std::list<Guest>::iterator where);
  Limits limits_;
  std::list<Guest> guests_;  // oldest first
  std::unordered_map<std::string, size_t> by_address_;
  uint64_t shed_count_ = 0;
};

}  // namespace bz::login

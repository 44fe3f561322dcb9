// Networks of the administrator's lists, and who shares a budget: one IPv4 address, or the /64 that one IPv6 line has.
// Pure.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::directory {

// "192.0.2.0/24", "2001:db8::/32", "::1". IPv4 in IPv6 (::ffff:a.b.c.d) counts as IPv4.
class Network {
 public:
  static Result<Network> parse(std::string_view text);
  bool contains(std::string_view address) const;  // false for what is no address

 private:
  std::array<uint8_t, 16> bytes_{};
  size_t size_ = 0;  // 4 or 16
  unsigned bits_ = 0;
};

// The key of an address's budgets, bytes; what is no address is its own.
std::string address_key(std::string_view address);
// For the administrator: "192.0.2.1", "2001:db8::/64".
std::string shown_address(std::string_view key);

}  // namespace bz::directory

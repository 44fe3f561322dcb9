#include "directory/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace bz::directory {

namespace {

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

std::string address_key(std::string_view address) {
  std::array<uint8_t, 16> bytes{};
  size_t size = parse_address(address, bytes);
  if (size == 0) return "?" + std::string(address.substr(0, 64));
  return std::string(reinterpret_cast<const char*>(bytes.data()), size == 4 ? 4 : 8);
}

std::string shown_address(std::string_view key) {
  if (key.starts_with('?')) return std::string(key.substr(1));
  char text[INET6_ADDRSTRLEN] = "";
  std::array<uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), key.data(), std::min(key.size(), bytes.size()));
  const bool v4 = key.size() == 4;
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return std::string(text) + (v4 ? "" : "/64");
}

}  // namespace bz::directory

#include "net/dns_rdata.h"

#include <arpa/inet.h>

namespace bz::net {

namespace {
constexpr size_t kMaxName = 255, kMaxLabel = 63;

// The letter in lower case; 0: not allowed.
char label_byte(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  return plain ? c : '\0';
}
}  // namespace

std::optional<std::string> parse_dns_name(std::string_view wire) {
  if (wire.size() > kMaxName) return std::nullopt;
  std::string out;
  for (;;) {
    if (wire.empty()) return std::nullopt;
    const size_t size = static_cast<unsigned char>(wire[0]);
    wire.remove_prefix(1);
    if (size == 0) break;
    if (size > kMaxLabel || size > wire.size()) return std::nullopt;
    if (!out.empty()) out += '.';
    for (char c : wire.substr(0, size)) {
      char lower = label_byte(c);
      if (lower == '\0') return std::nullopt;
      out += lower;
    }
    wire.remove_prefix(size);
  }
  if (!wire.empty()) return std::nullopt;
  return out;
}

std::optional<Dns::Mx> parse_mx(std::string_view rdata) {
  if (rdata.size() < 3) return std::nullopt;
  auto host = parse_dns_name(rdata.substr(2));
  if (!host) return std::nullopt;
  const auto high = static_cast<unsigned char>(rdata[0]), low = static_cast<unsigned char>(rdata[1]);
  return Dns::Mx{static_cast<uint16_t>(high << 8 | low), std::move(*host)};
}

std::optional<std::string> parse_txt(std::string_view rdata) {
  if (rdata.empty()) return std::nullopt;
  std::string out;
  while (!rdata.empty()) {
    const size_t size = static_cast<unsigned char>(rdata[0]);
    if (size + 1 > rdata.size()) return std::nullopt;
    out += rdata.substr(1, size);
    rdata.remove_prefix(size + 1);
  }
  return out;
}

std::optional<std::string> parse_address(std::string_view rdata) {
  char text[INET6_ADDRSTRLEN];
  const int family = rdata.size() == 4 ? AF_INET : rdata.size() == 16 ? AF_INET6 : AF_UNSPEC;
  if (family == AF_UNSPEC || inet_ntop(family, rdata.data(), text, sizeof text) == nullptr) return std::nullopt;
  return text;
}

}  // namespace bz::net

// PROXY protocol, versions 1 and 2 (its specification, sections 2.1 and 2.2): the first bytes of a connection, in which a
// balancer says for whom it made it. Pure, no I/O. Our own hand-over (wire/handoff.h) lies in TLVs of version 2; none of
// those is believed here, where strangers' balancers speak.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "base/result.h"

namespace bz::wire {

// Numeric addresses: "192.0.2.7", "2001:db8::7". IPv4-mapped ones are shown as IPv4. Empty: not known.
struct ProxyAddresses {
  std::string peer_address, local_address;
  uint16_t peer_port = 0, local_port = 0;
  bool operator==(const ProxyAddresses&) const = default;
};

struct ProxyHeader {
  unsigned version = 0;  // 1, 2
  // Of the client, and the place it connected to. Unset: no client that could be named (LOCAL of a health check, UNKNOWN,
  // UNSPEC, what is not TCP), the addresses of the connection itself count.
  std::optional<ProxyAddresses> client;
  size_t size = 0;  // bytes
};
// Either the header (wants is 0), or how many bytes more belong to it at the least: who reads no more than these never
// reads what comes behind it, a TLS hello that must stay in the socket.
struct ProxyStep {
  size_t wants = 0;
  ProxyHeader header{};
};
inline constexpr size_t kMaxProxyLine = 107;     // version 1, CRLF included (section 2.1)
inline constexpr size_t kMaxProxyHeader = 4096;  // version 2, its TLVs included; a client certificate fits

// Invalid: these bytes begin no header, said as soon as they can not. TLVs of version 2 are skipped, but must be whole, and
// a CRC32c must be right (section 2.2.3).
Result<ProxyStep> parse_proxy_header(std::string_view bytes);

// Headers to send. Mixed pairs travel as IPv4-mapped addresses. Addresses not known: LOCAL, "PROXY UNKNOWN".
std::string proxy_v2_header(const ProxyAddresses& addresses);
std::string proxy_v1_header(const ProxyAddresses& addresses);

// The parts of version 2 that the hand-over shares.
inline constexpr std::string_view kProxySignature("\r\n\r\n\0\r\nQUIT\n", 12);
inline constexpr size_t kProxyFixed = 16;            // bytes up to the addresses
inline constexpr uint8_t kProxyCommandProxy = 0x21;  // version 2, PROXY
struct ProxyBlock {
  uint8_t family = 0;  // and transport: 0x11 TCP over IPv4, 0x21 TCP over IPv6, 0x00 not known
  std::string bytes;   // addresses and ports
};
ProxyBlock proxy_block(const ProxyAddresses& addresses);
// Of family 0x00, 0x11 or 0x21; Invalid for others, and when `in` is too short.
Result<ProxyAddresses> take_proxy_block(uint8_t family, base::Reader& in);
std::string proxy_v2_header(uint8_t command, const ProxyBlock& block, std::string_view tlvs);

}  // namespace bz::wire

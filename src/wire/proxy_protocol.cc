#include "wire/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace bz::wire {
namespace {

constexpr uint8_t kVersion = 0x20, kLocal = 0x20;
constexpr uint8_t kTcp4 = 0x11, kTcp6 = 0x21, kUnspec = 0x00;
constexpr uint8_t kTypeCrc32c = 0x03;  // PP2_TYPE_CRC32C
constexpr std::string_view kLineBegin = "PROXY ", kUnknown = "UNKNOWN";
constexpr size_t kShortest = 15;  // "PROXY UNKNOWN\r\n"; version 2 has 16

using Bytes16 = std::array<char, 16>;
struct Address {
  Bytes16 v6{};  // IPv4 mapped
  bool is_v4 = false;
};

std::optional<Address> parse_address(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET6, text.c_str(), address.v6.data()) == 1) return address;
  address.v6 = {};
  address.v6[10] = address.v6[11] = static_cast<char>(0xff);
  address.is_v4 = true;
  if (inet_pton(AF_INET, text.c_str(), address.v6.data() + 12) == 1) return address;
  return std::nullopt;
}

std::string print_address(std::string_view bytes) {
  static constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  char text[INET6_ADDRSTRLEN];
  if (bytes.size() == 16 && bytes.substr(0, 12) == kMapped) bytes.remove_prefix(12);
  return inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
}

// A bit at a time: a header has a few hundred bytes, and seldom a checksum.
uint32_t crc32c(std::string_view bytes, uint32_t crc) {
  for (char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
  }
  return crc;
}

Error invalid(const char* why) { return fail(Errc::Invalid, std::string("PROXY header: ") + why); }

// --- version 1 ---

std::optional<uint16_t> port_of(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return base::parse_number<uint16_t>(text);
}

// What of the family's addresses the line says; an address of the other family is none.
std::optional<std::string> address_of(std::string_view text, bool six) {
  if ((text.find(':') != std::string_view::npos) != six) return std::nullopt;
  auto address = parse_address(std::string(text));
  if (!address) return std::nullopt;
  return print_address({address->v6.data(), address->v6.size()});
}

// `line` without its CRLF.
Result<ProxyHeader> parse_line(std::string_view line) {
  ProxyHeader header;
  header.version = 1;
  header.size = line.size() + 2;
  line.remove_prefix(kLineBegin.size());
  if (line == kUnknown || line.starts_with("UNKNOWN ")) return header;
  const auto words = base::split(line, ' ');
  if (words.size() != 5 || (words[0] != "TCP4" && words[0] != "TCP6")) return invalid("not TCP4, TCP6 or UNKNOWN");
  const bool six = words[0] == "TCP6";
  const auto peer = address_of(words[1], six), local = address_of(words[2], six);
  const auto peer_port = port_of(words[3]), local_port = port_of(words[4]);
  if (!peer || !local || !peer_port || !local_port) return invalid("malformed address or port");
  header.client = ProxyAddresses{*peer, *local, *peer_port, *local_port};
  return header;
}

// Bytes that must still follow a line that has no CR yet: fields and spaces that are missing, CR, LF.
size_t line_wants(std::string_view line) {
  if (line.substr(kLineBegin.size()).starts_with(kUnknown)) return 2;
  const auto spaces = static_cast<size_t>(std::count(line.begin(), line.end(), ' '));
  return 2 + (line.back() == ' ' ? 1 : 0) + (spaces < 5 ? 2 * (5 - spaces) : 0);
}

Result<ProxyStep> parse_v1(std::string_view bytes) {
  if (bytes.size() < kShortest) return ProxyStep{kShortest - bytes.size()};
  const size_t lf = bytes.find('\n'), cr = bytes.find('\r');
  const size_t end = std::min(lf, bytes.size());
  const bool ending = cr != std::string_view::npos || lf != std::string_view::npos;
  if (ending && cr + 1 != end) return invalid("CR and LF must stand together");
  if (ending) {
    if (cr + 2 > kMaxProxyLine) return invalid("over-long line");
    BZ_TRY(auto header, parse_line(bytes.substr(0, cr)));
    if (lf == std::string_view::npos) return ProxyStep{1};
    return ProxyStep{0, std::move(header)};
  }
  const bool unknown = bytes.substr(kLineBegin.size()).starts_with(kUnknown);
  if (!unknown && bytes.find("  ") != std::string_view::npos) return invalid("two spaces");
  const size_t wants = line_wants(bytes);
  if (bytes.size() + wants > kMaxProxyLine) return invalid("over-long line");
  return ProxyStep{wants};
}

// --- version 2 ---

// Whole, and with the right checksum if there is one; what they say is not for us.
Result<void> check_tlvs(std::string_view header, size_t begin) {
  base::Reader in(header.substr(begin));
  while (in.ok() && !in.at_end()) {
    const uint8_t type = in.u8();
    const std::string_view value = in.take(in.be16());
    if (!in.ok()) break;
    if (type != kTypeCrc32c) continue;
    if (value.size() != 4) return invalid("a CRC32c has four bytes");
    const auto at = static_cast<size_t>(value.data() - header.data());
    uint32_t crc = crc32c(header.substr(0, at), 0xffffffffu);
    crc = crc32c(std::string_view("\0\0\0\0", 4), crc);
    crc = ~crc32c(header.substr(at + 4), crc);
    if (crc != base::Reader(value).be32()) return invalid("wrong CRC32c");
  }
  if (!in.ok()) return invalid("a TLV beyond the header");
  return {};
}

Result<ProxyHeader> parse_whole_v2(std::string_view header) {
  ProxyHeader out;
  out.version = 2;
  out.size = header.size();
  const auto command = static_cast<uint8_t>(header[12]), family = static_cast<uint8_t>(header[13]);
  // LOCAL: all of it is ignored. What is not TCP is taken as UNSPEC, which a receiver may do (section 2.2).
  if (command == kLocal || (family != kTcp4 && family != kTcp6)) return out;
  base::Reader in(header.substr(kProxyFixed));
  BZ_TRY(out.client, take_proxy_block(family, in));
  BZ_TRY_VOID(check_tlvs(header, header.size() - in.remaining()));
  return out;
}

Result<ProxyStep> parse_v2(std::string_view bytes) {
  if (bytes.size() > 12) {
    const auto command = static_cast<uint8_t>(bytes[12]);
    if ((command & 0xf0) != kVersion) return invalid("version");
    if (command != kLocal && command != kProxyCommandProxy) return invalid("command");
  }
  if (bytes.size() > 13) {
    const auto family = static_cast<uint8_t>(bytes[13]);
    if ((family >> 4) > 3 || (family & 0x0f) > 2) return invalid("address family or transport");
  }
  if (bytes.size() < kProxyFixed) return ProxyStep{kProxyFixed - bytes.size()};
  const size_t size = kProxyFixed + base::Reader(bytes.substr(14, 2)).be16();
  if (size > kMaxProxyHeader) return invalid("over-long");
  if (bytes.size() < size) return ProxyStep{size - bytes.size()};
  BZ_TRY(auto header, parse_whole_v2(bytes.substr(0, size)));
  return ProxyStep{0, std::move(header)};
}

bool begins(std::string_view bytes, std::string_view mark) {
  const size_t shown = std::min(bytes.size(), mark.size());
  return bytes.substr(0, shown) == mark.substr(0, shown);
}

}  // namespace

Result<ProxyStep> parse_proxy_header(std::string_view bytes) {
  if (bytes.empty()) return ProxyStep{kShortest};
  if (begins(bytes, kProxySignature)) return parse_v2(bytes);
  if (begins(bytes, kLineBegin)) return parse_v1(bytes);
  return invalid("there is none");
}

ProxyBlock proxy_block(const ProxyAddresses& addresses) {
  const auto peer = parse_address(addresses.peer_address), local = parse_address(addresses.local_address);
  if (!peer || !local) return {kUnspec, {}};
  const bool v4 = peer->is_v4 && local->is_v4;
  std::string block;
  for (const Address& address : {*peer, *local}) block.append(address.v6.data() + (v4 ? 12 : 0), v4 ? 4 : 16);
  base::put_be16(block, addresses.peer_port);
  base::put_be16(block, addresses.local_port);
  return {v4 ? kTcp4 : kTcp6, std::move(block)};
}

Result<ProxyAddresses> take_proxy_block(uint8_t family, base::Reader& in) {
  ProxyAddresses out;
  if (family == kUnspec) return out;
  if (family != kTcp4 && family != kTcp6) return invalid("address family");
  const size_t size = family == kTcp4 ? 4 : 16;
  const std::string_view peer = in.take(size), local = in.take(size);
  out.peer_port = in.be16();
  out.local_port = in.be16();
  if (!in.ok()) return invalid("short address block");
  out.peer_address = print_address(peer);
  out.local_address = print_address(local);
  return out;
}

std::string proxy_v2_header(uint8_t command, const ProxyBlock& block, std::string_view tlvs) {
  std::string out(kProxySignature);
  base::put_u8(out, command);
  base::put_u8(out, block.family);
  base::put_be16(out, static_cast<uint16_t>(block.bytes.size() + tlvs.size()));
  out += block.bytes;
  out += tlvs;
  return out;
}

std::string proxy_v2_header(const ProxyAddresses& addresses) {
  const ProxyBlock block = proxy_block(addresses);
  return proxy_v2_header(block.family == kUnspec ? kLocal : kProxyCommandProxy, block, {});
}

std::string proxy_v1_header(const ProxyAddresses& addresses) {
  const auto peer = parse_address(addresses.peer_address), local = parse_address(addresses.local_address);
  if (!peer || !local) return "PROXY UNKNOWN\r\n";
  const bool v4 = peer->is_v4 && local->is_v4;
  std::string out = v4 ? "PROXY TCP4" : "PROXY TCP6";
  for (const Address* address : {&*peer, &*local}) {
    char text[INET6_ADDRSTRLEN];
    out += ' ';
    out += inet_ntop(v4 ? AF_INET : AF_INET6, address->v6.data() + (v4 ? 12 : 0), text, sizeof text);
  }
  return out + " " + std::to_string(addresses.peer_port) + " " + std::to_string(addresses.local_port) + "\r\n";
}

}  // namespace bz::wire

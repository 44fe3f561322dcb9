#include "base/coding.h"

namespace bz::base {

void put_be16(std::string& out, uint16_t v) {
  out += static_cast<char>(v >> 8);
  out += static_cast<char>(v);
}
void put_be32(std::string& out, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(v >> shift);
}
void put_be64(std::string& out, uint64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(v >> shift);
}
void put_varint(std::string& out, uint64_t v) {
  while (v >= 0x80) {
    out += static_cast<char>(v | 0x80);
    v >>= 7;
  }
  out += static_cast<char>(v);
}
void put_bytes(std::string& out, std::string_view bytes) {
  put_varint(out, bytes.size());
  out.append(bytes);
}
namespace {
// Up to eight octets; none are 0.
uint64_t big_endian(std::string_view octets) {
  uint64_t value = 0;
  for (const char c : octets) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}
}  // namespace
uint32_t get_be32(const char* p) { return static_cast<uint32_t>(big_endian({p, 4})); }
uint64_t get_be64(const char* p) { return big_endian({p, 8}); }

std::string_view Reader::take(size_t size) {
  if (!ok_ || rest_.size() < size) {
    fail();
    return {};
  }
  auto out = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return out;
}
uint8_t Reader::u8() {
  auto b = take(1);
  return b.empty() ? 0 : static_cast<uint8_t>(b[0]);
}
uint16_t Reader::be16() { return static_cast<uint16_t>(big_endian(take(2))); }
uint32_t Reader::be32() { return static_cast<uint32_t>(big_endian(take(4))); }
uint64_t Reader::be64() { return big_endian(take(8)); }
uint64_t Reader::varint() {
  uint64_t v = 0;
  for (size_t n = 0; n < rest_.size() && n < 10; ++n) {
    const auto b = static_cast<uint8_t>(rest_[n]);
    if (n == 9 && b > 1) break;
    v |= static_cast<uint64_t>(b & 0x7F) << (7 * n);
    if (b >= 0x80) continue;
    rest_.remove_prefix(n + 1);
    return v;
  }
  fail();
  return 0;
}
std::string_view Reader::bytes() {
  uint64_t size = varint();
  if (!ok_ || size > rest_.size()) {
    fail();
    return {};
  }
  return take(size);
}

}  // namespace bz::base

// How numbers and strings lie in records (varint, little groups of 7 bits) and in keys (big-endian, so that order of bytes
// is order of numbers). Reader never reads past its end: after a failed read ok() is false and every value is zero or
// empty.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bz::base {

inline void put_u8(std::string& out, uint8_t v) { out += static_cast<char>(v); }
void put_be16(std::string& out, uint16_t v);
void put_be32(std::string& out, uint32_t v);
void put_be64(std::string& out, uint64_t v);
void put_varint(std::string& out, uint64_t v);             // 1..10 bytes
void put_bytes(std::string& out, std::string_view bytes);  // varint length, bytes
uint32_t get_be32(const char* p);
uint64_t get_be64(const char* p);

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  size_t remaining() const { return rest_.size(); }
  std::string_view rest() const { return rest_; }
  uint8_t u8();
  uint16_t be16();
  uint32_t be32();
  uint64_t be64();
  uint64_t varint();
  std::string_view bytes();  // varint length, bytes
  std::string_view take(size_t size);
  bool finished() const { return ok_ && rest_.empty(); }  // all read, nothing left over
  void fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace bz::base

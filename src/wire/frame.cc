#include "wire/frame.h"

#include "base/check.h"
#include "base/coding.h"

namespace bz::wire {

std::string encode_frame(uint8_t type, std::string_view payload) {
  BZ_CHECK(payload.size() <= kMaxFrame, "a frame over the limit");
  std::string out;
  out.reserve(5 + payload.size());
  base::put_be32(out, static_cast<uint32_t>(1 + payload.size()));
  base::put_u8(out, type);
  out += payload;
  return out;
}

Result<std::optional<Frame>> FrameReader::next() {
  if (bytes_.size() < 4) return std::optional<Frame>();
  const size_t size = base::get_be32(bytes_.data());
  if (size == 0 || size > 1 + kMaxFrame) return fail(Errc::Invalid, "a frame of " + std::to_string(size) + " bytes");
  if (bytes_.size() < 4 + size) return std::optional<Frame>();
  Frame frame{static_cast<uint8_t>(bytes_[4]), bytes_.substr(5, size - 1)};
  bytes_.erase(0, 4 + size);
  return std::optional(std::move(frame));
}

Result<uint64_t> exchange_of(std::string_view record) {
  base::Reader reader(record);
  reader.u8();
  const uint64_t number = reader.varint();
  if (!reader.ok()) return fail(Errc::Invalid, "a record without the number of its exchange");
  return number;
}

Result<std::string> with_exchange(std::string_view record, uint64_t number) {
  base::Reader reader(record);
  std::string out;
  base::put_u8(out, reader.u8());
  reader.varint();
  if (!reader.ok()) return fail(Errc::Invalid, "a record without the number of its exchange");
  base::put_varint(out, number);
  out += reader.rest();
  return out;
}

}  // namespace bz::wire

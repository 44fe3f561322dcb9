// The inner channel between hosts (docs/wire.md section 4): what is one datagram on one host is there a frame within a TLS
// stream: four bytes of length (big-endian, of type and payload), a type byte, the payload. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::wire {

inline constexpr size_t kMaxFrame = 60 << 10;  // bytes of payload, as of a channel message

// Types of frames on the enrolment port alone; the others are of wire/schema.h.
inline constexpr uint8_t kEnroll = 109;    // NamedBytes: secret of a token (empty: a renewal), request in PEM
inline constexpr uint8_t kEnrolled = 110;  // NamedBytes, several: "certificate", "config" or "refused", then "end"

struct Frame {
  uint8_t type = 0;
  std::string payload;
};

// `payload` is at most kMaxFrame long.
std::string encode_frame(uint8_t type, std::string_view payload);

// Incremental. Holds at most what was fed and not taken.
class FrameReader {
 public:
  void feed(std::string_view bytes) { bytes_.append(bytes); }
  // nullopt: more bytes are needed. Invalid: a frame without type or over the limit; nothing after it can be read.
  Result<std::optional<Frame>> next();

 private:
  std::string bytes_;
};

// Records of one exchange begin with its number: the version byte, then the varint. Invalid: there is none.
Result<uint64_t> exchange_of(std::string_view record);
// The same record with another number.
Result<std::string> with_exchange(std::string_view record, uint64_t number);

}  // namespace bz::wire

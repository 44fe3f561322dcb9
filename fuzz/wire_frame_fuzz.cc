// rooms: wire
// Frames of the inner channel, fed in two pieces; what comes out is encoded again and must be the bytes that went in.
#include <cstdlib>

#include "wire/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t cut = size == 0 ? 0 : data[0] % (size + 1);
  bz::wire::FrameReader reader;
  std::string again;
  for (std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    reader.feed(piece);
    for (;;) {
      auto frame = reader.next();
      if (!frame) return 0;
      if (!*frame) break;
      again += bz::wire::encode_frame((*frame)->type, (*frame)->payload);
      auto number = bz::wire::exchange_of((*frame)->payload);
      auto same = number ? bz::wire::with_exchange((*frame)->payload, *number) : bz::Result<std::string>(number.error());
      if (same.has_value() != number.has_value()) std::abort();
      if (same && bz::wire::exchange_of(*same).value() != *number) std::abort();
    }
  }
  if (again != bytes.substr(0, again.size())) std::abort();
  return 0;
}

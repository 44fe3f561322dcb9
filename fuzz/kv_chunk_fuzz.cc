// rooms: kv base
// A stored chunk that is damaged must be Corrupt and never more; what we encode must come back.
#include <cstdint>

#include "base/check.h"
#include "kv/chunk_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bz::kv::View input(reinterpret_cast<const char*>(data), size);
  const size_t raw_size = static_cast<size_t>(data[0]) << 8 | data[1];
  bz::kv::Bytes out;
  const bool good = bz::kv::decode_chunk(input.substr(2), raw_size, out).has_value();
  BZ_CHECK(out.size() == (good ? raw_size : 0), "a chunk of another size");
  const bz::kv::View raw = input.substr(0, bz::kv::kBlobChunk);
  bz::kv::Bytes again;
  BZ_CHECK(bz::kv::decode_chunk(bz::kv::encode_chunk(raw), raw.size(), again) && again == raw, "round trip");
  (void)bz::kv::BlobRef::decode(input);
  return 0;
}

// One stored chunk of a blob: a byte saying how (0 raw, 1 zstd), then the bytes. Pure functions, any thread.
#pragma once
#include "kv/partition.h"

namespace bz::kv {

Bytes encode_chunk(View raw);  // zstd level 1; raw when that does not shrink
// Appends the chunk, which must be of exactly `raw_size` bytes (1 to kBlobChunk); else Corrupt and `out` is as it was.
Result<void> decode_chunk(View stored, size_t raw_size, Bytes& out);

}  // namespace bz::kv

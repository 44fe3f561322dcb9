// Debian's librocksdb is built for the oldest x86-64 and computes CRC32C by tables (1.2 GB/s). crc32c_sse42.cc defines
// rocksdb::crc32c::Extend in our executable; the dynamic linker prefers it to the library's own (which calls through its
// PLT), so every checksum uses the processor's instruction. Works with the shared librocksdb only.
#pragma once

namespace bz::kv {

// Chooses and tests the implementation (also done by the first use). True: hardware.
bool select_crc32c();

}  // namespace bz::kv

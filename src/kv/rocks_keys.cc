#include "kv/rocks_keys.h"

#include "base/coding.h"

namespace bz::kv {

Bytes partition_prefix(PartitionId id) {
  Bytes out;
  base::put_u8(out, id.kind);
  base::put_be64(out, id.id);
  return out;
}

Bytes partition_end(PartitionId id) {
  BZ_CHECK(id.id != UINT64_MAX, "partition id out of range");
  return partition_prefix({id.kind, id.id + 1});
}

std::optional<PartitionId> parse_partition(View key) {
  if (key.size() < kPartitionPrefix) return std::nullopt;
  return PartitionId{static_cast<uint8_t>(key[0]), base::get_be64(key.data() + 1)};
}

Bytes index_key(PartitionId id, View key) {
  Bytes out = partition_prefix(id);
  out += key;
  return out;
}

Bytes index_end(PartitionId id, View end) { return end.empty() ? partition_end(id) : index_key(id, end); }

Bytes chunk_key(PartitionId id, uint64_t blob, uint32_t chunk) {
  Bytes out = partition_prefix(id);
  base::put_be64(out, blob);
  base::put_be32(out, chunk);
  return out;
}

Bytes pending_prefix(PartitionId id) { return "B" + partition_prefix(id); }

Bytes pending_key(PartitionId id, uint64_t blob) {
  Bytes out = pending_prefix(id);
  base::put_be64(out, blob);
  return out;
}

}  // namespace bz::kv

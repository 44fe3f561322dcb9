// The keys of the RocksDB store; docs/keyspace.md has the same in tables. Three column families:
//   index    partition, key -> value; the partition alone -> sequence number of its last commit
//   blobs    partition, blob id, chunk number -> chunk (chunk_codec.h)
//   default  "G" -> generation; "B", partition, blob id -> "" while a blob is written and not linked
#pragma once
#include "kv/partition.h"

namespace bz::kv {

inline constexpr size_t kPartitionPrefix = 9;  // kind, id
inline constexpr View kGenerationKey = "G";

Bytes partition_prefix(PartitionId id);
Bytes partition_end(PartitionId id);  // first key after the partition; id must be below UINT64_MAX
std::optional<PartitionId> parse_partition(View key);
Bytes index_key(PartitionId id, View key);
Bytes index_end(PartitionId id, View end);  // end of a range of user keys; empty = end of the partition
Bytes chunk_key(PartitionId id, uint64_t blob, uint32_t chunk);
Bytes pending_key(PartitionId id, uint64_t blob);
Bytes pending_prefix(PartitionId id);
inline uint64_t chunk_count(uint64_t length) { return (length + kBlobChunk - 1) / kBlobChunk; }

}  // namespace bz::kv

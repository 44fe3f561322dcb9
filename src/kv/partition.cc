#include "kv/partition.h"

#include "base/coding.h"

namespace bz::kv {

namespace {
constexpr size_t kOpOverhead = 16;  // what an operation costs beside its bytes, for Batch::bytes()
}

void BlobRef::encode(std::string& out) const {
  base::put_be64(out, id);
  base::put_be64(out, length);
  base::put_be64(out, stored);
}

std::optional<BlobRef> BlobRef::decode(View bytes) {
  base::Reader reader(bytes);
  BlobRef ref{reader.be64(), reader.be64(), reader.be64()};
  if (!reader.finished()) return std::nullopt;
  return ref;
}

Batch& Batch::put(View key, View value) {
  bytes_ += key.size() + value.size() + kOpOverhead;
  ops_.push_back({Kind::Put, Bytes(key), Bytes(value), {}});
  return *this;
}

Batch& Batch::del(View key) {
  bytes_ += key.size() + kOpOverhead;
  ops_.push_back({Kind::Del, Bytes(key), {}, {}});
  return *this;
}

Batch& Batch::link(const BlobRef& ref) {
  bytes_ += kOpOverhead;
  ops_.push_back({Kind::Link, {}, {}, ref});
  return *this;
}

Batch& Batch::unlink(const BlobRef& ref) {
  bytes_ += kOpOverhead;
  ops_.push_back({Kind::Unlink, {}, {}, ref});
  return *this;
}

Result<void> check_batch(const Batch& batch, const std::vector<Guard>& guards, const Limits& limits) {
  if (batch.ops().size() > limits.batch_ops) return fail(Errc::TooLarge, "batch of too many operations");
  if (batch.bytes() > limits.batch_bytes) return fail(Errc::TooLarge, "batch of too many bytes");
  for (const Batch::Op& op : batch.ops()) {
    if (op.kind == Batch::Kind::Link || op.kind == Batch::Kind::Unlink) {
      if (op.blob.id == 0) return fail(Errc::Invalid, "link of no blob");
      continue;
    }
    if (op.key.empty()) return fail(Errc::Invalid, "empty key");
    if (op.key.size() > limits.key_bytes) return fail(Errc::TooLarge, "key too long");
    if (op.value.size() > limits.value_bytes) return fail(Errc::TooLarge, "value too long");
  }
  for (const Guard& guard : guards) {
    if (guard.key.empty()) return fail(Errc::Invalid, "guard of an empty key");
    if (guard.key.size() > limits.key_bytes) return fail(Errc::TooLarge, "guard key too long");
  }
  return {};
}

}  // namespace bz::kv

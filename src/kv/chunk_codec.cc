#include "kv/chunk_codec.h"

#include <zstd.h>

namespace bz::kv {
namespace {
constexpr char kRaw = 0, kZstd = 1;
constexpr int kLevel = 1;  // mail shrinks to about half at 400 MB/s; higher levels cost more CPU than they save disk
struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
}  // namespace

Bytes encode_chunk(View raw) {
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  Bytes out;
  if (context) {
    out.resize(1 + ZSTD_compressBound(raw.size()));
    const size_t size = ZSTD_compressCCtx(context.get(), out.data() + 1, out.size() - 1, raw.data(), raw.size(), kLevel);
    if (!ZSTD_isError(size) && size < raw.size()) {
      out[0] = kZstd;
      out.resize(1 + size);
      out.shrink_to_fit();
      return out;
    }
  }
  out.assign(1, kRaw);
  out += raw;
  return out;
}

Result<void> decode_chunk(View stored, size_t raw_size, Bytes& out) {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (stored.empty() || raw_size == 0 || raw_size > kBlobChunk) return fail(Errc::Corrupt, "blob chunk of no such size");
  const View body = stored.substr(1);
  if (stored[0] == kRaw) {
    if (body.size() != raw_size) return fail(Errc::Corrupt, "blob chunk of the wrong size");
    out += body;
    return {};
  }
  if (stored[0] != kZstd) return fail(Errc::Corrupt, "blob chunk of an unknown coding");
  const size_t before = out.size();
  out.resize(before + raw_size);
  const size_t size =
      context ? ZSTD_decompressDCtx(context.get(), out.data() + before, raw_size, body.data(), body.size()) : 0;
  if (!ZSTD_isError(size) && size == raw_size) return {};
  out.resize(before);
  return fail(Errc::Corrupt, "blob chunk does not decompress");
}

}  // namespace bz::kv

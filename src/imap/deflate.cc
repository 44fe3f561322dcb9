#include "imap/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "base/check.h"

namespace bz::imap {
namespace {

// 14 and 7 cost 128 KiB and a tenth more octets than the 256 KiB of 15 and 8; every DEFLATE reader takes them. The reader
// has no choice: a peer's window is 15 bits.
constexpr int kWriteWindow = -14, kWriteMemory = 7, kReadWindow = -15;
constexpr int kPackLevel = 1, kPackWindow = -15, kPackMemory = 5;
constexpr size_t kMaxWindow = 32 * 1024;
constexpr size_t kPackFrom = 512;  // a smaller window is kept as it is
constexpr size_t kRoom = 16 * 1024;
constexpr size_t kMostBegun = 16;                            // octets; a partial flush leaves two
constexpr int kBlockEnd = 128, kLastBlock = 64, kBits = 63;  // of z_stream::data_type

// zlib's memory, counted: tests and figures ask what a connection costs.
struct Counted {
  z_stream z{};
  size_t octets = 0;
  Counted() {
    z.opaque = this;
    z.zalloc = [](void* self, uInt items, uInt size) -> void* {
      const size_t wanted = size_t{items} * size;
      auto* block = static_cast<std::max_align_t*>(std::malloc(sizeof(std::max_align_t) + wanted));
      if (block == nullptr) return nullptr;
      *reinterpret_cast<size_t*>(block) = wanted;
      static_cast<Counted*>(self)->octets += wanted;
      return block + 1;
    };
    z.zfree = [](void* self, void* address) {
      auto* block = static_cast<std::max_align_t*>(address) - 1;
      static_cast<Counted*>(self)->octets -= *reinterpret_cast<size_t*>(block);
      std::free(block);
    };
  }
  Counted(const Counted&) = delete;
};

Bytef* bytef(const char* text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text)); }

void give(z_stream& z, std::string_view& bytes) {
  const size_t size = std::min<size_t>(bytes.size(), std::numeric_limits<uInt>::max());
  z.next_in = bytef(bytes.data());
  z.avail_in = static_cast<uInt>(size);
  bytes.remove_prefix(size);
}

struct Compressor : Counted {
  Compressor(int level, int window, int memory) {
    BZ_CHECK(deflateInit2(&z, level, Z_DEFLATED, window, memory, Z_DEFAULT_STRATEGY) == Z_OK, "deflateInit2");
  }
  ~Compressor() { deflateEnd(&z); }
  void run(std::string_view bytes, int flush, std::string& out) {
    do {
      give(z, bytes);
      do {
        const size_t before = out.size();
        out.resize(before + kRoom);
        z.next_out = bytef(out.data() + before);
        z.avail_out = kRoom;
        // Z_BUF_ERROR: nothing was left to do.
        BZ_CHECK(deflate(&z, bytes.empty() ? flush : Z_NO_FLUSH) != Z_STREAM_ERROR, "deflate");
        out.resize(before + kRoom - z.avail_out);
      } while (z.avail_out == 0);
    } while (!bytes.empty());
  }
};

}  // namespace

struct Deflater::Stream : Compressor {
  using Compressor::Compressor;
};

Deflater::Deflater(int level) : level_(level) {}
Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;

void Deflater::compress(std::string_view bytes, std::string& out) {
  if (bytes.empty()) return;
  if (!stream_) stream_ = std::make_unique<Stream>(level_, kWriteWindow, kWriteMemory);
  stream_->run(bytes, Z_SYNC_FLUSH, out);
}

// A raw stream has no head, and a flush ends a block at an octet: what a new compressor says continues it.
void Deflater::rest() { stream_.reset(); }
size_t Deflater::memory() const { return stream_ ? sizeof(Stream) + stream_->octets : 0; }

struct Inflater::Stream : Counted {
  Stream() { BZ_CHECK(inflateInit2(&z, kReadWindow) == Z_OK, "inflateInit2"); }
  ~Stream() { inflateEnd(&z); }
  uint8_t last = 0;      // octet that was taken
  bool damaged = false;  // what was heard before a rest cannot be heard again
  // What we have seen or packed ourselves.
  bool step(std::string_view input, std::span<char> out) {
    give(z, input);
    z.next_out = bytef(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&z, Z_SYNC_FLUSH);
    return (result == Z_OK || result == Z_STREAM_END) && z.avail_in == 0;
  }
};

Inflater::Inflater() = default;
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;

Result<size_t> Inflater::decompress(std::string_view& input, std::span<char> out) {
  if (ended_ && !input.empty()) return fail(Errc::Invalid, "octets behind the end of the compressed data");
  if (ended_ || (input.empty() && !full_)) return size_t{0};
  wake();
  if (stream_->damaged) return fail(Errc::Invalid, "the compressed data cannot be followed");
  z_stream& z = stream_->z;
  std::string_view behind = input;
  give(z, behind);
  z.next_out = bytef(out.data());
  z.avail_out = static_cast<uInt>(std::min<size_t>(out.size(), std::numeric_limits<uInt>::max()));
  const size_t room = z.avail_out;
  int result = Z_OK;
  while (result == Z_OK && z.avail_out > 0) {
    const size_t given = z.avail_in, free = z.avail_out;
    result = inflate(&z, Z_BLOCK);
    note(input.substr(0, given - z.avail_in), z.avail_out < free);
    input.remove_prefix(given - z.avail_in);
  }
  if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END)
    return fail(Errc::Invalid, "the compressed data are damaged");
  ended_ = result == Z_STREAM_END;
  full_ = z.avail_out == 0;
  return room - z.avail_out;
}

// After each step of inflate(), which stops at every end of a block.
void Inflater::note(std::string_view taken, bool produced) {
  if (taken.empty() && !produced) return;
  if (!taken.empty()) stream_->last = static_cast<uint8_t>(taken.back());
  const int place = stream_->z.data_type;
  if ((place & (kBlockEnd | kLastBlock)) == kBlockEnd) {
    end_bits_ = static_cast<uint8_t>(place & kBits);
    end_octet_ = stream_->last;  // taken now, or before and not used up then
    begun_.clear();
    may_rest_ = end_bits_ < 8;
    return;
  }
  may_rest_ = may_rest_ && !produced && begun_.size() + taken.size() <= kMostBegun;
  if (may_rest_) begun_ += taken;
}

bool Inflater::rest() {
  if (!stream_) return true;
  if (full_ || ended_ || !may_rest_) return false;
  std::string window(kMaxWindow, '\0');
  uInt size = 0;
  if (inflateGetDictionary(&stream_->z, bytef(window.data()), &size) != Z_OK) return false;
  window.resize(size);
  window_size_ = static_cast<uint16_t>(size);
  stream_.reset();
  window_.clear();
  if (size >= kPackFrom) Compressor(kPackLevel, kPackWindow, kPackMemory).run(window, Z_FINISH, window_);
  if (size < kPackFrom || window_.size() >= size) window_ = std::move(window);
  window_.shrink_to_fit();
  return true;
}

// The state in which rest() left off.
void Inflater::wake() {
  if (stream_) return;
  stream_ = std::make_unique<Stream>();
  if (window_.size() < window_size_) {
    std::string window(window_size_, '\0');
    Stream unpacking;
    BZ_CHECK(unpacking.step(window_, window), "inflate of what we have packed");
    window_ = std::move(window);
  }
  if (window_size_ > 0)
    BZ_CHECK(inflateSetDictionary(&stream_->z, bytef(window_.data()), window_size_) == Z_OK, "inflateSetDictionary");
  std::string().swap(window_);
  window_size_ = 0;
  if (end_bits_ > 0) BZ_CHECK(inflatePrime(&stream_->z, end_bits_, end_octet_ >> (8 - end_bits_)) == Z_OK, "inflatePrime");
  stream_->last = begun_.empty() ? end_octet_ : static_cast<uint8_t>(begun_.back());
  char none = 0;
  // These are the peer's octets, and no broken invariant may hang on them.
  if (!begun_.empty()) stream_->damaged = !stream_->step(begun_, std::span(&none, 1));
}

size_t Inflater::memory() const {
  return (stream_ ? sizeof(Stream) + stream_->octets : 0) + (window_.empty() ? 0 : window_.capacity());
}

}  // namespace bz::imap

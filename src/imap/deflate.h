// Raw DEFLATE (RFC 1951) as COMPRESS speaks it (RFC 4978): both directions of one connection, without I/O. What zlib keeps
// (128 KiB to compress, 40 KiB to decompress) is given back by rest() while a connection says nothing:
//  - a compressor may forget its window at every flush: no later octet refers to it, and the peer needs not be told;
//  - a decompressor must remember the last 32 KiB, for the peer's compressor may refer to them. rest() keeps that much of
//    it as there is, packed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::imap {

class Deflater {
 public:
  // level: 1 (quick) to 9 (small).
  explicit Deflater(int level);
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  // Appends `bytes` compressed to `out`, flushed: the peer can read all of it (Z_SYNC_FLUSH).
  void compress(std::string_view bytes, std::string& out);
  void rest();
  size_t memory() const;  // octets kept

 private:
  struct Stream;
  int level_;
  std::unique_ptr<Stream> stream_;
};

class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  // Takes octets off `input` and fills `out` from its beginning; the octets filled. Less than out.size(): all of `input`
  // was taken, and everything the peer has flushed by any kind of flush is delivered. Invalid: no DEFLATE, or the peer has
  // ended its compressed data and still says something.
  Result<size_t> decompress(std::string_view& input, std::span<char> out);
  bool ended() const { return ended_; }  // the peer's last block is behind us; it says nothing more
  // False: the peer is in the middle of a block, so nothing can be given back. Only when `input` was taken to its end.
  bool rest();
  size_t memory() const;

 private:
  struct Stream;
  void wake();
  void note(std::string_view taken, bool produced);
  std::unique_ptr<Stream> stream_;
  // Where the last block ended: that many bits of the octet there belong to the next one. Then what came behind it and held
  // no data yet: a partial flush leaves some bits of an empty block.
  uint8_t end_octet_ = 0, end_bits_ = 0;
  std::string begun_;
  bool may_rest_ = true;      // nothing else came behind it
  std::string window_;        // while resting
  uint16_t window_size_ = 0;  // before packing
  bool full_ = false;         // the last call filled `out`: there may be more of what was taken
  bool ended_ = false;
};

}  // namespace bz::imap

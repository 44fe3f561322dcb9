#include "kv/chunk_codec.h"

#include <gtest/gtest.h>

namespace bz::kv {
namespace {

TEST(ChunkCodec, CompressesWhatShrinksAndKeepsTheRestRaw) {
  const Bytes text(10'000, 'a');
  Bytes noise(1000, 0);
  unsigned seed = 1;
  for (char& c : noise) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  EXPECT_LT(encode_chunk(text).size(), 100u);
  EXPECT_EQ(encode_chunk(noise).size(), noise.size() + 1);
  Bytes out = "before";
  ASSERT_TRUE(decode_chunk(encode_chunk(text), text.size(), out));
  ASSERT_TRUE(decode_chunk(encode_chunk(noise), noise.size(), out));
  EXPECT_TRUE(out == "before" + text + noise);
}

TEST(ChunkCodec, DamageIsCorruptAndLeavesTheOutputAlone) {
  const Bytes good = encode_chunk(Bytes(1000, 'a')), raw = encode_chunk("x");
  for (const auto& [stored, size] : {std::pair<Bytes, size_t>{"", 0},
                                     {good, 999},
                                     {good, 1001},
                                     {raw, 2},
                                     {"\2abc", 3},
                                     {good.substr(0, good.size() - 1), 1000},
                                     {"\1", 0},
                                     {good, kBlobChunk + 1}}) {
    Bytes out = "before";
    const auto result = decode_chunk(stored, size, out);
    ASSERT_FALSE(result) << stored.size() << " " << size;
    EXPECT_EQ(result.error().code(), Errc::Corrupt);
    EXPECT_EQ(out, "before");
  }
}

TEST(BlobRef, IsTwentyFourBytesAndNothingElse) {
  const BlobRef ref{uint64_t{3} << 40 | 7, 1'000'000, 400'000};
  Bytes bytes;
  ref.encode(bytes);
  EXPECT_EQ(bytes.size(), 24u);
  EXPECT_EQ(BlobRef::decode(bytes), ref);
  EXPECT_FALSE(BlobRef::decode(View(bytes).substr(1)));
  EXPECT_FALSE(BlobRef::decode(bytes + "x"));
}

}  // namespace
}  // namespace bz::kv

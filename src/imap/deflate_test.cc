#include "imap/deflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

namespace bz::imap {
namespace {

// A peer that uses zlib as it likes.
class Peer {
 public:
  explicit Peer(int level = 6, int window = -15) { EXPECT_EQ(deflateInit2(&z_, level, Z_DEFLATED, window, 8, 0), Z_OK); }
  ~Peer() { deflateEnd(&z_); }
  std::string say(std::string text, int flush) {
    std::string out(deflateBound(&z_, text.size()) + 64, '\0');
    z_.next_in = reinterpret_cast<Bytef*>(text.data());
    z_.avail_in = static_cast<uInt>(text.size());
    z_.next_out = reinterpret_cast<Bytef*>(out.data());
    z_.avail_out = static_cast<uInt>(out.size());
    int result = deflate(&z_, flush);
    EXPECT_TRUE(result == Z_OK || result == Z_STREAM_END) << result;
    out.resize(out.size() - z_.avail_out);
    return out;
  }

 private:
  z_stream z_{};
};

std::string hear(Inflater& inflater, std::string_view input, size_t room = 1000) {
  std::string heard, piece(room, '\0');
  for (;;) {
    auto got = inflater.decompress(input, piece);
    if (!got) return heard + "<" + got.error().text() + ">";
    heard.append(piece, 0, *got);
    if (*got < room) break;
  }
  EXPECT_TRUE(input.empty());
  return heard;
}

std::string noise(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

TEST(Deflate, every_flushed_command_is_heard_at_once_whatever_the_kind_of_flush) {
  for (int flush : {Z_SYNC_FLUSH, Z_PARTIAL_FLUSH, Z_FULL_FLUSH}) {
    Peer peer;
    Inflater inflater;
    for (int i = 0; i < 200; ++i) {
      std::string command = "A" + std::to_string(i) + " UID FETCH " + std::to_string(i * 7) + " (FLAGS)\r\n";
      EXPECT_EQ(hear(inflater, peer.say(command, flush)), command) << flush;
    }
  }
}

TEST(Deflate, octet_by_octet) {
  for (int flush : {Z_SYNC_FLUSH, Z_PARTIAL_FLUSH}) {
    Peer peer;
    Inflater inflater;
    for (const std::string& text : {std::string("a NOOP\r\n"), std::string(5000, 'x'), noise(3000, 1)}) {
      std::string heard;
      for (char c : peer.say(text, flush)) heard += hear(inflater, std::string_view(&c, 1), 100);
      EXPECT_EQ(heard, text);
    }
  }
}

// The rest of the decompressor is taken at every possible point, and what follows refers to what was before.
TEST(Deflate, resumes_where_it_rested) {
  for (int flush : {Z_SYNC_FLUSH, Z_PARTIAL_FLUSH, Z_FULL_FLUSH})
    for (int level : {0, 1, 6, 9}) {
      Peer peer(level);
      Inflater inflater;
      std::string history = noise(40'000, 7);
      EXPECT_EQ(hear(inflater, peer.say(history, flush)), history);
      for (int i = 0; i < 60; ++i) {
        EXPECT_TRUE(inflater.rest()) << i << " flush " << flush << " level " << level;
        std::string text =
            "t" + std::to_string(i) + " " + history.substr(static_cast<size_t>(i) * 500 + 9000, 300) + "\r\n";
        EXPECT_EQ(hear(inflater, peer.say(text, flush)), text) << i << " flush " << flush << " level " << level;
      }
    }
}

TEST(Deflate, does_not_rest_within_a_block) {
  Peer peer;
  Inflater inflater;
  std::string said = peer.say(noise(2000, 3), Z_SYNC_FLUSH);
  std::string heard = hear(inflater, said.substr(0, 1000));
  EXPECT_FALSE(inflater.rest());
  heard += hear(inflater, said.substr(1000));
  EXPECT_EQ(heard, noise(2000, 3));
  EXPECT_TRUE(inflater.rest());
}

TEST(Deflate, resting_keeps_what_the_peer_may_refer_to_and_no_more) {
  Peer peer;
  Inflater inflater;
  Deflater deflater(3);
  EXPECT_EQ(inflater.memory() + deflater.memory(), 0u);
  std::string out;
  for (int i = 0; i < 20; ++i) {  // what a phone says before it idles
    (void)hear(inflater, peer.say("A" + std::to_string(i) + " UID FETCH 1:* (UID FLAGS)\r\n", Z_SYNC_FLUSH));
    deflater.compress("* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n", out);
  }
  const size_t awake = inflater.memory() + deflater.memory();
  EXPECT_TRUE(inflater.rest());
  deflater.rest();
  EXPECT_GT(awake, 150'000u);
  EXPECT_LT(inflater.memory() + deflater.memory(), 1000u);
  (void)hear(inflater, peer.say(noise(100'000, 5), Z_SYNC_FLUSH));
  EXPECT_TRUE(inflater.rest());
  EXPECT_LE(inflater.memory(), 33'000u);
  RecordProperty("awake", static_cast<int>(awake));
}

TEST(Deflate, what_we_say_is_read_after_every_rest) {
  Deflater deflater(3);
  Inflater peer;
  for (int i = 0; i < 50; ++i) {
    std::string text = "* " + std::to_string(i) + " EXISTS\r\n" + noise(static_cast<size_t>(i) * 97, 11), out;
    deflater.compress(text, out);
    EXPECT_EQ(hear(peer, out), text);
    if (i % 3 == 0) deflater.rest();
  }
  std::string out;
  deflater.compress("", out);
  EXPECT_TRUE(out.empty());
}

TEST(Deflate, much_from_few_octets_comes_in_pieces_of_the_readers_choice) {
  Peer peer(9);
  std::string bomb = peer.say(std::string(64 << 20, 'A'), Z_SYNC_FLUSH);
  EXPECT_LT(bomb.size(), 70'000u);
  Inflater inflater;
  std::string_view input = bomb;
  std::string piece(4096, '\0');
  auto got = inflater.decompress(input, piece);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(*got, 4096u);
  EXPECT_LT(inflater.memory(), 64'000u);
  EXPECT_FALSE(inflater.rest());
}

TEST(Deflate, damage_is_said) {
  Inflater inflater;
  EXPECT_NE(hear(inflater, std::string(20, '\xff')).find("damaged"), std::string::npos);
  Inflater plain;
  EXPECT_NE(hear(plain, "a1 NOOP\r\na2 LOGOUT\r\n").find("<"), std::string::npos);
}

TEST(Deflate, the_end_of_the_peers_data_is_the_end) {
  Peer peer;
  Inflater inflater;
  std::string said = peer.say("a LOGOUT\r\n", Z_FINISH);
  EXPECT_EQ(hear(inflater, said), "a LOGOUT\r\n");
  EXPECT_TRUE(inflater.ended());
  EXPECT_NE(hear(inflater, "more").find("behind the end"), std::string::npos);
}

}  // namespace
}  // namespace bz::imap

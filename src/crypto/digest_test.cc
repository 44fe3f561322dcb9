#include "crypto/digest.h"

#include <gtest/gtest.h>

#include "base/env.h"
#include "base/text.h"

namespace bz::crypto {
namespace {

using base::from_hex;
using base::hex;

TEST(Digest, known_answers) {
  EXPECT_EQ(hex(md5("abc")), "900150983cd24fb0d6963f7d28e17f72");  // RFC 1321 A.5
  EXPECT_EQ(hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha512("abc").size(), 64u);
}

TEST(Digest, incremental_sha256_equals_one_shot_at_every_split_and_starts_anew) {
  std::string text = "The quick brown fox jumps over the lazy dog, sixty-four octets and more.";
  Sha256 h;
  for (size_t i = 0; i <= text.size(); ++i) {
    h.update(std::string_view(text).substr(0, i));
    h.update(std::string_view(text).substr(i));
    EXPECT_EQ(h.finish(), sha256(text));
  }
}

TEST(Hmac, rfc2202_and_rfc4231) {
  EXPECT_EQ(hex(hmac(Hash::Md5, "Jefe", "what do ya want for nothing?")), "750c783e6ab0b503eaa86e310a5db738");
  EXPECT_EQ(hex(hmac(Hash::Sha256, "Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hmac, empty_key_is_a_key) { EXPECT_NE(hmac(Hash::Sha256, "", "x"), hmac(Hash::Sha256, "k", "x")); }

TEST(Pbkdf2, rfc7677_salted_password) {
  auto salt = base::from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  EXPECT_EQ(hex(pbkdf2(Hash::Sha256, "pencil", *salt, 4096, 32)),
            "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d");
}

TEST(Hkdf, rfc5869_case_1) {
  EXPECT_EQ(hex(hkdf(Hash::Sha256, std::string(22, '\x0b'), *from_hex("000102030405060708090a0b0c"),
                     *from_hex("f0f1f2f3f4f5f6f7f8f9"), 42)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST(HmacMd5States, agree_with_hmac_for_every_key_length_around_a_block) {
  base::SeededRandom random(1);
  for (size_t key_size : {0, 1, 16, 63, 64, 65, 80, 200})
    for (size_t size : {0, 1, 55, 56, 63, 64, 65, 500}) {
      std::string key = random.bytes(key_size), text = random.bytes(size);
      HmacMd5States states = hmac_md5_states(key), copy;
      ASSERT_TRUE(HmacMd5States::decode(states.encode(), copy));
      EXPECT_EQ(hmac_md5(copy, text), hmac(Hash::Md5, key, text)) << key_size << " " << size;
    }
}

TEST(HmacMd5States, refuse_another_length) {
  HmacMd5States out;
  EXPECT_FALSE(HmacMd5States::decode("short", out));
}

}  // namespace
}  // namespace bz::crypto

#include "crypto/md4.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace bz::crypto {
namespace {

TEST(Md4, gives_the_digests_of_rfc1320_appendix_a5) {
  struct {
    const char *text, *digest;
  } rows[] = {
      {"", "31d6cfe0d16ae931b73c59d7e0c089c0"},
      {"a", "bde52cb31de33e46245e05fbdbd6fb24"},
      {"abc", "a448017aaf21d8525fc10ae87aa6729d"},
      {"message digest", "d9130a8164549fe818874806e1c7014b"},
      {"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"},
      {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
       "e33b4ddc9c38f2199c3e7b164fcc0536"},
  };
  for (const auto& row : rows) EXPECT_EQ(base::hex(md4(row.text)), row.digest) << row.text;
}

// Lengths around the padding's edges; the digests are those of OpenSSL's legacy provider.
TEST(Md4, pads_at_every_edge) {
  struct {
    size_t size;
    const char* digest;
  } rows[] = {{55, "92f32bb82c95ad10e8f87ae58ab06807"},  {56, "374d5f08103b7092c83b4626ebceffab"},
              {63, "2870452596e98fffd48332289b3472b9"},  {64, "b1abf956a5ae6f3221e5fe85e300fbb0"},
              {65, "afc1a3308fc176a53238a09aeddec2e6"},  {119, "b55ae15e41e55643b0c3daad5e05c905"},
              {120, "d8f9adfc41ec43552619606c70cfd287"}, {128, "7c087dd92a6743e09f3763a6d99c9d26"}};
  for (const auto& row : rows) EXPECT_EQ(base::hex(md4(std::string(row.size, 'x'))), row.digest) << row.size;
}

}  // namespace
}  // namespace bz::crypto

#include "crypto/password_scheme.h"

#include <gtest/gtest.h>

#include "base/env.h"
#include "crypto/password.h"

namespace bz::crypto {
namespace {

Errc judged(std::string_view stored, std::string_view password) {
  auto r = verify_stored_password(stored, Secret(std::string(password)));
  return r ? Errc::Exists : r.error().code();  // Exists: right
}

// Made by Python's hashlib by openssl passwd and by perl's crypt for "pencil".
// clang-format off
const char* const kPencil[] = {
    "{SHA}0vxRJJChUDZGC1SJQBQ51tpUB/o=",
    "{SSHA}M0YXe+4K7AXJbpIQR++HGoshE8JzYWx0c2FsdA==",
    "{SHA256}E4CWaPtDY4Zwb2fcsFLtWEoEuhaowCoX1m00ww/O2iE=",
    "{SSHA256}V9JAnh4LXKDVr5nXdkqPSOpFTLqdpyR4d7xzU3GdHE9zYWx0c2FsdA==",
    "{SHA512}Gd8Bqrgo+NUINrp1cJcTrtInM1344YZDkYXAbJF6Kn03cat24wfPo7a4nvGmaC1mgd3xGISHDl3hPnk/uVXu6w==",
    "{SSHA512}EM/40PpOwDFyRBvlEBPAPcAotwYXhUelFtA2c9wqybUh7KPyAKJRMdmih7JvDHLIZX4mudDr3ExMpxduNEz0VXNhbHRzYWx0",
    "{MD5}qPaDC855Copn/C6E4SCTug==",
    "{SMD5}nZ6BNg4qUgjWovZzOEkWD3NhbHRzYWx0",
    "{PBKDF2-SHA256}1000$c2FsdHNhbHQ$wVNdDJbDXytD3Ypu4dvQtX0COri6cW8h0XT6q2RUj3E",
    "{PBKDF2-SHA512}1000$c2FsdHNhbHQ$p6jK.up03Bh76vwbZ4M8FaVUgENNc/oN9uKl9CCTgtgylMk9.QdXrxd6SUbGGFaB.e6Cbhi2troD0qHp20or.w",
    "{CRYPT}$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41",
    "{CRYPT}$5$saltsalt$hl9BvcGsj7AkON13nbqeQHDgRpHyFxt7WDzLoS.OCQ/",
    "{CRYPT}$6$saltsalt$rD9fW1BwIrjB90WCgCTdIQc3phTBhf04I6Iw/XlgKD9E9aEbzqGZipjiFxGo/4wWXDA6jV6/vZO.kKdDSfUJb0",
    "{CRYPT}$y$j9T$saltsaltsaltsalt$6zIvOHSo7XiKvWMjTL74DqRQqOpNFItKT8Ag5eCgsC9",
    "{CRYPT}$2b$05$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu",
    "{ssha}YAHy909mG0vL/mDSfKtDxApWAz54",
    "{CLEARTEXT}pencil",
    "pencil",
};
// clang-format on

TEST(PasswordScheme, each_opens_with_its_password_and_no_other) {
  for (const char* stored : kPencil) {
    EXPECT_EQ(judged(stored, "pencil"), Errc::Exists) << stored;
    EXPECT_TRUE(is_known_scheme(password_scheme(stored))) << stored;
    for (const char* other : {"", "Pencil", "pencil ", "pencilsaltsalt", "p"})
      EXPECT_EQ(judged(stored, other), Errc::AuthFailed) << stored;
  }
}

TEST(PasswordScheme, argon2id_as_made_here) {
  auto made = hash_password(Secret("pencil"), {64, 1, 1}, base::system_random());
  ASSERT_TRUE(made);
  EXPECT_EQ(judged("{ARGON2}" + *made, "pencil"), Errc::Exists);
  EXPECT_EQ(judged("{argon2id}" + *made, "crayon"), Errc::AuthFailed);
}

TEST(PasswordScheme, broken_dear_and_unknown_values_open_for_nobody) {
  for (const char* stored :
       {"{SSHA}", "{SSHA}x", "{SHA}c2FsdA==", "{CRYPT}", "{CRYPT}*", "{CRYPT}!", "{CRYPT}$6$rounds=999999999$salt$x",
        "{CRYPT}$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", "{CRYPT}$y$jZT$salt$x", "{ARGON2}x",
        "{ARGON2}$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$AAAA",
        "{PBKDF2-SHA256}4000000000$c2FsdA$c2FsdHNhbHRzYWx0c2FsdA", "{PBKDF2-SHA256}1$c2FsdA$AA", "{PBKDF2-SHA256}1"})
    EXPECT_EQ(judged(stored, "pencil"), Errc::Invalid) << stored;
  EXPECT_EQ(judged("{SASL}ana@EXAMPLE", "ana@EXAMPLE"), Errc::Unsupported) << "not a cleartext password";
  EXPECT_EQ(judged("{SASL}ana@EXAMPLE", "{SASL}ana@EXAMPLE"), Errc::Unsupported);
  EXPECT_EQ(judged("{CLEARTEXT}", ""), Errc::AuthFailed);
  EXPECT_EQ(judged(std::string(kMaxStoredPassword + 1, 'a'), "a"), Errc::Invalid);
  EXPECT_FALSE(is_known_scheme("SASL"));
}

}  // namespace
}  // namespace bz::crypto

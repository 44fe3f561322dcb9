// Signatures, seals and passwords.
#include <argon2.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/password.h"
#include "crypto/seal.h"
#include "crypto/sign.h"

namespace bz::crypto {
namespace {

using base::from_hex;

TEST(Sign, rfc8032_test_2) {
  Secret key(*from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  auto public_key = public_key_of(key);
  ASSERT_TRUE(public_key);
  EXPECT_EQ(base::hex(*public_key), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  auto signature = sign(key, "\x72");
  ASSERT_TRUE(signature);
  EXPECT_EQ(base::hex(*signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(verify(*public_key, "\x72", *signature));
}

TEST(Sign, every_flipped_bit_of_message_key_or_signature_is_refused) {
  base::SeededRandom random(7);
  SignKeyPair pair = make_sign_key(random);
  std::string message = "hola", signature = *sign(pair.private_key, message);
  for (std::string* part : {&message, &signature, &pair.public_key})
    for (size_t bit = 0; bit < part->size() * 8; bit += 5) {
      (*part)[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      EXPECT_FALSE(verify(pair.public_key, message, signature));
      (*part)[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    }
  EXPECT_TRUE(verify(pair.public_key, message, signature));
  EXPECT_FALSE(verify("", message, signature));
  EXPECT_FALSE(verify(pair.public_key, message, ""));
  EXPECT_FALSE(sign(Secret("short"), message));
}

TEST(Seal, opens_only_with_its_key_and_context_and_unchanged) {
  base::SeededRandom random(3);
  Secret key(random.bytes(kSealKeySize)), other(random.bytes(kSealKeySize));
  for (size_t size : {0, 1, 16, 1000}) {
    std::string plain = random.bytes(size);
    std::string sealed = *seal(key, "account 7", plain, random);
    EXPECT_NE(sealed, *seal(key, "account 7", plain, random)) << "nonces must differ";
    auto opened = open_sealed(key, "account 7", sealed);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->reveal(), plain);
    EXPECT_EQ(open_sealed(key, "account 8", sealed).error().code(), Errc::Corrupt);
    EXPECT_EQ(open_sealed(other, "account 7", sealed).error().code(), Errc::Corrupt);
    for (size_t at = 0; at < sealed.size(); ++at) {
      std::string changed = sealed;
      changed[at] ^= 1;
      EXPECT_FALSE(open_sealed(key, "account 7", changed));
    }
    EXPECT_FALSE(open_sealed(key, "account 7", std::string_view(sealed).substr(0, sealed.size() - 1)));
  }
  EXPECT_FALSE(open_sealed(key, "", ""));
  EXPECT_EQ(seal(Secret("short"), "", "x", random).error().code(), Errc::Invalid);
}

constexpr PasswordCost kCheap{64, 1, 1};

TEST(Password, right_one_opens_and_wrong_one_is_auth_failed) {
  base::SeededRandom random(5);
  for (const std::string& text :
       {std::string("pencil"), std::string(), std::string("contraseña"), std::string("a\0b", 3)}) {
    auto verifier = hash_password(Secret(text), kCheap, random);
    ASSERT_TRUE(verifier);
    EXPECT_TRUE(verifier->starts_with("$argon2id$v=19$m=64,t=1,p=1$")) << *verifier;
    EXPECT_TRUE(verify_password(*verifier, Secret(text)));
    EXPECT_EQ(verify_password(*verifier, Secret(text + "x")).error().code(), Errc::AuthFailed);
  }
}

TEST(Password, reads_a_verifier_made_by_the_reference_command_line_tool) {
  // echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 24: the vector of libargon2's own tests.
  EXPECT_TRUE(verify_password("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                              Secret("password")));
}

// With one lane and a salt of 16 bytes another library computes than otherwise: both must be Argon2id.
TEST(Password, reads_what_the_reference_implementation_made_whichever_library_checks_it) {
  const std::string sixteen = "sixteen bytes ok", eight = "somesalt";
  for (const std::string& salt : {sixteen, eight})
    for (uint32_t lanes : {1u, 2u, 4u})
      for (size_t size : {16u, 24u, 32u, 64u, 100u}) {
        std::string encoded(256, '\0');
        ASSERT_EQ(argon2id_hash_encoded(2, 64, lanes, "pencil", 6, salt.data(), salt.size(), size, encoded.data(),
                                        encoded.size()),
                  ARGON2_OK);
        encoded.resize(encoded.find('\0'));
        EXPECT_TRUE(verify_password(encoded, Secret("pencil"))) << encoded;
        EXPECT_EQ(verify_password(encoded, Secret("pencils")).error().code(), Errc::AuthFailed) << encoded;
      }
  base::SeededRandom random(7);
  for (uint32_t lanes : {1u, 2u}) {
    auto made = hash_password(Secret("pencil"), PasswordCost{64, 2, lanes}, random);
    ASSERT_TRUE(made);
    EXPECT_EQ(argon2id_verify(made->c_str(), "pencil", 6), ARGON2_OK) << *made;
  }
}

TEST(Password, decoy_costs_the_same_and_never_opens) {
  base::SeededRandom random(5);
  std::string decoy = decoy_verifier(kCheap, random);
  EXPECT_FALSE(needs_rehash(decoy, kCheap));
  EXPECT_EQ(verify_password(decoy, Secret("")).error().code(), Errc::AuthFailed);
}

TEST(Password, dear_or_foreign_verifiers_are_refused_before_any_work) {
  for (const char* verifier :
       {"", "$1$abc", "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$AAAA",
        "$argon2id$v=19$m=64,t=4000000,p=1$c29tZXNhbHQ$AAAA", "$argon2id$v=19$m=64,t=1$x$y",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AA!A", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA$AAAA",
        "$argon2id$v=19$m=4,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAA"})
    EXPECT_EQ(verify_password(verifier, Secret("x")).error().code(), Errc::Invalid) << verifier;
  EXPECT_EQ(
      verify_password("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAA", Secret(std::string(1025, 'x'))).error().code(),
      Errc::AuthFailed);
}

TEST(Password, weaker_verifiers_ask_for_a_rehash) {
  base::SeededRandom random(5);
  auto verifier = hash_password(Secret("x"), kCheap, random);
  EXPECT_TRUE(needs_rehash(*verifier, PasswordCost{}));
  EXPECT_FALSE(needs_rehash(*verifier, kCheap));
}

}  // namespace
}  // namespace bz::crypto

#include "crypto/signature.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"

namespace bz::crypto {
namespace {

std::string raw(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  while (text.size() % 4 != 0) text += '=';
  return base::from_base64(text).value();
}

using enum SignatureAlgorithm;

// RFC 7515 A.2: RS256.
const std::string kModulus =
    raw("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR"
        "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB"
        "dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia"
        "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ");
const std::string kRsInput =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
    "yb290Ijp0cnVlfQ";
const std::string kRsSignature =
    raw("cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
        "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
        "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
        "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
// RFC 7515 A.3: ES256.
const std::string kX = raw("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                  kY = raw("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
const std::string kEsInput =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
    "yb290Ijp0cnVlfQ";
const std::string kEsSignature =
    raw("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
// RFC 8037 A.4: EdDSA.
const std::string kEd = raw("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
const std::string kEdInput = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const std::string kEdSignature =
    raw("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");

struct Vector {
  PublicKey key;
  SignatureAlgorithm algorithm;
  std::string message, signature;
};
std::vector<Vector> vectors() {
  return {{*PublicKey::rsa(kModulus, raw("AQAB")), Rs256, kRsInput, kRsSignature},
          {*PublicKey::p256(kX, kY), Es256, kEsInput, kEsSignature},
          {*PublicKey::ed25519(kEd), Ed25519, kEdInput, kEdSignature}};
}

TEST(Signature, the_examples_of_rfc7515_and_rfc8037_are_good) {
  for (const Vector& v : vectors()) EXPECT_TRUE(v.key.verify(v.algorithm, v.message, v.signature));
}

TEST(Signature, a_changed_bit_another_algorithm_or_another_length_is_not) {
  for (const Vector& v : vectors()) {
    for (size_t i = 0; i < v.signature.size(); i += 7) {
      std::string changed = v.signature;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      EXPECT_FALSE(v.key.verify(v.algorithm, v.message, changed));
      EXPECT_FALSE(v.key.verify(v.algorithm, v.message, v.signature.substr(0, i)));
    }
    EXPECT_FALSE(v.key.verify(v.algorithm, v.message + "x", v.signature));
    EXPECT_FALSE(v.key.verify(v.algorithm, v.message, v.signature + "x"));
    for (SignatureAlgorithm other : {Rs256, Ps256, Es256, Ed25519}) {
      if (other == v.algorithm) continue;
      EXPECT_FALSE(v.key.verify(other, v.message, v.signature));
    }
  }
  EXPECT_FALSE(PublicKey::p256(kX, kY)->verify(Es256, "m", std::string(64, '\0'))) << "r = s = 0";
}

TEST(Signature, weak_and_broken_keys_are_refused) {
  EXPECT_FALSE(PublicKey::rsa(kModulus.substr(0, 128), raw("AQAB")).has_value()) << "1024 bits";
  EXPECT_FALSE(PublicKey::rsa(std::string(1200, '\xff'), raw("AQAB")).has_value());
  EXPECT_FALSE(PublicKey::rsa(kModulus, "\x01").has_value());
  EXPECT_FALSE(PublicKey::rsa(kModulus, "\x04").has_value());
  EXPECT_FALSE(PublicKey::rsa(kModulus, "").has_value());
  EXPECT_FALSE(PublicKey::p256(kX, kX).has_value()) << "not on the curve";
  EXPECT_FALSE(PublicKey::p256(kX, "").has_value());
  EXPECT_FALSE(PublicKey::ed25519("short").has_value());
}

}  // namespace
}  // namespace bz::crypto

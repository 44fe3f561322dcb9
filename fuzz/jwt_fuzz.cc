// rooms: base crypto oauth
// Tokens and key sets as strangers write them. First byte: which.
// Held: no crash, no deep recursion, and no token that the one private key has not signed is ever good.
#include <cstdint>

#include "base/check.h"
#include "base/text.h"
#include "crypto/sign.h"
#include "oauth/jwt.h"

using namespace bz;
using namespace bz::oauth;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const Secret kPrivate(std::string(32, '\x01'));
  static const std::string kPublic = *crypto::public_key_of(kPrivate);
  static const Verifier kVerifier =
      *Verifier::make(R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":")" + base::base64url(kPublic) + R"("}]})",
                      {.issuer = "i", .audiences = {"a"}, .user_claim = "email"});
  constexpr int64_t kNow = 1'800'000'000;
  switch (data[0] % 3) {
    case 0:
      if (auto keys = parse_key_set(text)) BZ_CHECK(!keys->empty() && keys->size() <= kMaxKeys, "count of keys");
      break;
    case 1:
      BZ_CHECK(!kVerifier.user_of(text, kNow), "a token nobody signed");
      break;
    case 2: {  // claims, rightly signed: every path of their check
      std::string part = base::base64url(R"({"alg":"EdDSA"})") + "." + base::base64url(text);
      auto user = kVerifier.user_of(part + "." + base::base64url(*crypto::sign(kPrivate, part)), kNow);
      if (user) BZ_CHECK(!user->empty() && base::is_utf8(*user), "user");
      break;
    }
  }
  return 0;
}

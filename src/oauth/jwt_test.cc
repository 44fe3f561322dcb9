#include "oauth/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "crypto/sign.h"

namespace bz::oauth {
namespace {

using testing::HasSubstr;

constexpr int64_t kNow = 1'800'000'000;

std::string file(const char* name) {
  std::ifstream in(std::string(BUZON_SOURCE_DIR "/tests/data/oauth/") + name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Options options() { return {.issuer = "https://id.example.org", .audiences = {"mail", "imap"}, .user_claim = "email"}; }

TEST(Jwt, takes_all_four_algorithms_from_the_key_set) {
  auto verifier = Verifier::make(file("jwks.json"), options());
  ASSERT_TRUE(verifier) << verifier.error().text();
  std::string tokens = file("tokens.txt");
  int count = 0;
  for (std::string_view line : base::split(tokens, '\n')) {
    if (line.empty()) continue;
    ++count;
    auto parts = base::split(line, ' ');
    auto user = verifier->user_of(parts[1], kNow);
    ASSERT_TRUE(user) << parts[0] << ": " << user.error().text();
    EXPECT_EQ(*user, "ana@example.org");
    std::string changed(parts[1]);
    changed[changed.find('.') + 5] = 'A';
    EXPECT_FALSE(verifier->user_of(changed, kNow)) << parts[0];
  }
  EXPECT_EQ(count, 4);
}

// Tokens of our own making, signed with Ed25519.
struct JwtTest : testing::Test {
  base::SeededRandom random{3};
  crypto::SignKeyPair key = crypto::make_sign_key(random);
  std::string jwks(std::string_view more = "") {
    return "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":\"" + base::base64url(key.public_key) +
           "\"" + std::string(more) + "}]}";
  }
  Verifier verifier = *Verifier::make(jwks(), options());
  std::string token(std::string_view claims, std::string_view header = R"({"alg":"EdDSA","kid":"k"})") {
    std::string text = base::base64url(header) + "." + base::base64url(claims);
    return text + "." + base::base64url(*crypto::sign(key.private_key, text));
  }
  std::string why(const std::string& token) {
    auto user = verifier.user_of(token, kNow);
    return user ? "good" : user.error().text();
  }
};

// The pieces of a good token, to be changed one at a time.
std::string claims(std::string_view exp = "1800000100", std::string_view iss = "\"https://id.example.org\"",
                   std::string_view aud = "\"mail\"", std::string_view more = R"(,"email":"ana@example.org")") {
  return "{\"exp\":" + std::string(exp) + ",\"iss\":" + std::string(iss) + ",\"aud\":" + std::string(aud) +
         std::string(more) + "}";
}

TEST_F(JwtTest, claims_are_checked) {
  const std::string iss = "\"https://id.example.org\"", aud = "\"mail\"";
  EXPECT_EQ(why(token(claims())), "good");
  EXPECT_EQ(why(token(claims("1799999941"))), "good") << "clocks may differ by a minute";
  EXPECT_THAT(why(token(claims("1799999940"))), HasSubstr("expired"));
  EXPECT_THAT(why(token(claims("\"1800000100\""))), HasSubstr("no time of expiry"));
  EXPECT_THAT(why(token(claims("null"))), HasSubstr("no time of expiry"));
  EXPECT_EQ(why(token(claims("1800000100.5"))), "good");
  EXPECT_THAT(why(token(claims("1800000100", "\"https://id.example.org/\""))), HasSubstr("issuer"));
  EXPECT_THAT(why(token(claims("1800000100", "[" + iss + "]"))), HasSubstr("issuer"));
  EXPECT_EQ(why(token(claims("1800000100", iss, R"(["x","imap"])"))), "good");
  EXPECT_THAT(why(token(claims("1800000100", iss, "\"other\""))), HasSubstr("audience"));
  EXPECT_THAT(why(token(claims("1800000100", iss, "[]"))), HasSubstr("audience"));
  auto with = [&](std::string_view more) { return why(token(claims("1800000100", iss, aud, more))); };
  EXPECT_EQ(with(R"(,"email":"a@b","nbf":1800000060)"), "good");
  EXPECT_THAT(with(R"(,"email":"a@b","nbf":1800000061)"), HasSubstr("not valid yet"));
  EXPECT_THAT(with(R"(,"email":"a@b","nbf":"soon")"), HasSubstr("not valid yet"));
  EXPECT_THAT(with(R"(,"sub":"a@b")"), HasSubstr("no claim email"));
  EXPECT_THAT(with(R"(,"email":7)"), HasSubstr("no claim email"));
  EXPECT_THAT(with(R"(,"email":"")"), HasSubstr("no claim email"));
  EXPECT_THAT(with(R"(,"email":"a@b","email_verified":false)"), HasSubstr("not verified"));
  EXPECT_THAT(with(R"(,"email":"a@b","email_verified":"true")"), HasSubstr("not verified"));
  EXPECT_EQ(with(R"(,"email":"a@b","email_verified":true)"), "good");
}

TEST_F(JwtTest, none_and_shared_secrets_are_no_algorithms) {
  std::string good = claims();
  for (const char* alg : {"none", "None", "HS256", "HS512", "RS256", "ES256", "RS512", ""}) {
    std::string header = "{\"alg\":\"" + std::string(alg) + "\"}";
    EXPECT_THAT(why(token(good, header)), testing::AnyOf(HasSubstr("algorithm"), HasSubstr("no key"))) << alg;
  }
  std::string unsigned_token = base::base64url(R"({"alg":"none"})") + "." + base::base64url(good) + ".";
  EXPECT_THAT(why(unsigned_token), HasSubstr("algorithm"));
  EXPECT_THAT(why(token(good, R"({"alg":"EdDSA","crit":["x"],"x":1})")), HasSubstr("critical"));
  EXPECT_THAT(why(token(good, R"({"alg":"EdDSA","kid":"other"})")), HasSubstr("no key"));
  EXPECT_EQ(why(token(good, R"({"alg":"EdDSA"})")), "good") << "without a name every key is tried";
  auto other = crypto::make_sign_key(random);
  std::string text = base::base64url(R"({"alg":"EdDSA"})") + "." + base::base64url(good);
  EXPECT_THAT(why(text + "." + base::base64url(*crypto::sign(other.private_key, text))), HasSubstr("signature"));
}

TEST_F(JwtTest, form_and_limits) {
  for (const std::string& bad :
       {std::string(), std::string("a.b"), std::string("a.b.c.d"), std::string("!.!.!"), std::string("..")})
    EXPECT_NE(why(bad), "good") << bad;
  EXPECT_THAT(why(std::string(kMaxToken + 1, 'a')), HasSubstr("too long"));
  EXPECT_NE(why(token(claims()) + "="), "good") << "padding";
  EXPECT_NE(why(token("[]")), "good");
  std::string deep = claims("1800000100", "\"https://id.example.org\"", "\"mail\"",
                            ",\"email\":\"a@b\",\"x\":" + std::string(20, '[') + std::string(20, ']'));
  EXPECT_NE(why(token(deep)), "good") << "nested too deep";
}

TEST_F(JwtTest, key_sets) {
  EXPECT_TRUE(parse_key_set(jwks()));
  EXPECT_TRUE(parse_key_set(jwks(",\"alg\":\"EdDSA\",\"use\":\"sig\"")));
  EXPECT_FALSE(parse_key_set(jwks(",\"alg\":\"RS256\""))) << "no key of use is left";
  EXPECT_FALSE(parse_key_set(jwks(",\"use\":\"enc\"")));
  for (const char* bad :
       {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1]}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}]}", "{\"keys\":[{\"kty\":\"RSA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}"})
    EXPECT_FALSE(parse_key_set(bad)) << bad;
  EXPECT_FALSE(parse_key_set(std::string(kMaxKeySet + 1, ' ')));
  EXPECT_FALSE(Verifier::make(jwks(), {.issuer = "", .audiences = {"a"}})) << "an issuer is needed";
  EXPECT_FALSE(Verifier::make(jwks(), {.issuer = "i", .audiences = {}})) << "an audience is needed";
}

}  // namespace
}  // namespace bz::oauth

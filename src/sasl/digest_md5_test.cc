#include "sasl/digest_md5.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/digest.h"
#include "sasl/mechanism.h"

namespace bz::sasl {
namespace {

using std::get;

struct DigestTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{5};
  std::unique_ptr<ServerMechanism> server(std::string nonce = "OA6MG9tEQGm2hh") {
    return make_server(Kind::DigestMd5,
                       {.host = "elwood.innosoft.com", .service = "imap", .realm = "elwood.innosoft.com", .nonce = nonce},
                       clock, random);
  }
  Credentials secret(std::vector<std::string> names = {"chris"}, std::string password = "secret",
                     std::string realm = "elwood.innosoft.com") {
    Credentials c{.known = true};
    c.digest = make_digest_secret(names, realm, Secret(std::move(password)));
    return c;
  }
};

// RFC 2831 section 4, the IMAP example.
const std::string kAnswer =
    "charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",nc=00000001,"
    "cnonce=\"OA6MHXh6VqTrRk\",digest-uri=\"imap/elwood.innosoft.com\",response=d388dad90d4bbd760a152321f2143af7,qop=auth";

std::string changed(std::string_view from, std::string_view to) {
  std::string text = kAnswer;
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST_F(DigestTest, takes_the_answer_of_rfc2831_and_proves_itself) {
  auto m = server();
  EXPECT_EQ(get<Challenge>(m->start(std::nullopt)).bytes,
            "realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",charset=utf-8,algorithm=md5-sess");
  ASSERT_EQ(get<NeedCredentials>(m->next(kAnswer)).user, "chris");
  Step end = m->supply(secret());
  ASSERT_TRUE(std::holds_alternative<Done>(end));
  EXPECT_EQ(get<Done>(end).final_data, "rspauth=ea40f60335c427b5527b84dbabcdfffd");
}

TEST(DigestResponse, computes_both_examples_of_rfc2831) {
  std::string hash = crypto::md5("chris:elwood.innosoft.com:secret");
  DigestResponse acap{.username = "chris",
                      .realm = "elwood.innosoft.com",
                      .nonce = "OA9BSXrbuRhWay",
                      .cnonce = "OA9BSuZWMSpW8m",
                      .nc = "00000001",
                      .qop = "auth",
                      .uri = "acap/elwood.innosoft.com",
                      .authzid = {},
                      .response = {}};
  EXPECT_EQ(digest_response(acap, hash, true), "6084c6db3fede7352c551284490fd0fc");
  EXPECT_EQ(digest_response(acap, hash, false), "2f0b3d7c3c2e486600ef710726aa2eae");
}

TEST_F(DigestTest, refuses_wrong_secrets_fakes_and_other_realms) {
  auto end = [&](const Credentials& credentials) {
    auto m = server();
    (void)m->start(std::nullopt);
    (void)m->next(kAnswer);
    return std::holds_alternative<Done>(m->supply(credentials));
  };
  EXPECT_TRUE(end(secret()));
  EXPECT_TRUE(end(secret({"chris@elwood.innosoft.com", "chris"}))) << "any spelling of the name";
  EXPECT_FALSE(end(secret({"chris"}, "Secret")));
  EXPECT_FALSE(end(secret({"eva"})));
  EXPECT_FALSE(end(secret({"chris"}, "secret", "other.test")));
  EXPECT_FALSE(end(Credentials{.known = true}));
  EXPECT_FALSE(end(fake_credentials(Secret("key"), "chris")));
  Credentials unknown = secret();
  unknown.known = false;
  EXPECT_FALSE(end(unknown));
}

TEST_F(DigestTest, refuses_what_was_heard_before_or_is_meant_for_others) {
  struct {
    const char *from, *to;
  } rows[] = {{"nc=00000001", "nc=00000002"},
              {"OA6MG9tEQGm2hh", "OA6MG9tEQGm2hi"},
              {"qop=auth", "qop=auth-int"},
              {"realm=\"elwood.innosoft.com\"", "realm=\"x\""},
              {"imap/", "smtp/"}};
  for (const auto& row : rows) {
    auto m = server();
    (void)m->start(std::nullopt);
    EXPECT_TRUE(std::holds_alternative<Failure>(m->next(changed(row.from, row.to)))) << row.to;
  }
  auto later = server("another nonce");
  (void)later->start(std::nullopt);
  EXPECT_TRUE(std::holds_alternative<Failure>(later->next(kAnswer))) << "a replay";
}

TEST_F(DigestTest, an_empty_initial_response_gets_the_challenge_once) {
  auto m = server();
  ASSERT_TRUE(std::holds_alternative<Challenge>(m->start(std::string_view(""))));
  EXPECT_TRUE(std::holds_alternative<Failure>(m->next("")));
}

TEST(DigestGrammar, refusals) {
  for (std::string text : {std::string(), std::string("username"), std::string("=x"), changed(",qop=auth", ",qop=\"auth"),
                           changed(",qop=auth", ",qop=auth,qop=auth"), changed("nc=00000001", "nc=1"),
                           changed("nc=00000001", "nc=0000000G"), changed("response=d388", "response=D388"),
                           changed("response=d388", "response="), changed("username=\"chris\",", ""),
                           changed("username=\"chris\"", "username=\"\""), changed("cnonce=\"OA6MHXh6VqTrRk\",", ""),
                           changed(",qop=auth", " qop=auth"), changed("\"chris\"", "\"" + std::string(1025, 'a') + "\""),
                           changed("\"chris\"", "\"\xff\""), std::string(8192, '"')})
    EXPECT_FALSE(parse_digest_response(text).has_value()) << text.substr(0, 80);
  std::string many = kAnswer;
  for (int i = 0; i < 30; ++i) many += ",x" + std::to_string(i) + "=y";
  EXPECT_FALSE(parse_digest_response(many).has_value());
}

TEST(DigestGrammar, takes_spaces_escapes_and_unquoted_values) {
  auto said = parse_digest_response(
      ", username = \"a\\\"b\" ,nonce=n, cnonce=\"c\",nc=00000001,digest-uri=imap/h,x=\"y,z\","
      "response=00000000000000000000000000000000,");
  ASSERT_TRUE(said);
  EXPECT_EQ(said->username, "a\"b");
  EXPECT_EQ(said->qop, "auth") << "the default";
  EXPECT_EQ(said->uri, "imap/h");
  auto latin = parse_digest_response(
      "username=\"\xf1u\",nonce=n,cnonce=c,nc=00000001,digest-uri=imap/h,"
      "response=00000000000000000000000000000000");
  ASSERT_TRUE(latin);
  EXPECT_EQ(latin->username, "ñu") << "without charset it is ISO 8859-1";
}

TEST(DigestSecret, hashes_both_encodings_where_they_differ) {
  std::vector<std::string> names{"ana@x.test", "ana"};
  EXPECT_EQ(make_digest_secret(names, "r", Secret("plain")).hashes.size(), 2u);
  auto both = make_digest_secret(names, "r", Secret("contraseña"));
  ASSERT_EQ(both.hashes.size(), 4u);
  EXPECT_EQ(both.hashes[0], crypto::md5("ana@x.test:r:contraseña"));
  EXPECT_EQ(both.hashes[1], crypto::md5("ana@x.test:r:contrase\xf1"
                                        "a"));
  EXPECT_EQ(make_digest_secret(names, "r", Secret("pass€")).hashes.size(), 2u) << "not in ISO 8859-1";
}

TEST(DigestSecret, survives_its_record_and_damage_is_seen) {
  std::vector<std::string> names{"ana@x.test", "ana"};
  auto secret = make_digest_secret(names, "realm", Secret("contraseña"));
  std::string bytes = secret.encode();
  EXPECT_EQ(*DigestSecret::decode(bytes), secret);
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(DigestSecret::decode(std::string_view(bytes).substr(0, cut)));
}

}  // namespace
}  // namespace bz::sasl

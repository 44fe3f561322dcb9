// The mechanisms whose proof somebody else checks: EXTERNAL, OAUTHBEARER, XOAUTH2; and APOP.
#include <gtest/gtest.h>

#include "base/text.h"
#include "sasl/apop.h"
#include "sasl/mechanism.h"

namespace bz::sasl {
namespace {

using std::get;
using std::holds_alternative;

struct TokenTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{7};
  std::unique_ptr<ServerMechanism> server(Kind kind) { return make_server(kind, {.host = "h.test"}, clock, random); }
};

TEST_F(TokenTest, external_asks_whose_certificate_it_is) {
  auto m = server(Kind::External);
  ASSERT_EQ(get<NeedCertificate>(m->start(std::string_view(""))).user, "");
  Step end = m->identified("ana@x.test");
  ASSERT_TRUE(holds_alternative<Done>(end));
  EXPECT_EQ(get<Done>(end).user, "ana@x.test");
  auto asked = server(Kind::External);
  EXPECT_EQ(get<Challenge>(asked->start(std::nullopt)).bytes, "");
  ASSERT_EQ(get<NeedCertificate>(asked->next("eva@x.test")).user, "eva@x.test");
  EXPECT_TRUE(holds_alternative<Failure>(asked->identified(std::nullopt)));
  EXPECT_TRUE(holds_alternative<Failure>(server(Kind::External)->start(std::string_view("a\0b", 3))));
}

TEST_F(TokenTest, oauthbearer_of_rfc7628) {
  auto m = server(Kind::OauthBearer);
  Step s = m->start(
      *base::from_base64("bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIH"
                         "ZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"));
  ASSERT_TRUE(holds_alternative<NeedToken>(s));
  EXPECT_EQ(get<NeedToken>(s).user, "user@example.com");
  EXPECT_EQ(get<NeedToken>(s).token.reveal(), "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
  Step end = m->identified("user@example.com");
  ASSERT_TRUE(holds_alternative<Done>(end));
  EXPECT_EQ(get<Done>(end).authzid, "user@example.com");
}

TEST_F(TokenTest, xoauth2_as_its_vendor_writes_it) {
  auto m = server(Kind::Xoauth2);
  Step s =
      m->start(*base::from_base64("dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhk"
                                  "SFJoZG1semRHRXVZMjl0Q2cBAQ=="));
  ASSERT_TRUE(holds_alternative<NeedToken>(s));
  EXPECT_EQ(get<NeedToken>(s).user, "someuser@example.com");
  EXPECT_EQ(get<NeedToken>(s).token.reveal(), "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
}

// RFC 7628 3.2.3: the error in JSON, the client's acknowledgement, then the failure.
TEST_F(TokenTest, a_refused_token_is_told_in_json_first) {
  for (Kind kind : {Kind::OauthBearer, Kind::Xoauth2}) {
    auto m = server(kind);
    (void)m->start(std::string(kind == Kind::Xoauth2 ? "user=a\x01" : "n,,\x01") + "auth=Bearer t\x01\x01");
    Step s = m->identified(std::nullopt);
    ASSERT_TRUE(holds_alternative<Challenge>(s));
    EXPECT_TRUE(get<Challenge>(s).bytes.starts_with("{\"status\":"));
    s = m->next(kind == Kind::Xoauth2 ? "" : "\x01");
    ASSERT_TRUE(holds_alternative<Failure>(s));
    EXPECT_EQ(get<Failure>(s).why, Failure::Why::Refused);
  }
  Step asking = server(Kind::OauthBearer)
                    ->start(std::string_view("n,,\x01"
                                             "auth=\x01\x01"));
  EXPECT_TRUE(holds_alternative<Challenge>(asking)) << "RFC 7628 4.3";
}

TEST_F(TokenTest, oauth_grammar_refusals) {
  const std::string one(1, '\x01'), end = one + one, token = "auth=Bearer t";
  for (const std::string& message :
       {std::string(), std::string("n,,"), "n,," + one, "n,," + one + token, "n,," + one + token + one,
        "p=x,," + one + token + end, "n," + one + token + end, "n,b=x," + one + token + end, "n,a=," + one + token + end,
        "n,,x" + one + token + end, "n,," + one + "auth=Basic t" + end, "n,," + one + "auth=Bearer " + end,
        "n,," + one + "auth=Bearer a b" + end, "n,," + one + "auth=Bearer =" + end, "n,," + one + "auth=Bearer a=b" + end,
        "n,," + one + "=x" + one + token + end, "n,," + one + "x" + one + token + end,
        "n,," + one + token + one + token + end, "n,," + one + "host=h" + end}) {
    Step s = server(Kind::OauthBearer)->start(std::string_view(message));
    ASSERT_TRUE(holds_alternative<Failure>(s)) << message;
    EXPECT_EQ(get<Failure>(s).why, Failure::Why::Malformed);
  }
  EXPECT_TRUE(holds_alternative<Failure>(server(Kind::Xoauth2)->start(token + end))) << "no user";
}

TEST_F(TokenTest, apop_of_rfc1939) {
  ApopAnswer answer{"<1896.697170952@dbc.mtview.ca.us>", "mrose", "c4c9334bac560ecc979e58001b3e22fb"};
  auto with = [&](Credentials credentials) {
    auto m = server(Kind::Apop);
    Step s = m->start(std::string_view(answer.encode()));
    EXPECT_EQ(get<NeedCredentials>(s).user, "mrose");
    return m->supply(credentials);
  };
  Credentials c{.known = true};
  EXPECT_TRUE(holds_alternative<Failure>(with(c)));
  c.password = Secret("tanstaaf");
  EXPECT_TRUE(holds_alternative<Done>(with(c)));
  c.known = false;
  EXPECT_TRUE(holds_alternative<Failure>(with(c)));
  EXPECT_TRUE(holds_alternative<Failure>(with(fake_credentials(Secret("k"), "mrose"))));
  answer.digest[0] = 'd';
  c.known = true;
  EXPECT_TRUE(holds_alternative<Failure>(with(c)));
  for (const char* digest : {"", "c4c9", "c4c9334bac560ecc979e58001b3e22fx"}) {
    answer.digest = digest;
    EXPECT_TRUE(holds_alternative<Failure>(server(Kind::Apop)->start(std::string_view(answer.encode()))));
  }
}

}  // namespace
}  // namespace bz::sasl

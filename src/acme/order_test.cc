// Orders against an authority with real rules (fake_ca_test.h): what goes well, and each way in which it does not.
#include "acme/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "acme/fake_ca_test.h"
#include "acme/jws.h"

namespace bz::acme {
namespace {

using testing::Contains;
using testing::HasSubstr;

Task<void> advance(base::ManualClock& clock, Millis span, int64_t& slept) {
  clock.advance(span);
  slept += span.count() / 1000;
  co_return;
}

struct Shown : Solver {
  std::string kind = kHttp01;
  std::map<std::string, Proof> shown;  // by name
  int presented = 0;
  std::optional<Error> refuse;
  std::string_view type() const override { return kind; }
  Task<Result<void>> present(Proof proof) override {
    ++presented;
    if (refuse) co_return *refuse;
    shown[proof.name] = proof;
    co_return Result<void>();
  }
  Task<void> withdraw(Proof proof) override {
    shown.erase(proof.name);
    co_return;
  }
};

struct OrderTest : testing::Test {
  // openssl(1), which signs for the authority, knows the wall clock only; half an hour ahead of it, so that a slow machine
  // never sees a certificate from the future.
  base::ManualClock clock{base::system_clock().wall() + std::chrono::minutes(30)};
  base::SeededRandom random{7};
  FakeCa ca{clock, random};
  Shown solver;
  int64_t slept = 0;  // seconds
  crypto::Es256Key key = *crypto::Es256Key::make();
  Session::Options options{.directory = FakeCa::kDirectory, .contacts = {"mailto:a@b.test"}, .terms_agreed = true};
  std::unique_ptr<Session> session;

  OrderTest() {
    ca.see = [this](const std::string& type, const std::string& name,
                    const std::string& authorization) -> std::optional<Problem> {
      auto it = solver.shown.find(name);
      if (type == solver.kind && it != solver.shown.end() && it->second.authorization == authorization) return std::nullopt;
      return Problem{.type = "connection", .detail = "nothing there", .status = 400, .parts = {}};
    };
  }
  Result<crypto::CertifiedKey> order(std::vector<std::string> names = {"mail.example.test"},
                                     crypto::KeyKind kind = crypto::KeyKind::EcdsaP256) {
    Outside outside{ca, clock, random, [this](Millis span) { return advance(clock, span, slept); }};
    session = std::make_unique<Session>(outside, options, key);
    auto opened = base::run_now(session->open());
    if (!opened) return std::move(opened).error();
    return base::run_now(issue(*session, solver, {std::move(names), kind}));
  }
  std::string why(std::vector<std::string> names = {"mail.example.test"}) {
    auto done = order(std::move(names));
    return done ? "" : done.error().text();
  }
};

TEST_F(OrderTest, a_certificate_from_the_account_to_the_chain) {
  auto pair = order({"mail.example.test", "imap.example.test"});
  ASSERT_TRUE(pair) << pair.error().text();
  auto facts = crypto::check_certified_key(*pair);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->key_type, "ECDSA P-256");
  EXPECT_THAT(facts->names, Contains("imap.example.test"));
  EXPECT_EQ(facts->chain_length, 1u) << "without the root";
  EXPECT_EQ(solver.presented, 2);
  EXPECT_TRUE(solver.shown.empty()) << "proofs are taken away";
  EXPECT_EQ(ca.contacts, std::vector<std::string>{"mailto:a@b.test"});
}

TEST_F(OrderTest, each_certificate_has_a_new_key_and_the_account_stays) {
  auto first = order(), second = order();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(first->key_pem.equals(second->key_pem.reveal()));
  EXPECT_EQ(ca.accounts(), 1u);
}

TEST_F(OrderTest, rsa_and_wildcards) {
  solver.kind = kDns01;
  auto pair = order({"*.example.test"}, crypto::KeyKind::Rsa2048);
  ASSERT_TRUE(pair) << pair.error().text();
  EXPECT_EQ(crypto::read_certificate(pair->chain_pem)->key_type, "RSA 2048");
}

TEST_F(OrderTest, good_nonces_may_be_refused_a_few_times_but_not_for_ever) {
  ca.refuse_nonces = 15;
  EXPECT_TRUE(order());
  ca.refuse_nonces = 1000;
  EXPECT_THAT(why(), HasSubstr("badNonce"));
}

TEST_F(OrderTest, what_has_been_proved_is_not_proved_again) {
  ca.reuse_authorizations = true;
  ASSERT_TRUE(order());
  ASSERT_TRUE(order());
  EXPECT_EQ(solver.presented, 1);
}

TEST_F(OrderTest, waits_as_long_as_the_authority_asks) {
  ca.retry_after = "40";
  ca.polls_until_done = 3;
  ASSERT_TRUE(order());
  EXPECT_GE(slept, 3 * 40);
}

TEST_F(OrderTest, an_authority_that_never_ends_is_given_up) {
  ca.polls_until_done = 1 << 30;
  EXPECT_THAT(why(), HasSubstr("within 20 minutes"));
  EXPECT_LE(slept, 1'300);
  EXPECT_LT(ca.asked.size(), 200u) << "and not asked without pause";
  EXPECT_TRUE(solver.shown.empty());
  ca.retry_after = "999999999";
  slept = 0;
  EXPECT_THAT(why(), HasSubstr("within 20 minutes"));
  EXPECT_LE(slept, 1'300);
}

TEST_F(OrderTest, each_failure_of_a_proof_says_what_to_do) {
  struct Case {
    const char *kind, *type, *text;
  };
  for (const Case& c :
       {Case{kHttp01, "connection", "is port 80 open"}, Case{kTlsAlpn01, "connection", "on port 443"},
        Case{kDns01, "unauthorized", "has the hook put it"}, Case{kHttp01, "dns", "finds no address of mail.example.test"},
        Case{kDns01, "dns", "_acme-challenge.mail.example.test"}, Case{kHttp01, "caa", "CAA record of mail.example.test"},
        Case{kHttp01, "unauthorized", "somebody else answers"}, Case{kTlsAlpn01, "tls", "handshake"},
        Case{kHttp01, "unheardOf", "the authority refuses mail.example.test"}}) {
    solver.kind = c.kind;
    ca.see = [&](const auto&...) {
      return std::optional<Problem>({.type = c.type, .detail = "its words", .status = 400, .parts = {}});
    };
    std::string text = why();
    EXPECT_THAT(text, HasSubstr(c.text)) << c.type;
    EXPECT_THAT(text, HasSubstr("its words"));
    EXPECT_TRUE(solver.shown.empty());
  }
}

TEST_F(OrderTest, a_rate_limit_is_told_apart_and_its_time_kept) {
  ca.refuse_orders = {429, Problem{.type = "rateLimited", .detail = "too many", .status = 429, .parts = {}}};
  ca.retry_after = "7200";
  auto done = order();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::Limit);
  EXPECT_EQ(session->wait(), 7200);
  EXPECT_THAT(done.error().text(), HasSubstr("a limit of the authority is reached"));
}

TEST_F(OrderTest, terms_and_external_accounts) {
  options.terms_agreed = false;
  EXPECT_THAT(why(), HasSubstr("https://ca.test/terms"));
  EXPECT_THAT(why(), HasSubstr("acme.agree_terms"));
  options.terms_agreed = true;
  ca.eab_key_id = "kid-1";
  ca.eab_key = Secret("the mac key");
  EXPECT_THAT(why(), HasSubstr("acme.eab_key_id"));
  options.external_key_id = "kid-1";
  options.external_key = Secret("another key");
  EXPECT_THAT(why(), HasSubstr("external account binding"));
  options.external_key = Secret("the mac key");
  EXPECT_EQ(why(), "");
}

TEST_F(OrderTest, a_lost_reply_to_a_question_is_asked_for_again) {
  ASSERT_TRUE(order());
  ca.fail_sends = 2;
  EXPECT_TRUE(base::run_now(session->post("https://ca.test/order/0", {})));
  ca.fail_sends = 3;
  EXPECT_EQ(base::run_now(session->post("https://ca.test/order/0", {})).error().code(), Errc::Unavailable);
  ca.fail_sends = 1;
  EXPECT_FALSE(base::run_now(session->post("https://ca.test/new-order", R"({"identifiers":[]})")))
      << "an order is not placed twice";
}

TEST_F(OrderTest, a_challenge_that_is_not_offered) {
  ca.offered = {"dns-01"};
  EXPECT_THAT(why(), HasSubstr("does not take http-01 for mail.example.test, only dns-01"));
}

TEST_F(OrderTest, a_proof_that_cannot_be_shown_is_not_asked_for) {
  solver.refuse = fail(Errc::Unavailable, "port 80 is not open here");
  EXPECT_EQ(why(), "port 80 is not open here");
  for (const std::string& asked : ca.asked) EXPECT_THAT(asked, testing::Not(HasSubstr("/challenge/")));
}

TEST_F(OrderTest, other_peoples_names_are_not_proved) {
  ca.tamper = [](const std::string& path, HttpReply& reply) {
    if (path.starts_with("/authz/")) {
      size_t at = reply.body.find("mail.example.test");
      if (at != reply.body.npos) reply.body.replace(at, 4, "evil");
    }
  };
  EXPECT_THAT(why(), HasSubstr("asks about evil.example.test"));
  EXPECT_EQ(solver.presented, 0);
}

TEST_F(OrderTest, the_chain_is_checked_as_a_strangers) {
  auto other = *crypto::issue_server_certificate(*crypto::make_authority("Other", clock, random), {{"mail.example.test"}},
                                                 clock, random);
  std::string chain;
  ca.tamper = [&](const std::string& path, HttpReply& reply) {
    if (path.starts_with("/chain/")) reply.body = chain;
  };
  chain = other.chain_pem;
  EXPECT_THAT(why(), HasSubstr("the authority's certificate")) << "another key's";
  chain = "no certificate";
  EXPECT_THAT(why(), HasSubstr("the authority's certificate"));
  chain.clear();
  EXPECT_THAT(why(), HasSubstr("the authority's certificate"));
  ca.tamper = nullptr;
  ca.days = 900;
  EXPECT_THAT(why(), HasSubstr("phones would refuse"));
}

TEST_F(OrderTest, a_certificate_that_lacks_a_name_is_refused) {
  auto authority = *crypto::make_authority("A", clock, random);
  auto pair = *crypto::issue_server_certificate(authority, {{"mail.example.test"}}, clock, random);
  const int64_t now = clock.unix_seconds();
  EXPECT_TRUE(check_issued(pair.chain_pem, pair.key_pem, {{"mail.example.test"}}, now));
  EXPECT_THAT(check_issued(pair.chain_pem, pair.key_pem, {{"mail.example.test", "imap.example.test"}}, now).error().text(),
              HasSubstr("is not for imap.example.test"));
  EXPECT_FALSE(check_issued(pair.chain_pem, pair.key_pem, {{"*.example.test"}}, now));
}

// Whatever one reply is replaced by, the order ends with an error or a good certificate, and no proof stays.
TEST_F(OrderTest, every_reply_may_be_anything) {
  ASSERT_TRUE(order());
  const size_t count = ca.asked.size();
  ASSERT_GT(count, 8u);
  for (size_t at = 0; at < count; ++at) {
    for (const auto& [status, body] :
         {std::pair{500, ""},
          {200, ""},
          {200, "{}"},
          {200, "{\"status\":\"valid\"}"},
          {200, "{\"status\":1}"},
          {200,
           "{\"status\":\"pending\",\"authorizations\":[\"http://x\"],\"finalize\":\"https://ca.test/finalize/0\"}"}}) {
      size_t seen = 0;
      const int code = status;  // a structured binding cannot be captured (g++ 12)
      const char* text = body;
      ca.tamper = [&](const std::string&, HttpReply& reply) {
        if (seen++ != at) return;
        reply.status = code;
        reply.body = text;
        reply.location = "ftp://x";
      };
      auto done = order();
      if (done) EXPECT_TRUE(crypto::check_certified_key(*done));
      EXPECT_TRUE(solver.shown.empty());
    }
  }
}

TEST(Jws, the_thumbprint_is_that_of_rfc_7638) {
  auto key = crypto::Es256Key::make();
  EXPECT_EQ(jwk(*key).find(R"({"crv":"P-256","kty":"EC","x":")"), 0u);
  EXPECT_EQ(thumbprint(*key).size(), 43u);
  EXPECT_EQ(key_authorization("t", *key), "t." + thumbprint(*key));
}

TEST(Proof, the_dns_value_is_a_digest) {
  // SHA-256 of "abc" (FIPS 180-2).
  EXPECT_EQ((Proof{"n", "t", "abc"}.dns_value()), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

}  // namespace
}  // namespace bz::acme

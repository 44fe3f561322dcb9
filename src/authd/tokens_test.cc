// Whose a token is, with a provider of paper: its answers stand in a list, its waits end when the test says.
#include "authd/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <sstream>

#include "base/text.h"

namespace bz::authd {
namespace {

using base::Millis;
using testing::HasSubstr;

std::string test_file(const std::string& name) {
  std::ifstream in(std::string(BUZON_SOURCE_DIR "/tests/data/oauth/") + name);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct TokensTest : testing::Test {
  net::Loop loop;
  base::ManualClock clock;
  std::vector<https::Request> asked;
  std::vector<base::Completion<https::Reply>::Promise> open;
  std::shared_ptr<Tokens> tokens;
  TokenRules rules;
  std::string good = std::string(base::split(base::split(test_file("tokens.txt"), '\n')[0], ' ')[1]);

  TokensTest() {
    clock.advance(Millis(std::chrono::hours(24 * 60)));
    rules.claims = {.issuer = "https://id.example.org", .audiences = {"mail"}, .user_claim = "email"};
    rules.intervals = {Millis(60'000), Millis(600'000)};
  }
  Task<Result<https::Reply>> fetch(https::Request request) {
    asked.push_back(std::move(request));
    base::Completion<https::Reply> reply;
    open.push_back(reply.promise());
    auto got = co_await reply;
    co_return std::move(got);
  }
  void make() {
    tokens = *Tokens::make({.loop = loop,
                            .clock = clock,
                            .random = base::system_random(),
                            .fetch = [this](https::Request r) { return fetch(std::move(r)); }},
                           rules);
  }
  void turn() {  // what is posted runs
    loop.post([this] { loop.stop(); });
    loop.run();
  }
  void answer(Result<https::Reply> reply) {
    ASSERT_FALSE(open.empty());
    auto promise = std::move(open.front());
    open.erase(open.begin());
    promise.set(std::move(reply));
    turn();
  }
  static https::Reply json(std::string body, int status = 200) {
    return {.status = status, .headers = {{"content-type", "application/json"}}, .body = std::move(body)};
  }
  struct Login {
    std::optional<Result<std::string>> user;
    std::optional<Task<void>> task;
    std::string told() const {
      return !user ? "waits" : *user ? **user : std::string(base::name(user->error().code())) + ": " + user->error().text();
    }
  };
  static Task<void> run(std::shared_ptr<Tokens> tokens, std::string token, std::optional<Result<std::string>>& out) {
    auto judging = tokens->user_of(Secret(std::move(token)));
    out = co_await std::move(judging);
  }
  std::unique_ptr<Login> login(const std::string& token) {
    auto one = std::make_unique<Login>();
    one->task.emplace(run(tokens, token, one->user));
    one->task->start();
    return one;
  }
};

TEST_F(TokensTest, keys_are_fetched_at_start_and_logins_wait_for_them) {
  rules.keys_url = "https://id.test/keys";
  make();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].method, "GET");
  auto first = login(good), second = login(good);
  EXPECT_EQ(first->told(), "waits");
  answer(json(test_file("jwks.json")));
  EXPECT_EQ(first->told(), "ana@example.org");
  EXPECT_EQ(second->told(), "ana@example.org");
  EXPECT_EQ(asked.size(), 1u) << "one fetch for both";
}

TEST_F(TokensTest, keys_that_cannot_be_had_are_temporary_and_asked_for_again) {
  rules.keys_url = "https://id.test/keys";
  for (auto bad : {Result<https::Reply>(fail(Errc::Unavailable, "it cannot be reached")), Result<https::Reply>(json("{}")),
                   Result<https::Reply>(json("", 302)), Result<https::Reply>(json(test_file("jwks.json"), 500)),
                   Result<https::Reply>(fail(Errc::TooLarge, "too large")),
                   Result<https::Reply>(https::Reply{200, {{"content-type", "text/html"}}, test_file("jwks.json")})}) {
    asked.clear();
    make();
    answer(std::move(bad));
    auto early = login(good);
    EXPECT_THAT(early->told(), HasSubstr("Unavailable"));
    EXPECT_EQ(asked.size(), 1u) << "not before the shortest interval";
    clock.advance(Millis(60'000));
    auto later = login(good);
    ASSERT_EQ(asked.size(), 2u);
    answer(json(test_file("jwks.json")));
    EXPECT_EQ(later->told(), "ana@example.org");
  }
}

TEST_F(TokensTest, an_unknown_key_causes_one_fetch_an_interval_and_old_keys_stay) {
  rules.keys_url = "https://id.test/keys";
  rules.keys = test_file("jwks.json");
  make();
  auto at_once = login(good);
  EXPECT_EQ(at_once->told(), "ana@example.org") << "by the keys to begin with";
  answer(json(test_file("jwks.json")));
  const std::string unknown = base::base64url(R"({"alg":"RS256","kid":"never seen"})") + ".e30.AAAA";
  auto early = login(unknown);
  EXPECT_THAT(early->told(), HasSubstr("no key")) << "fetched a moment ago";
  EXPECT_EQ(asked.size(), 1u);
  clock.advance(Millis(60'000));
  auto first = login(unknown), second = login(unknown);
  ASSERT_EQ(asked.size(), 2u);
  answer(fail(Errc::Unavailable, "down"));
  EXPECT_THAT(first->told(), HasSubstr("no key"));
  EXPECT_THAT(second->told(), HasSubstr("no key"));
  auto third = login(unknown);
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_EQ(login(good)->told(), "ana@example.org") << "the provider is down, its keys are not";
}

TEST_F(TokensTest, the_last_login_may_outlive_a_reload) {
  rules.keys_url = "https://id.test/keys";
  make();
  auto waiting = login(good);
  tokens.reset();
  answer(json(test_file("jwks.json")));
  EXPECT_EQ(waiting->told(), "ana@example.org");
}

TEST_F(TokensTest, the_provider_is_asked_and_remembered_no_longer_than_the_token) {
  rules.claims.issuer.clear();
  rules.claims.audiences.clear();
  rules.introspection_url = "https://id.test/ask";
  rules.client = "buzon";
  rules.client_secret = Secret("s");
  make();
  EXPECT_TRUE(asked.empty());
  const std::string expires = std::to_string(clock.unix_seconds() + 30);
  auto first = login("opaque");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].method, "POST");
  EXPECT_EQ(asked[0].body.reveal(), "token=opaque&token_type_hint=access_token");
  answer(json(R"({"active":true,"email":"ana@x.test","exp":)" + expires + "}"));
  EXPECT_EQ(first->told(), "ana@x.test");
  EXPECT_EQ(login("opaque")->told(), "ana@x.test");
  EXPECT_EQ(asked.size(), 1u);
  clock.advance(Millis(30'000));
  auto again = login("opaque");
  ASSERT_EQ(asked.size(), 2u);
  answer(json(R"({"active":false})"));
  EXPECT_THAT(again->told(), HasSubstr("not active"));
  EXPECT_THAT(login("opaque")->told(), HasSubstr("not active"));
  EXPECT_EQ(asked.size(), 2u) << "a refusal is remembered for ten seconds";
  clock.advance(Millis(10'000));
  auto endless = login("opaque");
  answer(json(R"({"active":true,"email":"ana@x.test"})"));
  EXPECT_EQ(endless->told(), "ana@x.test");
  clock.advance(Millis(59'999));
  EXPECT_EQ(login("opaque")->told(), "ana@x.test");
  clock.advance(Millis(1));
  EXPECT_EQ(login("opaque")->told(), "waits") << "a minute at most";
}

TEST_F(TokensTest, a_provider_that_talks_nonsense_is_unavailable_and_not_remembered) {
  rules.introspection_url = "https://id.test/ask";
  make();
  for (auto bad : {Result<https::Reply>(fail(Errc::Limit, "the pool's queue is full")), Result<https::Reply>(json("[]")),
                   Result<https::Reply>(json(R"({"active":true})", 401)), Result<https::Reply>(json("", 307)),
                   Result<https::Reply>(https::Reply{200, {{"content-type", "text/html"}}, R"({"active":true})"})}) {
    auto one = login("opaque");
    answer(std::move(bad));
    EXPECT_THAT(one->told(), HasSubstr("Unavailable"));
  }
  EXPECT_EQ(asked.size(), 5u);
}

TEST_F(TokensTest, signed_tokens_go_to_the_keys_and_others_to_the_provider) {
  rules.keys = test_file("jwks.json");
  rules.introspection_url = "https://id.test/ask";
  make();
  EXPECT_EQ(login(good)->told(), "ana@example.org");
  EXPECT_THAT(login("a.b.c")->told(), HasSubstr("Denied"));
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(login("opaque")->told(), "waits");
  EXPECT_EQ(asked.size(), 1u);
  EXPECT_THAT(login(std::string(9000, 'x'))->told(), HasSubstr("too long"));
}

}  // namespace
}  // namespace bz::authd

// Whose a bearer token is. Signed ones (JWT) are checked against the provider's keys, from a file or fetched from its URL;
// others are shown to the provider (RFC 7662), which says so again for a minute at most without being asked.
//
// Keys that were fetched stay good until newer ones come, however long the provider is down. They are fetched in the
// background as its Cache-Control says, and at once for a token under a key that nobody knows; a login waits for that. One
// fetch at a time. One thread: the loop's. The object must outlive none of its waits: who awaits user_of() holds it.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/task.h"
#include "https/fetch.h"
#include "net/loop.h"
#include "oauth/introspection.h"
#include "oauth/jwt.h"
#include "oauth/key_schedule.h"

namespace bz::authd {

struct TokenRules {
  oauth::Options claims{};
  std::string keys{};  // JWKS: all there are, or those to begin with when there is a URL
  std::string keys_url{};
  oauth::KeyIntervals intervals{};
  std::string introspection_url{}, client{};
  Secret client_secret{};
  base::Millis remembered{60'000};  // an answer of the provider
  Secret roots{};                   // PEM; empty: the system's. For the fetcher; here only to compare.
};
bool same(const TokenRules& a, const TokenRules& b);

class Tokens {
 public:
  using Fetch = std::function<Task<Result<https::Reply>>(https::Request)>;
  struct World {
    net::Loop& loop;
    const base::Clock& clock;
    base::Random& random;
    Fetch fetch;  // on a pool; TooLarge, Unavailable, Limit
  };
  // Invalid: keys or settings of no use. Fetches the keys at once when there is a URL.
  static Result<std::shared_ptr<Tokens>> make(World world, TokenRules rules);
  ~Tokens();
  const TokenRules& rules() const { return rules_; }
  // The login name. Denied: the reason is for the log. Unavailable: nobody can say now.
  Task<Result<std::string>> user_of(Secret token);

 private:
  struct Remembered {
    Result<std::string> user;
    base::MonoTime until;
  };
  Tokens(World world, TokenRules rules);
  Task<Result<std::string>> check_signed(Secret token);
  Task<Result<std::string>> ask_provider(Secret token);
  Task<void> newer_keys();  // done when the fetch under way is, or at once when it is too early for one
  Task<void> fetch_keys();
  Result<void> take_keys(const Result<https::Reply>& reply);
  void remember(const std::string& key, Result<std::string> user, base::Millis life);

  World world_;
  TokenRules rules_;
  std::optional<oauth::Verifier> verifier_;
  oauth::KeySchedule schedule_;
  bool fetching_ = false;
  std::vector<base::Completion<bool>::Promise> waiting_;
  Secret memory_key_;  // of the process: what is remembered holds no token
  std::map<std::string, Remembered, std::less<>> memory_;
  net::Loop::Timer timer_;
  net::TaskGroup tasks_;  // last
};

}  // namespace bz::authd

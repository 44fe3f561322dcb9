#include "authd/tokens.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"

namespace bz::authd {

namespace {

constexpr size_t kMaxRemembered = 10'000, kMaxToken = 8 << 10;
constexpr base::Millis kRememberDenied{10'000};

// Some providers say text/plain for keys; what says HTML is a page for people.
bool is_json(const https::Reply& reply) {
  std::string type = base::lower(reply.header("content-type"));
  return type.empty() || type.find("json") != type.npos || type.starts_with("text/plain") ||
         type.starts_with("application/octet-stream");
}

Result<void> check_reply(const https::Reply& reply) {
  if (reply.status >= 300 && reply.status < 400)
    return fail(Errc::Unavailable, "a redirect, which is not followed: set the address it leads to");
  if (reply.status != 200) return fail(Errc::Unavailable, "status " + std::to_string(reply.status));
  if (!is_json(reply)) return fail(Errc::Unavailable, "an answer that is no JSON");
  return {};
}

}  // namespace

bool same(const TokenRules& a, const TokenRules& b) {
  auto all = [](const TokenRules& r) {
    return std::tie(r.claims.issuer, r.claims.audiences, r.claims.user_claim, r.claims.skew_seconds, r.keys, r.keys_url,
                    r.intervals.shortest, r.intervals.longest, r.introspection_url, r.client, r.remembered);
  };
  return all(a) == all(b) && a.client_secret.equals(b.client_secret.reveal()) && a.roots.equals(b.roots.reveal());
}

Result<std::shared_ptr<Tokens>> Tokens::make(World world, TokenRules rules) {
  std::shared_ptr<Tokens> tokens(new Tokens(std::move(world), std::move(rules)));
  const TokenRules& r = tokens->rules_;
  if (!r.keys.empty()) {
    BZ_TRY(tokens->verifier_, oauth::Verifier::make(r.keys, r.claims));
  }
  if (!r.keys_url.empty()) {
    tokens->schedule_.began(tokens->world_.clock.mono());
    tokens->fetching_ = true;
    tokens->tasks_.spawn(tokens->fetch_keys());
  }
  return tokens;
}

Tokens::Tokens(World world, TokenRules rules)
    : world_(std::move(world)),
      rules_(std::move(rules)),
      schedule_(rules_.intervals),
      timer_(world_.loop,
             [this] {
               if (std::exchange(fetching_, true)) return;
               schedule_.began(world_.clock.mono());
               tasks_.spawn(fetch_keys());
             }),
      tasks_(world_.loop) {
  memory_key_ = Secret(world_.random.bytes(32));
}

Tokens::~Tokens() { tasks_.cancel(); }

Task<Result<std::string>> Tokens::user_of(Secret token) {
  const bool keys = !rules_.keys.empty() || !rules_.keys_url.empty(), asks = !rules_.introspection_url.empty();
  const std::string_view text = token.reveal();
  if (text.size() > kMaxToken) co_return fail(Errc::Denied, "token: too long");
  const bool has_form = std::count(text.begin(), text.end(), '.') == 2;
  if (keys && (has_form || !asks)) {
    auto checking = check_signed(std::move(token));
    auto user = co_await std::move(checking);
    co_return std::move(user);
  }
  if (!asks) co_return fail(Errc::Denied, "tokens are not set up (oauth.jwks_file, jwks_url, introspection_url)");
  auto asking = ask_provider(std::move(token));
  auto user = co_await std::move(asking);
  co_return std::move(user);
}

Task<Result<std::string>> Tokens::check_signed(Secret token) {
  if (!verifier_) {
    auto waiting = newer_keys();
    co_await std::move(waiting);
  }
  if (!verifier_) co_return fail(Errc::Unavailable, "the keys of the identity provider have not been fetched yet");
  auto user = verifier_->user_of(token.reveal(), world_.clock.unix_seconds());
  if (user || user.error().code() != Errc::NotFound || rules_.keys_url.empty()) co_return std::move(user);
  auto waiting = newer_keys();
  co_await std::move(waiting);
  user = verifier_->user_of(token.reveal(), world_.clock.unix_seconds());
  co_return std::move(user);
}

Task<void> Tokens::newer_keys() {
  if (!fetching_) {
    const base::MonoTime now = world_.clock.mono();
    if (!schedule_.may_fetch(now)) co_return;
    schedule_.began(now);
    fetching_ = true;
    tasks_.spawn(fetch_keys());
    if (!fetching_) co_return;  // it had its answer at once
  }
  base::Completion<bool> done;
  waiting_.push_back(done.promise());
  (void)co_await done;
}

Task<void> Tokens::fetch_keys() {
  https::Request request{.url = rules_.keys_url};
  request.headers.emplace_back("Accept", Secret("application/jwk-set+json, application/json"));
  auto fetching = world_.fetch(std::move(request));
  auto reply = co_await std::move(fetching);
  base::Millis pause = schedule_.failed();
  if (auto taken = take_keys(reply); taken) {
    pause = schedule_.good(reply->header("cache-control"));
    log::event(log::Info, "keys_fetched").field("url", rules_.keys_url).field("next_s", pause.count() / 1000);
  } else {
    log::event(log::Err, "keys_not_fetched")
        .field("url", rules_.keys_url)
        .field("old_keys", verifier_ ? "stay" : "none")
        .error(taken.error());
  }
  fetching_ = false;
  timer_.arm(net::Deadline::in(pause));
  // Posted: who waits may be the last to hold us, and this task is ours.
  world_.loop.post([waiting = std::exchange(waiting_, {})] {
    for (const auto& promise : waiting) promise.set(true);
  });
}

Result<void> Tokens::take_keys(const Result<https::Reply>& reply) {
  if (!reply) return Error(reply.error());
  BZ_TRY_VOID(check_reply(*reply));
  BZ_TRY(oauth::Verifier verifier, oauth::Verifier::make(reply->body, rules_.claims));
  verifier_ = std::move(verifier);
  return {};
}

Task<Result<std::string>> Tokens::ask_provider(Secret token) {
  const std::string key = crypto::hmac(crypto::Hash::Sha256, memory_key_.reveal(), token.reveal());
  auto known = memory_.find(key);
  if (known != memory_.end() && world_.clock.mono() < known->second.until) co_return known->second.user;
  https::Request request{.url = rules_.introspection_url, .method = "POST"};
  request.headers.emplace_back("Accept", Secret("application/json"));
  request.headers.emplace_back("Content-Type", Secret("application/x-www-form-urlencoded"));
  request.headers.emplace_back("Authorization", oauth::client_credentials(rules_.client, rules_.client_secret));
  request.body = oauth::introspection_form(token);
  auto fetching = world_.fetch(std::move(request));
  auto reply = co_await std::move(fetching);
  auto unavailable = [](const Error& error) { return fail(Errc::Unavailable, "introspection: " + error.text()); };
  if (!reply) co_return unavailable(reply.error());
  if (auto good = check_reply(*reply); !good) co_return unavailable(good.error());
  const int64_t now = world_.clock.unix_seconds();
  auto answer = oauth::parse_introspection(reply->body, rules_.claims, now);
  if (!answer && answer.error().code() != Errc::Denied) co_return unavailable(answer.error());
  if (!answer) {
    Result<std::string> denied = std::move(answer).error();
    remember(key, denied, std::min(rules_.remembered, kRememberDenied));
    co_return denied;
  }
  base::Millis life = rules_.remembered;
  if (answer->expires > 0) life = std::clamp(base::Millis((answer->expires - now) * 1000), base::Millis(0), life);
  remember(key, answer->user, life);
  co_return std::move(answer->user);
}

void Tokens::remember(const std::string& key, Result<std::string> user, base::Millis life) {
  if (life.count() <= 0) return;
  const base::MonoTime now = world_.clock.mono();
  if (memory_.size() >= kMaxRemembered) {
    std::erase_if(memory_, [&](const auto& item) { return item.second.until <= now; });
    if (memory_.size() >= kMaxRemembered) memory_.clear();
  }
  memory_.insert_or_assign(key, Remembered{std::move(user), now + life});
}

}  // namespace bz::authd

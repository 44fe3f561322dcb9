#include "roles/tokens.h"

namespace bz::roles {

namespace {

constexpr unsigned kThreads = 4;
constexpr size_t kQueue = 200;  // logins that wait for the provider; more of them are told to try again

}  // namespace

bool asks_provider(const Config& config) {
  return !config.oauth.jwks_url.empty() || !config.oauth.introspection_url.empty();
}

TokenJudges::TokenJudges(RoleHost& host, bool may_connect)
    : host_(host), may_connect_(may_connect), stop_(std::make_shared<std::atomic<bool>>(false)) {}

TokenJudges::~TokenJudges() { stop_->store(true); }

Task<Result<https::Reply>> TokenJudges::fetch(https::Request request, std::shared_ptr<const Secret> roots) {
  auto work = [request = std::move(request), roots = std::move(roots), stop = stop_]() -> Result<https::Reply> {
    if (stop->load()) return fail(Errc::Cancelled, "the role is ending");
    return https::fetch(request, {}, roots->reveal(), stop.get());
  };
  auto fetching = pool_->run<https::Reply>(host_.loop(), std::move(work));
  auto reply = co_await fetching;
  co_return std::move(reply);
}

Result<std::shared_ptr<authd::Tokens>> TokenJudges::make() {
  const OauthConfig& config = host_.config().oauth;
  const Secret& keys = host_.secret(secrets::kOauthKeys);
  if (keys.empty() && !asks_provider(host_.config())) {
    current_.reset();
    return current_;
  }
  if (asks_provider(host_.config()) && !may_connect_)
    return fail(Errc::Denied, "oauth.jwks_url and introspection_url need a restart: auth may not connect to anything yet");
  authd::TokenRules rules;
  rules.claims = {config.issuer, config.audience, config.user_claim, config.clock_skew.count() / 1000};
  rules.keys = keys.reveal();
  rules.keys_url = config.jwks_url;
  rules.intervals = {config.jwks_shortest, config.jwks_longest};
  rules.introspection_url = config.introspection_url;
  rules.client = config.introspection_client;
  rules.client_secret = host_.secret(secrets::kOauthClient);
  rules.remembered = config.introspection_cache;
  rules.roots = host_.secret(secrets::kOauthCa);
  if (current_ && authd::same(current_->rules(), rules)) return current_;
  if (asks_provider(host_.config()) && !pool_) pool_ = std::make_unique<net::BlockingPool>(kThreads, kQueue);
  auto roots = std::make_shared<const Secret>(rules.roots);
  authd::Tokens::World world{
      .loop = host_.loop(),
      .clock = base::system_clock(),
      .random = base::system_random(),
      .fetch = [this, roots](https::Request request) { return fetch(std::move(request), roots); },
  };
  BZ_TRY(current_, authd::Tokens::make(std::move(world), std::move(rules)));
  return current_;
}

}  // namespace bz::roles

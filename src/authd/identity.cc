// Who comes when something else than a secret of ours proves it: a token of an identity provider, a client certificate.
#include "authd/exchange.h"
#include "base/text.h"

namespace bz::authd {

namespace {

constexpr size_t kMaxNames = 20;  // of one certificate, that are looked up

std::vector<std::string> names_of(const crypto::ClientIdentity& identity, const CertificateRules& rules) {
  using Name = CertificateRules::Name;
  std::vector<std::string> out;
  for (Name rule : rules.names) {
    if (rule == Name::Email) out.insert(out.end(), identity.emails.begin(), identity.emails.end());
    if (rule == Name::Upn) out.insert(out.end(), identity.upns.begin(), identity.upns.end());
    if (rule == Name::CommonName && !identity.common_name.empty()) out.push_back(identity.common_name);
  }
  if (out.size() > kMaxNames) out.resize(kMaxNames);
  return out;
}

}  // namespace

// Looks an account up and keeps it in the exchange. True: it is there and active.
Task<Result<bool>> Service::find_account(ExchangePtr x, std::string user) {
  x->know_user(directory_.login_name(user));
  auto looking = source_.login(std::move(user));
  BZ_CO_TRY(directory::LoginRecord record, co_await std::move(looking));
  x->account = std::move(record.account);
  x->known = record.known;
  x->source = std::move(record.source);
  co_return x->known && x->account.state == directory::State::Active;
}

// The token names the account; what the client says beside it must be the same.
Task<sasl::Step> Service::judge_token(ExchangePtr x, sasl::NeedToken need) {
  std::string said = need.user.empty() ? std::string() : directory_.login_name(need.user);
  if (auto refusal = admit(*x, said)) co_return std::move(*refusal);
  Result<std::string> user = fail(Errc::Denied, "tokens are not set up (oauth.jwks_file)");
  const std::shared_ptr<Tokens> tokens = options_.tokens;
  if (tokens) {
    auto judging = tokens->user_of(std::move(need.token));
    user = co_await std::move(judging);
  }
  if (!user && user.error().code() == Errc::Unavailable) co_return x->fail_for_now(user.error());
  if (!user) x->detail = user.error().text();
  // A bad token costs the same look-ups as a good one.
  auto finding = find_account(x, user ? *user : said);
  auto active = co_await std::move(finding);
  if (!active) co_return x->fail_for_now(active.error());
  if (user && !*active) x->detail = "the token is of nobody here: " + x->user;
  if (user && *active && !said.empty() && said != x->account.name) {
    x->detail = "the token is of " + x->account.name;
    co_return x->machine->identified(std::nullopt);
  }
  if (!user) x->known = false;  // whoever he said he is, he has not shown it
  bool good = user && *active;
  std::string name = x->account.name;
  co_return x->machine->identified(good ? std::optional(std::move(name)) : std::nullopt);
}

// The gateway has verified the chain in the handshake. It is verified here again, because a gateway that was taken over
// could send any; that the client holds the key remains its word.
Task<sasl::Step> Service::judge_certificate(ExchangePtr x, sasl::NeedCertificate need) {
  if (auto refusal = admit(*x, "")) co_return std::move(*refusal);
  auto identity =
      crypto::verify_client_certificate(x->start.client_certificates, options_.certificates.authorities, world_.clock);
  if (!identity) {
    x->detail = identity.error().text();
    co_return x->machine->identified(std::nullopt);
  }
  auto looking = find_certificate_device(x, need.user, identity->sha256);
  auto bound = co_await std::move(looking);
  if (bound) co_return std::move(*bound);
  x->detail = "certificate " + identity->subject + " names nobody here" + (need.user.empty() ? "" : " by that name");
  for (const std::string& candidate : names_of(*identity, options_.certificates)) {
    if (!need.user.empty() && directory_.login_name(need.user) != directory_.login_name(candidate)) continue;
    auto finding = find_account(x, candidate);
    auto active = co_await std::move(finding);
    if (!active) co_return x->fail_for_now(active.error());
    if (!*active) continue;
    x->detail.clear();
    std::string name = x->account.name;
    co_return x->machine->identified(std::move(name));
  }
  co_return x->machine->identified(std::nullopt);
}

}  // namespace bz::authd

// Whether a password, or what a challenge is answered with, is the account's.
#include "authd/exchange.h"
#include "crypto/password_scheme.h"

namespace bz::authd {

namespace {
constexpr size_t kMaxAtDirectory = 2000;  // strangers waiting for one; after a restart everybody is one
}  // namespace

// Every attempt costs one Argon2id, whoever is meant by it; only what was right within the last hour costs a hash.
Task<sasl::Step> Service::judge_password(ExchangePtr x, sasl::NeedPassword need) {
  need.user = choose_device(*x, need.user);
  if (auto refusal = admit(*x, directory_.login_name(need.user))) co_return std::move(*refusal);
  if (!options_.routes.empty()) x->password = need.password;
  x->fingerprint = cache_.fingerprint(x->user, need.password);
  auto looking = source_.login(need.user);
  auto record = co_await std::move(looking);
  if (!record) co_return x->fail_for_now(record.error());
  x->account = record->account;
  x->known = record->known;
  x->source = record->source;
  auto trying = try_devices(x, *record, need.password);
  auto opened = co_await std::move(trying);
  if (!opened) co_return x->fail_for_now(opened.error());
  if (*opened) co_return x->machine->verified(x->account.state == directory::State::Active);
  auto remembered = [&]() -> std::optional<base::Millis> {
    if (!x->known) return std::nullopt;
    return cache_.age(x->account.id, x->account.verifier_version, need.password);
  };
  std::optional<base::Millis> age = remembered();
  if (!age || *age > record->fresh) {
    const base::MonoTime before = world_.clock.mono();
    auto waiting = wait_turn(x, age.has_value());
    auto refusal = co_await std::move(waiting);
    record->until += world_.clock.mono() - before;  // the directory's time is not spent in our lines
    if (refusal) co_return std::move(*refusal);
    age = remembered();  // those before may have learnt it
  }
  if (age && *age <= record->fresh) {
    x->cached = true;
    co_return x->machine->verified(x->account.state == directory::State::Active);
  }
  if (x->from_memory && !age) {
    x->guess = true;
    co_return x->fail_for_now(Error(Errc::Limit, "many guess at this account, and this password is not known to be right"));
  }
  Result<bool> right = false;
  if (record->check == directory::LoginRecord::Check::Source) {
    auto checking = check_by_source(x, *record, need.password, age);
    right = co_await std::move(checking);
  } else {
    auto verifying = world_.pool.run<bool>(world_.loop, verification(*record, need.password));
    right = co_await verifying;
  }
  if (!right) co_return x->fail_for_now(right.error());
  if (*right && x->known && !x->cached) {
    cache_.remember(x->account.id, x->account.verifier_version, need.password);
    stale_.right(x->account.id, need.password);
  }
  if (!*right && x->known && record->check != directory::LoginRecord::Check::Source) note_wrong(*x, need.password, false);
  co_return x->machine->verified(*right && x->known && x->account.state == directory::State::Active);
}

// Behind other strangers where he is one: they hold only some of the directory's connections, and only while it is asked.
Task<Result<directory::PasswordVerdict>> Service::ask_source(ExchangePtr x, directory::LoginRecord record, Secret password,
                                                             bool remembered) {
  Turnstile::PlacePtr place;
  if ((x->stranger || x->suspect) && !remembered) {
    const base::MonoTime before = world_.clock.mono();
    Turnstile& line = strangers_.try_emplace(record.source, record.of_strangers, kMaxAtDirectory).first->second;
    line.resize(record.of_strangers);
    auto entering = line.enter();
    auto entered = co_await std::move(entering);
    if (!entered) co_return std::move(entered).error();
    place = std::move(*entered);
    if (x->abandoned) co_return fail(Errc::Cancelled, "the client went away");
    record.until += world_.clock.mono() - before;
  }
  auto checking = source_.check_password(std::move(record), std::move(password));
  auto verdict = co_await std::move(checking);
  co_return std::move(verdict);
}

// A directory that does not answer does not shut out those whose password it found right not long ago.
Task<Result<bool>> Service::check_by_source(ExchangePtr x, directory::LoginRecord record, Secret password,
                                            std::optional<base::Millis> age) {
  AccountId account = record.account.id;
  std::string decoy = record.secrets.argon2id;
  using directory::PasswordVerdict;
  Result<PasswordVerdict> verdict = PasswordVerdict::Wrong;
  const auto refused = stale_.refused(account, x->account.verifier_version, password);
  const bool closed = !refused && !age && guard_.is_spent_by_all_names(x->attempt());
  if (closed) {
    x->detail = "many guess at this account by its other names: " + record.source + " is not asked for a stranger";
  } else if (refused) {
    x->detail = record.source + " refused this password " + std::to_string(refused->count() / 60'000) +
                " min ago, it is not asked again";
  } else {
    auto checking = ask_source(x, std::move(record), password, age.has_value());
    verdict = co_await std::move(checking);
  }
  if (!verdict && age) {
    x->cached = true;
    co_return true;
  }
  if (!verdict) co_return std::move(verdict).error();
  if (*verdict == PasswordVerdict::Right) co_return true;
  if (*verdict == PasswordVerdict::Closed) x->detail = "the directory has closed the account";
  if (*verdict == PasswordVerdict::Wrong && !closed) note_wrong(*x, password, !refused);
  if (age) cache_.forget(account);
  directory::LoginRecord nobody;
  nobody.secrets.argon2id = std::move(decoy);
  auto spending = world_.pool.run<bool>(world_.loop, verification(nobody, password));
  auto spent = co_await spending;
  if (!spent) co_return std::move(spent);
  co_return false;
}

std::function<Result<bool>()> verification(const directory::LoginRecord& record, const Secret& password) {
  using Check = directory::LoginRecord::Check;
  BZ_CHECK(record.check != Check::Source, "its source checks this password");
  std::vector<Secret> stored;
  if (record.check == Check::Stored) stored = record.stored;
  return [argon2id = record.secrets.argon2id, stored = std::move(stored), password]() -> Result<bool> {
    for (const Secret& value : stored)
      if (crypto::verify_stored_password(value.reveal(), password)) return true;
    return directory::password_opens(argon2id, password);
  };
}

Task<sasl::Step> Service::supply_credentials(ExchangePtr x, std::string user) {
  user = choose_device(*x, user);
  if (auto refusal = admit(*x, directory_.login_name(user))) co_return std::move(*refusal);
  auto looking = source_.login(std::move(user));
  auto record = co_await std::move(looking);
  if (!record) co_return x->fail_for_now(record.error());
  x->account = record->account;
  x->known = record->known;
  x->source = record->source;
  auto taking = take_device_keys(x, *record);
  auto taken = co_await std::move(taking);
  if (!taken) co_return x->fail_for_now(taken.error());
  sasl::Credentials& credentials = record->secrets.credentials;
  credentials.known = record->known && record->account.state == directory::State::Active;
  co_return x->machine->supply(credentials);
}

}  // namespace bz::authd

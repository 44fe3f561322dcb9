#include "directory/chain.h"

#include <algorithm>

namespace bz::directory {

std::shared_ptr<Source> Chain::find(std::string_view name) const {
  auto it = std::find_if(others_.begin(), others_.end(), [&](const auto& source) { return source->name() == name; });
  return it == others_.end() ? nullptr : *it;
}

Task<Result<LoginRecord>> Chain::login(std::string user) {
  auto asking = embedded_.login(user);
  auto ours = co_await std::move(asking);
  if (!ours || ours->account.id.is_set()) co_return std::move(ours);
  const Sources others = others_;
  for (const auto& source : others) {
    auto looking = source->login(user);
    auto theirs = co_await std::move(looking);
    if (!theirs) co_return std::move(theirs);
    if (!theirs->account.id.is_set()) continue;
    // What the account lacks stays a decoy, so that the mechanism takes its usual course and fails at its end.
    if (theirs->secrets.argon2id.empty()) theirs->secrets.argon2id = ours->secrets.argon2id;
    sasl::Credentials credentials = std::move(ours->secrets.credentials);
    credentials.take(std::move(theirs->secrets.credentials));
    theirs->secrets.credentials = std::move(credentials);
    co_return std::move(theirs);
  }
  co_return std::move(ours);
}

Task<Result<PasswordVerdict>> Chain::check_password(LoginRecord record, Secret password) {
  std::shared_ptr<Source> source = find(record.source);
  if (!source) co_return fail(Errc::Unavailable, "the directory " + record.source + " is not configured any more");
  auto checking = source->check_password(std::move(record), std::move(password));
  auto verdict = co_await std::move(checking);
  co_return std::move(verdict);
}

Task<Result<RecipientAnswer>> Chain::recipients(std::string address) {
  auto asking = embedded_.recipients(address);
  auto ours = co_await std::move(asking);
  using Kind = RecipientAnswer::Kind;
  if (!ours || ours->kind == Kind::NotOurs) co_return std::move(ours);
  if (ours->kind != Kind::NoSuchAddress && !ours->catch_all) co_return std::move(ours);
  const Sources others = others_;
  for (const auto& source : others) {
    auto looking = source->recipients(address);
    auto theirs = co_await std::move(looking);
    if (!theirs) co_return std::move(theirs);
    if (theirs->kind == Kind::Local || theirs->kind == Kind::Disabled) co_return std::move(theirs);
  }
  co_return std::move(ours);
}

Task<Result<std::shared_ptr<Source>>> Chain::home_of(AccountId id) {
  if (others_.empty()) co_return std::shared_ptr<Source>();
  auto looking = embedded_.by_id(id);
  auto ours = co_await std::move(looking);
  if (ours) co_return std::shared_ptr<Source>();
  if (ours.error().code() != Errc::NotFound) co_return std::move(ours).error();
  auto binding = embedded_.binding(id);
  BZ_CO_TRY(Binding bound, co_await std::move(binding));
  std::shared_ptr<Source> source = find(bound.source);
  if (!source) co_return fail(Errc::NotFound, bound.name + " is of the directory " + bound.source + ", which is not there");
  co_return std::move(source);
}

Task<Result<bool>> Chain::may_send_as(AccountId account, std::string address) {
  auto looking = home_of(account);
  auto home = co_await std::move(looking);
  if (!home && home.error().code() == Errc::NotFound) co_return false;
  if (!home) co_return std::move(home).error();
  Source& source = *home ? **home : static_cast<Source&>(embedded_);
  auto asking = source.may_send_as(account, std::move(address));
  auto may = co_await std::move(asking);
  co_return std::move(may);
}

Task<Result<Account>> Chain::by_id(AccountId id) {
  auto looking = home_of(id);
  BZ_CO_TRY(std::shared_ptr<Source> home, co_await std::move(looking));
  Source& source = home ? *home : static_cast<Source&>(embedded_);
  auto asking = source.by_id(id);
  auto account = co_await std::move(asking);
  co_return std::move(account);
}

Task<std::vector<Finding>> Chain::explain(std::string user, std::optional<Secret> password) {
  std::vector<Finding> out;
  std::vector<Source*> sources{&embedded_};
  const Sources others = others_;
  for (const auto& source : others) sources.push_back(source.get());
  for (Source* source : sources) {
    out.push_back({Finding::Kind::Note, "directory", std::string(source->name())});
    auto explaining = source->explain(user, password);
    std::vector<Finding> steps = co_await std::move(explaining);
    // Known there, or perhaps known there: nobody after it is asked.
    bool answered = std::any_of(steps.begin(), steps.end(), [](const Finding& f) { return f.kind != Finding::Kind::Note; });
    out.insert(out.end(), std::make_move_iterator(steps.begin()), std::make_move_iterator(steps.end()));
    if (answered) break;
  }
  co_return std::move(out);
}

}  // namespace bz::directory

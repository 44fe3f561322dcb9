#include "roles/mail_others.h"

#include "roles/mail_mirror.h"

namespace bz::roles {

Task<Result<store::Identity>> LaneOthers::identify(std::string address) {
  auto parsed = smtp::parse_address(address);
  if (!parsed) co_return fail(Errc::NotFound, "not an address");
  auto asking = ask_(lane_.loop(), std::move(*parsed));
  auto asked = co_await asking;
  BZ_CO_TRY(auto verdict, std::move(asked));
  // A list is nobody; an account whose mail another server keeps has nothing to give or to see here.
  if (verdict.kind != queue::RecipientVerdict::Kind::Local || verdict.targets.size() != 1 ||
      !verdict.targets.front().server.empty())
    co_return fail(Errc::NotFound, "no such account here");
  const queue::LocalTarget& target = verdict.targets.front();
  co_return store::Identity{target.account, target.account_name};
}

Task<Result<std::shared_ptr<store::Account>>> LaneOthers::open(AccountId owner) {
  MailLane& there = lane_of(lanes_, owner);
  if (&there == &lane_) {
    auto opening = lane_.account(owner);
    auto opened = co_await std::move(opening);
    co_return std::move(opened);
  }
  if (auto known = mirrors_.find(owner); known != mirrors_.end()) {
    auto mirror = known->second.lock();
    if (mirror && !mirror->broken()) co_return mirror;
  }
  auto opening = open_mirror(there, lane_.loop(), owner);
  auto opened = co_await std::move(opening);
  if (!opened) co_return std::move(opened).error();
  std::erase_if(mirrors_, [](const auto& mirror) { return mirror.second.expired(); });
  mirrors_[owner] = *opened;
  co_return std::move(opened);
}

Task<Result<std::vector<store::Identity>>> LaneOthers::owners(store::Identity user) {
  auto asking = lanes_.front()->call<std::vector<store::Identity>>(
      lane_.loop(), [&shares = shares_, user] { return shares.owners(user); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<void>> LaneOthers::shares(store::Identity owner, AccountId with) {
  auto asking =
      lanes_.front()->call<bool>(lane_.loop(), [&shares = shares_, owner, with] { return shares.add(owner, with); });
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  co_return Result<void>();
}

}  // namespace bz::roles

#include "roles/mail_inlet.h"

namespace bz::roles {
namespace {

// Used and destroyed on the account's lane only.
struct Remote {
  std::shared_ptr<store::Account> account;
  std::unique_ptr<store::Appender> appender;
};
using RemotePtr = std::shared_ptr<Remote>;

Task<Result<RemotePtr>> open_remote(MailLane& lane, AccountId id, std::optional<lmtpd::Expected> expected) {
  auto opening = lane.account(id);
  auto opened = co_await std::move(opening);
  BZ_CO_TRY(auto account, std::move(opened));
  if (expected) {
    auto asking = account->takes_delivery(std::move(expected->delivery), expected->size);
    auto room = co_await std::move(asking);
    BZ_CO_TRY_VOID(std::move(room));
  }
  auto appender = account->begin_append();
  co_return RemotePtr(new Remote{std::move(account), std::move(appender)},
                      [&lane](Remote* remote) { lane.post([owned = std::shared_ptr<Remote>(remote)] {}); });
}

Task<Result<bool>> write_remote(RemotePtr remote, std::string bytes) {
  auto writing = remote->appender->write(bytes);
  auto written = co_await std::move(writing);
  if (!written) co_return std::move(written).error();
  co_return true;
}

Task<Result<store::Appended>> finish_remote(RemotePtr remote, store::Delivery delivery) {
  auto delivering = remote->account->deliver(std::move(remote->appender), std::move(delivery));
  auto delivered = co_await std::move(delivering);
  co_return std::move(delivered);
}

class LaneInlet final : public lmtpd::Inlet {
 public:
  LaneInlet(MailLane& lane, base::Executor& home, RemotePtr remote)
      : lane_(lane), home_(home), remote_(std::move(remote)) {}
  Task<Result<void>> write(std::string bytes) override {
    auto calling = lane_.call<bool>(home_, [remote = remote_, bytes = std::move(bytes)]() mutable {
      return write_remote(std::move(remote), std::move(bytes));
    });
    auto written = co_await calling;
    if (!written) co_return std::move(written).error();
    co_return Result<void>();
  }
  Task<Result<store::Appended>> finish(store::Delivery delivery) override {
    auto calling = lane_.call<store::Appended>(home_, [remote = remote_, delivery = std::move(delivery)]() mutable {
      return finish_remote(std::move(remote), std::move(delivery));
    });
    auto delivered = co_await calling;
    co_return std::move(delivered);
  }

 private:
  MailLane& lane_;
  base::Executor& home_;
  RemotePtr remote_;
};

// An address that stands for several accounts. The first failure is the recipient's answer: the client comes again, and
// who had it has it twice, which is better than not at all.
class ListInlet final : public lmtpd::Inlet {
 public:
  void add(std::unique_ptr<lmtpd::Inlet> inlet) { inlets_.push_back(std::move(inlet)); }
  Task<Result<void>> write(std::string bytes) override {
    for (auto& inlet : inlets_) {
      auto writing = inlet->write(bytes);
      auto written = co_await std::move(writing);
      if (!written) co_return std::move(written).error();
    }
    co_return Result<void>();
  }
  Task<Result<store::Appended>> finish(store::Delivery delivery) override {
    Result<store::Appended> first = fail(Errc::NotFound, "the address stands for nobody");
    for (size_t i = 0; i < inlets_.size(); ++i) {
      auto finishing = inlets_[i]->finish(delivery);
      auto finished = co_await std::move(finishing);
      if (i == 0 || !finished) first = std::move(finished);
      if (!first) break;
    }
    co_return first;
  }

 private:
  std::vector<std::unique_ptr<lmtpd::Inlet>> inlets_;
};

}  // namespace

Task<Result<std::unique_ptr<lmtpd::Inlet>>> LaneAccounts::open_address(smtp::Address address, lmtpd::Expected expected) {
  auto asking = ask_(home_, std::move(address));
  auto asked = co_await asking;
  BZ_CO_TRY(auto verdict, std::move(asked));
  using Kind = queue::RecipientVerdict::Kind;
  if (verdict.kind == Kind::Unknown) co_return fail(Errc::NotFound, "no such address");
  if (verdict.kind == Kind::Elsewhere) co_return fail(Errc::NotFound, "not a domain of ours");
  if (verdict.kind == Kind::Disabled) co_return fail(Errc::Denied, "the account is disabled");
  const bool one = verdict.targets.size() == 1;
  auto list = std::make_unique<ListInlet>();
  for (const queue::LocalTarget& target : verdict.targets) {
    // Here it would lie where its owner never looks.
    if (!target.server.empty()) co_return fail(Errc::Unavailable, "the mailbox is on server " + target.server);
    // One of many who has no room must not keep the message from the others.
    std::optional<lmtpd::Expected> asked_for;
    if (one) asked_for = std::move(expected);
    auto opening = open_one(target.account, std::move(asked_for));
    auto opened = co_await std::move(opening);
    if (!opened) co_return std::move(opened).error();
    if (one) co_return std::move(*opened);
    list->add(std::move(*opened));
  }
  co_return std::unique_ptr<lmtpd::Inlet>(std::move(list));
}

Task<Result<std::unique_ptr<lmtpd::Inlet>>> LaneAccounts::open(AccountId account, lmtpd::Expected expected) {
  return open_one(account, std::move(expected));
}

Task<Result<std::unique_ptr<lmtpd::Inlet>>> LaneAccounts::open_one(AccountId account,
                                                                   std::optional<lmtpd::Expected> expected) {
  MailLane& lane = lane_of(lanes_, account);
  auto calling = lane.call<RemotePtr>(home_, [&lane, account, expected = std::move(expected)]() mutable {
    return open_remote(lane, account, std::move(expected));
  });
  auto opened = co_await calling;
  BZ_CO_TRY(auto remote, std::move(opened));
  co_return std::unique_ptr<lmtpd::Inlet>(new LaneInlet(lane, home_, std::move(remote)));
}

}  // namespace bz::roles

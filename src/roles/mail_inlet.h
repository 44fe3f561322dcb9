// The accounts as an LMTP session of one lane sees them: each piece of a message is taken to the lane of its account and
// the answer brought back.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "lmtpd/session.h"
#include "queue/directory.h"
#include "roles/mail_lane.h"

namespace bz::roles {

using MailLanes = std::vector<std::unique_ptr<MailLane>>;
inline MailLane& lane_of(const MailLanes& lanes, AccountId account) { return *lanes[account.value() % lanes.size()]; }

// (any) What the directory says of an address; the answer comes to `home`.
using AskRecipient = std::function<base::Completion<queue::RecipientVerdict>(base::Executor& home, smtp::Address address)>;

class LaneAccounts final : public lmtpd::Accounts {
 public:
  LaneAccounts(const MailLanes& lanes, base::Executor& home, AskRecipient ask)
      : lanes_(lanes), home_(home), ask_(std::move(ask)) {}
  Task<Result<std::unique_ptr<lmtpd::Inlet>>> open(AccountId account, lmtpd::Expected expected) override;
  Task<Result<std::unique_ptr<lmtpd::Inlet>>> open_address(smtp::Address address, lmtpd::Expected expected) override;

 private:
  Task<Result<std::unique_ptr<lmtpd::Inlet>>> open_one(AccountId account, std::optional<lmtpd::Expected> expected);
  const MailLanes& lanes_;
  base::Executor& home_;
  const AskRecipient ask_;
};

}  // namespace bz::roles

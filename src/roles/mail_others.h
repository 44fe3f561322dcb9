// The other accounts as the sessions of one lane see them (imapd/others.h): found by the directory and the index of shares,
// taken from this lane or mirrored from another one.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "imapd/others.h"
#include "roles/mail_inlet.h"
#include "roles/share_index.h"

namespace bz::roles {

class LaneOthers final : public imapd::OtherUsers {
 public:
  // `shares` is used on the first of `lanes`.
  LaneOthers(const MailLanes& lanes, MailLane& lane, ShareIndex& shares, AskRecipient ask)
      : lanes_(lanes), lane_(lane), shares_(shares), ask_(std::move(ask)) {}
  Task<Result<store::Identity>> identify(std::string address) override;
  Task<Result<std::shared_ptr<store::Account>>> open(AccountId owner) override;
  Task<Result<std::vector<store::Identity>>> owners(store::Identity user) override;
  Task<Result<void>> shares(store::Identity owner, AccountId with) override;

 private:
  const MailLanes& lanes_;
  MailLane& lane_;
  ShareIndex& shares_;
  const AskRecipient ask_;
  std::map<AccountId, std::weak_ptr<store::Account>> mirrors_;
};

}  // namespace bz::roles

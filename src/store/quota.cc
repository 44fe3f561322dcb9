// The quota of an account: one for all its mailboxes (RFC 9208 section 3.2). What is used is the sum of the records of its
// mailboxes, which every commit keeps and which are all in memory. So it is exact, and nothing of its own can differ from
// it.
#include <algorithm>

#include "store/account_impl.h"

namespace bz::store {
namespace {

// A limit that was lowered below what is there refuses what adds to it, and nothing else.
bool over(uint64_t limit, uint64_t used, uint64_t added, uint64_t freed) {
  return limit != 0 && added > freed && used + (added - freed) > limit;
}

}  // namespace

Usage AccountImpl::usage() const {
  Usage usage{.mailboxes = trees_.size()};
  for (const auto& [id, state] : trees_) {
    usage.bytes += state.info.size;
    usage.messages += state.info.messages;
  }
  return usage;
}

Result<void> AccountImpl::takes(MailboxId to, uint64_t messages, uint64_t bytes) const {
  const auto target = trees_.find(to);
  if (target != trees_.end() && is_sent(target->second)) return {};
  return within_quota({.bytes = bytes, .messages = messages}, {});
}

Task<Result<void>> AccountImpl::takes_delivery(Delivery delivery, uint64_t bytes) {
  if (delivery.sent_copy) co_return Result<void>();  // the client's may be there already
  auto room = within_quota({.bytes = std::max<uint64_t>(bytes, 1), .messages = 1}, {});
  if (room || delivery.queue_id.empty()) co_return room;
  auto getting = partition_->get(key::delivered(key::digest(delivery.queue_id, delivery.recipient)));
  auto got = co_await getting;
  BZ_CO_TRY(const auto mark, std::move(got));
  if (mark) co_return Result<void>();  // it may be what filled the account: its answer was lost
  co_return room;
}

Result<void> AccountImpl::within_quota(const Usage& added, const Usage& freed) const {
  if (config_.quota_bytes == 0 && config_.quota_messages == 0) return {};
  const Usage used = usage();
  if (over(config_.quota_bytes, used.bytes, added.bytes, freed.bytes))
    return fail(Errc::OverQuota, "the account is over its quota of octets");
  if (over(config_.quota_messages, used.messages, added.messages, freed.messages))
    return fail(Errc::OverQuota, "the account is over its quota of messages");
  return {};
}

Result<void> AccountImpl::takes_mailboxes(uint64_t added) const {
  if (over(config_.quota_mailboxes, trees_.size(), added, 0))
    return fail(Errc::OverQuota, "the account is over its quota of mailboxes");
  return {};
}

}  // namespace bz::store

// Access control lists (RFC 4314): one record for each mailbox that has any entry, in memory always, since each LIST of
// another user asks for them.
#include "store/acl.h"

#include "store/account_impl.h"

namespace bz::store {

Task<Result<void>> AccountImpl::change_acl(MailboxId mailbox, AclChange change) {
  auto work = do_change_acl(mailbox, std::move(change));
  auto changing = serial<bool>(std::move(work));
  auto changed = co_await std::move(changing);
  if (!changed) co_return std::move(changed).error();
  co_return Result<void>();
}

Task<Result<bool>> AccountImpl::do_change_acl(MailboxId mailbox, AclChange change) {
  State* state = state_of(mailbox);
  if (!state) co_return fail(Errc::NotFound, "no such mailbox");
  const Acl before = state->info.acl ? *state->info.acl : Acl();
  Acl after = before;
  if (!store::change_acl(after, change)) co_return fail(Errc::Limit, "too many entries");
  if (after == before) co_return true;
  Tx tx = begin();
  if (after.empty())
    tx.batch.del(key::acl(mailbox));
  else
    tx.batch.put(key::acl(mailbox), encode_acl(after));
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  State& changed = trees_.at(mailbox);
  MailboxInfo info = changed.info;
  info.acl = after.empty() ? nullptr : std::make_shared<const Acl>(std::move(after));
  publish(changed, info);  // sessions that have it selected look at their rights
  notify_tree();
  co_return true;
}

}  // namespace bz::store

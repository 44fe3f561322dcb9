// Annotations (RFC 5464): one record for each mailbox that has any, so that a change of several is one write, and DELETE
// and RENAME have nothing to search. They are read when asked for, not kept in memory.
#include "store/account_impl.h"

namespace bz::store {
namespace {

Result<void> change(Annotations& to, const AnnotationChanges& changes) {
  for (const auto& [name, value] : changes) {
    if (name.size() > kMaxAnnotationName || (value && value->size() > kMaxAnnotationValue))
      return fail(Errc::TooLarge, "the annotation is too large");
    if (value)
      to[name] = *value;
    else
      to.erase(name);
  }
  if (to.size() > kMaxAnnotations) return fail(Errc::Limit, "too many annotations");
  return {};
}

}  // namespace

Task<Result<Annotations>> AccountImpl::annotations(MailboxId mailbox) {
  auto getting = partition_->get(key::annotations(mailbox));
  auto got = co_await getting;
  BZ_CO_TRY(const auto bytes, std::move(got));
  if (!bytes) co_return Annotations();
  co_return decode_annotations(*bytes);
}

Task<Result<void>> AccountImpl::annotate(MailboxId mailbox, AnnotationChanges changes, Mailbox::Subscription by) {
  auto work = do_annotate(mailbox, std::move(changes), std::move(by));
  auto annotating = serial<bool>(std::move(work));
  auto annotated = co_await std::move(annotating);
  if (!annotated) co_return std::move(annotated).error();
  co_return Result<void>();
}

Task<Result<bool>> AccountImpl::do_annotate(MailboxId mailbox, AnnotationChanges changes, Mailbox::Subscription by) {
  if (mailbox.is_set() && !state_of(mailbox)) co_return fail(Errc::NotFound, "no such mailbox");
  auto reading = annotations(mailbox);
  auto read = co_await std::move(reading);
  BZ_CO_TRY(const Annotations before, std::move(read));
  Annotations after = before;
  BZ_CO_TRY_VOID(change(after, changes));
  std::erase_if(changes, [&](const auto& change) {
    const auto had = before.find(change.first);
    return change.second ? had != before.end() && had->second == *change.second : had == before.end();
  });
  if (changes.empty()) co_return true;
  const std::string record = encode_annotations(after);
  if (record.size() > kRecordBytes) co_return fail(Errc::Limit, "too many annotations");
  Tx tx = begin();
  if (after.empty())
    tx.batch.del(key::annotations(mailbox));
  else
    tx.batch.put(key::annotations(mailbox), record);
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  notify_annotations(mailbox, changes, by);
  co_return true;
}

Task<Result<bool>> AccountImpl::copy_annotations(MailboxId from, MailboxId to) {
  auto reading = annotations(from);
  auto read = co_await std::move(reading);
  BZ_CO_TRY(const Annotations noted, std::move(read));
  if (noted.empty()) co_return true;
  Tx tx = begin();
  tx.batch.put(key::annotations(to), encode_annotations(noted));
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  co_return true;
}

Mailbox::Subscription AccountImpl::subscribe_annotations(AnnotationListener listener) {
  auto subscription = std::make_shared<AnnotationListener>(std::move(listener));
  std::erase_if(annotation_listeners_, [](const auto& s) { return s.expired(); });
  annotation_listeners_.push_back(subscription);
  return subscription;
}

void AccountImpl::notify_annotations(MailboxId mailbox, const AnnotationChanges& changes, const Mailbox::Subscription& by) {
  auto listeners = annotation_listeners_;
  for (const auto& weak : listeners)
    if (auto listener = weak.lock(); listener && listener != by) (*listener)(mailbox, changes);
}

}  // namespace bz::store

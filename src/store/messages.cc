// Commands on messages that are there: flags, expunge, copy, move; and reading.
#include <algorithm>

#include "store/account_impl.h"

namespace bz::store {
namespace {
constexpr uint64_t kVanishedChanges = 10'000;  // of the whole account, read for one question
}

void AccountImpl::put_change(Tx& tx, const Change& change, const std::vector<uint32_t>& counts) const {
  auto put = [&tx](const Change& piece) { tx.batch.put(key::change(tx.modseq, tx.pieces++), piece.encode()); };
  if (change.kind == Change::Kind::Append) return put(change);
  for (const Change& part : split_change(change, counts)) put(part);
}

Result<AccountImpl::State*> AccountImpl::selected(const MailboxPtr& mailbox) {
  State* state = mailbox && !mailbox->gone() ? state_of(mailbox->info().id) : nullptr;
  if (!state || state->loaded.lock() != mailbox) return fail(Errc::NotFound, "the mailbox was deleted");
  return state;
}

Task<Result<StoredFlags>> AccountImpl::store_flags(MailboxPtr mailbox, UidSet uids, FlagOp op, FlagList flags,
                                                   std::optional<uint64_t> unchanged_since) {
  auto work = do_store(std::move(mailbox), std::move(uids), op, std::move(flags), unchanged_since);
  return serial<StoredFlags>(std::move(work));
}

Task<Result<StoredFlags>> AccountImpl::do_store(MailboxPtr mailbox, UidSet uids, FlagOp op, FlagList flags,
                                                std::optional<uint64_t> unchanged_since) {
  BZ_CO_TRY(State * state, selected(mailbox));
  std::vector<std::string> keywords = state->keywords;
  FlagBits bits = mailbox->bits_of(flags);
  if (op != FlagOp::Remove) {
    BZ_CO_TRY(bits, take_keywords(keywords, flags));
  }
  StoredFlags outcome;
  uint32_t from_uid = 0;
  do {
    const FlagPlan plan = plan_flags(mailbox->entries(), uids, from_uid, op, bits, unchanged_since);
    for (auto r : plan.unchanged.ranges()) outcome.unchanged.add(r.first, r.last);
    for (auto r : plan.modified.ranges()) outcome.modified.add(r.first, r.last);
    from_uid = plan.next_uid;
    if (plan.ranges.empty()) break;
    Tx tx = begin_change();
    Change change;
    change.kind = Change::Kind::Flags;
    change.mailbox = state->info.id;
    change.ranges = plan.ranges;
    change.op = op;
    change.bits = bits;
    put_change(tx, change);
    MailboxInfo info = state->info;
    info.unseen = static_cast<uint32_t>(info.unseen + plan.unseen);
    info.deleted = static_cast<uint32_t>(info.deleted + plan.deleted);
    info.highest_modseq = tx.modseq;
    put_mailbox(tx, *state, info);
    if (keywords.size() != state->keywords.size()) tx.batch.put(key::keywords(info.id), encode_keywords(keywords));
    auto committing = commit(tx);
    auto committed = co_await std::move(committing);
    BZ_CO_TRY_VOID(std::move(committed));
    outcome.modseq = tx.modseq;
    for (auto r : plan.changed.ranges()) outcome.changed.add(r.first, r.last);
    MailboxWriter(*mailbox).flags(plan.ranges, op, bits, tx.modseq);
    state->keywords = keywords;
    publish(*state, info);
  } while (from_uid != 0);
  co_return outcome;
}

Task<Result<UidSet>> AccountImpl::expunge(MailboxPtr mailbox, std::optional<UidSet> only) {
  auto work = do_expunge(std::move(mailbox), std::move(only), kDeleted);
  return serial<UidSet>(std::move(work));
}
Task<Result<UidSet>> AccountImpl::erase(MailboxPtr mailbox, UidSet uids) {
  auto work = do_expunge(std::move(mailbox), std::move(uids), 0);
  return serial<UidSet>(std::move(work));
}

Task<Result<UidSet>> AccountImpl::do_expunge(MailboxPtr mailbox, std::optional<UidSet> only, FlagBits carrying) {
  BZ_CO_TRY(State * state, selected(mailbox));
  UidSet gone;
  uint32_t from_uid = 0;
  do {
    const SelectPlan plan = plan_select(mailbox->entries(), only, from_uid, carrying);
    from_uid = plan.next_uid;
    if (plan.ranges.empty()) break;
    Tx tx = begin_change();
    Change change;
    change.kind = Change::Kind::Expunge;
    change.mailbox = state->info.id;
    change.ranges = plan.ranges;
    put_change(tx, change);
    MailboxInfo info = state->info;
    plan.totals.take_from(info);
    info.highest_modseq = tx.modseq;
    put_mailbox(tx, *state, info);
    auto committing = commit(tx);
    auto committed = co_await std::move(committing);
    BZ_CO_TRY_VOID(std::move(committed));
    for (auto r : plan.uids.ranges()) gone.add(r.first, r.last);
    MailboxWriter(*mailbox).expunge(plan.ranges, tx.modseq);
    publish(*state, info);
  } while (from_uid != 0);
  co_return gone;
}

Task<Result<Copied>> AccountImpl::copy(MailboxPtr from, UidSet uids, MailboxId to) {
  auto work = do_transfer(std::move(from), std::move(uids), to, Transfer::Copy);
  return serial<Copied>(std::move(work));
}
Task<Result<Copied>> AccountImpl::move(MailboxPtr from, UidSet uids, MailboxId to) {
  auto work = do_transfer(std::move(from), std::move(uids), to, Transfer::Move);
  return serial<Copied>(std::move(work));
}

Task<Result<Copied>> AccountImpl::do_transfer(MailboxPtr from, UidSet uids, MailboxId to, Transfer kind) {
  BZ_CO_TRY_VOID(selected(from));
  State* target = state_of(to);
  if (!target || !target->info.selectable) co_return fail(Errc::NotFound, "no such mailbox");
  const SelectPlan whole = plan_select(from->entries(), uids, 0, 0, SIZE_MAX);
  BZ_CO_TRY_VOID(has_room(*target, whole.totals.messages));
  if (kind == Transfer::Copy && whole.totals.messages > 0) {  // a move adds nothing to the account
    BZ_CO_TRY_VOID(within_quota({.bytes = whole.totals.size, .messages = whole.totals.messages}, {}));
  }
  Copied copied{target->info.uid_validity, {}, whole.uids.empty() ? 0 : target->info.uid_next, record_.modseq + 1, 0};
  uint32_t from_uid = 0;
  do {
    SelectPlan plan = plan_select(from->entries(), whole.uids, from_uid, 0);
    from_uid = plan.next_uid;
    if (plan.ranges.empty()) break;
    auto transferring = transfer_part(from, std::move(plan), to, kind);
    auto transferred = co_await std::move(transferring);
    if (!transferred) co_return std::move(transferred).error();
  } while (from_uid != 0);
  copied.source = whole.uids;
  copied.last_modseq = record_.modseq;  // nobody else's command runs in between
  co_return copied;
}

// One commit. Source and target may be the same mailbox.
Task<Result<bool>> AccountImpl::transfer_part(MailboxPtr from, SelectPlan plan, MailboxId to, Transfer kind) {
  State& source = *state_of(from->info().id);
  State& target = *state_of(to);
  std::vector<std::string> keywords = target.keywords;
  Tx tx = begin_change();
  Change change;
  change.kind = kind == Transfer::Copy ? Change::Kind::Copy : Change::Kind::Move;
  change.mailbox = source.info.id;
  change.ranges = plan.ranges;
  change.target = to;
  change.first_uid = target.info.uid_next;
  change.keyword_map = map_keywords(source.keywords, plan.used, keywords);
  change.saved = static_cast<uint32_t>(clock_.unix_seconds());
  put_change(tx, change, plan.counts);
  MailboxInfo target_info = target.info, source_info = source.info;
  const bool same = &source == &target;
  plan.totals.add_to(target_info);
  target_info.uid_next += plan.totals.messages;
  target_info.highest_modseq = tx.modseq;
  if (kind == Transfer::Move) {
    MailboxInfo& info = same ? target_info : source_info;
    plan.totals.take_from(info);
    info.highest_modseq = tx.modseq;
    if (!same) put_mailbox(tx, source, source_info);
  }
  put_mailbox(tx, target, target_info);
  if (keywords.size() != target.keywords.size()) tx.batch.put(key::keywords(to), encode_keywords(keywords));
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));

  target.keywords = std::move(keywords);
  if (auto loaded = target.loaded.lock()) {
    std::vector<Entry> picked;
    for (UidSet::Range range : plan.ranges) {
      auto [first, last] = slice_of(from->entries(), range);
      picked.insert(picked.end(), from->entries().begin() + static_cast<ptrdiff_t>(first),
                    from->entries().begin() + static_cast<ptrdiff_t>(last));
    }
    uint32_t uid = change.first_uid;
    for (Entry e : picked) {
      e.uid = uid++;
      e.flags = map_flags(e.flags, change.keyword_map);
      e.saved = change.saved;
      e.modseq = tx.modseq;
      MailboxWriter(*loaded).append(e);
    }
  }
  if (kind == Transfer::Move) MailboxWriter(*from).expunge(plan.ranges, tx.modseq);
  if (kind == Transfer::Move && !same) publish(source, source_info);
  publish(target, target_info);
  co_return true;
}

// --- reading

Task<Result<std::shared_ptr<const mime::ParsedMessage>>> AccountImpl::record(EmailId email) {
  StoredPtr message = records_.cached(email);
  if (!message) {
    auto getting = records_.get(email);
    auto got = co_await std::move(getting);
    BZ_CO_TRY(message, std::move(got));
  }
  co_return std::shared_ptr<const mime::ParsedMessage>(message, &message->parsed);
}

Task<Result<std::vector<std::string>>> AccountImpl::stored_records(std::vector<EmailId> emails) {
  return records_.stored(std::move(emails));
}

Task<Result<std::string>> AccountImpl::read(EmailId email, uint64_t offset, uint64_t length) {
  return records_.read(email, offset, length);
}

Task<Result<UidSet>> AccountImpl::vanished_since(MailboxPtr mailbox, uint64_t since) {
  const uint64_t until = mailbox->info().highest_modseq;
  UidSet vanished;
  if (since >= until) co_return vanished;
  if (since + 1 >= folder_->record().log_start && until - since <= kVanishedChanges) {
    std::string from = key::change(since + 1, 0), end = key::change(until + 1, 0);
    for (bool more = true; more;) {
      auto scanning = partition_->scan(from, end);
      auto scanned = co_await scanning;
      BZ_CO_TRY(auto page, std::move(scanned));
      for (const auto& item : page.items) {
        BZ_CO_TRY(auto change, Change::decode(item.value));
        const bool removes = change.kind == Change::Kind::Expunge || change.kind == Change::Kind::Move;
        if (!removes || change.mailbox != mailbox->info().id) continue;
        for (auto r : change.ranges) vanished.add(r.first, r.last);
      }
      more = page.more;
      from = std::move(page.next);
    }
    if (since + 1 >= folder_->record().log_start) co_return vanished;  // nothing was pruned meanwhile
    vanished = {};
  }
  uint32_t next = 1;
  for (const Entry& e : mailbox->entries()) {
    if (e.uid > next) vanished.add(next, e.uid - 1);
    next = e.uid + 1;
  }
  if (next < mailbox->info().uid_next) vanished.add(next, mailbox->info().uid_next - 1);
  co_return vanished;
}

}  // namespace bz::store

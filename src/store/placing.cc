// Messages that come in, in the queue of commands: which mailbox takes them, the one rule of the Sent copy, and the commit.
// Whatever a command brings is one commit.
#include <algorithm>
#include <set>

#include "store/account_impl.h"

namespace bz::store {

Task<Result<AccountImpl::Placed>> AccountImpl::take_in(MailboxId to, Incoming incoming) {
  auto placing = to.is_set() ? place(to, incoming) : place_delivery(incoming);
  auto placed = co_await std::move(placing);
  co_return std::move(placed);
}

Task<Result<AccountImpl::Placed>> AccountImpl::place_delivery(const Incoming& incoming) {
  if (!incoming.delivered_key.empty()) {
    auto getting = partition_->get(incoming.delivered_key);
    auto got = co_await getting;
    BZ_CO_TRY(auto bytes, std::move(got));
    if (bytes) {  // the answer to an earlier try was lost
      BZ_CO_TRY(auto mark, Mark::decode(*bytes));
      State* state = state_of(mark.mailbox);
      Appended earlier{state ? state->info.uid_validity : UidValidity(), mark.uid, EmailId(mark.email), true, 0};
      co_return Placed(1, earlier);
    }
  }
  MailboxId to = names_.at("INBOX");
  if (incoming.origin == Origin::SentCopy) {
    auto finding = sent_mailbox();
    auto found = co_await std::move(finding);
    BZ_CO_TRY(to, std::move(found));
  }
  auto placing = place(to, incoming);
  auto placed = co_await std::move(placing);
  co_return std::move(placed);
}

bool AccountImpl::is_sent(const State& state) const {
  if (state.info.use == SpecialUse::Sent) return true;
  return state.info.name == "Sent" &&
         std::none_of(trees_.begin(), trees_.end(), [](const auto& t) { return t.second.info.use == SpecialUse::Sent; });
}

Result<void> AccountImpl::has_room(const State& state, uint64_t messages, uint64_t freed) const {
  if (state.info.messages + messages > config_.max_messages + freed)
    return fail(Errc::Limit, "too many messages in the mailbox");
  if (messages > UINT32_MAX - uint64_t{state.info.uid_next}) return fail(Errc::Limit, "the mailbox ran out of UIDs");
  return {};
}

// The Sent rule: the twin from the other side (ours for an APPEND, the client's for a delivery), younger than the window,
// still there and not matched yet, takes the flags; nothing is added.
Task<Result<std::optional<AccountImpl::Twin>>> AccountImpl::find_twin(const State& state, const Incoming& incoming,
                                                                      std::string mark_key) {
  std::optional<Twin> none;
  auto getting = partition_->get(mark_key);
  auto got = co_await getting;
  BZ_CO_TRY(auto bytes, std::move(got));
  if (!bytes) co_return none;
  BZ_CO_TRY(auto mark, Mark::decode(*bytes));
  const auto other = incoming.origin == Origin::Client ? Mark::By::Delivery : Mark::By::Client;
  const int64_t age_ms = clock_.unix_millis() - mark.time_ms;
  if (mark.by != other || mark.mailbox != state.info.id || age_ms >= config_.sent_match_window.count()) co_return none;
  auto opening = do_open(state.info.id);
  auto opened = co_await std::move(opening);
  BZ_CO_TRY(MailboxPtr mailbox, std::move(opened));
  const Entry* twin = mailbox->find(mark.uid);
  if (!twin || twin->email != mark.email) co_return none;
  if (mailbox == incoming.from && mark.uid == incoming.replaced) co_return none;  // it goes with this command
  co_return Twin{mark, std::move(mailbox), {}};
}

// What becomes of each message. `keywords` gets those that are new to the mailbox.
Task<Result<std::vector<AccountImpl::Placing>>> AccountImpl::plan_placings(State& state, const Incoming& incoming,
                                                                           std::vector<std::string>& keywords) {
  std::vector<Placing> placings;
  std::set<std::string> matched;  // a mark is used up by the first
  for (const Arrival& arrival : incoming.arrivals) {
    Placing p;
    p.arrival = &arrival;
    BZ_CO_TRY(p.bits, take_keywords(keywords, arrival.flags));
    const Prepared& message = *arrival.message;
    if (!message.message_id.empty() && incoming.origin != Origin::Delivery && is_sent(state))
      p.mark_key = key::sent_mark(key::digest(message.message_id, message.body_digest));
    if (!p.mark_key.empty() && !matched.contains(p.mark_key)) {
      auto finding = find_twin(state, incoming, p.mark_key);
      auto found = co_await std::move(finding);
      BZ_CO_TRY(p.twin, std::move(found));
    }
    if (p.twin) {
      matched.insert(p.mark_key);
      const UidSet one = UidSet::of({{p.twin->mark.uid, p.twin->mark.uid}});
      p.twin->flags = plan_flags(p.twin->mailbox->entries(), one, 0, FlagOp::Add, p.bits, {});
    }
    placings.push_back(std::move(p));
  }
  co_return std::move(placings);
}

// What REPLACE takes away; nothing for other commands.
Result<SelectPlan> AccountImpl::plan_replaced(const Incoming& incoming) {
  if (!incoming.from) return SelectPlan{};
  BZ_TRY_VOID(selected(incoming.from));
  const UidSet one = UidSet::of({{incoming.replaced, incoming.replaced}});
  SelectPlan gone = plan_select(incoming.from->entries(), one, 0, 0);
  if (gone.ranges.empty()) return fail(Errc::Conflict, "the message is gone");
  return gone;
}

Task<Result<AccountImpl::Placed>> AccountImpl::place(MailboxId to, const Incoming& incoming) {
  State* state = state_of(to);
  if (!state || !state->info.selectable) co_return fail(Errc::NotFound, "no such mailbox");
  BZ_CO_TRY(const SelectPlan gone, plan_replaced(incoming));
  State* const source = incoming.from ? state_of(incoming.from->info().id) : nullptr;
  const bool same = source == state;
  std::vector<std::string> keywords = state->keywords;
  auto planning = plan_placings(*state, incoming, keywords);
  auto planned = co_await std::move(planning);
  BZ_CO_TRY(auto placings, std::move(planned));
  Usage added;
  bool changes = source != nullptr;
  for (const Placing& p : placings) {
    changes |= !p.twin || !p.twin->flags.ranges.empty();
    if (p.twin) continue;
    ++added.messages;
    added.bytes += p.arrival->message->size();
  }
  if (added.messages > 0) {
    BZ_CO_TRY_VOID(has_room(*state, added.messages, same ? gone.totals.messages : 0));
    BZ_CO_TRY_VOID(within_quota(added, {.bytes = gone.totals.size, .messages = gone.totals.messages}));
  }
  Tx tx = changes ? begin_change() : begin();
  MailboxInfo info = state->info;
  for (Placing& p : placings) {
    if (p.twin)
      put_joined(tx, p, incoming, info);
    else
      put_added(tx, p, incoming, info);
  }
  MailboxInfo source_info = source ? source->info : MailboxInfo();
  if (source) put_expunged(tx, *source, gone, same ? info : source_info);
  if (changes) {
    info.highest_modseq = tx.modseq;
    put_mailbox(tx, *state, info);
    if (keywords.size() != state->keywords.size()) tx.batch.put(key::keywords(info.id), encode_keywords(keywords));
  }
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  if (changes) state->keywords = std::move(keywords);
  Placed placed = publish_placings(*state, placings, changes ? tx.modseq : 0);
  if (source) MailboxWriter(*incoming.from).expunge(gone.ranges, tx.modseq);
  if (source && !same) publish(*source, source_info);
  if (changes) publish(*state, info);
  co_return std::move(placed);
}

void AccountImpl::put_added(Tx& tx, Placing& placing, const Incoming& incoming, MailboxInfo& info) const {
  const Prepared& message = *placing.arrival->message;
  Change change;
  change.kind = Change::Kind::Append;
  change.mailbox = info.id;
  change.entry = Entry{.uid = info.uid_next++,
                       .size = static_cast<uint32_t>(message.size()),
                       .saved = static_cast<uint32_t>(clock_.unix_seconds()),
                       .flags = placing.bits,
                       .modseq = tx.modseq,
                       .email = tx.account.next_email++};
  change.entry.set_internal_date(placing.arrival->internal_date);
  const Entry& entry = *(placing.entry = change.entry);
  Totals totals;
  totals.add(entry);
  totals.add_to(info);
  put_change(tx, change);
  tx.batch.put(key::record(entry.email), message.record.encode());
  if (message.staged)
    tx.batch.del(key::staged(*message.staged));
  else
    tx.batch.link(message.record.blob);
  if (message.record.parsed_blob.id != 0) tx.batch.link(message.record.parsed_blob);
  const Mark mark{incoming.origin == Origin::Client ? Mark::By::Client : Mark::By::Delivery, clock_.unix_millis(), info.id,
                  entry.uid, entry.email};
  if (!placing.mark_key.empty()) tx.batch.put(placing.mark_key, mark.encode());
  if (!incoming.delivered_key.empty()) tx.batch.put(incoming.delivered_key, mark.encode());
}

void AccountImpl::put_joined(Tx& tx, const Placing& placing, const Incoming& incoming, MailboxInfo& info) const {
  const FlagPlan& plan = placing.twin->flags;
  if (!plan.ranges.empty()) {
    Change change;
    change.kind = Change::Kind::Flags;
    change.mailbox = info.id;
    change.ranges = plan.ranges;
    change.op = FlagOp::Add;
    change.bits = placing.bits;
    put_change(tx, change);
    info.unseen = static_cast<uint32_t>(info.unseen + plan.unseen);
    info.deleted = static_cast<uint32_t>(info.deleted + plan.deleted);
  }
  tx.batch.del(placing.mark_key);
  if (incoming.delivered_key.empty()) return;
  Mark mark = placing.twin->mark;
  mark.time_ms = clock_.unix_millis();
  tx.batch.put(incoming.delivered_key, mark.encode());
}

// `info` becomes that of the source; the caller writes it once more when the source is also the target.
void AccountImpl::put_expunged(Tx& tx, State& source, const SelectPlan& gone, MailboxInfo& info) const {
  Change change;
  change.kind = Change::Kind::Expunge;
  change.mailbox = source.info.id;
  change.ranges = gone.ranges;
  put_change(tx, change);
  gone.totals.take_from(info);
  info.highest_modseq = tx.modseq;
  put_mailbox(tx, source, info);
}

// After the commit. The caller publishes the mailbox itself.
AccountImpl::Placed AccountImpl::publish_placings(State& state, std::vector<Placing>& placings, uint64_t modseq) {
  Placed placed;
  auto mailbox = state.loaded.lock();
  for (Placing& p : placings) {
    if (p.twin) {
      const Mark& mark = p.twin->mark;
      if (mailbox) MailboxWriter(*mailbox).flags(p.twin->flags.ranges, FlagOp::Add, p.bits, modseq);
      placed.push_back({state.info.uid_validity, mark.uid, EmailId(mark.email), true, modseq});
      continue;
    }
    Prepared& message = *p.arrival->message;
    message.staged.reset();
    const EmailId email(p.entry->email);
    if (message.message) records_.keep(email, message.message, message.parsed_size);
    if (mailbox) MailboxWriter(*mailbox).append(*p.entry);
    placed.push_back({state.info.uid_validity, p.entry->uid, email, false, modseq});
  }
  return placed;
}

}  // namespace bz::store

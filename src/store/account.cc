// Opening an account, its queue of commands, commits and upkeep.
#include "store/account.h"

#include <algorithm>

#include "base/log.h"
#include "store/account_impl.h"

namespace bz::store {
namespace {
constexpr uint64_t kFoldAfter = 64;                       // changes
constexpr int64_t kPruneEveryMs = 3'600'000;              // marks
constexpr int64_t kKeepDeliveredMs = 7 * 24 * 3'600'000;  // longer than any queue retries
constexpr size_t kPruneBatch = 500;

struct DefaultMailbox {
  const char* name;
  SpecialUse use;
};
constexpr DefaultMailbox kDefaults[] = {{"INBOX", SpecialUse::None},  {"Drafts", SpecialUse::Drafts},
                                        {"Sent", SpecialUse::Sent},   {"Junk", SpecialUse::Junk},
                                        {"Trash", SpecialUse::Trash}, {"Archive", SpecialUse::Archive}};
}  // namespace

AccountImpl::AccountImpl(std::unique_ptr<kv::Partition> partition, AccountId id, std::string name, AccountConfig config,
                         base::Executor& executor, base::Clock& clock, base::Random& random)
    : partition_(std::move(partition)),
      id_(id),
      config_(config),
      executor_(executor),
      clock_(clock),
      random_(random),
      records_(*partition_) {
  record_.name = std::move(name);
}

Task<Result<void>> AccountImpl::load() {
  auto getting = partition_->get(key::kAccount);
  auto got = co_await getting;
  BZ_CO_TRY(auto bytes, std::move(got));
  pruned_ms_ = clock_.unix_millis();
  if (bytes) {
    auto loading = load_existing(*bytes);
    auto loaded = co_await std::move(loading);
    co_return std::move(loaded);
  }
  auto creating = create_fresh();
  auto created = co_await std::move(creating);
  co_return std::move(created);
}

Task<Result<void>> AccountImpl::create_fresh() {
  Tx tx = begin();
  tx.account.created = clock_.unix_seconds();
  std::vector<MailboxInfo> infos;
  for (const DefaultMailbox& d : kDefaults) {
    infos.push_back(new_mailbox(tx, d.name, d.use));
    put_mailbox(tx, State{}, infos.back());
    tx.batch.put(key::subscription(d.name), "\x01");
    subscriptions_.emplace_back(d.name);
  }
  std::sort(subscriptions_.begin(), subscriptions_.end());
  tx.batch.put(key::kFold, FoldRecord{}.encode());
  folder_.emplace(*partition_, FoldRecord{}, config_.change_records);
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  for (const MailboxInfo& info : infos) add_state(info);
  co_return Result<void>();
}

Task<Result<void>> AccountImpl::load_existing(std::string_view account_record) {
  BZ_CO_TRY(auto record, AccountRecord::decode(account_record));
  if (!record_.name.empty()) record.name = record_.name;  // renamed meanwhile; stored with the next command
  record_ = std::move(record);
  auto getting = partition_->get(key::kFold);
  auto got = co_await getting;
  BZ_CO_TRY(auto bytes, std::move(got));
  if (!bytes) co_return fail(Errc::Corrupt, "no fold record");
  BZ_CO_TRY(auto fold, FoldRecord::decode(*bytes));
  folder_.emplace(*partition_, fold, config_.change_records);
  auto loading = load_mailboxes();
  auto loaded = co_await std::move(loading);
  BZ_CO_TRY_VOID(std::move(loaded));
  auto devices = load_push_devices();
  loaded = co_await std::move(devices);
  BZ_CO_TRY_VOID(std::move(loaded));
  auto dropping = drop_staged();
  auto dropped = co_await std::move(dropping);
  co_return std::move(dropped);
}

Task<Result<void>> AccountImpl::load_mailboxes() {
  auto subscriptions = scan_all("U");
  auto subscribed = co_await std::move(subscriptions);
  BZ_CO_TRY(auto names, std::move(subscribed));
  for (const auto& item : names) subscriptions_.push_back(item.key.substr(1));
  auto mailboxes = scan_all("M");
  auto scanned = co_await std::move(mailboxes);
  BZ_CO_TRY(auto records, std::move(scanned));
  for (const auto& item : records) {
    auto id = key::mailbox_of(item.key);
    if (!id) co_return fail(Errc::Corrupt, "key of a mailbox");
    BZ_CO_TRY(auto mailbox, MailboxRecord::decode(*id, item.value));
    add_state(mailbox.info);
    trees_[*id].first_recent = mailbox.first_recent;
  }
  auto keywords = scan_all("K");
  auto words = co_await std::move(keywords);
  BZ_CO_TRY(auto lists, std::move(words));
  for (const auto& item : lists) {
    auto id = key::mailbox_of(item.key);
    State* state = id ? state_of(*id) : nullptr;
    if (!state) co_return fail(Errc::Corrupt, "keywords of no mailbox");
    BZ_CO_TRY(state->keywords, decode_keywords(item.value));
  }
  auto access = scan_all("L");
  auto lists_of_access = co_await std::move(access);
  BZ_CO_TRY(auto acls, std::move(lists_of_access));
  for (const auto& item : acls) {
    auto id = key::mailbox_of(item.key);
    State* state = id ? state_of(*id) : nullptr;
    if (!state) co_return fail(Errc::Corrupt, "access list of no mailbox");
    BZ_CO_TRY(Acl acl, decode_acl(item.value));
    state->info.acl = std::make_shared<const Acl>(std::move(acl));
  }
  co_return Result<void>();
}

// Messages whose octets were linked before they were parsed, by a process that ended in between.
Task<Result<void>> AccountImpl::drop_staged() {
  auto scanning = scan_all("T");
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(auto items, std::move(scanned));
  for (const auto& item : items) {
    BZ_CO_TRY(auto message, MessageRecord::decode(item.value));
    kv::Batch batch;
    batch.del(item.key).unlink(message.blob);
    auto committing = partition_->commit(std::move(batch), {}, kv::Durability::Lazy);
    auto committed = co_await committing;
    if (!committed) co_return of_store(std::move(committed).error());
  }
  co_return Result<void>();
}

Task<Result<std::vector<kv::KeyValue>>> AccountImpl::scan_all(std::string prefix) {
  std::vector<kv::KeyValue> items;
  std::string from = prefix;
  for (bool more = true; more;) {
    auto scanning = partition_->scan(from, key::after(prefix));
    auto scanned = co_await scanning;
    BZ_CO_TRY(auto page, std::move(scanned));
    for (auto& item : page.items) items.push_back(std::move(item));
    more = page.more;
    from = std::move(page.next);
  }
  co_return items;
}

// --- the queue

void AccountImpl::enqueue(Task<void> command) {
  commands_.push_back(std::move(command));
  if (!running_.valid()) next_command();
}

void AccountImpl::next_command() {
  if (commands_.empty()) return;
  running_ = std::move(commands_.front());
  commands_.pop_front();
  running_.start();
}

void AccountImpl::command_finished() {
  running_.reset();
  next_command();
}

AccountImpl::Tx AccountImpl::begin() const { return Tx{record_, {}, record_.modseq}; }

AccountImpl::Tx AccountImpl::begin_change() const {
  Tx tx = begin();
  tx.modseq = ++tx.account.modseq;
  return tx;
}

Task<Result<void>> AccountImpl::commit(Tx& tx) {
  tx.batch.put(key::kAccount, tx.account.encode());
  auto committing = partition_->commit(std::move(tx.batch));
  auto committed = co_await committing;
  if (!committed) {
    break_account(committed.error());
    co_return of_store(std::move(committed).error());
  }
  record_ = tx.account;
  schedule_upkeep();
  co_return Result<void>();
}

void AccountImpl::break_account(const Error& error) {
  if (std::exchange(broken_, true)) return;
  log::event(log::Err, "store.broken").field("account", id_.value()).error(error);
  for (auto& [id, state] : trees_)
    if (auto mailbox = state.loaded.lock()) MailboxWriter(*mailbox).notify();
  notify_tree();
}

void AccountImpl::put_mailbox(Tx& tx, const State& state, const MailboxInfo& info) const {
  MailboxRecord record{info, state.first_recent};
  if (auto mailbox = state.loaded.lock()) record.first_recent = mailbox->first_recent();
  tx.batch.put(key::mailbox(info.id), record.encode());
}

void AccountImpl::publish(State& state, const MailboxInfo& info) {
  const uint32_t first_new = state.info.uid_next;
  state.info = info;
  if (auto mailbox = state.loaded.lock()) {
    MailboxWriter writer(*mailbox);
    writer.set_info(info);
    writer.set_keywords(state.keywords);
    writer.notify();
  }
  const MailboxInfo published = info;  // a subscriber may let go of anything
  auto subscribers = message_subscribers_;
  for (const auto& weak : subscribers)
    if (auto callback = weak.lock()) (*callback)(published);
  if (published.uid_next > first_new) tell_arrivals(published.id, first_new, published.uid_next - 1);
}

Mailbox::Subscription AccountImpl::subscribe_messages(OnMessages on_change) {
  auto subscription = std::make_shared<OnMessages>(std::move(on_change));
  std::erase_if(message_subscribers_, [](const auto& s) { return s.expired(); });
  message_subscribers_.push_back(subscription);
  return subscription;
}

Mailbox::Subscription AccountImpl::subscribe_tree(std::function<void()> on_change) {
  auto subscription = std::make_shared<std::function<void()>>(std::move(on_change));
  std::erase_if(tree_subscribers_, [](const auto& s) { return s.expired(); });
  tree_subscribers_.push_back(subscription);
  return subscription;
}

void AccountImpl::notify_tree() {
  auto subscribers = tree_subscribers_;
  for (const auto& weak : subscribers)
    if (auto callback = weak.lock()) (*callback)();
}

// --- upkeep: folding and pruning, a small command at a time so that sessions come in between

void AccountImpl::schedule_upkeep() {
  if (upkeep_queued_ || broken_ || !folder_) return;
  const bool fold = record_.modseq >= folder_->record().done.modseq + kFoldAfter;
  const bool prune = clock_.unix_millis() - pruned_ms_ >= kPruneEveryMs;
  if (!fold && !prune) return;
  upkeep_queued_ = true;
  base::Completion<bool> nobody;
  auto work = fold ? fold_some() : prune_marks();
  enqueue(run_command<bool>(std::move(work), nobody.promise()));
}

Task<Result<bool>> AccountImpl::fold_some() {
  auto folding = folder_->step();
  auto folded = co_await std::move(folding);
  upkeep_queued_ = false;
  if (!folded) {
    break_account(folded.error());
    co_return std::move(folded).error();
  }
  if (*folded) schedule_upkeep();
  co_return std::move(folded);
}

Task<Result<void>> AccountImpl::fold_all() {
  for (bool more = true; more;) {
    auto folding = folder_->step();
    auto folded = co_await std::move(folding);
    if (!folded) {
      break_account(folded.error());
      co_return std::move(folded).error();
    }
    more = *folded;
  }
  co_return Result<void>();
}

Task<Result<bool>> AccountImpl::prune_marks() {
  const int64_t now = clock_.unix_millis();
  pruned_ms_ = now;
  auto delivered = prune_marks_of("I", now - kKeepDeliveredMs);
  auto first = co_await std::move(delivered);
  if (first) {
    auto sent = prune_marks_of("S", now - config_.sent_match_window.count());
    first = co_await std::move(sent);
  }
  upkeep_queued_ = false;
  if (!first) {
    break_account(first.error());
    co_return std::move(first).error();
  }
  schedule_upkeep();
  co_return true;
}

Task<Result<void>> AccountImpl::prune_marks_of(std::string prefix, int64_t before_ms) {
  auto scanning = scan_all(prefix);
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(auto items, std::move(scanned));
  kv::Batch batch;
  for (const auto& item : items) {
    BZ_CO_TRY(auto mark, Mark::decode(item.value));
    if (mark.time_ms < before_ms) batch.del(item.key);
    if (batch.ops().size() < kPruneBatch && &item != &items.back()) continue;
    if (batch.empty()) continue;
    auto committing = partition_->commit(std::exchange(batch, {}), {}, kv::Durability::Lazy);
    auto committed = co_await committing;
    if (!committed) co_return std::move(committed).error();
  }
  co_return Result<void>();
}

Task<Result<std::shared_ptr<Account>>> open_account(kv::Store& store, AccountId id, std::string name, AccountConfig config,
                                                    base::Executor& executor, base::Clock& clock, base::Random& random) {
  auto opening = store.open({kv::kAccountPartition, id.value()}, true, executor);
  auto opened = co_await opening;
  if (!opened) co_return of_store(std::move(opened).error());
  auto partition = std::move(*opened);
  auto made = std::make_unique<AccountImpl>(std::move(partition), id, std::move(name), config, executor, clock, random);
  std::shared_ptr<AccountImpl> account(made.release(), [&executor](AccountImpl* last) {
    executor.post([owned = std::make_shared<std::unique_ptr<AccountImpl>>(last)] {});
  });
  auto loading = account->load();
  auto loaded = co_await std::move(loading);
  BZ_CO_TRY_VOID(std::move(loaded));
  co_return std::shared_ptr<Account>(std::move(account));
}

}  // namespace bz::store

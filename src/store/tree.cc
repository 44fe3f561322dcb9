// The mailbox tree: names, creation, removal, renaming, subscriptions, and loading a mailbox.
#include <algorithm>

#include "base/text.h"
#include "mime/text.h"
#include "store/account_impl.h"

namespace bz::store {
namespace {
constexpr size_t kRenameBatch = 900;  // kv::Limits::batch_ops, less what else the batch holds
}

AccountImpl::State* AccountImpl::state_of(std::string_view normal) {
  auto found = names_.find(normal);
  return found == names_.end() ? nullptr : &trees_.at(found->second);
}
AccountImpl::State* AccountImpl::state_of(MailboxId id) {
  auto found = trees_.find(id);
  return found == trees_.end() ? nullptr : &found->second;
}

std::string AccountImpl::spelled(const std::string& normal) const {
  size_t known = normal.size();
  while (known > 0 && !names_.contains(std::string_view(normal).substr(0, known))) {
    known = normal.rfind('/', known - 1);
    if (known == std::string::npos) known = 0;
  }
  return normal.substr(0, known) + mime::nfc(std::string_view(normal).substr(known));
}

std::vector<MailboxInfo> AccountImpl::mailboxes() const {
  std::vector<MailboxInfo> out;
  out.reserve(trees_.size());
  for (const auto& [id, state] : trees_) out.push_back(state.info);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return name_less(a.name, b.name); });
  return out;
}

const MailboxInfo* AccountImpl::find(std::string_view name) const {
  auto normal = normal_name(name);
  if (!normal) return nullptr;
  auto found = names_.find(spelled(*normal));
  return found == names_.end() ? nullptr : &trees_.at(found->second).info;
}

bool AccountImpl::has_children(std::string_view name) const {
  const std::string prefix = std::string(name) + "/";
  auto next = names_.lower_bound(prefix);
  return next != names_.end() && next->first.starts_with(prefix);
}

MailboxInfo AccountImpl::new_mailbox(Tx& tx, const std::string& name, SpecialUse use) const {
  MailboxInfo info;
  info.id = MailboxId(tx.account.next_mailbox++);
  info.name = name;
  info.use = use;
  info.subscribed = std::binary_search(subscriptions_.begin(), subscriptions_.end(), name);
  // By the clock, so that a mailbox of a store that was restored from an old copy does not get a value that its clients
  // saw with other messages (RFC 3501 2.3.1.1); and never the same twice.
  const auto now = static_cast<uint32_t>(clock_.unix_seconds());
  tx.account.last_uid_validity = std::max(tx.account.last_uid_validity + 1, now);
  info.uid_validity = UidValidity(tx.account.last_uid_validity);
  info.highest_modseq = tx.account.modseq;
  return info;
}

std::shared_ptr<const Acl> AccountImpl::inherited_acl(const std::string& name) const {
  for (size_t at = name.rfind('/'); at != std::string::npos && at > 0; at = name.rfind('/', at - 1)) {
    auto parent = names_.find(std::string_view(name).substr(0, at));
    if (parent != names_.end()) return trees_.at(parent->second).info.acl;
  }
  return nullptr;
}

void AccountImpl::put_new_mailbox(Tx& tx, const MailboxInfo& info) const {
  put_mailbox(tx, State{}, info);
  if (info.acl) tx.batch.put(key::acl(info.id), encode_acl(*info.acl));
}

void AccountImpl::add_state(const MailboxInfo& info) {
  State& state = trees_[info.id];
  state.info = info;
  state.info.subscribed = std::binary_search(subscriptions_.begin(), subscriptions_.end(), info.name);
  names_[info.name] = info.id;
}

Task<Result<MailboxId>> AccountImpl::create(std::string name, SpecialUse use) {
  auto work = do_create(std::move(name), use, By::User);
  return serial<MailboxId>(std::move(work));
}

Task<Result<MailboxId>> AccountImpl::do_create(std::string raw_name, SpecialUse use, By by) {
  BZ_CO_TRY(auto normal, normal_name(raw_name));
  BZ_CO_TRY(auto name, normal_name(spelled(normal)));  // a few characters get longer
  State* old = state_of(name);
  if (old && old->info.selectable) co_return fail(Errc::Exists, "the mailbox is there");
  for (const auto& [id, state] : trees_)
    if (use != SpecialUse::None && state.info.use == use)
      co_return fail(Errc::Exists, "another mailbox has that special use");
  std::vector<std::string> wanted;
  for (auto& parent : parents_of(name))
    if (!state_of(parent)) wanted.push_back(std::move(parent));
  wanted.push_back(name);
  if (trees_.size() + wanted.size() > config_.max_mailboxes) co_return fail(Errc::Limit, "too many mailboxes");
  if (by == By::User) {
    BZ_CO_TRY_VOID(takes_mailboxes(wanted.size() - (old ? 1 : 0)));
  }
  Tx tx = begin();
  std::vector<MailboxInfo> infos;
  for (const auto& n : wanted) {
    infos.push_back(new_mailbox(tx, n, n == name ? use : SpecialUse::None));
    infos.back().acl = old && n == name && old->info.acl ? old->info.acl : inherited_acl(n);
    put_new_mailbox(tx, infos.back());
  }
  const MailboxId replaced = old ? old->info.id : MailboxId();
  if (old) {  // the name stays, and what was noted on it
    auto reading = annotations(replaced);
    auto read = co_await std::move(reading);
    BZ_CO_TRY(const Annotations noted, std::move(read));
    if (!noted.empty()) tx.batch.put(key::annotations(infos.back().id), encode_annotations(noted));
    tx.batch.del(key::mailbox(replaced))
        .del(key::keywords(replaced))
        .del(key::annotations(replaced))
        .del(key::acl(replaced));
  }
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  if (replaced.is_set()) trees_.erase(replaced);
  for (const auto& info : infos) add_state(info);
  notify_tree();
  co_return infos.back().id;
}

Task<Result<void>> AccountImpl::remove(std::string name) {
  auto work = serial<bool>(do_remove(std::move(name)));
  auto done = co_await std::move(work);
  if (!done) co_return std::move(done).error();
  co_return Result<void>();
}

// A mailbox with children stays as a name that cannot be selected (RFC 3501 6.3.4).
Task<Result<bool>> AccountImpl::do_remove(std::string raw_name) {
  BZ_CO_TRY(auto normal, normal_name(raw_name));
  const std::string name = spelled(normal);
  State* state = state_of(name);
  if (!state) co_return fail(Errc::NotFound, "no such mailbox");
  if (name == "INBOX") co_return fail(Errc::Denied, "INBOX cannot be deleted");
  const bool parent = has_children(name);
  if (parent && !state->info.selectable) co_return fail(Errc::Denied, "the name has children");
  const MailboxId id = state->info.id;
  Tx tx = begin_change();
  Change change;
  change.kind = Change::Kind::Remove;
  change.mailbox = id;
  tx.batch.put(key::change(tx.modseq, 0), change.encode());
  tx.batch.del(key::mailbox(id)).del(key::keywords(id)).del(key::url_key(id)).del(key::annotations(id)).del(key::acl(id));
  std::optional<MailboxInfo> left;
  if (parent) {
    left = new_mailbox(tx, name, SpecialUse::None);
    left->selectable = false;
    put_mailbox(tx, State{}, *left);
  }
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  auto loaded = trees_.at(id).loaded.lock();
  trees_.erase(id);
  names_.erase(name);
  if (left) add_state(*left);
  if (loaded) {
    MailboxWriter(*loaded).set_gone();
    MailboxWriter(*loaded).notify();
  }
  notify_tree();
  co_return true;
}

Task<Result<void>> AccountImpl::rename(std::string from, std::string to) {
  auto work = serial<bool>(do_rename(std::move(from), std::move(to)));
  auto done = co_await std::move(work);
  if (!done) co_return std::move(done).error();
  co_return Result<void>();
}

Task<Result<bool>> AccountImpl::do_rename(std::string raw_from, std::string raw_to) {
  BZ_CO_TRY(auto normal_from, normal_name(raw_from));
  BZ_CO_TRY(auto normal_to, normal_name(raw_to));
  const std::string from = spelled(normal_from);
  BZ_CO_TRY(auto to, normal_name(spelled(normal_to)));
  if (!state_of(from)) co_return fail(Errc::NotFound, "no such mailbox");
  if (state_of(to)) co_return fail(Errc::Exists, "the new name is taken");
  if (is_below(to, from) && from != "INBOX") co_return fail(Errc::Invalid, "a mailbox cannot go below itself");
  if (from == "INBOX") {
    auto renaming = do_rename_inbox(to);
    auto renamed = co_await std::move(renaming);
    co_return std::move(renamed);
  }
  Tx tx = begin();
  std::vector<MailboxInfo> created, renamed;
  for (const auto& parent : parents_of(to))
    if (!state_of(parent)) {
      created.push_back(new_mailbox(tx, parent, SpecialUse::None));
      created.back().acl = inherited_acl(parent);
    }
  for (const auto& [name, id] : names_) {
    if (name != from && !is_below(name, from)) continue;
    MailboxInfo info = trees_.at(id).info;
    BZ_CO_TRY(info.name, normal_name(to + name.substr(from.size())));
    renamed.push_back(std::move(info));
  }
  if (created.size() + renamed.size() > kRenameBatch) co_return fail(Errc::Limit, "too many mailboxes below");
  if (trees_.size() + created.size() > config_.max_mailboxes) co_return fail(Errc::Limit, "too many mailboxes");
  BZ_CO_TRY_VOID(takes_mailboxes(created.size()));
  for (const auto& info : created) put_new_mailbox(tx, info);
  for (const auto& info : renamed) put_mailbox(tx, trees_.at(info.id), info);
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  for (const auto& info : created) add_state(info);
  for (const auto& info : renamed) names_.erase(trees_.at(info.id).info.name);
  for (const auto& info : renamed) {
    add_state(info);
    publish(trees_.at(info.id), trees_.at(info.id).info);
  }
  notify_tree();
  co_return true;
}

// RENAME INBOX makes a mailbox of its messages and leaves INBOX empty (RFC 3501 6.3.5); its children stay.
Task<Result<bool>> AccountImpl::do_rename_inbox(std::string to) {
  const MailboxId inbox_id = names_.at("INBOX");
  auto creating = do_create(to, SpecialUse::None, By::User);
  auto created = co_await std::move(creating);
  BZ_CO_TRY(MailboxId target, std::move(created));
  auto opening = do_open(inbox_id);
  auto opened = co_await std::move(opening);
  BZ_CO_TRY(MailboxPtr inbox, std::move(opened));
  auto copying = copy_annotations(inbox_id, target);  // RFC 5464 section 4.1: INBOX keeps its own
  auto copied = co_await std::move(copying);
  if (!copied) co_return std::move(copied).error();
  auto moving = do_transfer(inbox, UidSet::of({{1, UINT32_MAX}}), target, Transfer::Move);
  auto moved = co_await std::move(moving);
  if (!moved) co_return std::move(moved).error();
  co_return true;
}

Task<Result<void>> AccountImpl::subscribe(std::string name, bool subscribed) {
  auto work = serial<bool>(do_subscribe(std::move(name), subscribed));
  auto done = co_await std::move(work);
  if (!done) co_return std::move(done).error();
  co_return Result<void>();
}

Task<Result<bool>> AccountImpl::do_subscribe(std::string raw_name, bool subscribed) {
  BZ_CO_TRY(auto name, normal_name(raw_name));
  if (!std::binary_search(subscriptions_.begin(), subscriptions_.end(), name)) {
    BZ_CO_TRY(name, normal_name(spelled(name)));
  }
  auto at = std::lower_bound(subscriptions_.begin(), subscriptions_.end(), name);
  const bool there = at != subscriptions_.end() && *at == name;
  if (there == subscribed) co_return true;
  if (subscribed && subscriptions_.size() >= config_.max_mailboxes) co_return fail(Errc::Limit, "too many subscriptions");
  Tx tx = begin();
  if (subscribed)
    tx.batch.put(key::subscription(name), "\x01");
  else
    tx.batch.del(key::subscription(name));
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  at = std::lower_bound(subscriptions_.begin(), subscriptions_.end(), name);
  if (subscribed)
    subscriptions_.insert(at, name);
  else
    subscriptions_.erase(at);
  if (State* state = state_of(name)) state->info.subscribed = subscribed;
  notify_tree();
  co_return true;
}

// --- loading

Task<Result<MailboxPtr>> AccountImpl::open(MailboxId id) {
  State* state = state_of(id);
  if (state) {
    if (auto mailbox = state->loaded.lock(); mailbox && !broken_) co_return mailbox;
  }
  auto work = do_open(id);
  auto opening = serial<MailboxPtr>(std::move(work));
  auto opened = co_await std::move(opening);
  co_return std::move(opened);
}

Task<Result<MailboxPtr>> AccountImpl::do_open(MailboxId id) {
  State* state = state_of(id);
  if (!state || !state->info.selectable) co_return fail(Errc::NotFound, "no such mailbox");
  if (auto mailbox = state->loaded.lock()) co_return mailbox;
  auto folding = fold_all();
  auto folded = co_await std::move(folding);
  BZ_CO_TRY_VOID(std::move(folded));
  std::vector<Entry> entries;
  entries.reserve(state->info.messages);
  std::string from = key::page(id, 0), end = key::after(key::mailbox(id).replace(0, 1, "P"));
  for (bool more = true; more;) {
    auto scanning = partition_->scan(from, end);
    auto scanned = co_await scanning;
    BZ_CO_TRY(auto page, std::move(scanned));
    for (const auto& item : page.items) {
      auto at = key::page_of(item.key);
      if (!at) co_return fail(Errc::Corrupt, "key of a page");
      BZ_CO_TRY(auto some, decode_page(at->page, item.value));
      entries.insert(entries.end(), some.begin(), some.end());
    }
    more = page.more;
    from = std::move(page.next);
  }
  if (entries.size() != state->info.messages) co_return fail(Errc::Corrupt, "pages and counters differ");
  auto made = MailboxWriter::make(state->info, std::move(entries), state->keywords, state->first_recent);
  std::weak_ptr<AccountImpl> weak = weak_from_this();
  MailboxPtr mailbox(made.release(), [weak, id](Mailbox* m) {
    if (auto account = weak.lock()) account->released(id, m->first_recent());
    delete m;
  });
  state->loaded = mailbox;
  co_return mailbox;
}

void AccountImpl::released(MailboxId id, uint32_t first_recent) {
  if (State* state = state_of(id)) state->first_recent = first_recent;
}

// The mailbox of Sent copies; made when the user removed it.
Task<Result<MailboxId>> AccountImpl::sent_mailbox() {
  for (const auto& [id, state] : trees_)
    if (state.info.use == SpecialUse::Sent) co_return id;
  State* named = state_of("Sent");
  if (named && named->info.selectable) co_return named->info.id;
  auto creating = do_create("Sent", SpecialUse::Sent, By::Delivery);
  auto created = co_await std::move(creating);
  co_return std::move(created);
}

}  // namespace bz::store

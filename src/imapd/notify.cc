#include "imapd/notify.h"

#include <algorithm>

#include "imap/response.h"

namespace bz::imapd {
namespace {
constexpr size_t kGone = 10'000;
constexpr size_t kPublished = 32;  // changes of one mailbox of which it is known who made them; a STATUS tells more of them
}  // namespace

Notifier::Notifier(store::Account& account, imap::Notify wanted, std::function<void()> wake)
    : account_(account), groups_(prepared(std::move(wanted.groups))), wake_(std::move(wake)), names_(account, groups_) {
  for (const imap::NotifyGroup& group : groups_) {
    if (!group.selected()) continue;
    const auto& events = group.events;
    selected_ = events.flags ? Selected::Flags : events.messages ? Selected::Messages : Selected::Nothing;
    delays_expunges_ = group.filter == imap::NotifyGroup::Filter::SelectedDelayed;
    new_message_ = events.new_message;
  }
  watched_ = watch();
  for (auto& [name, watched] : watched_) {
    const store::MailboxInfo& info = *account_.find(name);
    watched.uid_validity = info.uid_validity.value();
    watched.uid_next = info.uid_next;
    watched.messages = info.messages;
    watched.unseen = info.unseen;
    watched.modseq = info.highest_modseq;
  }
  messages_subscription_ = account.subscribe_messages([this](const store::MailboxInfo& info) { published(info); });
  tree_subscription_ = account.subscribe_tree([this] {
    tree_changed_ = true;
    wake_();
  });
}

Notifier::~Notifier() = default;

// Those whose messages are watched, as if nothing were known of them.
Notifier::WatchedMap Notifier::watch() const {
  WatchedMap map;
  for (const store::MailboxInfo& info : account_.mailboxes()) {
    const NameEvents events = events_of(groups_, info.name, info.subscribed);
    if (!info.selectable || !events.messages) continue;
    Watched watched;
    watched.id = info.id;
    watched.flags = events.flags;
    map.emplace(info.name, std::move(watched));
  }
  return map;
}

// After names or subscriptions changed: what is known goes with the mailbox, not with its name.
void Notifier::watch_again(const std::set<MailboxId>& unknown) {
  WatchedMap before = std::exchange(watched_, watch());
  std::map<MailboxId, const Watched*> known;
  for (const auto& [name, watched] : before)
    if (!unknown.contains(watched.id)) known[watched.id] = &watched;
  for (const auto& [name, watched] : before)
    if (!watched_.contains(name) && gone_.size() < kGone) gone_.insert(name);
  for (auto& [name, watched] : watched_) {
    const store::MailboxInfo& info = *account_.find(name);
    auto same = known.find(watched.id);
    const bool flags = watched.flags;
    if (same != known.end()) {
      watched = *same->second;
      watched.flags = flags;
    }
    auto other = before.find(name);  // a mailbox of this name that is gone: another UIDVALIDITY (section 5.1)
    const bool replaced = (other != before.end() && other->second.id != watched.id) || gone_.erase(name) > 0;
    if (same == known.end() && !replaced && info.messages == 0 && info.uid_next == 1) {
      watched.uid_validity = info.uid_validity.value();  // new and empty: MailboxName tells it
      watched.modseq = info.highest_modseq;
    }
    if (watched.uid_validity != info.uid_validity.value() || watched.modseq != info.highest_modseq) dirty_.insert(name);
  }
}

void Notifier::published(const store::MailboxInfo& info) {
  if (info.id == selected_id_) {
    if (selected_ == Selected::Nothing) return;
    selected_changed_ = true;
    wake_();
    return;
  }
  auto at = watched_.find(info.name);
  if (at == watched_.end()) return;  // renamed just now: watch_again() finds what changed
  Watched& watched = at->second;
  if (watched.published.size() < kPublished)
    watched.published.push_back(info.highest_modseq);
  else
    watched.all_known = false;
  dirty_.insert(info.name);
  wake_();
}

void Notifier::entered(MailboxId id) { selected_id_ = id; }

void Notifier::left(const store::View& view) {
  const store::MailboxInfo& info = view.mailbox().info();
  selected_id_ = {};
  selected_changed_ = false;
  auto at = watched_.find(info.name);
  if (at == watched_.end() || at->second.id != info.id) return;
  Watched& watched = at->second;
  watched.uid_validity = info.uid_validity.value();
  watched.uid_next = view.last_uid() + 1;
  watched.messages = view.exists();
  watched.unseen = info.unseen;
  watched.modseq = view.told_modseq();
  watched.published.clear();
  watched.all_known = watched.modseq == info.highest_modseq;
  if (!watched.all_known) dirty_.insert(info.name);
}

bool Notifier::wants_annotations() const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [](const imap::NotifyGroup& group) { return group.events.metadata || group.events.server_metadata; });
}

bool Notifier::wants_annotations_of(MailboxId mailbox) const {
  if (!mailbox.is_set())
    return std::any_of(groups_.begin(), groups_.end(),
                       [](const imap::NotifyGroup& group) { return group.events.server_metadata; });
  const auto all = account_.mailboxes();
  const auto info = std::find_if(all.begin(), all.end(), [&](const auto& other) { return other.id == mailbox; });
  return info != all.end() && events_of(groups_, info->name, info->subscribed).metadata;
}

void Notifier::own_messages(MailboxId in, uint64_t first_modseq, uint64_t last_modseq) {
  if (first_modseq > 0) own_.emplace(in, std::pair(first_modseq, last_modseq));
}

bool Notifier::is_own(const Watched& watched) const {
  if (!watched.all_known || watched.published.empty()) return false;
  const auto [first, last] = own_.equal_range(watched.id);
  return std::all_of(watched.published.begin(), watched.published.end(), [&](uint64_t modseq) {
    return std::any_of(first, last,
                       [&](const auto& own) { return own.second.first <= modseq && modseq <= own.second.second; });
  });
}

void Notifier::tell_status(std::string& out, const std::string& name, Form form) {
  auto at = watched_.find(name);
  const store::MailboxInfo* info = account_.find(name);
  if (at == watched_.end() || !info || info->id != at->second.id || info->id == selected_id_) return;
  Watched& watched = at->second;
  const bool own = is_own(watched);
  const bool validity = watched.uid_validity != info->uid_validity.value();
  imap::StatusItems items;
  // Sections 5.1 to 5.3; HIGHESTMODSEQ for those who know what it is.
  items.messages = items.uid_next = validity || watched.messages != info->messages || watched.uid_next != info->uid_next;
  items.uid_validity = validity;
  if (watched.flags) {
    items.unseen = validity || watched.unseen != info->unseen;
    if (form.condstore && watched.modseq != info->highest_modseq) items.uid_validity = true;
  }
  items.highest_modseq = form.condstore && (items.messages || items.uid_validity);
  imap::StatusValues values;
  values.utf8 = form.utf8;
  values.messages = watched.messages = info->messages;
  values.uid_next = watched.uid_next = info->uid_next;
  values.uid_validity = watched.uid_validity = info->uid_validity.value();
  values.unseen = watched.unseen = info->unseen;
  values.highest_modseq = watched.modseq = info->highest_modseq;
  watched.published.clear();
  watched.all_known = true;
  if (!own && (items.messages || items.unseen || items.uid_validity)) imap::status_response(out, name, items, values);
}

void Notifier::tell(std::string& out, Form form) {
  selected_changed_ = false;
  if (std::exchange(tree_changed_, false)) {
    watch_again(names_.tell(out, form.utf8));
  }
  for (const std::string& name : std::exchange(dirty_, {})) tell_status(out, name, form);
  own_.clear();
}

bool Notifier::tell_first(std::string& out, std::string& after, Form form) {
  for (auto at = watched_.upper_bound(after); at != watched_.end(); ++at) {
    after = at->first;
    const store::MailboxInfo* info = account_.find(at->first);
    if (!info || info->id != at->second.id || info->id == selected_id_) continue;
    imap::StatusItems items;
    items.messages = items.uid_next = items.uid_validity = true;
    items.highest_modseq = items.unseen = at->second.flags;
    imap::StatusValues values;
    values.utf8 = form.utf8;
    values.messages = info->messages;
    values.uid_next = info->uid_next;
    values.uid_validity = info->uid_validity.value();
    values.unseen = info->unseen;
    values.highest_modseq = info->highest_modseq;
    imap::status_response(out, at->first, items, values);
    return true;
  }
  return false;
}

}  // namespace bz::imapd

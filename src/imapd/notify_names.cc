#include "imapd/notify_names.h"

#include <algorithm>
#include <unordered_map>

#include "imap/response.h"
#include "store/names.h"

namespace bz::imapd {
namespace {

using Filter = imap::MailboxFilter::Filter;

std::string_view parent_of(std::string_view name) {
  const size_t at = name.rfind('/');
  return at == std::string_view::npos ? std::string_view() : name.substr(0, at);
}

std::string normal(std::string_view name) {
  auto found = store::normal_name(name);
  return found ? std::move(*found) : std::string(name);  // a name that cannot be matches nothing (section 3.1)
}

bool is_one_of(const std::vector<std::string>& sorted, std::string_view name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

}  // namespace

bool covers(const imap::MailboxFilter& filter, std::string_view name, bool subscribed) {
  switch (filter.filter) {
    case Filter::Selected:
    case Filter::SelectedDelayed:
      return false;
    case Filter::Inboxes:  // where deliveries go
      return name == "INBOX";
    case Filter::Personal:
      return true;
    case Filter::Subscribed:
      return subscribed;
    case Filter::Subtree:
      for (; !name.empty(); name = parent_of(name))
        if (is_one_of(filter.names, name)) return true;
      return false;
    case Filter::SubtreeOne:
      return is_one_of(filter.names, name) || is_one_of(filter.names, parent_of(name));
    case Filter::Mailboxes:
      return is_one_of(filter.names, name);
  }
  return false;
}

void prepare(imap::MailboxFilter& filter) {
  for (std::string& name : filter.names) name = normal(name);
  std::sort(filter.names.begin(), filter.names.end());
}

std::vector<imap::NotifyGroup> prepared(std::vector<imap::NotifyGroup> groups) {
  for (imap::NotifyGroup& group : groups) prepare(group);
  return groups;
}

NameEvents events_of(const std::vector<imap::NotifyGroup>& groups, std::string_view name, bool subscribed) {
  NameEvents all;
  for (const imap::NotifyGroup& group : groups) {
    if (!covers(group, name, subscribed)) continue;
    all.messages |= group.events.messages;
    all.flags |= group.events.flags;
    all.names |= group.events.mailbox_name;
    all.subscriptions |= group.events.subscription;
    all.metadata |= group.events.metadata;
  }
  return all;
}

NotifyNames::NotifyNames(store::Account& account, const std::vector<imap::NotifyGroup>& groups)
    : account_(account), groups_(groups) {
  on_ = std::any_of(groups.begin(), groups.end(),
                    [](const imap::NotifyGroup& g) { return g.events.mailbox_name || g.events.subscription; });
  if (on_) told_ = now();
}

NotifyNames::Names NotifyNames::now() const {
  Names names;
  for (const store::MailboxInfo& info : account_.mailboxes())
    names[info.name] = {.id = info.id, .selectable = info.selectable, .use = info.use};
  for (const std::string& name : account_.subscriptions()) names[name].subscribed = true;
  count_children(names);
  return names;
}

void NotifyNames::count_children(Names& names) {
  for (auto& [name, known] : names) {
    known.has_children = false;
    const std::string below = name + "/";
    for (auto at = names.lower_bound(below); at != names.end() && at->first.starts_with(below); ++at)
      if (at->second.id.is_set()) {
        known.has_children = true;
        break;
      }
  }
}

void NotifyNames::own_created(std::string_view raw, MailboxId id) {
  if (!on_) return;
  Name& known = told_[normal(raw)];
  known.id = id;
  known.selectable = true;
  const store::MailboxInfo* info = account_.find(raw);
  if (info && info->id == id) known.use = info->use;
  count_children(told_);
}

void NotifyNames::own_removed(std::string_view raw) {
  auto at = told_.find(normal(raw));
  if (!on_ || at == told_.end()) return;
  const store::MailboxInfo* left = account_.find(raw);
  if (left && !left->selectable)  // a name that holds others
    at->second = {.id = left->id, .subscribed = at->second.subscribed};
  else if (at->second.subscribed)
    at->second = Name{.id = {}, .subscribed = true};
  else
    told_.erase(at);
  count_children(told_);
}

void NotifyNames::own_renamed(std::string_view raw_from, std::string_view raw_to) {
  if (!on_) return;
  const std::string from = normal(raw_from), to = normal(raw_to);
  if (from == "INBOX") {  // its messages went into a new mailbox (RFC 3501 section 6.3.5)
    if (const store::MailboxInfo* made = account_.find(to)) own_created(to, made->id);
    return;
  }
  move(from, to);
  count_children(told_);
}

// As a client does it that hears of OLDNAME: what is below goes along, subscriptions are of names.
void NotifyNames::move(const std::string& from, const std::string& to) {
  Names moved;
  for (auto at = told_.lower_bound(from); at != told_.end() && at->first.starts_with(from);) {
    const bool meant = at->second.id.is_set() && (at->first == from || store::is_below(at->first, from));
    if (meant) moved[to + at->first.substr(from.size())] = at->second;
    if (meant && !at->second.subscribed) {
      at = told_.erase(at);
      continue;
    }
    if (meant) at->second = Name{.id = {}, .subscribed = true};
    ++at;
  }
  for (auto& [name, known] : moved) {
    Name& target = told_[name];
    known.subscribed = target.subscribed;
    target = known;
  }
}

void NotifyNames::own_subscribed(std::string_view raw, bool subscribed) {
  if (!on_) return;
  const std::string name = normal(raw);
  Name& known = told_[name];
  known.subscribed = subscribed;
  if (!subscribed && !known.id.is_set()) told_.erase(name);
}

// Section 5.4: a mailbox that has another name comes with its old one, and nothing is said of those below it. Each is told
// from what the client believes by then, parents first: a parent's OLDNAME has moved it already, perhaps to where it is.
// Over a name that the client knows as another mailbox, which is still there, nothing can be moved: that one is told as
// gone and new, and is among those returned.
std::set<MailboxId> NotifyNames::tell_renamed(std::string& out, const Names& now, bool utf8) {
  std::set<MailboxId> not_followed;
  std::unordered_map<uint64_t, const std::string*> after;
  for (const auto& [name, known] : now)
    if (known.id.is_set()) after[known.id.value()] = &name;
  std::vector<uint64_t> ids;  // in the order of the names that are known
  for (const auto& [name, known] : told_)
    if (known.id.is_set() && after.contains(known.id.value())) ids.push_back(known.id.value());
  for (const uint64_t id : ids) {
    const std::string& name = *after[id];
    auto here = now.find(name);
    auto there = told_.find(name);
    if (there != told_.end() && there->second.id == here->second.id) continue;
    if (there != told_.end() && there->second.id.is_set() && after.contains(there->second.id.value())) {
      not_followed.insert(here->second.id);
      continue;
    }
    auto old =
        std::find_if(told_.begin(), told_.end(), [&](const auto& known) { return known.second.id == here->second.id; });
    if (old == told_.end() || store::is_below(name, old->first)) {
      not_followed.insert(here->second.id);
      continue;
    }
    const News news{.names = true, .old_name = old->first};
    if (!wanted(name, news, now)) continue;
    tell_name(out, name, news, now, utf8);
    move(news.old_name, name);
    told_[name] = here->second;  // as LIST has said it
  }
  return not_followed;
}

NotifyNames::AllNews NotifyNames::difference(const Names& now) const {
  AllNews news;
  // "the mailbox itself and its direct parent" (section 5.4)
  auto affected = [&news](const std::string& name) {
    news[name].names = true;
    if (auto parent = parent_of(name); !parent.empty()) news[std::string(parent)].names = true;
  };
  for (const auto& [name, known] : now) {
    auto old = told_.find(name);
    if (known.subscribed != (old != told_.end() && old->second.subscribed)) news[name].subscription = true;
    if (!known.id.is_set()) continue;
    if (old == told_.end() || old->second.id != known.id)
      affected(name);
    else if (old->second.has_children != known.has_children || old->second.use != known.use ||
             old->second.selectable != known.selectable)
      news[name].names = true;
  }
  for (const auto& [name, known] : told_) {
    auto here = now.find(name);
    if (known.id.is_set() && (here == now.end() || !here->second.id.is_set())) affected(name);
    if (known.subscribed && here == now.end()) news[name].subscription = true;
  }
  return news;
}

bool NotifyNames::wanted(const std::string& name, const News& news, const Names& now) const {
  auto subscribed_in = [](const Names& names, const std::string& n) {
    auto at = names.find(n);
    return at != names.end() && at->second.subscribed;
  };
  NameEvents events = events_of(groups_, name, subscribed_in(now, name) || subscribed_in(told_, name));
  if (!news.old_name.empty()) events.names |= events_of(groups_, news.old_name, subscribed_in(told_, news.old_name)).names;
  return (news.names && events.names) || (news.subscription && events.subscriptions);
}

void NotifyNames::tell_name(std::string& out, const std::string& name, const News& news, const Names& now, bool utf8) {
  imap::ListEntry entry;
  entry.mailbox = name;
  entry.old_name = news.old_name;
  entry.utf8 = utf8;
  auto at = now.find(name);
  entry.non_existent = at == now.end() || !at->second.id.is_set();
  if (at != now.end()) {
    entry.subscribed = at->second.subscribed;
    entry.special_use = store::name(at->second.use);
    entry.no_select = !at->second.selectable;
    if (!entry.non_existent) entry.has_children = at->second.has_children;
  }
  imap::list_response(out, "LIST", entry);
}

std::set<MailboxId> NotifyNames::tell(std::string& out, bool utf8) {
  if (!on_) return {};
  Names names = now();
  std::set<MailboxId> not_followed = tell_renamed(out, names, utf8);
  for (const auto& [name, news] : difference(names))
    if (wanted(name, news, names)) tell_name(out, name, news, names, utf8);
  told_ = std::move(names);
  return not_followed;
}

}  // namespace bz::imapd

// LIST with its extensions (RFC 3501 section 6.3.8, RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154) and LSUB. Special
// uses and children are in every LIST response, asked for or not: phones of all ages rely on them.
// Mailboxes of other users are shown to who names their namespace, or has subscribed to them (RFC 4314 section 4).
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "imapd/commands/commands.h"
#include "imapd/commands/list_match.h"
#include "mime/text.h"

namespace bz::imapd {
namespace {

constexpr size_t kMaxPattern = 2048;
constexpr size_t kMaxOwners = 500;  // whose mailboxes one LIST looks at

using Names = std::set<std::string, std::less<>>;

void add_ancestors(std::string_view name, Names& into) {
  for (size_t at = name.rfind('/'); at != std::string_view::npos && at > 0; at = name.rfind('/', at - 1))
    if (!into.emplace(name.substr(0, at)).second) return;  // its own ancestors are there already
}

struct Lister {
  const imap::List& command;
  std::vector<store::MailboxInfo> mailboxes;
  std::vector<std::string> patterns;
  Names subscribed, parents, existing;
  std::map<std::string, store::Rights, std::less<>> rights;  // of others' mailboxes, by what they are called here
  std::vector<std::shared_ptr<store::Account>> others;       // kept open until the end
  bool matches(std::string_view name) const {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) { return list_match(p, name); });
  }
  bool chosen(const store::MailboxInfo& info) const {
    if (command.select_subscribed && !subscribed.contains(info.name)) return false;
    return !command.select_special_use || info.use != store::SpecialUse::None;
  }
};

// RFC 5258 section 3.5 asks for CHILDINFO where subscribed mailboxes lie below.
struct Below {
  Names any;     // has a subscribed mailbox below
  Names hidden;  // has one below that the patterns do not show
};
Below subscribed_below(const Lister& l) {
  Below below;
  if (!l.command.select_recursive_match || !l.command.select_subscribed) return below;
  for (const std::string& name : l.subscribed) {
    add_ancestors(name, below.any);
    if (!l.matches(name)) add_ancestors(name, below.hidden);
  }
  return below;
}

// The special uses as XLIST calls them.
std::string_view xlist_use(const store::MailboxInfo& info) {
  using store::SpecialUse;
  if (info.name == "INBOX") return "\\Inbox";
  if (info.use == SpecialUse::Junk) return "\\Spam";
  if (info.use == SpecialUse::All) return "\\AllMail";
  if (info.use == SpecialUse::Flagged) return "\\Starred";
  return store::name(info.use);
}

imap::ListEntry entry_of(const Lister& l, const store::MailboxInfo& info) {
  imap::ListEntry entry;
  entry.mailbox = info.name;
  entry.no_select = !info.selectable;
  entry.has_children = l.parents.contains(info.name);
  entry.special_use = l.command.xlist ? xlist_use(info) : store::name(info.use);
  entry.subscribed = (l.command.select_subscribed || l.command.return_subscribed) && l.subscribed.contains(info.name);
  return entry;
}

Lister make_lister(Session& s, const imap::List& command) {
  Lister l{command, s.account().mailboxes(), {}, {}, {}, {}, {}, {}};
  for (const std::string& pattern : command.patterns) {
    const std::string whole = command.reference + pattern;
    l.patterns.push_back(mime::nfc(whole));  // what a name of this spelling was made into (RFC 9051 section 5.1)
    if (l.patterns.back() != whole) l.patterns.push_back(whole);
  }
  for (std::string& name : s.account().subscriptions()) l.subscribed.insert(std::move(name));
  return l;
}

// What another user lets this one see. `all`: not only what is subscribed.
void add_mailboxes_of(Session& s, Lister& l, const store::Account& account, bool all) {
  const std::string prefix = std::string(kOthersPrefix) + account.account_name() + "/";
  for (store::MailboxInfo& info : account.mailboxes()) {
    const store::Rights rights = rights_in(s, account, info);
    std::string name = prefix + info.name;
    if (!(rights & store::right::kLookup) || (!all && !l.subscribed.contains(name))) continue;
    info.name = name;
    info.use = store::SpecialUse::None;  // Sent of somebody else is not where one's own mail goes
    info.selectable = info.selectable && (rights & store::right::kRead);
    l.rights.emplace(std::move(name), rights);
    l.mailboxes.push_back(std::move(info));
  }
}

// Levels without a mailbox that the user may see, for who walks the tree with "%" (RFC 4314 section 4, LIST).
void add_levels(Lister& l) {
  Names levels;
  for (const auto& [name, rights] : l.rights) add_ancestors(name, levels);
  for (const std::string& name : levels) {
    const bool asked = std::any_of(l.patterns.begin(), l.patterns.end(), [&](const std::string& p) {
      return p.find('*') == std::string::npos && list_match(p, name);
    });
    if (!asked || l.rights.contains(name)) continue;
    store::MailboxInfo level;
    level.name = name;
    level.selectable = false;
    l.mailboxes.push_back(std::move(level));
  }
}

// Whose mailboxes cannot be had now is left out: the user's own must not suffer.
Task<void> add_others(Session& s, Lister& l) {
  if (!s.others()) co_return;
  const bool all =
      std::any_of(l.patterns.begin(), l.patterns.end(), [](const std::string& p) { return p.starts_with(kOthersRoot); });
  const auto pinned = [&](const std::string& owner) {
    const std::string prefix = std::string(kOthersPrefix) + owner + "/";
    const auto at = l.subscribed.lower_bound(prefix);
    return at != l.subscribed.end() && at->starts_with(prefix);
  };
  const auto any = l.subscribed.lower_bound(kOthersPrefix);
  if (!all && (any == l.subscribed.end() || !any->starts_with(kOthersPrefix))) co_return;
  auto asking = s.others()->owners(identity_of(s.account()));
  auto owners = co_await std::move(asking);
  if (!owners) {
    log::event(log::Warn, "imap_list_others").field("sid", s.id()).error(owners.error());
    co_return;
  }
  for (const store::Identity& owner : *owners) {
    if (!all && !pinned(owner.name)) continue;
    if (l.others.size() == kMaxOwners) {
      log::event(log::Warn, "imap_list_others").field("sid", s.id()).field("owners", owners->size());
      break;
    }
    auto opening = s.others()->open(owner.id);
    auto opened = co_await std::move(opening);
    if (!opened && opened.error().code() != Errc::NotFound)
      log::event(log::Warn, "imap_list_others").field("sid", s.id()).field("owner", owner.name).error(opened.error());
    if (!opened) continue;
    add_mailboxes_of(s, l, **opened, all);
    s.keep_reached(base::lower((*opened)->account_name()), *opened);
    l.others.push_back(std::move(*opened));
  }
  add_levels(l);
}

void index(Lister& l) {
  for (const store::MailboxInfo& info : l.mailboxes) {
    add_ancestors(info.name, l.parents);
    l.existing.insert(info.name);
  }
}

std::string_view response_name(const imap::List& command) { return command.xlist ? "XLIST" : "LIST"; }

// Names without mailbox that are subscribed, or have below them what is: \NonExistent (RFC 5258 sections 3.4 and 3.5), only
// when subscriptions were asked for.
void write_missing(Session& s, const Lister& l, const Below& below) {
  if (!l.command.select_subscribed || l.command.select_special_use) return;
  Names names = below.hidden;
  names.insert(l.subscribed.begin(), l.subscribed.end());
  for (const std::string& name : names) {
    if (l.existing.contains(name) || !l.matches(name)) continue;
    imap::ListEntry entry;
    entry.mailbox = name;
    entry.non_existent = true;
    entry.subscribed = l.subscribed.contains(name);
    entry.child_info_subscribed = below.any.contains(name);
    entry.utf8 = s.utf8();
    imap::list_response(s.out(), "LIST", entry);
  }
}

// RFC 5819 section 2: STATUS stands right behind its LIST. It is made before, since a mailbox that is gone by now must be
// \NoSelect in LIST; what cannot be read otherwise has no STATUS. False: the session has ended.
Task<bool> write_with_status(Session& s, const imap::List& command, imap::ListEntry entry, std::string name) {
  std::string said = std::exchange(s.out(), {});
  auto written = co_await write_status(s, std::move(name), *command.return_status);
  said.swap(s.out());
  const std::string& status = said;
  if (!written && written.error().code() == Errc::NotFound) entry.no_select = true;
  imap::list_response(s.out(), response_name(command), entry);
  s.out() += status;
  co_return !s.ended();
}

bool too_long(const std::string& reference, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& p) { return reference.size() + p.size() > kMaxPattern; });
}

}  // namespace

Task<Reply> handle(Session& s, const imap::List& command) {
  if (!command.extended && command.patterns.front().empty()) {  // asks for the separator and the root
    imap::list_response(s.out(), response_name(command), {.mailbox = "", .no_select = true});
    co_return ok("LIST completed");
  }
  if (too_long(command.reference, command.patterns)) co_return no("Pattern too long", "LIMIT");
  Lister l = make_lister(s, command);
  auto adding = add_others(s, l);
  co_await std::move(adding);
  index(l);
  const Below below = subscribed_below(l);
  if (command.return_status && command.return_status->highest_modseq) s.enable_condstore();
  size_t slice = 0;
  for (const store::MailboxInfo& info : l.mailboxes) {
    if (++slice % 256 == 0) {
      base::Yield yield(s.loop());
      co_await yield;
    }
    bool chosen = l.chosen(info);
    if ((!chosen && !below.hidden.contains(info.name)) || !l.matches(info.name)) continue;
    imap::ListEntry entry = entry_of(l, info);
    entry.child_info_subscribed = below.any.contains(info.name);
    entry.utf8 = s.utf8();
    // RFC 9051 section 6.3.9.2: of each mailbox that meets the selection; not of one that is shown for its children.
    if (command.return_status && info.selectable && chosen) {
      auto writing = write_with_status(s, command, entry, info.name);
      if (!co_await std::move(writing)) co_return Reply{};
    } else {
      imap::list_response(s.out(), response_name(command), entry);
    }
    // RFC 9590 section 3: behind LIST, of each mailbox that meets the selection; where it cannot be had there is none.
    if (!command.return_metadata.empty() && chosen) (void)co_await write_metadata(s, info.name, command.return_metadata);
    if (command.return_my_rights && chosen) {  // RFC 8440; of what is no mailbox there are none
      const auto others = l.rights.find(info.name);
      if (others != l.rights.end() || info.id.is_set())
        imap::my_rights_response(s.out(), info.name,
                                 store::to_letters(others != l.rights.end() ? others->second : store::right::kAll),
                                 s.utf8());
    }
    if (!co_await s.flush_if_large()) co_return Reply{};
  }
  write_missing(s, l, below);
  co_return ok("LIST completed");
}

void tell_mailbox(Session& s, const Place& place, const store::MailboxInfo& info, std::string_view old_name) {
  const std::string name = place.prefix + info.name;
  imap::ListEntry entry;
  entry.mailbox = name;
  entry.no_select = !info.selectable;
  if (place.own()) {
    entry.has_children = s.account().has_children(info.name);
    entry.special_use = store::name(info.use);
    entry.subscribed = info.subscribed;
  }
  entry.old_name = old_name;
  entry.utf8 = s.utf8();
  imap::list_response(s.out(), "LIST", entry);
}

// Section 6.3.9: with "%", a parent that is not subscribed itself is shown as \Noselect when something below it is.
Task<Reply> handle(Session& s, const imap::Lsub& command) {
  if (too_long(command.reference, {command.pattern})) co_return no("Pattern too long", "LIMIT");
  std::string pattern = command.reference + command.pattern;
  Names subscribed, parents;
  for (std::string& name : s.account().subscriptions()) subscribed.insert(std::move(name));
  for (const std::string& name : subscribed) {
    if (list_match(pattern, name))
      imap::list_response(s.out(), "LSUB", {.mailbox = name, .utf8 = s.utf8()});
    else if (pattern.ends_with('%'))
      add_ancestors(name, parents);
  }
  for (const std::string& name : parents)
    if (!subscribed.contains(name) && list_match(pattern, name))
      imap::list_response(s.out(), "LSUB", {.mailbox = name, .no_select = true, .utf8 = s.utf8()});
  co_return ok("LSUB completed");
}

}  // namespace bz::imapd

// LIST with its extensions (RFC 3501 section 6.3.8, RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154) and LSUB. Special
// uses and children are in every LIST response, asked for or not: phones of all ages rely on them.
#include <algorithm>
#include <set>
#include <utility>

#include "imapd/commands/commands.h"
#include "imapd/commands/list_match.h"
#include "mime/text.h"

namespace bz::imapd {
namespace {

constexpr size_t kMaxPattern = 2048;

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
  Lister l{command, s.account().mailboxes(), {}, {}, {}, {}};
  for (const std::string& pattern : command.patterns) {
    const std::string whole = command.reference + pattern;
    l.patterns.push_back(mime::nfc(whole));  // what a name of this spelling was made into (RFC 9051 section 5.1)
    if (l.patterns.back() != whole) l.patterns.push_back(whole);
  }
  for (std::string& name : s.account().subscriptions()) l.subscribed.insert(std::move(name));
  for (const store::MailboxInfo& info : l.mailboxes) {
    add_ancestors(info.name, l.parents);
    l.existing.insert(info.name);
  }
  return l;
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
  const Lister l = make_lister(s, command);
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
    if (!co_await s.flush_if_large()) co_return Reply{};
  }
  write_missing(s, l, below);
  co_return ok("LIST completed");
}

void tell_mailbox(Session& s, const store::MailboxInfo& info, std::string_view old_name) {
  imap::ListEntry entry;
  entry.mailbox = info.name;
  entry.no_select = !info.selectable;
  entry.has_children = s.account().has_children(info.name);
  entry.special_use = store::name(info.use);
  entry.subscribed = info.subscribed;
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

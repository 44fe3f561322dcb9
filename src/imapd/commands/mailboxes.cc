// Commands that change the tree of mailboxes: RFC 3501 sections 6.3.3 to 6.3.7, RFC 9051 sections 6.3.4 to 6.3.8, RFC 6154
// section 3, RFC 8474 section 4.1.
#include "base/text.h"
#include "imapd/commands/commands.h"
#include "imapd/notify.h"

namespace bz::imapd {
namespace {

using store::SpecialUse;

// \All and \Flagged are no mailboxes one can create here: they would be views of others.
std::optional<SpecialUse> special_use(std::string_view attribute) {
  for (SpecialUse use : {SpecialUse::Drafts, SpecialUse::Sent, SpecialUse::Junk, SpecialUse::Trash, SpecialUse::Archive})
    if (base::iequals(store::name(use), attribute)) return use;
  return std::nullopt;
}

bool is_taken(Session& s, SpecialUse use) {
  for (const store::MailboxInfo& info : s.account().mailboxes())
    if (info.use == use) return true;
  return false;
}

// "A client that intends to create names under it" writes the separator at the end (section 6.3.3).
std::string without_separator(std::string name) {
  if (name.size() > 1 && name.back() == '/') name.pop_back();
  return name;
}

// The mailbox that the client calls `supplied` is called otherwise here, or no more: IMAP4rev2 clients hear of it by LIST
// with OLDNAME (RFC 9051 section 6.3.9.7).
void tell_name(Session& s, const std::string& supplied, const std::string& name) {
  if (!s.rev2() || supplied == name) return;
  if (const store::MailboxInfo* info = s.account().find(name)) return tell_mailbox(s, *info, supplied);
  imap::list_response(s.out(), "LIST", {.mailbox = name, .non_existent = true, .old_name = supplied, .utf8 = s.utf8()});
}

}  // namespace

Task<Reply> handle(Session& s, const imap::Create& command) {
  SpecialUse use = SpecialUse::None;
  if (command.special_use.size() > 1) co_return no("One special use per mailbox", "USEATTR");
  for (const std::string& attribute : command.special_use) {
    auto known = special_use(attribute);
    // Phones choose at random when two mailboxes have the same use.
    if (!known || is_taken(s, *known)) co_return no("Special use not possible", "USEATTR");
    use = *known;
  }
  const std::string supplied = without_separator(command.mailbox);
  std::string name = supplied;
  auto created = co_await s.account().create(std::move(name), use);
  if (!created) co_return reply_for(created.error());
  if (s.notifier()) s.notifier()->names().own_created(supplied, *created);
  if (const store::MailboxInfo* info = s.account().find(supplied)) tell_name(s, supplied, info->name);
  co_return ok("CREATE completed", imap::code_mailbox_id(*created));
}

Task<Reply> handle(Session& s, const imap::Delete& command) {
  const store::MailboxInfo* info = s.account().find(command.mailbox);
  // RFC 9051 section 6.3.5. One that can be selected goes, and its name stays for the children.
  if (info && !info->selectable && s.account().has_children(info->name))
    co_return no("The name has mailboxes below it", "HASCHILDREN");
  bool own = info && s.selected() && s.mailbox().info().id == info->id;
  const std::string named = info ? info->name : std::string();
  std::string name = command.mailbox;
  auto removed = co_await s.account().remove(std::move(name));
  if (!removed) co_return reply_for(removed.error());
  if (own) s.unselect();
  if (s.notifier()) s.notifier()->names().own_removed(command.mailbox);
  tell_name(s, command.mailbox, named);
  co_return ok("DELETE completed");
}

Task<Reply> handle(Session& s, const imap::Rename& command) {
  std::string from = command.from, to = without_separator(command.to);
  auto renamed = co_await s.account().rename(from, to);
  if (!renamed) co_return reply_for(renamed.error());
  if (s.notifier()) s.notifier()->names().own_renamed(from, to);
  const store::MailboxInfo* info = s.account().find(command.to);
  if (info && command.from != "INBOX") tell_name(s, command.from, info->name);
  co_return ok("RENAME completed");
}

Task<Reply> handle(Session& s, const imap::Subscribe& command) {
  std::string name = command.mailbox;
  auto done = co_await s.account().subscribe(std::move(name), true);
  if (!done) co_return reply_for(done.error());
  if (s.notifier()) s.notifier()->names().own_subscribed(command.mailbox, true);
  co_return ok("SUBSCRIBE completed");
}

Task<Reply> handle(Session& s, const imap::Unsubscribe& command) {
  std::string name = command.mailbox;
  auto done = co_await s.account().subscribe(std::move(name), false);
  if (!done) co_return reply_for(done.error());
  if (s.notifier()) s.notifier()->names().own_subscribed(command.mailbox, false);
  co_return ok("UNSUBSCRIBE completed");
}

}  // namespace bz::imapd

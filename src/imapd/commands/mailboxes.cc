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
void tell_name(Session& s, const Place& place, const std::string& supplied, const std::string& name) {
  const std::string called = place.prefix + name;
  if (!s.rev2() || supplied == called) return;
  if (const store::MailboxInfo* info = place.account->find(name)) return tell_mailbox(s, place, *info, supplied);
  imap::list_response(s.out(), "LIST", {.mailbox = called, .non_existent = true, .old_name = supplied, .utf8 = s.utf8()});
}

// The root of others' mailboxes is nobody's own name.
bool is_reserved(Session& s, const std::string& name) { return s.others() && name == kOthersRoot; }
Reply reserved() { return no("The name stands for other users' mailboxes", "CANNOT"); }

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
  if (is_reserved(s, supplied)) co_return reserved();
  std::string name = supplied;
  auto place = co_await reach(s, std::move(name));
  if (!place) co_return reply_for(place.error());
  if (auto may = may_create(s, *place); !may) co_return reply_for(may.error());
  if (!place->own() && use != SpecialUse::None) co_return no("Special use not possible", "USEATTR");
  name = place->name;
  auto created = co_await place->account->create(std::move(name), use);
  if (!created) co_return reply_for(created.error());
  if (s.notifier() && place->own()) s.notifier()->names().own_created(supplied, *created);
  if (const store::MailboxInfo* info = place->account->find(place->name)) tell_name(s, *place, supplied, info->name);
  co_return ok("CREATE completed", imap::code_mailbox_id(*created, place->own() ? AccountId() : place->account->id()));
}

Task<Reply> handle(Session& s, const imap::Delete& command) {
  std::string name = command.mailbox;
  auto place = co_await reach(s, std::move(name));
  if (!place) co_return reply_for(place.error());
  auto info = permitted(s, *place, store::right::kRemoveMailbox);
  if (!info && (!place->own() || info.error().code() != Errc::NotFound)) co_return reply_for(info.error());
  // RFC 9051 section 6.3.5. One that can be selected goes, and its name stays for the children.
  if (info && !(*info)->selectable && place->account->has_children((*info)->name))
    co_return no("The name has mailboxes below it", "HASCHILDREN");
  bool selected =
      info && s.selected() && s.mailbox_account().id() == place->account->id() && s.mailbox().info().id == (*info)->id;
  const std::string named = info ? (*info)->name : std::string();
  name = place->name;
  auto removed = co_await place->account->remove(std::move(name));
  if (!removed) co_return reply_for(removed.error());
  if (selected) s.unselect();
  if (s.notifier() && place->own()) s.notifier()->names().own_removed(command.mailbox);
  tell_name(s, *place, command.mailbox, named);
  co_return ok("DELETE completed");
}

Task<Reply> handle(Session& s, const imap::Rename& command) {
  std::string from = command.from, to = without_separator(command.to);
  if (is_reserved(s, to)) co_return reserved();
  auto source = co_await reach(s, from);
  if (!source) co_return reply_for(source.error());
  auto target = co_await reach(s, to);
  if (!target) co_return reply_for(target.error());
  if (!source->own()) {
    auto old = permitted(s, *source, store::right::kRemoveMailbox);
    if (!old) co_return reply_for(old.error());
    // That would be to take its messages out, not to rename it (RFC 3501 section 6.3.5).
    if ((*old)->name == "INBOX") co_return no("Not permitted", "NOPERM");
  }
  if (auto may = may_create(s, *target); !may) co_return reply_for(may.error());
  if (source->account->id() != target->account->id()) co_return no("A mailbox stays with its owner", "CANNOT");
  from = source->name;
  to = target->name;
  auto renamed = co_await source->account->rename(from, to);
  if (!renamed) co_return reply_for(renamed.error());
  if (s.notifier() && source->own()) s.notifier()->names().own_renamed(from, to);
  const store::MailboxInfo* info = target->account->find(target->name);
  if (info && command.from != "INBOX") tell_name(s, *target, command.from, info->name);
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

// SELECT and EXAMINE (RFC 3501 sections 6.3.1 and 6.3.2, RFC 9051 sections 6.3.2 and 6.3.3, RFC 7162 sections 3.1.2 and
// 3.2.11, RFC 8474 section 4.2), CLOSE, UNSELECT (RFC 3691).
#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

using imap::Condition;

// The number of the first message that is not \Seen.
std::optional<store::Msn> first_unseen(const store::View& view) {
  for (const store::Entry& e : view.mailbox().entries())
    if (!(e.flags & kSeen)) return view.msn_of(e.uid);
  return std::nullopt;
}

// `name`: as the client wrote it. IMAP4rev2 has LIST instead of RECENT and UNSEEN (RFC 9051 Appendix E, 10 to 12).
void describe(Session& s, const std::string& name) {
  std::string& out = s.out();
  const store::View& view = s.view();
  const store::MailboxInfo& info = s.mailbox().info();
  imap::flags_response(out, s.mailbox().keywords());
  s.say(Condition::Ok, s.permanent_flags(), "Flags permitted");
  imap::exists(out, view.exists());
  if (s.rev2()) {
    const std::string own_name = s.selected_place().prefix + info.name;
    tell_mailbox(s, s.selected_place(), info, name == own_name ? "" : name);
  } else {
    imap::recent(out, view.recent());
    if (auto unseen = s.uid_only() ? std::nullopt : first_unseen(view))
      s.say(Condition::Ok, imap::code_number("UNSEEN", *unseen), "First unseen");
  }
  s.say(Condition::Ok, imap::code_number("UIDVALIDITY", info.uid_validity.value()), "UIDs valid");
  s.say(Condition::Ok, imap::code_number("UIDNEXT", info.uid_next), "Predicted next UID");
  s.say(Condition::Ok, imap::code_number("HIGHESTMODSEQ", info.highest_modseq), "Highest");
  s.say(Condition::Ok, imap::code_mailbox_id(info.id, s.foreign_owner()), "Mailbox");
  if (s.selected_place().own()) s.say(Condition::Ok, kUrlMechanisms, "URLs may be authorized");
}

}  // namespace

// A SELECT that fails leaves no mailbox selected.
Task<Reply> handle(Session& s, const imap::Select& command) {
  if (command.qresync && !s.qresync()) co_return bad("QRESYNC is not enabled");
  if (s.selected()) {
    s.unselect();
    s.say(Condition::Ok, "CLOSED", "Previous mailbox closed");
  }
  std::string name = command.mailbox;
  auto place = co_await reach(s, std::move(name));
  if (!place) co_return reply_for(place.error());
  auto permitted_info = permitted(s, *place, store::right::kRead);
  if (!permitted_info) co_return reply_for(permitted_info.error());
  const store::MailboxInfo* info = *permitted_info;
  if (!info->selectable) co_return no("The mailbox holds other mailboxes only", "CANNOT");
  if (command.condstore || command.qresync) s.enable_condstore();
  auto mailbox = co_await place->account->open(info->id);
  if (!mailbox) co_return reply_for(mailbox.error());
  s.select(std::move(*place), std::move(*mailbox), command.examine);
  describe(s, command.mailbox);
  if (command.qresync && command.qresync->uid_validity == s.mailbox().info().uid_validity.value()) {
    auto resynced = co_await resynchronize(s, *command.qresync);
    if (!resynced) {
      s.unselect();
      co_return reply_for(resynced.error());
    }
  }
  if (command.examine) co_return ok("EXAMINE completed", "READ-ONLY");
  co_return ok("SELECT completed", s.read_only() ? "READ-ONLY" : "READ-WRITE");
}

// CLOSE expunges without telling; from EXAMINE it only closes.
Task<Reply> handle(Session& s, const imap::Close&) {
  store::MailboxPtr mailbox = s.mailbox_ptr();
  // RFC 4314 section 4: who may not expunge closes all the same.
  bool expunge = !s.read_only() && !mailbox->gone() && mailbox->info().deleted > 0 && (s.rights() & store::right::kExpunge);
  const Place place = s.selected_place();
  s.unselect();
  if (expunge) {
    auto done = co_await place.account->expunge(mailbox, std::nullopt);
    if (!done) co_return reply_for(done.error());
  }
  co_return ok("CLOSE completed");
}

Task<Reply> handle(Session& s, const imap::Unselect&) {
  s.unselect();
  co_return ok("UNSELECT completed");
}

}  // namespace bz::imapd

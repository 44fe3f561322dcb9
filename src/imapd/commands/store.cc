// STORE (RFC 3501 section 6.4.6; RFC 7162 section 3.1.3 for UNCHANGEDSINCE).
#include "imapd/commands/commands.h"
#include "imapd/commands/message_limit.h"
#include "imapd/render.h"

namespace bz::imapd {
namespace {

store::FlagOp operation(imap::Store::Mode mode) {
  switch (mode) {
    case imap::Store::Mode::Add:
      return store::FlagOp::Add;
    case imap::Store::Mode::Remove:
      return store::FlagOp::Remove;
    case imap::Store::Mode::Replace:
      break;
  }
  return store::FlagOp::Set;
}

// What the client must hear of its own change: flags unless .SILENT, and with CONDSTORE the new mod-sequence in any case.
void tell_result(Session& s, const imap::Store& command, const UidSet& uids, const store::StoredFlags& stored) {
  const auto& keywords = s.mailbox().keywords();
  s.announce_keywords();
  uids.for_each([&](uint32_t uid) {
    if (stored.modified.contains(uid)) return;
    bool changed = stored.changed.contains(uid);
    if (command.silent && !(s.condstore() && changed)) return;
    const store::Entry* entry = s.view().entry(uid);
    auto msn = s.view().msn_of(uid);
    if (!entry || !msn) return;
    imap::FetchWriter w = fetch_writer(s.out(), *msn, uid, s.uid_only());
    if ((command.uid || s.condstore()) && !s.uid_only()) w.uid(Uid(uid));
    if (!command.silent) w.flags(entry->flags, keywords, s.shows_recent(uid));
    if (s.condstore()) w.modseq(ModSeq(entry->modseq));
    w.end();
  });
}

// MODIFIED speaks the command's own numbers.
std::string modified_code(Session& s, bool uid, const UidSet& uids) {
  if (uid) return imap::code_modified(uids);
  UidSet numbers;
  uids.for_each([&](uint32_t u) {
    if (auto msn = s.view().msn_of(u)) numbers.add(*msn);
  });
  return imap::code_modified(numbers);
}

}  // namespace

Task<Reply> handle(Session& s, const imap::Store& command) {
  if (s.read_only()) co_return no("The mailbox is read-only", "READ-ONLY");
  auto uids = resolve(s, command.set, command.uid);
  if (!uids) co_return bad("No such message number");
  if (command.unchanged_since) s.enable_condstore();
  if (uids->empty()) co_return ok("No such messages");
  const auto lowest = take_highest(s, *uids);
  store::MailboxPtr mailbox = s.mailbox_ptr();
  FlagList flags = command.flags;
  UidSet wanted = *uids;
  auto stored = co_await s.account().store_flags(std::move(mailbox), std::move(wanted), operation(command.mode),
                                                 std::move(flags), command.unchanged_since);
  if (!stored) co_return reply_for(stored.error());
  if (s.mailbox().gone()) co_return ok("STORE completed");
  tell_result(s, command, *uids, *stored);
  s.view().mark_told(stored->changed, stored->modseq);
  Reply done = ok("STORE completed");
  if (!stored->modified.empty())
    done = ok("Some messages were changed meanwhile", modified_code(s, command.uid, stored->modified));
  co_return cut_reply(s, std::move(done), lowest);
}

}  // namespace bz::imapd

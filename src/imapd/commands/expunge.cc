// EXPUNGE (RFC 3501 section 6.4.3) and UID EXPUNGE (RFC 4315 section 2.1). The EXPUNGE responses are news like any other.
#include "imapd/commands/commands.h"
#include "imapd/commands/message_limit.h"

namespace bz::imapd {
namespace {

// Those of `uids` that carry \Deleted: RFC 9738 section 3.1 counts no others, and EXPUNGE without UIDs not at all.
UidSet deleted(Session& s, const UidSet& uids) {
  if (!message_limit(s)) return uids;
  UidSet out;
  uids.for_each([&](uint32_t uid) {
    const store::Entry* entry = s.view().entry(uid);
    if (entry && entry->flags & kDeleted) out.add(uid);
  });
  return out;
}

}  // namespace

Task<Reply> handle(Session& s, const imap::Expunge& command) {
  if (s.read_only()) co_return no("The mailbox is read-only", "READ-ONLY");
  if (!(s.rights() & store::right::kExpunge)) co_return no("Not permitted", "NOPERM");
  std::optional<UidSet> only;
  std::optional<uint32_t> lowest;
  if (command.uids) {
    only = deleted(s, *resolve(s, *command.uids, true));
    lowest = take_highest(s, *only);
  }
  store::MailboxPtr mailbox = s.mailbox_ptr();
  auto done = co_await s.mailbox_account().expunge(std::move(mailbox), std::move(only));
  if (!done) co_return reply_for(done.error());
  Reply reply = ok("EXPUNGE completed");
  if (s.condstore() && !done->empty())
    reply = ok("EXPUNGE completed", imap::code_number("HIGHESTMODSEQ", s.mailbox().info().highest_modseq));
  co_return cut_reply(s, std::move(reply), lowest);
}

}  // namespace bz::imapd

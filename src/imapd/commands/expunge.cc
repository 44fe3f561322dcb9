// EXPUNGE (RFC 3501 section 6.4.3) and UID EXPUNGE (RFC 4315 section 2.1). The EXPUNGE responses are news like any other.
#include "imapd/commands/commands.h"

namespace bz::imapd {

Task<Reply> handle(Session& s, const imap::Expunge& command) {
  if (s.read_only()) co_return no("The mailbox is read-only", "READ-ONLY");
  std::optional<UidSet> only;
  if (command.uids) only = resolve(s, *command.uids, true);
  store::MailboxPtr mailbox = s.mailbox_ptr();
  auto done = co_await s.account().expunge(std::move(mailbox), std::move(only));
  if (!done) co_return reply_for(done.error());
  if (s.condstore() && !done->empty())
    co_return ok("EXPUNGE completed", imap::code_number("HIGHESTMODSEQ", s.mailbox().info().highest_modseq));
  co_return ok("EXPUNGE completed");
}

}  // namespace bz::imapd

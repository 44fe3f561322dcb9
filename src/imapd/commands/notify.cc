// NOTIFY (RFC 5465 section 3.1).
#include "imapd/notify.h"

#include "imapd/commands/commands.h"

namespace bz::imapd {

Task<Reply> handle(Session& s, const imap::Notify& command) {
  bool modseq = false;
  for (const imap::NotifyGroup& group : command.groups) {
    if (group.events.unsupported) co_return no("Of some of these events nothing can be told", std::string(imap::kBadEvent));
    for (const imap::FetchItem& item : group.events.new_message) modseq |= item.kind == imap::FetchItem::Kind::ModSeq;
  }
  if (command.set && s.notifier()) {  // what the one before has not told yet
    co_await s.tell(store::View::Expunges::Report);
    if (s.ended()) co_return Reply{};
  }
  auto notifier = std::make_unique<Notifier>(s.account(), command, [&s] { s.wake(); });
  if (notifier->watched() > s.config().notify_mailboxes)
    co_return no("Too many mailboxes to watch", "NOTIFICATIONOVERFLOW");
  if (modseq) s.enable_condstore();  // as FETCH of it does (RFC 7162 section 3.1)
  s.set_notifier(std::move(notifier));
  if (command.set) {  // "MUST cause the server to immediately return any accumulated changes"
    s.report(store::View::Expunges::Report, true);
    if (s.ended()) co_return Reply{};
  }
  if (!command.status) co_return ok("NOTIFY completed");
  for (std::string name; s.notifier()->tell_first(s.out(), name, {s.condstore(), s.utf8()});)
    if (!co_await s.flush_if_large()) co_return Reply{};
  co_return ok("NOTIFY completed");
}

}  // namespace bz::imapd

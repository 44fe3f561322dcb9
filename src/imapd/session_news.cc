// What a session with NOTIFY tells besides the news of its mailbox (RFC 5465).
#include <algorithm>

#include "imapd/commands/commands.h"
#include "imapd/notify.h"

namespace bz::imapd {

bool Session::has_news() const {
  return notifier_ &&
         (notifier_->has_news() || !changed_annotations_.empty() || (selected() && mailbox_->gone()) ||
          account_->broken() ||
          (foreign_changed_ && (notifier_->selected() != Notifier::Selected::Nothing || selected_.account->broken())));
}

// News within a few milliseconds goes out together; the client's next command goes before it. Woken: it is time to tell.
Task<Session::Waited> Session::wait_for_more_news() {
  const auto end = net::Deadline::in(config_.coalesce).at();
  for (;;) {
    const auto left = std::chrono::ceil<base::Millis>(end - std::chrono::steady_clock::now());
    if (left <= base::Millis(0)) co_return Waited::Woken;
    Waited waited = co_await wait(left);
    if (waited == Waited::TimedOut || stop_requested()) co_return Waited::Woken;
    if (waited != Waited::Woken) co_return waited;
  }
}

void Session::set_notifier(std::unique_ptr<Notifier> notifier) {
  notifier_ = std::move(notifier);
  if (notifier_ && selected()) notifier_->entered(selected_.own() ? mailbox_->info().id : MailboxId());
  if (notifier_ && notifier_->wants_annotations()) listen_to_annotations();
}

void Session::own_new(const store::Account& of, MailboxId in, uint32_t first_uid, uint32_t last_uid, uint64_t first_modseq,
                      uint64_t last_modseq) {
  if (of.id() == account_->id() && !push_token_.empty() && start_.own_arrivals)
    start_.own_arrivals(push_token_, in, first_uid, last_uid);
  if (selected() && selected_.account->id() == of.id() && mailbox_->info().id == in)
    own_new_.add(first_uid, last_uid);
  else if (notifier_ && of.id() == account_->id())
    notifier_->own_messages(in, first_modseq, last_modseq);
}

// Section 5.2: new messages are fetched, but those that the session brought itself.
void Session::take_news(const store::Changes& changes, uint32_t old_last_uid) {
  if (!changes.exists_changed || notifier_->new_message_items().empty()) return;
  if (old_last_uid == UINT32_MAX) return;
  view_->within({old_last_uid + 1, UINT32_MAX}).for_each([&](uint32_t uid) {
    if (!own_new_.contains(uid)) new_messages_.add(uid);
  });
}

Task<void> Session::tell(store::View::Expunges expunges) {
  report(expunges);
  if (ended_ || logged_out_) co_return;
  // Not of messages that were not told: NOTIFY may keep all news of the mailbox back.
  if (selected() && (!notifier_ || notifier_->selected() != Notifier::Selected::Nothing)) {
    const bool updated = co_await contexts_.update(*this);
    if (!updated) co_return;
  }
  own_new_ = {};
  if (!notifier_) co_return;
  const UidSet messages = std::exchange(new_messages_, {});
  bool overflow = messages.count() > config_.notify_messages;
  if (!overflow && !messages.empty()) {
    std::vector<imap::FetchItem> items = notifier_->new_message_items();
    co_await fetch_new(*this, std::move(items), messages);
    if (ended_) co_return;
  }
  notifier_->tell(out_, {condstore_, utf8()});
  report_annotations();  // behind the names of new mailboxes
  overflow |= notifier_->watched() > config_.notify_mailboxes;
  if (!overflow) co_return;
  // Section 5.8: as if there had been NOTIFY NONE.
  say(imap::Condition::Ok, "NOTIFICATIONOVERFLOW", "Too much to be told");
  set_notifier(std::make_unique<Notifier>(*account_, imap::Notify{}, [this] { wake(); }));
}

}  // namespace bz::imapd

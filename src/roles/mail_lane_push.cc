// New mail that phones are told of by Apple's push.
#include <algorithm>

#include "base/log.h"
#include "roles/mail_lane.h"

namespace bz::roles {

// The account outlives its subscription's calls: it makes them.
store::Mailbox::Subscription MailLane::watch_arrivals(const AccountPtr& account) {
  return account->subscribe_arrivals([this, &account = *account](MailboxId mailbox, uint32_t first_uid, uint32_t last_uid) {
    on_arrival(account, mailbox, first_uid, last_uid);
  });
}

void MailLane::on_arrival(const store::Account& account, MailboxId mailbox, uint32_t first_uid, uint32_t last_uid) {
  if (config_.imap.push_topic.empty() || account.push_devices().empty()) return;
  const base::Clock& clock = base::system_clock();
  for (const PushOrder& order : orders_for(account.id(), account.push_devices(), mailbox, clock.unix_seconds())) {
    if (auto due = pushes_.arrived(order, mailbox, first_uid, last_uid, clock.mono()))
      arm_push(*due);
    else
      log::event(log::Warn, "push_dropped").field("account", account.id().value()).field("why", "too many devices wait");
  }
}

void MailLane::arm_push(base::MonoTime at) {
  if (!push_timer_ || (push_armed_ && *push_armed_ <= at)) return;
  push_armed_ = at;
  const auto wait = std::chrono::ceil<base::Millis>(at - base::system_clock().mono());
  push_timer_->arm(net::Deadline::in(std::max(wait, base::Millis(0))));
}

void MailLane::push_due() {
  push_armed_.reset();
  for (PushOrder& order : pushes_.take_due(base::system_clock().mono())) send_push_(std::move(order));
  if (auto next = pushes_.next()) arm_push(*next);
}

Task<void> MailLane::forget_push(AccountId id, std::string token, int64_t before) {
  auto opening = account(id);
  auto opened = co_await std::move(opening);
  Result<void> forgotten = opened ? Result<void>() : Result<void>(std::move(opened).error());
  if (forgotten) {
    auto forgetting = (*opened)->forget_push(std::move(token), before);
    forgotten = co_await std::move(forgetting);
  }
  auto event = log::event(forgotten ? log::Info : log::Warn, "push_device_gone");
  event.field("account", id.value());
  if (!forgotten) event.error(forgotten.error());
}

}  // namespace bz::roles

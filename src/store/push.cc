// Devices that want Apple's push (docs/decisions/0027-apple-push.md): one record with all of them, read when the account is
// opened and kept in memory, so that a message that arrives costs no read to find out that nobody wants to know.
#include <algorithm>

#include "base/log.h"
#include "store/account_impl.h"

namespace bz::store {
namespace {

constexpr int64_t kRenewAfter = 3600;  // s: phones register at each connection; not each is worth a commit

bool same_device(const PushDevice& a, const PushDevice& b) {
  return a.account_id == b.account_id && a.token == b.token && a.subtopic == b.subtopic;
}

}  // namespace

Task<Result<void>> AccountImpl::load_push_devices() {
  auto getting = partition_->get(key::kPushDevices);
  auto got = co_await getting;
  BZ_CO_TRY(const auto bytes, std::move(got));
  if (!bytes) co_return Result<void>();
  auto devices = decode_push_devices(*bytes);
  if (devices)
    push_devices_ = std::move(*devices);
  else  // no reason to keep somebody from his mail: phones register again
    log::event(log::Err, "push_devices_lost").field("account", id_.value()).error(devices.error());
  co_return Result<void>();
}

Task<Result<void>> AccountImpl::register_push(PushDevice device) {
  auto registering = serial<bool>(do_register_push(std::move(device)));
  auto registered = co_await std::move(registering);
  if (!registered) co_return std::move(registered).error();
  co_return Result<void>();
}

Task<Result<void>> AccountImpl::forget_push(std::string token, int64_t before) {
  auto forgetting = serial<bool>(do_forget_push(std::move(token), before));
  auto forgotten = co_await std::move(forgetting);
  if (!forgotten) co_return std::move(forgotten).error();
  co_return Result<void>();
}

Task<Result<bool>> AccountImpl::do_register_push(PushDevice device) {
  device.renewed = clock_.unix_seconds();
  std::sort(device.mailboxes.begin(), device.mailboxes.end());
  device.mailboxes.erase(std::unique(device.mailboxes.begin(), device.mailboxes.end()), device.mailboxes.end());
  if (device.mailboxes.size() > kMaxPushMailboxes) co_return fail(Errc::Limit, "too many mailboxes");
  if (!fits(device)) co_return fail(Errc::TooLarge, "the registration is too large");
  std::vector<PushDevice> devices = push_devices_;
  const auto old = std::find_if(devices.begin(), devices.end(), [&](const auto& d) { return same_device(d, device); });
  if (old != devices.end()) {
    if (old->mailboxes == device.mailboxes && device.renewed - old->renewed < kRenewAfter && device.renewed >= old->renewed)
      co_return true;
    devices.erase(old);
  }
  std::erase_if(devices, [&](const PushDevice& d) { return is_stale(d, device.renewed); });
  if (devices.size() >= kMaxPushDevices) devices.erase(devices.begin());
  devices.push_back(std::move(device));
  auto writing = write_push_devices(std::move(devices));
  auto written = co_await std::move(writing);
  co_return std::move(written);
}

Task<Result<bool>> AccountImpl::do_forget_push(std::string token, int64_t before) {
  std::vector<PushDevice> devices = push_devices_;
  const size_t gone =
      std::erase_if(devices, [&](const PushDevice& d) { return d.token == token && (before < 0 || d.renewed <= before); });
  if (gone == 0) co_return false;
  auto writing = write_push_devices(std::move(devices));
  auto written = co_await std::move(writing);
  co_return std::move(written);
}

Task<Result<bool>> AccountImpl::write_push_devices(std::vector<PushDevice> devices) {
  Tx tx = begin();
  if (devices.empty())
    tx.batch.del(key::kPushDevices);
  else
    tx.batch.put(key::kPushDevices, encode_push_devices(devices));
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  push_devices_ = std::move(devices);
  co_return true;
}

Mailbox::Subscription AccountImpl::subscribe_arrivals(OnArrival on_arrival) {
  auto subscription = std::make_shared<OnArrival>(std::move(on_arrival));
  std::erase_if(arrival_subscribers_, [](const auto& s) { return s.expired(); });
  arrival_subscribers_.push_back(subscription);
  return subscription;
}

void AccountImpl::tell_arrivals(MailboxId mailbox, uint32_t first_uid, uint32_t last_uid) {
  auto subscribers = arrival_subscribers_;
  for (const auto& weak : subscribers)
    if (auto callback = weak.lock()) (*callback)(mailbox, first_uid, last_uid);
}

}  // namespace bz::store

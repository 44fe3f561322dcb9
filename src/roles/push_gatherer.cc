#include "roles/push_gatherer.h"

#include <algorithm>

namespace bz::roles {
namespace {

UidSet without(const UidSet& set, uint32_t first, uint32_t last) {
  UidSet out;
  for (UidSet::Range range : set.ranges()) {
    if (range.first < first) out.add(range.first, std::min(range.last, first - 1));
    if (range.last > last) out.add(std::max(range.first, last + 1), range.last);
  }
  return out;
}

}  // namespace

std::optional<base::MonoTime> PushGatherer::arrived(const PushOrder& order, MailboxId in, uint32_t first_uid,
                                                    uint32_t last_uid, base::MonoTime now) {
  auto there = devices_.find(order);
  if (there == devices_.end()) {
    if (devices_.size() >= kMaxDevices) return std::nullopt;
    there = devices_.emplace(order, Device{{}, now, now}).first;
  }
  Device& device = there->second;
  if (device.news.empty()) device.due = std::max(now + kGather, device.not_before);
  device.news[in].add(first_uid, last_uid);
  return device.due;
}

void PushGatherer::own(AccountId account, const std::string& token, MailboxId in, uint32_t first_uid, uint32_t last_uid) {
  for (auto at = devices_.lower_bound({account, token, {}}); at != devices_.end(); ++at) {
    if (at->first.account != account || at->first.token != token) break;
    auto news = at->second.news.find(in);
    if (news == at->second.news.end()) continue;
    news->second = without(news->second, first_uid, last_uid);
    if (news->second.empty()) at->second.news.erase(news);
  }
}

std::vector<PushOrder> PushGatherer::take_due(base::MonoTime now) {
  std::vector<PushOrder> due;
  for (auto at = devices_.begin(); at != devices_.end();) {
    Device& device = at->second;
    if (!device.news.empty() && device.due <= now) {
      due.push_back(at->first);
      device.news.clear();
      device.not_before = now + kPause;
    }
    at = device.news.empty() && device.not_before <= now ? devices_.erase(at) : std::next(at);
  }
  return due;
}

std::optional<base::MonoTime> PushGatherer::next() const {
  std::optional<base::MonoTime> first;
  for (const auto& [order, device] : devices_) {
    const base::MonoTime at = device.news.empty() ? device.not_before : device.due;
    if (!first || at < *first) first = at;
  }
  return first;
}

// A device that registered the same account twice, once restored from a backup, hears once of each id that it gave it.
std::vector<PushOrder> orders_for(AccountId account, const std::vector<store::PushDevice>& devices, MailboxId mailbox,
                                  int64_t unix_seconds) {
  std::vector<PushOrder> orders;
  for (const store::PushDevice& device : devices) {
    if (store::is_stale(device, unix_seconds)) continue;
    if (!std::binary_search(device.mailboxes.begin(), device.mailboxes.end(), mailbox)) continue;
    orders.push_back({account, device.token, device.account_id});
  }
  return orders;
}

}  // namespace bz::roles

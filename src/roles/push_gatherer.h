// New mail on its way to Apple's push: what arrives within a second is one push, and a device gets one in ten seconds at
// most, since Apple slows down whoever asks too often. Plain code, the time is an argument; one for each lane.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/env.h"
#include "model/ids.h"
#include "model/uid_set.h"
#include "store/push.h"

namespace bz::roles {

struct PushOrder {
  AccountId account;
  std::string token, apple_account;  // as in store::PushDevice
  auto operator<=>(const PushOrder&) const = default;
};

class PushGatherer {
 public:
  static constexpr base::Millis kGather{1'000}, kPause{10'000};
  static constexpr size_t kMaxDevices = 20'000;

  // When its push is due; unset: too many devices wait, it is dropped.
  std::optional<base::MonoTime> arrived(const PushOrder& order, MailboxId in, uint32_t first_uid, uint32_t last_uid,
                                        base::MonoTime now);
  // The device brought these itself: it needs no push for them.
  void own(AccountId account, const std::string& token, MailboxId in, uint32_t first_uid, uint32_t last_uid);
  std::vector<PushOrder> take_due(base::MonoTime now);
  std::optional<base::MonoTime> next() const;  // when take_due() has something or forgets something; unset: never
  size_t devices() const { return devices_.size(); }

 private:
  struct Device {
    std::map<MailboxId, UidSet> news;
    base::MonoTime due, not_before;  // of the push; of the next one
  };
  std::map<PushOrder, Device> devices_;
};

// Whom mail in `mailbox` is for.
std::vector<PushOrder> orders_for(AccountId account, const std::vector<store::PushDevice>& devices, MailboxId mailbox,
                                  int64_t unix_seconds);

}  // namespace bz::roles

// Devices that want to hear of new mail by Apple's push: what a phone registers by XAPPLEPUSHSERVICE
// (docs/decisions/0027-apple-push.md).
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/ids.h"

namespace bz::store {

inline constexpr size_t kMaxPushDevices = 20;     // of one account; then the one that was renewed longest ago goes
inline constexpr size_t kMaxPushMailboxes = 100;  // of one device
inline constexpr size_t kMaxPushToken = 200, kMaxPushWord = 100;  // octets: token; account id and subtopic
inline constexpr int64_t kPushLife = 30 * 86'400;  // s: phones renew daily; who has not for so long is not told any more

// One registration. It is another when the account id, the token or the subtopic is another: a phone restored from
// another's backup has the same account id.
struct PushDevice {
  std::string account_id;            // what the device calls the account
  std::string token;                 // hex, in lower case
  std::string subtopic;              // "com.apple.mobilemail"
  std::vector<MailboxId> mailboxes;  // ascending; of those that were there, some may be gone
  int64_t renewed = 0;               // Unix seconds; register_push() sets it
};

inline bool is_stale(const PushDevice& device, int64_t now) { return now - device.renewed > kPushLife; }
inline bool fits(const PushDevice& device) {
  return !device.token.empty() && device.token.size() <= kMaxPushToken && device.account_id.size() <= kMaxPushWord &&
         device.subtopic.size() <= kMaxPushWord && device.mailboxes.size() <= kMaxPushMailboxes;
}

// Told on the lane, after the commit: messages of these UIDs have come into the mailbox, whoever brought them.
using OnArrival = std::function<void(MailboxId mailbox, uint32_t first_uid, uint32_t last_uid)>;

}  // namespace bz::store

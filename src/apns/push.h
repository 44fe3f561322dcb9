// One push to Apple's service (APNs): its request, and what the answer means. What is sent is a knock on the door: no
// word of a message, a sender or a mailbox is in it (docs/decisions/0027-apple-push.md). Facts: Apple, "Sending
// notification requests to APNs" and "Handling notification responses from APNs".
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "https/fetch.h"

namespace bz::apns {

inline constexpr int64_t kKept = 24 * 3600;  // s: how long APNs holds a push for a phone that is off

struct Push {
  uint64_t account = 0;    // ours
  std::string token;       // of the device: hex digits
  std::string account_id;  // what the device calls the account
  bool operator==(const Push&) const = default;
};

// `server`: "https://api.push.apple.com:443". `now`: Unix seconds.
https::Request request_of(const Push& push, std::string_view server, std::string_view topic, int64_t now);

enum class Verdict : uint8_t {
  Sent,
  Gone,    // the device does not want pushes any more: the registration goes
  Lost,    // this push will never be taken; others may
  Slower,  // too many for this device (429)
  Later,   // the service is down, or cannot be reached
  Barred,  // it does not take our certificate or topic: nothing will be taken until somebody looks
};
struct Judgement {
  Verdict verdict = Verdict::Later;
  std::string reason;    // for the log, plain words
  int64_t gone_at = -1;  // Gone: since when, Unix milliseconds, as Apple knows it; -1: not said
};
Judgement judge(const Result<https::Reply>& reply);

}  // namespace bz::apns

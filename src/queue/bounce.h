// Tells the sender what became of recipients (RFC 3464, 3461). Never a notification about a notification: mail with the
// null sender gets none (RFC 5321 4.5.5). Pure: time and randomness come as arguments.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "queue/envelope.h"

namespace bz::queue {

inline constexpr uint64_t kMaxFullReturn = 128 << 10;  // RET=FULL above this gets the header (RFC 3461 4.3 allows it)

struct BounceFacts {
  std::string hostname;
  int64_t now = 0;     // milliseconds
  QueueId id;          // of the notification
  std::string random;  // 20 letters or digits or more: boundary and Message-ID
};

struct Bounce {
  Envelope envelope;  // sender null, one recipient: the sender of the original; its class the caller must find out
  std::string content;
};

// Which recipients of `envelope` are to be reported now (Failed, Success or delayed, and wanted by NOTIFY).
std::vector<size_t> to_report(const Envelope& envelope);
bool wants_full(const Envelope& envelope);

// `original`: header or whole message (wants_full) without Bcc. `recipients` must not be empty and the sender not null.
Bounce make_bounce(const Envelope& envelope, const std::vector<size_t>& recipients, std::string original,
                   const BounceFacts& facts);

std::string rfc5322_date(int64_t millis);

}  // namespace bz::queue

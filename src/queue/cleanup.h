// What happens to a message on its way into the queue. The header is held (up to 256 KiB) and rewritten once it is whole,
// the body streams through:
//   - our Received field goes to the front (RFC 5321 4.4), old Return-Path fields go
//   - a submission gets Date and Message-ID where they miss (RFC 6409 8), and its Bcc fields are remembered: they stay in
//     the stored bytes for the Sent copy, and ContentReader leaves them out for everybody else (RFC 5322 3.6.3)
//   - more than max_hops Received fields are a loop (RFC 5321 6.3)
// Pure: no I/O, no clock.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "queue/envelope.h"

namespace bz::queue {

inline constexpr size_t kMaxHeader = 256 << 10;

struct CleanupRules {
  bool submission = false;
  std::string trace;       // the Received field, folded, with CRLF; see received_field()
  std::string date;        // RFC 5322 date-time, for a missing Date
  std::string message_id;  // "<...>", for a missing Message-ID
  size_t max_hops = 100;
};

class Cleanup {
 public:
  explicit Cleanup(CleanupRules rules) : rules_(std::move(rules)) {}
  // Takes content as it comes and appends what is to be stored to `out`. Errors: TooLarge (header), Limit (hops), Invalid.
  Result<void> add(std::string_view chunk, std::string& out);
  Result<void> finish(std::string& out);  // a message may end within its header

  // Known when finish() is done:
  uint64_t header_size() const { return header_size_; }
  uint64_t trace_size() const { return rules_.trace.size(); }
  const std::vector<ByteRange>& bcc() const { return bcc_; }
  const std::string& message_id() const { return message_id_; }
  const std::vector<std::string>& from() const { return from_; }  // addr-specs of From and Sender
  bool eight_bit() const { return eight_bit_; }

 private:
  Result<void> rewrite(bool complete, std::string& out);
  CleanupRules rules_;
  bool in_body_ = false;
  std::string header_;
  uint64_t header_size_ = 0;
  std::vector<ByteRange> bcc_;
  std::string message_id_;
  std::vector<std::string> from_;
  bool eight_bit_ = false;
};

struct ReceivedFacts {
  std::string hello;         // as greeted
  std::string peer_address;  // numeric; empty: unknown
  std::string hostname;      // ours
  bool esmtp = true, smtputf8 = false, authenticated = false;
  std::string tls_version, tls_cipher;  // empty: no TLS
  QueueId id;
  std::string recipient;  // only when there is just one: others must not learn of it
  std::string date;       // RFC 5322 date-time
};
// "Received: from ...;\r\n\tdate\r\n" with the keywords of RFC 3848 and RFC 6531 4.3.
std::string received_field(const ReceivedFacts& facts);

}  // namespace bz::queue

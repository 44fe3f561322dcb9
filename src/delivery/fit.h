// What a message must become for a server that lacks an extension it would need: 8-bit content is converted to 7-bit MIME
// (RFC 6152 section 3; mime/seven_bit.h), internationalized domains in addresses become A-labels (RFC 6531 section 3.2
// forbids their U-labels there). What cannot be made to fit is refused, for this server.
#pragma once
#include <optional>

#include "mime/seven_bit.h"
#include "queue/queue.h"
#include "smtp/client_fsm.h"

namespace bz::delivery {

// The bytes of a message as one server gets them.
class Content {
 public:
  explicit Content(queue::ContentReader reader) : reader_(std::move(reader)) {}
  Content(queue::ContentReader reader, mime::SevenBitPlan plan) : reader_(std::move(reader)), writer_(std::move(plan)) {}
  // Empty: the end.
  Task<Result<std::string>> next();

 private:
  queue::ContentReader reader_;
  std::optional<mime::SevenBitWriter> writer_;
  bool ended_ = false;
};

struct Fitted {
  smtp::ClientMessage message;
  Content content;
};
// `entry` outlives the task. Reads the content once when a conversion may be needed; never blocks otherwise. The reply:
// 554 5.6.3 when a conversion is needed and not possible, 451 4.3.0 when the content cannot be read now.
Task<std::variant<Fitted, smtp::Reply>> fit(smtp::ClientMessage message, const queue::Entry& entry,
                                            queue::ContentReader::View view, smtp::ServerOffer offer, queue::Queue& queue);

}  // namespace bz::delivery

// One message on its way from the framer into the queue: content goes through cleanup to the spool in pieces of 64 KiB and
// is never held whole. The first thing that goes wrong decides the answer; what comes after it is thrown away.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "queue/cleanup.h"
#include "smtp/framer.h"
#include "smtpd/settings.h"

namespace bz::smtpd {

class Incoming {
 public:
  Incoming(const Settings& settings, const Facts& facts, const Services& services, const smtp::MailFrom& mail,
           const std::vector<smtp::RcptTo>& recipients);
  Task<Result<void>> add(std::string_view content);  // never fails; awaits the store when a piece is full
  void refuse(const smtp::Reply& reply) {
    if (!refusal_) refusal_ = reply;
  }
  void refuse(smtp::Fault fault);
  const std::optional<smtp::Reply>& refusal() const { return refusal_; }
  // The one durable commit; then 250 with the queue id, or the refusal.
  Task<smtp::Reply> finish(std::vector<queue::Recipient> recipients);

 private:
  Task<Result<void>> write_staged();
  Task<std::optional<smtp::Reply>> check_from();
  queue::Envelope envelope(std::vector<queue::Recipient> recipients) const;
  const Settings& settings_;
  const Facts& facts_;
  const Services& services_;
  smtp::MailFrom mail_;
  QueueId id_;
  int64_t received_;
  queue::Cleanup cleanup_;
  queue::Ledger::Spool spool_;
  std::string staged_;
  std::optional<smtp::Reply> refusal_;
};

}  // namespace bz::smtpd

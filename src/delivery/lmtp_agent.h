// Delivers to our own mail store over LMTP (RFC 2033) with the parameters of smtp/lmtp_ext.h, on legs of a LegOpener.
#pragma once
#include "delivery/pool.h"

namespace bz::delivery {

class LmtpAgent {
 public:
  LmtpAgent(LegOpener& legs, const Settings& settings, Pool& pool) : legs_(legs), settings_(settings), pool_(pool) {}
  // `entry` outlives the task (it runs in the queue). Attempts in the order of job.recipients.
  Task<std::vector<queue::Attempt>> deliver(queue::Job job, const queue::Entry& entry, queue::Queue& queue);

 private:
  Task<Result<std::unique_ptr<Link>>> connect(SessionId session);
  LegOpener& legs_;
  const Settings& settings_;
  Pool& pool_;
};

}  // namespace bz::delivery

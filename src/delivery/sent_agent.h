// Brings Sent copies to mailboxes on other servers, by way of egress, which alone has their master passwords: it looks for
// the message there, says whether it wants it, and files it by IMAP. Every failure is temporary.
#pragma once
#include "delivery/link.h"

namespace bz::delivery {

class SentAgent {
 public:
  SentAgent(LegOpener& legs, const Settings& settings) : legs_(legs), settings_(settings) {}
  // As LmtpAgent::deliver; a job of one recipient whose to_sent_elsewhere() is true. `user`: its login name there.
  Task<std::vector<queue::Attempt>> deliver(queue::Job job, std::string user, const queue::Entry& entry,
                                            queue::Queue& queue);

 private:
  Task<Result<smtp::Reply>> file(wire::FileSent request, const queue::Entry& entry, queue::Queue& queue);
  LegOpener& legs_;
  const Settings& settings_;
};

}  // namespace bz::delivery

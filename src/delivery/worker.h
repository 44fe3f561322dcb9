// Takes jobs out of the queue as soon as they may run, gives each to the agent of its destination and settles it. Owned by
// the mta role; one loop. Destroying it cancels what is under way: the queue tries that again after the next start.
#pragma once
#include "delivery/lmtp_agent.h"
#include "delivery/sent_agent.h"
#include "delivery/smtp_agent.h"

namespace bz::delivery {

class Worker {
 public:
  // All references outlive the worker; `queue` has been start()ed. `clock` is the queue's.
  Worker(net::Loop& loop, queue::Queue& queue, net::Dns& dns, LegOpener& legs, const Settings& settings, base::Clock& clock,
         base::Random& random);
  ~Worker();
  void start();
  void pause();  // takes no more jobs; what runs goes on. Another worker may start() on the queue then
  size_t running() const { return tasks_.size(); }

 private:
  void pump();
  void wake();
  Task<void> run(queue::Job job);
  // Where the job's mailboxes are now.
  struct Look {
    bool moved = false;                      // the job is over: its recipients are on their new way
    std::vector<queue::Attempt> attempts{};  // not empty: what became of the job without a delivery
    std::string user{};                      // of the first one, on another server
  };
  Task<Look> look_again(const queue::Job& job, const queue::Entry& entry);
  Task<void> report();
  net::Loop& loop_;
  queue::Queue& queue_;
  const Settings& settings_;
  base::Clock& clock_;
  Pool pool_;
  LmtpAgent lmtp_;
  SmtpAgent smtp_;
  SentAgent sent_;
  bool on_ = false, waking_ = false, reporting_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for functions posted to the loop
  net::Loop::Timer timer_;
  net::TaskGroup tasks_;
};

}  // namespace bz::delivery

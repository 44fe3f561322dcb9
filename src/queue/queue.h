// The queue as its users see it: smtpd puts messages in, the delivery worker takes jobs out and settles them. It joins
// ledger (durable), schedule (in memory) and bounce. Owned by the mta role; single-threaded, on the executor of its
// partition. Coroutines of a Queue must end before it does.
//
//   auto spool = queue.spool(); co_await spool.write(...)...; co_await queue.enqueue(spool, envelope);   // durable: 250
//   while (auto job = queue.next_job()) { deliver; co_await queue.settle(*job, attempts); }
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "queue/directory.h"
#include "queue/ledger.h"
#include "queue/route.h"
#include "queue/schedule.h"
#include "smtp/client_fsm.h"

namespace bz::queue {

struct QueueConfig {
  ScheduleConfig schedule;
  RouteConfig route;
  std::string hostname;
};

// What became of one recipient of a job.
struct Attempt {
  smtp::Outcome outcome;
  std::string remote_mta;
  bool next_knows_dsn = false;              // Done by a server that took over NOTIFY (RFC 3461 5.2.2)
  std::string tls_version{}, tls_cipher{};  // of the connection, for the log
};

class Queue {
 public:
  Queue(std::unique_ptr<kv::Partition> partition, QueueConfig config, Directory& directory, base::Clock& clock,
        base::Random& random);
  ~Queue();
  Queue(const Queue&) = delete;

  // Reads the ledger; before anything else.
  Task<Result<void>> start();

  QueueId new_id() { return random_.id(12); }
  Ledger::Spool spool() { return Ledger::Spool(ledger_); }
  // Durable and scheduled when done. Sets `received` and next_try of the recipients when they are 0.
  Task<Result<void>> enqueue(Ledger::Spool& spool, Envelope envelope);

  std::optional<Job> next_job();
  // Wall clock in milliseconds at which next_job() or retry_reports() may have more; nullopt: only on_work() tells.
  std::optional<int64_t> next_due() const;
  void on_work(std::function<void()> callback) { on_work_ = std::move(callback); }
  // The ledger takes no more commits (kv: a commit failed, the handle is of no use): the process should start anew.
  void on_broken(std::function<void(const Error&)> callback) { on_broken_ = std::move(callback); }
  // Valid while a job of it runs.
  const Entry* find(const QueueId& id) const;
  ContentReader reader(const Entry& entry, ContentReader::View view) {
    return {ledger_, entry.envelope, entry.content, view};
  }
  // Ends the job without an attempt: the mailboxes of its recipients are elsewhere by now. `to` in the order of
  // job.recipients. Not written down: after a restart the old place is asked about again.
  void reroute(const Job& job, const std::vector<MailboxPlace>& to);
  Directory& directory() { return directory_; }
  // Ends the job: `attempts` in the order of job.recipients. Reschedules, tells senders, removes what is done.
  Task<Result<void>> settle(Job job, std::vector<Attempt> attempts);
  // Notifications that could not be queued before are tried again.
  Task<Result<void>> retry_reports();

  // For the administrator.
  std::vector<const Entry*> list() const;
  void flush(const std::string& destination = {});
  // Takes a message out without telling anybody; NotFound; Conflict while it is being delivered.
  Task<Result<void>> remove(QueueId id);
  const QueueConfig& config() const { return config_; }
  // From now on; jobs that run end as they began. What waits keeps its time and takes the new route.
  void set_config(QueueConfig config);

 private:
  struct Item;
  void apply(Item& item, size_t index, Attempt attempt, int64_t now);
  Task<Result<void>> report(std::shared_ptr<Item> item);
  Task<Result<void>> report_once(std::shared_ptr<Item> item, std::vector<size_t> recipients);
  Task<Result<void>> retire(std::shared_ptr<Item> item);
  Task<Result<std::vector<Recipient>>> resolve(smtp::Address sender);
  void work_is_there() const;
  void note(const Error& error) const;

  QueueConfig config_;
  Ledger ledger_;
  Schedule schedule_;
  Directory& directory_;
  base::Clock& clock_;
  base::Random& random_;
  std::map<QueueId, std::shared_ptr<Item>> items_;  // shared with the coroutines that work on one
  std::set<QueueId> unreported_;
  int64_t report_at_ = 0;
  std::function<void()> on_work_;
  std::function<void(const Error&)> on_broken_;
};

}  // namespace bz::queue

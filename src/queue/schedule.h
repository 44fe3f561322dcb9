// Who is tried when. In memory, rebuilt from the ledger at start. A job is the recipients of one message that share a
// destination; jobs wait for their time, then for room at their destination, first come first served, destinations in
// turn. Time is given in milliseconds since 1970 by the caller. Single-threaded.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "queue/envelope.h"

namespace bz::queue {

struct ScheduleConfig {
  // Waits between attempts; the last one repeats. Never empty.
  std::vector<int64_t> retry = {300'000, 600'000, 1'200'000, 2'400'000, 4'800'000, 9'600'000, 14'400'000};
  int64_t max_age = 5LL * 24 * 3600 * 1000;         // then the sender is told (RFC 5321 4.5.4.1)
  int64_t warn_after = 4LL * 3600 * 1000;           // the sender is told of a delay, once (NOTIFY=DELAY); 0: never
  int64_t bounce_max_age = 1LL * 24 * 3600 * 1000;  // of mail with the null sender
  int64_t sent_max_age = 14LL * 24 * 3600 * 1000;   // of a Sent copy for another server; nobody is told
  size_t per_destination = 4;                       // jobs at once
  size_t local_concurrency = 8;                     // the same for our own mail store
  size_t total = 64;
  size_t recipients_per_job = 100;
};

struct Job {
  QueueId id;
  std::string destination;
  std::vector<size_t> recipients;  // indexes into the envelope
  bool operator==(const Job&) const = default;
};

// When a recipient that has failed `attempts` times (>= 1) is tried again, from `now`.
int64_t retry_at(const ScheduleConfig& config, uint32_t attempts, int64_t now);
bool expired(const ScheduleConfig& config, const Envelope& envelope, int64_t now);

class Schedule {
 public:
  static constexpr std::string_view kLocal = "local";  // destination of the mail store
  // `destination_of` names where a recipient goes (route.h).
  Schedule(ScheduleConfig config, std::function<std::string(const Recipient&)> destination_of);

  // Enters the waiting ones among `recipients` (indexes; all when empty).
  void add(const Envelope& envelope, std::vector<size_t> recipients = {});
  // A job whose time has come and whose destination has room; it counts as running until finish().
  std::optional<Job> next(int64_t now);
  // The earliest time at which next() may have more because of the clock alone.
  std::optional<int64_t> next_due() const;
  void finish(const Job& job);
  // Everything waiting for `destination` (empty: everything) is due now: "queue flush".
  void flush(const std::string& destination, int64_t now);
  void forget(const QueueId& id);  // not the running ones
  // Other limits and waits from now on; what waits keeps its time.
  void set_config(ScheduleConfig config);
  // Destinations have changed: what does not run is put in order anew. `find` knows every message.
  void reroute(const std::function<const Envelope&(const QueueId&)>& find);

  size_t waiting() const { return waiting_.size(); }
  size_t running() const { return running_; }

 private:
  struct Destination {
    std::deque<Job> ready;
    size_t running = 0;
  };
  size_t limit(const std::string& destination) const;
  void offer(const std::string& destination);
  void offer_all();
  ScheduleConfig config_;
  std::function<std::string(const Recipient&)> destination_of_;
  std::multimap<int64_t, Job> waiting_;  // by due time
  std::map<std::string, Destination> destinations_;
  std::deque<std::string> turn_;  // destinations that have both work and room, each once
  std::set<std::string> in_turn_;
  size_t running_ = 0;
};

}  // namespace bz::queue

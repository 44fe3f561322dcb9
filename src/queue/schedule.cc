#include "queue/schedule.h"

#include <algorithm>

#include "base/check.h"

namespace bz::queue {

int64_t retry_at(const ScheduleConfig& config, uint32_t attempts, int64_t now) {
  BZ_CHECK(!config.retry.empty(), "no waits between attempts");
  return now + config.retry[std::min<size_t>(std::max(attempts, 1u) - 1, config.retry.size() - 1)];
}

bool expired(const ScheduleConfig& config, const Envelope& envelope, int64_t now) {
  return now - envelope.received >= (envelope.sender.is_null() ? config.bounce_max_age : config.max_age);
}

Schedule::Schedule(ScheduleConfig config, std::function<std::string(const Recipient&)> destination_of)
    : config_(std::move(config)), destination_of_(std::move(destination_of)) {}

size_t Schedule::limit(const std::string& destination) const {
  return destination == kLocal ? config_.local_concurrency : config_.per_destination;
}

void Schedule::add(const Envelope& envelope, std::vector<size_t> recipients) {
  if (recipients.empty()) {
    for (size_t i = 0; i < envelope.recipients.size(); ++i) recipients.push_back(i);
  }
  // The Sent copy is another sequence of bytes, so it makes jobs of its own.
  std::map<std::tuple<std::string, int64_t, bool>, Job> jobs;
  for (const size_t i : recipients) {
    const auto& r = envelope.recipients[i];
    if (!r.waiting()) continue;
    auto destination = destination_of_(r);
    auto& job = jobs[{destination, r.next_try, r.cls == RecipientClass::SentCopy}];
    job.id = envelope.id;
    job.destination = std::move(destination);
    job.recipients.push_back(i);
    if (job.recipients.size() == config_.recipients_per_job) waiting_.emplace(r.next_try, std::exchange(job, {}));
  }
  for (auto& [key, job] : jobs) {
    if (!job.recipients.empty()) waiting_.emplace(std::get<1>(key), std::move(job));
  }
}

// Gives the destination a place in the turn, if it has work and room and none yet.
void Schedule::offer(const std::string& destination) {
  const auto it = destinations_.find(destination);
  if (it == destinations_.end()) return;
  if (it->second.ready.empty() && it->second.running == 0) {
    destinations_.erase(it);
    return;
  }
  if (it->second.ready.empty() || it->second.running >= limit(destination)) return;
  if (in_turn_.insert(destination).second) turn_.push_back(destination);
}

std::optional<Job> Schedule::next(int64_t now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    auto node = waiting_.extract(waiting_.begin());
    const auto destination = node.mapped().destination;
    destinations_[destination].ready.push_back(std::move(node.mapped()));
    offer(destination);
  }
  if (turn_.empty() || running_ >= config_.total) return std::nullopt;
  const auto name = std::move(turn_.front());
  turn_.pop_front();
  in_turn_.erase(name);
  auto& destination = destinations_.at(name);
  BZ_CHECK(!destination.ready.empty(), "a destination without work has no turn");
  auto job = std::move(destination.ready.front());
  destination.ready.pop_front();
  ++destination.running;
  ++running_;
  offer(name);
  return job;
}

std::optional<int64_t> Schedule::next_due() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

void Schedule::finish(const Job& job) {
  const auto it = destinations_.find(job.destination);
  BZ_CHECK(it != destinations_.end() && it->second.running > 0, "finish() of a job that does not run");
  --it->second.running;
  --running_;
  offer(job.destination);
}

void Schedule::flush(const std::string& destination, int64_t now) {
  std::multimap<int64_t, Job> kept;
  for (auto& [due, job] : waiting_) {
    const bool hurry = destination.empty() || job.destination == destination;
    kept.emplace(hurry ? std::min(due, now) : due, std::move(job));
  }
  waiting_ = std::move(kept);
}

void Schedule::offer_all() {
  turn_.clear();
  in_turn_.clear();
  for (auto it = destinations_.begin(); it != destinations_.end();) offer(std::string((it++)->first));
}

void Schedule::set_config(ScheduleConfig config) {
  BZ_CHECK(!config.retry.empty(), "no waits between attempts");
  config_ = std::move(config);
  offer_all();  // a destination may have more room
}

void Schedule::reroute(const std::function<const Envelope&(const QueueId&)>& find) {
  std::multimap<int64_t, Job> before = std::exchange(waiting_, {});
  for (auto& [name, destination] : destinations_) {
    for (Job& job : std::exchange(destination.ready, {})) before.emplace(0, std::move(job));  // due long ago
  }
  // What waited apart may go together now, or the other way round; the Sent copy stays alone.
  std::map<std::tuple<int64_t, QueueId, std::string, bool>, Job> jobs;
  for (auto& [due, job] : before) {
    const Envelope& envelope = find(job.id);
    for (const size_t i : job.recipients) {
      const auto& r = envelope.recipients[i];
      auto destination = destination_of_(r);
      auto& part = jobs[{due, job.id, destination, r.cls == RecipientClass::SentCopy}];
      part.id = job.id;
      part.destination = std::move(destination);
      part.recipients.push_back(i);
      if (part.recipients.size() == config_.recipients_per_job) waiting_.emplace(due, std::exchange(part, {}));
    }
  }
  for (auto& [key, part] : jobs) {
    if (!part.recipients.empty()) waiting_.emplace(std::get<0>(key), std::move(part));
  }
  offer_all();
}

void Schedule::forget(const QueueId& id) {
  std::erase_if(waiting_, [&](const auto& entry) { return entry.second.id == id; });
  for (auto it = destinations_.begin(); it != destinations_.end();) {
    auto& [name, destination] = *it++;
    std::erase_if(destination.ready, [&](const Job& job) { return job.id == id; });
    if (!destination.ready.empty() || in_turn_.erase(name) == 0) continue;
    std::erase(turn_, name);
    offer(std::string(name));
  }
}

}  // namespace bz::queue

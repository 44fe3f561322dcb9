#include "delivery/worker.h"

#include <algorithm>

#include "base/log.h"

namespace bz::delivery {

Worker::Worker(net::Loop& loop, queue::Queue& queue, net::Dns& dns, LegOpener& legs, const Settings& settings,
               base::Clock& clock, base::Random& random)
    : loop_(loop),
      queue_(queue),
      clock_(clock),
      pool_(loop, settings.idle_links, settings.idle_time),
      lmtp_(legs, settings, pool_),
      smtp_(loop, dns, settings, pool_, random),
      timer_(loop, [this] { pump(); }),
      tasks_(loop) {}

Worker::~Worker() {
  *alive_ = false;
  pause();
  tasks_.cancel();
}

void Worker::start() {
  on_ = true;
  queue_.on_work([this] { wake(); });
  wake();
}

void Worker::pause() {
  // The queue may have another worker by now, whose call it is.
  if (std::exchange(on_, false)) queue_.on_work({});
  timer_.cancel();
}

// The queue calls while it works: jobs are taken out afterwards.
void Worker::wake() {
  if (std::exchange(waking_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    waking_ = false;
    pump();
  });
}

void Worker::pump() {
  if (!on_) return;
  while (auto job = queue_.next_job()) tasks_.spawn(run(std::move(*job)));
  if (!reporting_) tasks_.spawn(report());
  const auto due = queue_.next_due();
  if (!due) return timer_.cancel();
  // Not sooner than in a while when what is due waits for room: finish() wakes us then.
  const int64_t wait = std::clamp<int64_t>(*due - clock_.unix_millis(), 100, 3'600'000);
  timer_.arm(net::Deadline::in(net::Millis(wait)));
}

Task<void> Worker::report() {
  reporting_ = true;
  auto reporting = queue_.retry_reports();
  const auto reported = co_await reporting;
  if (!reported) log::event(log::Err, "queue_failed").error(reported.error());
  reporting_ = false;
}

Task<void> Worker::run(queue::Job job) {
  const auto* entry = queue_.find(job.id);
  BZ_CHECK(entry != nullptr, "a job without its message");
  std::vector<queue::Attempt> attempts;
  if (job.destination == queue::Schedule::kLocal) {
    auto delivering = lmtp_.deliver(job, *entry, queue_);
    attempts = co_await delivering;
  } else {
    auto delivering = smtp_.deliver(job, *entry, queue_);
    attempts = co_await delivering;
  }
  auto settling = queue_.settle(std::move(job), std::move(attempts));
  const auto settled = co_await settling;
  if (!settled) log::event(log::Err, "queue_failed").error(settled.error());
}

}  // namespace bz::delivery

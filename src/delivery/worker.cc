#include "delivery/worker.h"

#include <algorithm>

#include "base/log.h"

namespace bz::delivery {

Worker::Worker(net::Loop& loop, queue::Queue& queue, net::Dns& dns, LegOpener& legs, const Settings& settings,
               base::Clock& clock, base::Random& random)
    : loop_(loop),
      queue_(queue),
      settings_(settings),
      clock_(clock),
      pool_(loop, settings.idle_links, settings.idle_time),
      lmtp_(legs, settings, pool_),
      smtp_(loop, dns, settings, pool_, random),
      sent_(legs, settings),
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

// People move while their mail waits. Asked only where there is more than one place to be.
Task<Worker::Look> Worker::look_again(const queue::Job& job, const queue::Entry& entry) {
  std::vector<queue::MailboxPlace> places;
  Look look;
  for (const size_t i : job.recipients) {
    const queue::Recipient& r = entry.envelope.recipients[i];
    if (r.cls == queue::RecipientClass::Relay || (settings_.servers.empty() && r.server.empty())) co_return look;
    auto asking = queue_.directory().place_of(r.rcpt.account);
    auto place = co_await asking;
    if (!place) {
      look.attempts = same_for_all(job.recipients.size(), {451, "4.3.0", "The directory does not answer now"}, "");
      co_return look;
    }
    const bool sent = r.cls == queue::RecipientClass::SentCopy;
    if (place->gone) {  // nowhere else to go
      place->server = r.server;
      place->host = r.host;
    }
    look.moved = look.moved || place->server != r.server || place->host != r.host;
    if (sent && (place->gone || !place->takes_sent_copy)) {
      const smtp::Reply why(250, "2.0.0", place->gone ? "The account is gone" : "No Sent copy there (master_user)");
      look.attempts.push_back({{smtp::Outcome::Kind::Done, why}, place->server, false});
    } else if (!sent && !place->takes_mail) {
      const smtp::Reply why(451, "4.3.5", "Server " + place->server + " takes no mail from us (delivery_port)");
      look.attempts.push_back({{smtp::Outcome::Kind::Temporary, why}, place->server, false});
    }
    if (places.empty()) look.user = place->user;
    places.push_back(std::move(*place));
  }
  if (look.moved) {
    log::event(log::Info, "rerouted")
        .field("qid", job.id)
        .field("from", job.destination)
        .field("to", places.front().server);
    queue_.reroute(job, places);
  } else if (!look.attempts.empty() && look.attempts.size() < job.recipients.size()) {
    // One server, and what it lacks for one it lacks for all, but for an account that went away this moment.
    look.attempts = same_for_all(job.recipients.size(), {451, "4.3.0", "Tried again with the others"}, job.destination);
  }
  co_return look;
}

Task<void> Worker::run(queue::Job job) {
  const auto* entry = queue_.find(job.id);
  BZ_CHECK(entry != nullptr, "a job without its message");
  std::vector<queue::Attempt> attempts;
  auto looking = look_again(job, *entry);
  auto look = co_await looking;
  if (look.moved) co_return;
  if (!look.attempts.empty()) {
    attempts = std::move(look.attempts);
  } else if (entry->envelope.recipients[job.recipients.front()].to_sent_elsewhere()) {
    auto delivering = sent_.deliver(job, std::move(look.user), *entry, queue_);
    attempts = co_await delivering;
  } else if (job.destination == queue::Schedule::kLocal) {
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

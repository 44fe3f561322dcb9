#include "delivery/pool.h"

#include <algorithm>

namespace bz::delivery {

Pool::Pool(net::Loop& loop, size_t per_key, net::Millis idle_time)
    : per_key_(per_key), idle_time_(idle_time), goodbyes_(loop), timer_(loop, [this] { expire(); }) {}

std::unique_ptr<Link> Pool::take(const std::string& key) {
  const auto found = std::find_if(idle_.begin(), idle_.end(), [&](const Idle& idle) { return idle.key == key; });
  if (found == idle_.end()) return nullptr;
  auto link = std::move(found->link);
  idle_.erase(found);
  return link;
}

Task<void> Pool::say_goodbye(std::unique_ptr<Link> link) {
  auto quitting = link->quit();
  co_await quitting;
}

void Pool::give(const std::string& key, std::unique_ptr<Link> link) {
  if (!link->usable()) return;
  const auto same = std::count_if(idle_.begin(), idle_.end(), [&](const Idle& idle) { return idle.key == key; });
  if (static_cast<size_t>(same) >= per_key_) return goodbyes_.spawn(say_goodbye(std::move(link)));
  idle_.push_back({key, std::move(link), std::chrono::steady_clock::now() + idle_time_});
  arm();
}

void Pool::arm() {
  if (!idle_.empty()) timer_.arm(net::Deadline(idle_.front().until));
}

void Pool::expire() {
  const auto now = std::chrono::steady_clock::now();
  while (!idle_.empty() && idle_.front().until <= now) {
    goodbyes_.spawn(say_goodbye(std::move(idle_.front().link)));
    idle_.pop_front();
  }
  arm();
}

}  // namespace bz::delivery

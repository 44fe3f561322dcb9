#include "egress/health.h"

#include <algorithm>

namespace bz::egress {

void Health::Attempt::end(End end) {
  if (Health* health = std::exchange(health_, nullptr)) health->settle(host_, end);
}

Result<Health::Attempt> Health::begin(const std::string& host) {
  auto it = hosts_.find(host);
  if (it == hosts_.end()) {
    if (hosts_.size() >= options_.max_hosts) {
      std::erase_if(hosts_, [](const auto& entry) { return entry.second.logins == 0; });
      if (hosts_.size() >= options_.max_hosts) return fail(Errc::Limit, "logins at too many hosts");
    }
    it = hosts_.emplace(host, State{}).first;
  }
  State& state = it->second;
  if (state.failures > 0) {
    if (state.probing || clock_.mono() < state.until) return fail(Errc::Unavailable, host + " could not be reached lately");
    state.probing = true;
  }
  if (state.logins >= options_.max_logins) return fail(Errc::Limit, "too many logins under way at " + host);
  ++state.logins;
  return Attempt(*this, host);
}

void Health::settle(const std::string& host, Attempt::End end) {
  State& state = hosts_[host];
  --state.logins;
  state.probing = false;
  if (end == Attempt::End::Reached) {
    state.failures = 0;
  } else if (end == Attempt::End::Failed && clock_.mono() >= state.until) {
    // Those who failed together count once.
    const unsigned doublings = std::min(state.failures++, 16u);
    const int64_t wait = std::min(options_.first_wait.count() << doublings, options_.longest_wait.count());
    const auto jitter = static_cast<int64_t>(random_.u64() % static_cast<uint64_t>(wait + 1));
    state.until = clock_.mono() + base::Millis(wait / 2 + jitter / 2 + 1);
  }
}

}  // namespace bz::egress

#include "roles/upkeep.h"

#include <algorithm>

#include "base/log.h"

namespace bz::roles {

base::Millis until_hour(int64_t unix_seconds, unsigned hour) {
  constexpr int64_t kHour = 3600, kDay = 24 * kHour;
  const int64_t wait = (static_cast<int64_t>(hour) * kHour - unix_seconds % kDay + kDay) % kDay;
  return std::chrono::seconds(wait == 0 ? kDay : wait);
}

base::Millis until_upkeep(int64_t unix_seconds, unsigned hour, base::Millis every) {
  if (every.count() == 0) return until_hour(unix_seconds, hour);
  return std::max<base::Millis>(every, std::chrono::seconds(1));
}

Upkeep::Upkeep(RoleHost& host, kv::RocksStore& store, net::BlockingPool& pool, base::Clock& clock)
    : host_(host),
      store_(store),
      pool_(pool),
      clock_(clock),
      timer_(host.loop(),
             [this] {
               plan();
               if (!running_) tasks_.spawn(run(std::nullopt));
             }),
      tasks_(host.loop()) {
  plan();
}

Upkeep::~Upkeep() { store_.interrupt(); }

void Upkeep::plan() {
  const Config& config = host_.config();
  timer_.arm(net::Deadline::in(until_upkeep(clock_.unix_seconds(), config.upkeep_hour, config.upkeep_every)));
}

void Upkeep::reload() { plan(); }

void Upkeep::control(ControlCall call) { tasks_.spawn(run(std::move(call))); }

Task<void> Upkeep::run(std::optional<ControlCall> call) {
  const base::MonoTime begun = clock_.mono();
  ++running_;
  auto working = pool_.run<bool>(host_.loop(), [store = &store_]() -> Result<bool> {
    BZ_TRY_VOID(store->maintain());
    return true;
  });
  auto done = co_await working;
  --running_;
  {
    auto event = log::event(done ? log::Info : log::Err, "upkeep");
    event.field("why", call ? "asked to" : "it is time");
    event.field("ms", std::chrono::duration_cast<base::Millis>(clock_.mono() - begun).count());
    if (!done) event.error(done.error());
  }
  if (!call) co_return;
  if (done) {
    call->answer({0, host_.role() + ": space of removed messages is given back\n", {}});
  } else {
    call->answer({1, {}, host_.role() + ": " + done.error().to_string() + "\n"});
  }
}

}  // namespace bz::roles

#include "roles/upkeep.h"

#include "base/log.h"

namespace bz::roles {

base::Millis until_hour(int64_t unix_seconds, unsigned hour) {
  constexpr int64_t kHour = 3600, kDay = 24 * kHour;
  const int64_t wait = (static_cast<int64_t>(hour) * kHour - unix_seconds % kDay + kDay) % kDay;
  return std::chrono::seconds(wait == 0 ? kDay : wait);
}

Upkeep::Upkeep(RoleHost& host, kv::RocksStore& store, net::BlockingPool& pool, base::Clock& clock)
    : host_(host),
      store_(store),
      pool_(pool),
      clock_(clock),
      timer_(host.loop(),
             [this] {
               plan();
               tasks_.spawn(run(std::nullopt));
             }),
      tasks_(host.loop()) {
  plan();
}

Upkeep::~Upkeep() { store_.interrupt(); }

void Upkeep::plan() { timer_.arm(net::Deadline::in(until_hour(clock_.unix_seconds(), host_.config().upkeep_hour))); }

void Upkeep::reload() { plan(); }

void Upkeep::control(ControlCall call) { tasks_.spawn(run(std::move(call))); }

Task<void> Upkeep::run(std::optional<ControlCall> call) {
  auto working = pool_.run<bool>(host_.loop(), [store = &store_]() -> Result<bool> {
    BZ_TRY_VOID(store->maintain());
    return true;
  });
  auto done = co_await working;
  if (!done) log::event(log::Err, "upkeep").error(done.error());
  if (!call) co_return;
  if (done) {
    call->answer({0, host_.role() + ": space of removed messages is given back\n", {}});
  } else {
    call->answer({1, {}, host_.role() + ": " + done.error().to_string() + "\n"});
  }
}

}  // namespace bz::roles

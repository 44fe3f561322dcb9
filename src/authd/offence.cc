// What becomes of a failed login beyond its answer: the guard counts it, the log tells it to programs that watch, and the
// administrator learns which device keeps an old password.
#include "authd/exchange.h"
#include "base/log.h"

namespace bz::authd {

namespace {
constexpr size_t kMaxDeviceText = 200, kMaxClosedLogged = 10'000;
constexpr base::Millis kClosedLogEvery{60'000};
}  // namespace

std::string device_of(const wire::SaslStart& start) {
  std::string out = (start.client_id.empty() ? start.client_name : start.client_id).substr(0, kMaxDeviceText);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return out;
}

// The form of "offence" is promised: peer first, then service, kind, failures; what comes later stands behind them.
void Service::count_failure(Exchange& x) {
  const directory::Guard::Failure failure = guard_.failed(x.attempt());
  if (!failure.counted) return;
  log::Event event(log::Warn, "offence");
  event.field("peer", x.start.client_address).field("service", wire::name(x.start.service)).field("kind", "guess");
  event.field("failures", failure.of_address).field("sid", x.start.session_id);
  if (directory::normal_address(x.user)) event.field("user", x.user);
}

// An address past its budget that goes on: once a minute.
void Service::log_closed(const Exchange& x) {
  const base::MonoTime now = world_.clock.mono();
  base::MonoTime& last = closed_logged_.touch(directory::address_key(x.start.client_address), kMaxClosedLogged);
  if (last != base::MonoTime{} && now - last < kClosedLogEvery) return;
  last = now;
  log::event(log::Warn, "offence")
      .field("peer", x.start.client_address)
      .field("service", wire::name(x.start.service))
      .field("kind", "closed")
      .field("failures", options_.guard.max_failures)
      .field("sid", x.start.session_id);
}

void Service::note_wrong(const Exchange& x, const Secret& password, bool asked) {
  const std::string address = x.start.client_address;
  const auto* device = stale_.wrong({x.account.id, x.account.name, address, x.device, wire::name(x.start.service)},
                                    x.account.verifier_version, password, asked);
  if (device == nullptr) return;
  log::event(log::Warn, "stale_password")
      .field("account", x.account.name)
      .field("peer", address)
      .field("client", x.device)
      .field("service", wire::name(x.start.service))
      .field("count", device->count)
      .field("since", device->first);
}

}  // namespace bz::authd

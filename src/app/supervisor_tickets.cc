// Keys of TLS session tickets: one ring for all gateways of a system. It is drawn and rotated here, or comes from the
// administrator's file; role inner passes it to the nodes. On a node the inside's ring goes before our own, for as long as
// it comes: a node that has not heard of a new one for twice its life rotates by itself again.
#include <algorithm>
#include <chrono>

#include "app/supervisor.h"
#include "base/log.h"
#include "crypto/tls_tickets.h"

namespace bz::app {
namespace {

constexpr base::Millis kRotateAgain{5'000};  // when a reload is under way
constexpr uint64_t kLongestLife = 7 * 86'400;

}  // namespace

const Secret& Supervisor::ticket_keys() const {
  auto file = loaded_.secrets.find(roles::secrets::kTicketKeys);
  if (file == loaded_.secrets.end() || spent_file_.equals(file->second.reveal())) return ticket_keys_;
  return file->second;
}

// Resumption goes on: the ring keeps the previous keys.
void Supervisor::rotate_tickets() {
  ticket_timer_.arm(net::Deadline::in(reload_ ? kRotateAgain : loaded_.config.tls.ticket_rotation));
  if (reload_ || stopping_ || &ticket_keys() != &ticket_keys_) return;
  auto ring = crypto::rotate_ticket_keys(ticket_keys_, base::system_random());
  BZ_CHECK(ring.has_value(), "a ring that was checked");
  ticket_keys_ = std::move(*ring);
  log::event(log::Info, "ticket_keys_rotated");
  spread_tickets();
}

// Nothing of the old ring stays, and no ticket made before is worth anything.
void Supervisor::forget_tickets() {
  auto file = loaded_.secrets.find(roles::secrets::kTicketKeys);
  if (file != loaded_.secrets.end()) {
    spent_file_ = file->second;
    log::event(log::Warn, "ticket_key_file_spent")
        .field("file", loaded_.config.tls.ticket_key_file)
        .field("why", "a node that knew it is revoked: remove it, then buzon tls rotate; until then keys of our own");
  }
  ticket_keys_ = crypto::rotate_ticket_keys(Secret(), base::system_random()).value();
  ticket_timer_.arm(net::Deadline::in(loaded_.config.tls.ticket_rotation));
  log::event(log::Info, "ticket_keys_drawn_anew");
  spread_tickets();
}

void Supervisor::take_tickets(Child& connector, const net::Message& message) {
  auto given = wire::TicketKeys::decode(message.payload);
  Secret ring(given ? std::move(given->keys) : std::string());
  auto parsed = crypto::parse_ticket_keys(ring);
  if (!given || !parsed) {
    log::event(log::Err, "role_message_refused")
        .field("role", connector.name())
        .error(given ? parsed.error() : given.error());
    return;
  }
  ticket_timer_.cancel();
  if (given->life != 0) ticket_timer_.arm(net::Deadline::in(std::chrono::seconds(2 * std::min(given->life, kLongestLife))));
  if (ticket_keys_.equals(ring.reveal())) return;
  ticket_keys_ = std::move(ring);
  log::event(log::Info, "ticket_keys_from_inside");
  if (&ticket_keys() == &ticket_keys_) spread_tickets();
}

// A reload of those that hold them, and of nobody else.
void Supervisor::spread_tickets() {
  ++generation_;  // who starts just now is told when it is ready
  if (stopping_) return;
  if (reload_) {
    tickets_again_ = true;
    return;
  }
  reload_.emplace();
  tell_gateways();
}

}  // namespace bz::app

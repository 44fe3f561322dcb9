// Keys of TLS session tickets for all gateways of the system (docs/decisions/0010-dmz-split.md): the supervisor here draws
// and rotates them, we pass them to the nodes that are linked, and when a node is struck from the list all of them are new.
// Which gateway a client meets next is then the same to it, and a node that was thrown out has keys of the past alone.
#include <chrono>

#include "base/log.h"
#include "roles/inner_door.h"

namespace bz::roles {

void InnerRole::spread_tickets() {
  const Secret& keys = host_->secret(secrets::kTicketKeys);
  if (ticket_keys_.equals(keys.reveal())) return;
  ticket_keys_ = keys;
  for (Link* link : std::set<Link*>(links_)) tell_tickets(*link);
}

// A ring of the administrator's file comes when he writes it; ours comes again in time.
void InnerRole::tell_tickets(Link& link) {
  if (ticket_keys_.empty()) return;
  const TlsConfig& tls = host_->config().tls;
  const auto life = std::chrono::ceil<std::chrono::seconds>(tls.ticket_rotation).count();
  wire::TicketKeys record{tls.ticket_key_file.empty() ? static_cast<uint64_t>(life) : 0,
                          std::string(ticket_keys_.reveal())};
  std::string payload = record.encode();
  send_to(link, wire::Type::TicketKeys, payload);
  base::wipe(payload.data(), payload.size());
  base::wipe(record.keys.data(), record.keys.size());
}

void InnerRole::forget_tickets() {
  auto asked = host_->ask_supervisor(wire::Type::ForgetTickets, {});
  if (!asked) log::event(log::Err, "ticket_keys_kept").error(asked.error());
}

}  // namespace bz::roles

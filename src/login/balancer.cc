#include "login/balancer.h"

#include <array>

#include "base/log.h"
#include "wire/proxy_protocol.h"

namespace bz::login {
namespace {

Task<Result<wire::ProxyHeader>> read_header(Client& client) {
  const auto deadline = net::Deadline::in(client.settings->limits.proxy_header);
  std::string bytes;
  for (;;) {
    BZ_CO_TRY(auto step, wire::parse_proxy_header(bytes));
    if (step.wants == 0) co_return std::move(step.header);
    std::array<char, 512> buffer;
    const std::span<char> wanted(buffer.data(), std::min(step.wants, buffer.size()));
    auto reading = client.stream.read_some(wanted, deadline);
    BZ_CO_TRY(const size_t got, co_await reading);
    if (got == 0) co_return fail(Errc::Closed, bytes.empty() ? "nothing was sent" : "ended within the PROXY header");
    bytes.append(buffer.data(), got);
  }
}

}  // namespace

Task<bool> take_proxy_header(Client& client) {
  const net::Endpoint balancer = client.peer;
  if (!client.door->balancers.contains(balancer.address)) {
    log::event(log::Warn, "refused")
        .field("peer", balancer.to_string())
        .field("listener", client.door->name)
        .field("why", "not one of the listener's balancers");
    co_return false;
  }
  auto reading = read_header(client);
  auto header = co_await reading;
  if (!header) {
    // A balancer that looks whether the port is open says nothing and leaves.
    const bool looked = header.error().code() == Errc::Closed;
    log::event(looked ? log::Debug : log::Warn, "refused")
        .field("peer", balancer.to_string())
        .field("listener", client.door->name)
        .error(header.error());
    co_return false;
  }
  if (header->client) {
    client.peer = {header->client->peer_address, header->client->peer_port};
    client.local = {header->client->local_address, header->client->local_port};
  }
  log::event(header->client ? log::Info : log::Debug, "proxied")
      .field("sid", client.sid)
      .field("balancer", balancer.to_string())
      .field("peer", client.peer.to_string())
      .field("version", header->version);
  co_return true;
}

}  // namespace bz::login

#include "roles/role.h"

#include "base/log.h"

namespace bz::roles {

bool Peer::up() const { return greeted_ && channel_ && channel_->open(); }

Result<void> Peer::send(wire::Type type, std::string_view payload, std::vector<net::OwnedFd> fds) {
  if (!up()) return fail(Errc::Unavailable, id_.role + " is not there");
  return channel_->send(static_cast<uint8_t>(type), payload, std::move(fds));
}

RoleHost::RoleHost(net::Loop& loop, std::string role, uint32_t index)
    : loop_(loop), tasks_(loop), role_(std::move(role)), index_(index) {}
RoleHost::~RoleHost() = default;

const Secret& RoleHost::secret(std::string_view name) const {
  static const Secret kNone;
  auto it = secrets_.find(name);
  return it == secrets_.end() ? kNone : it->second;
}

int RoleHost::take_listener(std::string_view name) {
  auto it = listeners_.find(name);
  return it == listeners_.end() ? -1 : it->second.release();
}

Peer* RoleHost::peer(std::string_view role, uint32_t index) {
  auto it = peers_.find({std::string(role), index});
  return it == peers_.end() ? nullptr : it->second.get();
}

std::vector<Peer*> RoleHost::peers(std::string_view role) {
  std::vector<Peer*> out;
  for (auto& [id, peer] : peers_) {
    if (id.first == role) out.push_back(peer.get());
  }
  return out;
}

void RoleHost::give_up(const Error& why) {
  loop_.post([this, why] {
    if (on_give_up_) on_give_up_(why);
  });
}

Result<void> RoleHost::ask_supervisor(wire::Type type, std::string_view payload) {
  if (!on_ask_) return fail(Errc::Closed, "no supervisor");
  return on_ask_(type, payload);
}

os::Policy Role::policy(const RoleHost& host) const {
  auto policy = os::policy_of(host.role());
  BZ_CHECK(policy.has_value(), "every role is in the table of os/sandbox");
  return std::move(*policy);
}

wire::Hello Role::hello(const RoleHost& host) const {
  wire::Hello hello;
  hello.role = host.role();
  return hello;
}

void Role::control(ControlCall call) { call.answer({2, {}, "this role knows no such command\n"}); }

Task<void> Role::drain(RoleHost&) { co_return; }

Task<void> Role::stop() { co_return; }

}  // namespace bz::roles

#include "roles/inner_door.h"

#include <algorithm>

#include "base/log.h"
#include "net/begin_connect.h"

namespace bz::roles {
namespace {

constexpr net::Millis kHandshakeTime{5'000}, kHandoffTime{5'000};
constexpr net::Millis kRenewal{24 * 3'600'000};  // of our own certificate
constexpr size_t kMaxPending = 500;              // connections before they are let in
constexpr size_t kMaxExchanges = 20'000;         // logins under way of one worker

bool goes_to(wire::Service service, InnerTarget target) {
  switch (service) {
    case wire::Service::Imap:
    case wire::Service::Pop3:
      return target == InnerTarget::Mailstore || target == InnerTarget::Egress;
    case wire::Service::Submission:
      return target == InnerTarget::Mta || target == InnerTarget::Egress;
    case wire::Service::Mx:
      return target == InnerTarget::Mta;
    case wire::Service::Lmtp:
      return false;  // it takes a peer's word for the sender; no node's is good for that
  }
  return false;
}

bool is_front(Front front, wire::Service service) {
  switch (service) {
    case wire::Service::Imap:
      return front == Front::Imap;
    case wire::Service::Pop3:
      return front == Front::Pop3;
    case wire::Service::Submission:
      return front == Front::Submission || front == Front::Mx;  // phones that know port 25 only
    case wire::Service::Mx:
      return front == Front::Mx;
    case wire::Service::Lmtp:
      return false;
  }
  return false;
}

}  // namespace

struct InnerRole::Node {
  Node(net::Loop& loop, std::string n) : name(std::move(n)), tasks(loop) {}
  std::string name;
  net::TaskGroup tasks;  // its connections: cancelled when it is revoked
};

struct InnerRole::Link {
  Link(InnerRole& r, const Node& n, std::unique_ptr<net::Stream> stream)
      : role(r),
        node(n),
        channel(std::move(stream), [this](wire::Frame f) { return role.from_node(*this, std::move(f)); }) {
    role.links_.insert(this);
  }
  ~Link() { role.forget(*this); }
  InnerRole& role;
  const Node& node;
  std::map<uint64_t, uint64_t> exchanges;  // theirs -> the number auth knows
  InnerLink channel;
};

InnerRole::InnerRole() = default;
InnerRole::~InnerRole() = default;

void InnerRole::cut(const std::string& name) { nodes_.erase(name); }

Result<void> InnerRole::prepare(RoleHost& host) {
  host_ = &host;
  BZ_TRY_VOID(read_authority());
  return make_context();
}

Task<Result<void>> InnerRole::start(RoleHost& host) {
  pool_ = std::make_unique<net::BlockingPool>(1, 16);
  BZ_CO_TRY_VOID(reload(host));
  const int door = host.take_listener("enroll");
  if (door < 0) co_return fail(Errc::NotFound, "no descriptor for inner port enroll");
  listeners_.push_back(std::make_unique<net::Listener>(host.loop(), door, [this](int connection) {
    if (may_come(connection)) host_->tasks().spawn(enroll(connection));
  }));
  for (InnerTarget target : kInnerTargets) {
    const int fd = host.take_listener(name(target));
    if (fd < 0 && target == InnerTarget::Egress) continue;
    if (fd < 0) co_return fail(Errc::NotFound, "no descriptor for inner port " + std::string(name(target)));
    listeners_.push_back(
        std::make_unique<net::Listener>(host.loop(), fd, [this, target](int connection) { accept(target, connection); }));
  }
  renewal_ = std::make_unique<net::Loop::Timer>(host.loop(), [this] {
    if (auto made = make_context(); !made) log::event(log::Err, "inner_certificate").error(made.error());
    renewal_->arm(net::Deadline::in(kRenewal));
  });
  renewal_->arm(net::Deadline::in(kRenewal));
  co_return Result<void>();
}

// To the others we are a gateway like those of this host.
wire::Hello InnerRole::hello(const RoleHost&) const {
  wire::Hello hello;
  hello.role = "gateway";
  return hello;
}

Task<void> InnerRole::stop() {
  listeners_.clear();
  nodes_.clear();
  co_return;
}

Result<void> InnerRole::reload(RoleHost& host) {
  std::vector<directory::Network> from;
  for (const std::string& text : host.config().inner.from) {
    BZ_TRY(auto network, directory::Network::parse(text));
    from.push_back(network);
  }
  from_ = std::move(from);
  spread_tickets();
  return {};
}

// --- nodes come in

// Closes what may not.
bool InnerRole::may_come(int fd) const {
  net::OwnedFd owned(fd);
  const auto peer = net::peer_of(fd);
  const bool known = from_.empty() || (peer && std::any_of(from_.begin(), from_.end(), [&](const auto& network) {
                                         return network.contains(peer->address);
                                       }));
  if (!known || pending_ >= kMaxPending) {
    log::event(log::Warn, "node_refused").field("address", peer ? peer->address : "").field("waiting", pending_);
    return false;
  }
  (void)owned.release();
  return true;
}

void InnerRole::accept(InnerTarget target, int fd) {
  if (may_come(fd)) host_->tasks().spawn(admit(target, fd));
}

Task<void> InnerRole::admit(InnerTarget target, int fd) {
  struct Count {
    size_t& n;
    explicit Count(size_t& of) : n(of) { ++n; }
    ~Count() { --n; }
  } count(pending_);
  net::notice_silence(fd);
  auto stream = std::make_unique<net::Stream>(host_->loop(), fd);
  auto from = net::peer_of(fd);
  auto shaking = stream->accept_tls(tls_, net::Deadline::in(kHandshakeTime));
  auto shaken = co_await std::move(shaking);
  Result<Node*> node = shaken ? node_of(*stream) : Result<Node*>(shaken.error());
  if (!node) {
    log::event(log::Warn, "node_refused")
        .field("address", from ? from->address : "")
        .field("port", name(target))
        .error(node.error());
    co_return;
  }
  if (target == InnerTarget::Auth) {
    (*node)->tasks.spawn(serve_link(**node, std::move(stream)));
  } else {
    (*node)->tasks.spawn(serve_leg(**node, target, std::move(stream)));
  }
}

Result<InnerRole::Node*> InnerRole::node_of(const net::Stream& stream) {
  const auto& chain = stream.tls().peer_chain;
  if (chain.empty()) return fail(Errc::Denied, "no certificate");
  BZ_TRY(auto identity, crypto::node_identity(chain[0]));
  BZ_TRY_VOID(registry_.check(identity));
  if (identity.role != "gateway") return fail(Errc::Denied, "node " + identity.name + " is no gateway");
  auto& node = nodes_[identity.name];
  if (!node) node = std::make_unique<Node>(host_->loop(), identity.name);
  return node.get();
}

// --- role channels

Task<void> InnerRole::serve_link(Node& node, std::unique_ptr<net::Stream> stream) {
  Link link(*this, node, std::move(stream));
  log::event(log::Info, "node_linked").field("node", node.name);
  for (InnerTarget target : kInnerTargets) {
    const Peer* peer = host_->peer(name(target));
    if (peer && peer->up()) greet(link, *peer);
  }
  tell_tickets(link);
  auto running = link.channel.run();
  const Error why = co_await std::move(running);
  log::event(log::Info, "node_unlinked").field("node", node.name).error(why);
}

bool InnerRole::is_linked(const Node& node) const {
  return std::any_of(links_.begin(), links_.end(), [&](const Link* link) { return &link->node == &node; });
}

void InnerRole::greet(Link& link, const Peer& peer) { link.channel.send(wire::Type::Hello, peer.hello().encode()); }

void InnerRole::send_to(Link& link, wire::Type type, std::string_view payload) { link.channel.send(type, payload); }

// Its logins are over; auth need not wait for them.
void InnerRole::forget(Link& link) {
  links_.erase(&link);
  sessions_.forget(&link);
  Peer* auth = host_->peer("auth");
  for (const auto& [theirs, ours] : link.exchanges) {
    exchanges_.erase(ours);
    if (!auth || !auth->up()) continue;
    auto told = auth->send(wire::Type::SaslAbort, wire::SaslAbort{ours});
    if (!told) log::event(log::Warn, "auth_unreachable").error(told.error());
  }
}

Result<void> InnerRole::from_node(Link& link, wire::Frame frame) {
  const auto type = static_cast<wire::Type>(frame.type);
  if (type == wire::Type::SaslStart) {
    auto begun = begin_exchange(link, frame.payload);
    base::wipe(frame.payload.data(), frame.payload.size());
    return begun;
  }
  if (type == wire::Type::AccountSessions) return count_sessions(link, frame.payload);
  if (type != wire::Type::SaslStep && type != wire::Type::SaslAbort)
    return fail(Errc::Invalid, "a frame of type " + std::to_string(frame.type));
  BZ_TRY(const uint64_t theirs, wire::exchange_of(frame.payload));
  auto known = link.exchanges.find(theirs);
  if (known == link.exchanges.end()) return {};  // its end is under way to there
  BZ_TRY(std::string payload, wire::with_exchange(frame.payload, known->second));
  Peer* auth = host_->peer("auth");
  auto sent = auth ? auth->send(type, payload) : Result<void>(fail(Errc::Unavailable, "auth is not there"));
  base::wipe(payload.data(), payload.size());
  base::wipe(frame.payload.data(), frame.payload.size());
  if (!sent) link.channel.send(wire::Type::SaslFail, wire::SaslFail{theirs, 1, "auth is not there"}.encode());
  if (!sent || type == wire::Type::SaslAbort) {
    exchanges_.erase(known->second);
    link.exchanges.erase(known);
  }
  return {};
}

// A node speaks for its own listeners alone: what may be offered without TLS, or to whom, hangs on the listener's name.
Result<void> InnerRole::begin_exchange(Link& link, std::string_view payload) {
  BZ_TRY(auto start, wire::SaslStart::decode(payload));
  base::wipe(start.initial.data(), start.initial.size());
  const auto& listeners = host_->config().listeners;
  const bool own = std::any_of(listeners.begin(), listeners.end(), [&](const ListenerConfig& listener) {
    return listener.name == start.listener && listener.node == link.node.name;
  });
  if (!own) {
    log::event(log::Warn, "listener_refused").field("node", link.node.name).field("listener", start.listener);
    link.channel.send(wire::Type::SaslFail, wire::SaslFail{start.id, 1, "not a listener of this node"}.encode());
    return {};
  }
  if (link.exchanges.contains(start.id)) return fail(Errc::Invalid, "the number of an exchange comes twice");
  if (link.exchanges.size() >= kMaxExchanges) return fail(Errc::Limit, "too many logins under way");
  const uint64_t ours = ++last_exchange_;
  BZ_TRY(std::string passed, wire::with_exchange(payload, ours));
  Peer* auth = host_->peer("auth");
  auto sent = auth ? auth->send(wire::Type::SaslStart, passed) : Result<void>(fail(Errc::Unavailable, "auth is not there"));
  base::wipe(passed.data(), passed.size());
  if (!sent) {
    link.channel.send(wire::Type::SaslFail, wire::SaslFail{start.id, 1, "auth is not there"}.encode());
    return {};
  }
  link.exchanges[start.id] = ours;
  exchanges_[ours] = {&link, start.id};
  return {};
}

// --- our side

void InnerRole::peer_up(Peer& peer) {
  for (Link* link : links_) greet(*link, peer);
}

void InnerRole::peer_down(Peer& peer) {
  if (peer.role() == "auth") {
    exchanges_.clear();
    sessions_.clear();
    for (Link* link : links_) link->exchanges.clear();
  }
  const std::string gone = wire::Peer{peer.role(), 0}.encode();
  for (Link* link : links_) link->channel.send(wire::Type::PeerGone, gone);
}

void InnerRole::message(Peer& from, net::Message message) {
  const auto type = static_cast<wire::Type>(message.type);
  if (from.role() != "auth") {
    log::event(log::Err, "message_refused").field("peer", from.role()).field("type", message.type);
  } else if (type == wire::Type::EndSessions) {
    for (Link* link : links_) link->channel.send(type, message.payload);
  } else if (type == wire::Type::AskSessions) {
    ask_sessions(message.payload);
  } else {
    from_auth(type, message);
  }
}

void InnerRole::from_auth(wire::Type type, const net::Message& message) {
  const bool last = type == wire::Type::SaslDone || type == wire::Type::SaslFail;
  auto ours = wire::exchange_of(message.payload);
  if ((!last && type != wire::Type::SaslChallenge) || !ours) {
    log::event(log::Err, "message_refused").field("peer", "auth").field("type", message.type);
    return;
  }
  auto known = exchanges_.find(*ours);
  if (known == exchanges_.end()) return;
  const Exchange exchange = known->second;
  auto payload = wire::with_exchange(message.payload, exchange.theirs);
  BZ_CHECK(payload.has_value(), "it has a number");
  exchange.link->channel.send(type, *payload);
  base::wipe(payload->data(), payload->size());
  if (!last) return;
  exchange.link->exchanges.erase(exchange.theirs);
  exchanges_.erase(known);
}

// --- legs

Result<void> InnerRole::check_leg(const Node& node, InnerTarget target, const wire::Handoff& handoff) const {
  if (!goes_to(handoff.service, target))
    return fail(Errc::Denied, std::string(wire::name(handoff.service)) + " does not go to " + std::string(name(target)));
  const auto& listeners = host_->config().listeners;
  const bool own = std::any_of(listeners.begin(), listeners.end(), [&](const ListenerConfig& listener) {
    return listener.node == node.name && is_front(listener.front, handoff.service);
  });
  if (!own) return fail(Errc::Denied, "the node has no listener for " + std::string(wire::name(handoff.service)));
  return {};
}

Result<std::unique_ptr<net::Stream>> InnerRole::open_leg(InnerTarget target) {
  Peer* peer = host_->peer(name(target));
  if (!peer || !peer->up()) return fail(Errc::Unavailable, std::string(name(target)) + " is not there");
  BZ_TRY(auto ends, net::socket_pair());
  auto ours = std::make_unique<net::Stream>(host_->loop(), ends.first);
  std::vector<net::OwnedFd> fds;
  fds.emplace_back(ends.second);
  BZ_TRY_VOID(peer->send(wire::Type::Leg, std::string_view(), std::move(fds)));
  return ours;
}

// The header is read here and passed on as it came: the back end believes it as from any gateway, and the ticket only when
// auth has signed it.
Task<void> InnerRole::serve_leg(Node& node, InnerTarget target, std::unique_ptr<net::Stream> stream) {
  const auto deadline = net::Deadline::in(kHandoffTime);
  std::string bytes, buffer(wire::kMaxHandoff, '\0');
  Result<std::optional<wire::ParsedHandoff>> parsed = std::optional<wire::ParsedHandoff>();
  while (parsed && !*parsed) {
    auto reading = stream->read_some(buffer, deadline);
    auto got = co_await std::move(reading);
    if (!got || *got == 0) co_return;  // a gateway whose client went away
    bytes.append(buffer, 0, *got);
    parsed = wire::parse_handoff(bytes);
  }
  Result<void> good = parsed ? check_leg(node, target, (*parsed)->handoff) : Result<void>(parsed.error());
  Result<std::unique_ptr<net::Stream>> leg = good ? open_leg(target) : Result<std::unique_ptr<net::Stream>>(good.error());
  if (!leg) {
    log::event(log::Warn, "leg_refused").field("node", node.name).field("peer", name(target)).error(leg.error());
    co_return;
  }
  log::event(log::Debug, "leg").field("node", node.name).field("sid", (*parsed)->handoff.session_id);
  parsed = std::optional<wire::ParsedHandoff>();
  auto writing = (*leg)->write_all(bytes, deadline);
  auto written = co_await std::move(writing);
  if (!written) co_return;
  base::wipe(bytes.data(), bytes.size());
  bytes = {};
  buffer = {};
  auto moving = net::splice(*stream, **leg, host_->config().gateway.idle_time);
  auto end = co_await std::move(moving);
  log::event(log::Debug, "leg_ended").field("node", node.name).field("why", end.reason);
}

// --- control

void InnerRole::control(ControlCall call) {
  auto words = call.request().arguments;
  const bool json = std::erase(words, "--json") > 0;
  const auto is = [&](std::string_view verb, size_t count) {
    return words.size() == count && words[0] == "node" && words[1] == verb;
  };
  Result<std::string> done = fail(Errc::Invalid,
                                  "usage: buzon node list\n"
                                  "       buzon node token NAME ROLE SECONDS\n"
                                  "       buzon node ca                 the authority's certificate, for the node\n"
                                  "       buzon node add NAME < REQUEST  prints the node's certificate\n"
                                  "       buzon node revoke NAME\n");
  if (is("list", 2)) return call.answer({0, list_nodes(json), {}});
  if (is("ca", 2)) return call.answer({0, authority_.chain_pem, {}});
  const bool adds = is("add", 3), revokes = is("revoke", 3), tokens = is("token", 5), known = adds || revokes || tokens;
  if (adds) done = add_node(words[2], call.request().input);
  if (revokes) done = revoke_node(words[2]);
  if (tokens) done = make_node_token(words[2], words[3], words[4]);
  if (!done)
    return call.answer({known ? 1u : 2u, {}, (known ? "buzon: " : "") + done.error().text() + (known ? "\n" : "")});
  host_->tasks().spawn(save(std::move(call), std::move(*done)));
}

}  // namespace bz::roles

#include "login/gate.h"

#include <unistd.h>

#include "base/log.h"
#include "crypto/acme_alpn.h"
#include "login/balancer.h"
#include "login/front_imap.h"
#include "login/front_pop3.h"
#include "login/front_smtp.h"
#include "login/line_output.h"
#include "net/passing.h"

namespace bz::login {
namespace {

constexpr size_t kSidLength = 12;
constexpr Millis kGoodbye{5'000};
constexpr Millis kBackEndsTurn{500};  // to end their sessions with a word; all must be over within a second

Task<FrontEnd> run_imap(Client& client) {
  auto front = std::make_unique<ImapFront>(client);
  FrontEnd end = co_await front->run();
  co_return end;
}

Task<FrontEnd> run_pop3(Client& client) {
  auto front = std::make_unique<Pop3Front>(client);
  FrontEnd end = co_await front->run();
  co_return end;
}

Task<FrontEnd> run_smtp(Client& client) {
  auto front = std::make_unique<SmtpFront>(client);
  FrontEnd end = co_await front->run();
  co_return end;
}

}  // namespace

Gate::Gate(const Services& services, std::shared_ptr<const Settings> settings, Capacity capacity)
    : services_(services),
      settings_(std::move(settings)),
      admission_(std::move(capacity.before_login)),
      max_sessions_(capacity.sessions),
      tasks_(services.loop),
      orders_(services.loop) {}

// The tasks give their places back: they go before the admission.
Gate::~Gate() {
  orders_.cancel();
  tasks_.cancel();
}

void Gate::set(std::shared_ptr<const Settings> settings, Capacity capacity) {
  settings_ = std::move(settings);
  admission_.set_limits(std::move(capacity.before_login));
  max_sessions_ = capacity.sessions;
}

size_t Gate::end_sessions(uint64_t account_id, const std::string& device, const std::string& reason) {
  std::vector<uint64_t> numbers = bearers_.of(account_id, device);
  const size_t count = numbers.size();
  for (uint64_t number : numbers) bearers_.order(account_id, number, reason);
  if (count > 0) orders_.spawn(close_late(account_id, std::move(numbers)));
  return count;
}

Task<void> Gate::close_late(uint64_t account_id, std::vector<uint64_t> numbers) {
  auto waiting = services_.loop.sleep(net::Deadline::in(kBackEndsTurn));
  co_await std::move(waiting);
  size_t closed = 0;
  for (uint64_t number : numbers) closed += bearers_.close(account_id, number) ? 1 : 0;
  if (closed > 0) log::event(log::Warn, "sessions_closed").field("account_id", account_id).field("sessions", closed);
}

void Gate::accept(std::shared_ptr<const Door> door, int fd) {
  auto peer = net::peer_of(fd);
  if (!peer || tasks_.size() >= max_sessions_) {
    if (peer) log::event(log::Warn, "refused").field("peer", peer->to_string()).field("why", "too many sessions");
    ::close(fd);
    return;
  }
  std::string sid = services_.random.id(kSidLength);
  tasks_.spawn(serve(std::move(door), fd, std::move(sid)));
}

Task<void> Gate::serve(std::shared_ptr<const Door> door, int fd, std::string sid) {
  auto client = std::make_unique<Client>(services_, bearers_, settings_, std::move(door), fd, std::move(sid));
  if (!client->door->balancers.empty()) {  // before the admission, which counts by the client's own address
    auto taking = take_proxy_header(*client);
    const bool taken = co_await taking;
    if (!taken) co_return;
  }
  // Port 25 is open to them: they may not log in, but mail is another matter.
  if (client->door->service != wire::Service::Mx && admission_.is_denied(client->peer.address)) {
    log::event(log::Info, "refused")
        .field("sid", client->sid)
        .field("peer", client->peer.to_string())
        .field("why", "no logins from this network");
    co_return;
  }
  auto place = admission_.enter(client->peer.address, [raw = client.get()] {
    log::event(log::Warn, "shed").field("sid", raw->sid).field("peer", raw->peer.to_string());
    raw->stream.close();
  });
  if (!place) {
    log::event(log::Warn, "refused").field("peer", client->peer.to_string()).field("why", place.error().text());
    co_return;
  }
  FrontEnd end = co_await greet(*client);
  place->reset();
  if (!end.leg) {
    log::event(log::Info, "end").field("sid", client->sid).field("before_login", "yes").field("reason", end.reason);
    auto ended = co_await client->stream.shutdown(net::Deadline::in(kGoodbye));
    if (!ended) log::event(log::Debug, "shutdown").field("sid", client->sid).error(ended.error());
    co_return;
  }
  LineOutput lines;
  net::SpliceWitness* witness = &lines;
  if (client->door->service == wire::Service::Imap) witness = &client->said;
  if (client->token) {
    client->bearer.on_order([raw = client.get(), &lines, leg = end.leg.get()](const std::string& reason) {
      raw->said.set_farewell(reason.empty() ? "The session is ended" : reason);
      if (raw->door->service == wire::Service::Submission) lines.set_farewell("421 4.3.2 Please connect again\r\n");
      net::hang_up(leg->fd());
    });
  }
  net::SpliceEnd moved = co_await net::splice(client->stream, *end.leg, client->settings->limits.idle, witness);
  log::event(log::Info, "end")
      .field("sid", client->sid)
      .field("in", moved.a_to_b)
      .field("out", moved.b_to_a)
      .field("reason", moved.reason);
}

Task<FrontEnd> Gate::greet(Client& client) {
  if (client.door->tls == TlsMode::Implicit) {
    auto secured = co_await client.start_tls("accept");
    if (!secured) co_return FrontEnd{nullptr, secured.error().to_string()};
    // RFC 8737 section 3: after the handshake of a validator nothing is said.
    if (client.stream.tls().alpn == crypto::kAcmeProtocol) co_return FrontEnd{nullptr, "challenge of an authority"};
  } else {
    log::event(log::Info, "accept")
        .field("sid", client.sid)
        .field("listener", client.door->name)
        .field("peer", client.peer.to_string())
        .field("tls", "none");
  }
  FrontEnd end;
  switch (client.door->service) {
    case wire::Service::Imap:
      end = co_await run_imap(client);
      break;
    case wire::Service::Pop3:
      end = co_await run_pop3(client);
      break;
    case wire::Service::Lmtp:
      end = co_await pass_lmtp(client);
      break;
    default:
      end = co_await run_smtp(client);
      break;
  }
  co_return end;
}

// LMTP on a private address needs no login: the mail store speaks from the greeting on.
Task<FrontEnd> Gate::pass_lmtp(Client& client) {
  wire::Handoff header = client.handoff();
  auto leg = co_await hand_over(client, header, {}, "mailstore");
  if (leg) co_return FrontEnd{std::move(*leg), {}};
  client.out = "421 4.3.2 The mail store is not available\r\n";
  auto flushed = co_await client.flush();
  co_return FrontEnd{nullptr, flushed ? leg.error().to_string() : flushed.error().to_string()};
}

}  // namespace bz::login

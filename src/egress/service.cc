#include "egress/service.h"

#include <fcntl.h>

#include "base/log.h"
#include "crypto/digest.h"
#include "egress/answers.h"
#include "egress/client_facts.h"
#include "imap/output_tracker.h"
#include "net/channel.h"
#include "net/passing.h"

namespace bz::egress {
namespace {

constexpr net::Millis kHandoffTime{5'000}, kWriteTime{30'000}, kGoodbye{5'000};
constexpr net::Millis kGatewaysTurn{500};  // to end a session that it carries alone
constexpr size_t kReadSize = 4096;
constexpr size_t kMaxWithSocket = 8 << 10;  // bytes of an answer that comes with a socket (docs/wire.md)

HealthOptions health_options(const Settings& settings) {
  HealthOptions options;
  options.max_logins = settings.max_logins_per_host;
  return options;
}

}  // namespace

// What the server says: we may speak behind a whole line only. In IMAP a line's end within a literal is none.
class ServerOutput final : public net::SpliceWitness {
 public:
  explicit ServerOutput(wire::Service service) : service_(service) {}
  void passing(std::string_view bytes) override {
    if (service_ == wire::Service::Imap) return imap_.passing(bytes);
    if (!bytes.empty()) line_end_ = bytes.back() == '\n';
  }
  bool at_rest() const { return service_ == wire::Service::Imap ? imap_.at_line_start() && !imap_.said_bye() : line_end_; }
  std::string last_words() override { return {}; }  // a server that ends the session says why itself

 private:
  wire::Service service_;
  imap::OutputTracker imap_{};
  bool line_end_ = true;
};

struct Service::Session {
  net::Stream leg;
  std::shared_ptr<const Settings> settings;
  wire::Handoff handoff{};
  std::string unread{};  // of our client
  crypto::Ticket ticket{};
  Credential credential{};
  bool known = false;             // its credential is here
  net::Stream* server = nullptr;  // while bytes are moved
  os::Fd handed_back{};           // our copy of the socket that the gateway has
  std::string ending{};           // why it must end
  // Lets go of what only the login needed: a session may be idle for hours, and there are many.
  void forget_login() {
    wire::Handoff kept;
    kept.service = handoff.service;
    kept.session_id = std::move(handoff.session_id);
    handoff = std::move(kept);
    credential = Credential();
    unread = std::string();
  }
  void end(const std::string& reason) {
    ending = reason.empty() ? "ended" : reason;
    if (handed_back) return net::hang_up(handed_back.get());
    (server != nullptr ? *server : leg).close();
  }
};

Service::Service(const Outside& outside, const base::Clock& clock, std::shared_ptr<const Settings> settings,
                 std::function<crypto::TicketVerifier*()> verifier)
    : outside_(outside),
      clock_(clock),
      settings_(std::move(settings)),
      verifier_(std::move(verifier)),
      health_(health_options(*settings_), clock, outside.random),
      connector_(outside, health_),
      sent_copies_(outside.loop, connector_),
      credentials_(outside.loop),
      tasks_(outside.loop),
      late_(outside.loop) {}

Service::~Service() {
  late_.cancel();
  tasks_.cancel();
}

void Service::accept(int leg, bool takes_socket) {
  if (tasks_.size() >= settings_->max_sessions) {
    log::event(log::Warn, "leg_refused").field("why", "too many sessions");
    net::OwnedFd closing(leg);
    return;
  }
  tasks_.spawn(serve(leg, takes_socket));
}

Task<void> Service::serve(int leg, bool takes_socket) {
  auto session = std::unique_ptr<Session>(new Session{net::Stream(outside_.loop, leg), settings_});
  const uint64_t key = next_++;
  struct Entry {  // leaves the list also when the task is cancelled
    std::map<uint64_t, Session*>& list;
    uint64_t key;
    ~Entry() { list.erase(key); }
  } entry{running_, key};
  running_.emplace(key, session.get());
  Result<void> taken;
  {  // its frame has a buffer, and would stay as long as the session
    auto taking = take_over(*session);
    taken = co_await taking;
  }
  if (!taken) {
    log::event(log::Warn, "leg_refused").field("sid", session->handoff.session_id).error(taken.error());
    std::string words;
    // Whose mailbox moved while he logged in hears what he would have heard a moment later, not that his login failed.
    if (taken.error().code() == Errc::Conflict) words = farewell(session->handoff.service, "Please connect again");
    if (words.empty() && !session->handoff.session_id.empty()) words = refusal(session->handoff, Verdict::Unavailable);
    auto saying = say(*session, std::move(words));
    co_await saying;
    co_return;
  }
  const auto began = clock_.mono();
  auto connecting = connect(*session);
  auto result = co_await connecting;
  report(*session, result, clock_.mono() - began);
  const auto* failure = std::get_if<ConnectFailure>(&result);
  session->credential.password.clear();
  if (failure != nullptr) {
    auto saying = say(*session, refusal(session->handoff, failure->verdict));
    co_await saying;
    co_return;
  }
  auto& connected = std::get<Connected>(result);
  if (takes_socket && !connected.stream->is_tls()) {
    auto handing = hand_back(*session, connected);
    const bool handed = co_await handing;
    if (handed) co_return;
  }
  auto relaying = relay(*session, std::move(connected));
  co_await relaying;
}

// The server's socket for the gateway with our answer to its client, and then nothing until the gateway closes the leg: the
// end of the session, or of the gateway. False: the session stays here.
Task<bool> Service::hand_back(Session& session, Connected& connected) {
  const std::string words = welcome(session.handoff, connected.capabilities) + connected.unread;
  if (words.size() > kMaxWithSocket || !session.ending.empty()) co_return false;
  os::Fd copy(::fcntl(connected.stream->fd(), F_DUPFD_CLOEXEC, 3));
  if (!copy) co_return false;
  if (!session.unread.empty()) {
    auto passing = connected.stream->write_all(session.unread, net::Deadline::in(kWriteTime));
    const auto passed = co_await passing;
    session.unread.clear();
    if (!passed || !session.ending.empty()) co_return false;
  }
  if (!net::send_with(session.leg, words, copy.get())) co_return false;
  connected.stream.reset();
  session.handed_back = std::move(copy);
  session.forget_login();
  auto waiting = session.leg.wait_readable(net::Deadline::never());
  (void)co_await waiting;
  // The gateway may have gone without a word to the server.
  net::hang_up(session.handed_back.get());
  log::event(log::Debug, "end").field("sid", session.handoff.session_id).field("reason", session.ending);
  co_return true;
}

// The gateway hears of the same order and tells its client why.
Task<void> Service::cut_late(std::vector<uint64_t> sessions) {
  auto waiting = outside_.loop.sleep(net::Deadline::in(kGatewaysTurn));
  co_await std::move(waiting);
  for (uint64_t key : sessions) {
    auto found = running_.find(key);
    if (found == running_.end()) continue;
    log::event(log::Warn, "session_cut").field("sid", found->second->handoff.session_id);
    found->second->end("ended by order");
  }
}

void Service::report(const Session& session, const ConnectResult& result, base::MonoTime::duration took) {
  const auto* failure = std::get_if<ConnectFailure>(&result);
  log::Event event(failure != nullptr ? log::Warn : log::Info, "foreign_login");
  event.field("sid", session.handoff.session_id).field("service", wire::name(session.handoff.service));
  event.field("account", session.ticket.account_name).field("server", session.credential.server);
  event.field("host", session.credential.host);
  event.field("address", failure != nullptr ? failure->address : std::get<Connected>(result).address);
  event.field("by", session.credential.password.empty() ? "master" : "password");
  event.field("verdict", name(failure != nullptr ? failure->verdict : Verdict::Open));
  if (failure != nullptr) event.field("phase", name(failure->phase)).field("cause", failure->reason);
  event.field("ms", std::chrono::duration_cast<net::Millis>(took).count());
}

// The header as the gateway sent it, the ticket, and the credential that belongs to it.
Task<Result<void>> Service::take_over(Session& session) {
  const auto deadline = net::Deadline::in(kHandoffTime);
  std::string bytes;
  while (true) {
    BZ_CO_TRY(auto parsed, wire::parse_handoff(bytes));
    if (parsed) {
      session.handoff = std::move(parsed->handoff);
      session.unread = bytes.substr(parsed->consumed);
      break;
    }
    char buffer[kReadSize];
    auto reading = session.leg.read_some(buffer, deadline);
    BZ_CO_TRY(const size_t size, co_await reading);
    if (size == 0) co_return fail(Errc::Closed, "the gateway left during the hand-over");
    bytes.append(buffer, size);
  }
  const wire::Handoff& handoff = session.handoff;
  crypto::TicketVerifier* verifier = verifier_();
  if (verifier == nullptr) co_return fail(Errc::Unavailable, "the key of auth is not known yet");
  BZ_CO_TRY(session.ticket, verifier->verify(handoff.ticket, handoff.session_id, handoff.peer_address));
  if (session.ticket.service != wire::name(handoff.service)) co_return fail(Errc::Denied, "a ticket for another service");
  auto asking = credentials_.take(crypto::sha256(handoff.ticket), net::Deadline::in(session.settings->credential_time));
  BZ_CO_TRY(session.credential, co_await asking);
  // Orders and credentials share auth's channel: which came first is certain, as no clock would make it. The client of a
  // session that an other role ended by the same order may be back, and its leg here, before we have read the order.
  auto ended = ended_.find(session.ticket.account);
  if (ended != ended_.end() && session.credential.after < ended->second.order)
    co_return fail(Errc::Conflict, "the account was changed meanwhile");
  session.known = true;
  co_return Result<void>();
}

Result<Target> Service::target_of(const Session& session) const {
  const Credential& credential = session.credential;
  auto found = session.settings->servers.find(credential.server);
  if (found == session.settings->servers.end())
    return fail(Errc::NotFound, "no server " + credential.server + " in the configuration");
  Target target;
  target.server = found->second;
  const Server& server = *target.server;
  target.host = credential.host;
  target.service = session.handoff.service;
  LoginPlan& plan = target.plan;
  plan.hello = session.settings->host;
  plan.user = credential.user;
  plan.password = credential.password;
  if (plan.password.empty()) {
    auto master = master_plan(server, credential.user);
    if (!master) return std::move(master).error().with_context("no password of the user");
    plan = std::move(*master);
    plan.hello = session.settings->host;
  }
  const bool xclient = server.send_client == SendClient::Xclient;
  if (xclient || server.send_client == SendClient::Id) plan.id = id_fields(session.handoff);
  if (xclient) plan.xclient = xclient_attributes(session.handoff, credential.user);
  target.proxy_header = proxy_header(session.handoff, server.send_client);
  return target;
}

Task<ConnectResult> Service::connect(Session& session) {
  auto target = target_of(session);
  if (!target) co_return ConnectResult(ConnectFailure{Phase::Connect, Verdict::Broken, target.error().text(), {}});
  auto opening = connector_.open(std::move(*target), session.settings);
  auto result = co_await opening;
  co_return result;
}

// The server's yes to our client, and what either has said already.
Task<Result<void>> Service::answer(Session& session, const Connected& connected) {
  const auto limit = net::Deadline::in(kWriteTime);
  const std::string first = welcome(session.handoff, connected.capabilities) + connected.unread;
  auto answering = session.leg.write_all(first, limit);
  auto answered = co_await answering;
  if (!answered || session.unread.empty()) co_return answered;
  auto passing = connected.stream->write_all(session.unread, limit);
  answered = co_await passing;
  co_return answered;
}

Task<void> Service::relay(Session& session, Connected connected) {
  net::Stream& server = *connected.stream;
  auto answering = answer(session, connected);
  auto answered = co_await answering;
  session.forget_login();
  net::SpliceEnd moved;
  ServerOutput output(session.handoff.service);
  output.passing(connected.unread);
  if (answered) {
    session.server = &server;
    auto moving = net::splice(session.leg, server, session.settings->idle_time, &output);
    moved = co_await moving;
    session.server = nullptr;
  } else {
    moved.reason = answered.error().to_string();
  }
  log::event(log::Info, "end")
      .field("sid", session.handoff.session_id)
      .field("account", session.ticket.account_name)
      .field("in", moved.a_to_b)
      .field("out", moved.b_to_a)
      .field("reason", session.ending.empty() ? moved.reason : session.ending);
  const bool passed_on = moved.b_to_a == 0 || moved.b_at_line_end;
  const bool speak = !session.ending.empty() && passed_on && output.at_rest();
  auto saying = say(session, speak ? farewell(session.handoff.service, session.ending) : std::string());
  co_await saying;
}

Task<void> Service::say(Session& session, std::string words) {
  const auto limit = net::Deadline::in(kGoodbye);
  if (!words.empty()) {
    auto writing = session.leg.write_all(words, limit);
    auto written = co_await writing;
    if (!written) co_return;
  }
  auto ending = session.leg.shutdown(limit);
  auto ended = co_await ending;
  if (!ended) log::event(log::Debug, "shutdown").field("sid", session.handoff.session_id).error(ended.error());
}

size_t Service::end_sessions(AccountId account, const std::string& device, const std::string& reason) {
  const int64_t now = clock_.unix_millis();
  std::erase_if(ended_, [&](const auto& entry) { return entry.second.at_ms + crypto::kTicketLifeMs < now; });
  ended_[account] = {++orders_, now};
  std::vector<Session*> ending;  // end() may resume a session, which leaves the list
  std::vector<uint64_t> handed_back;
  for (const auto& [key, session] : running_) {
    // One without a credential yet is judged when it comes.
    if (!session->known || session->ticket.account != account || (!device.empty() && session->ticket.device != device))
      continue;
    if (session->handed_back) {
      handed_back.push_back(key);
    } else {
      ending.push_back(session);
    }
  }
  const size_t count = ending.size() + handed_back.size();
  for (Session* session : ending) session->end(reason);
  if (!handed_back.empty()) late_.spawn(cut_late(std::move(handed_back)));
  return count;
}

void Service::end_all(const std::string& reason) {
  std::vector<Session*> ending;
  for (const auto& [key, session] : running_) ending.push_back(session);
  for (Session* session : ending) session->end(reason);
}

}  // namespace bz::egress

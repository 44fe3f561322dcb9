#include "app/supervisor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "crypto/tls_tickets.h"

namespace bz::app {
namespace {

constexpr base::Millis kFileWatch{2'000};     // how often the administrator's files are looked at
constexpr base::Millis kGatewayWait{10'000};  // the doors open then, whether the others are ready or not

std::string_view name(Child::State state) {
  switch (state) {
    case Child::State::Down:
      return "down";
    case Child::State::Starting:
      return "starting";
    case Child::State::Ready:
      return "ready";
    case Child::State::Draining:
      return "draining";
    case Child::State::Stopping:
      return "stopping";
  }
  return "";
}

// Each session costs a gateway two descriptors; roles inherit the limit.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log::event(log::Warn, "descriptor_limit").field("limit", limit.rlim_cur);
}

}  // namespace

Supervisor::Supervisor(net::Loop& loop, os::Signals& signals, std::string config_path, Loaded loaded)
    : loop_(loop),
      signals_(signals),
      signal_watch_(loop, signals.fd()),
      config_path_(std::move(config_path)),
      loaded_(std::move(loaded)),
      ticket_keys_(crypto::rotate_ticket_keys(Secret(), base::system_random()).value()),
      hook_runner_(loop),
      ntlm_processes_(loop, [this](net::OwnedFd socket) { give_ntlm(std::move(socket)); }),
      file_timer_(loop, [this] { watch_files(); }),
      gateway_timer_(loop, [this] { begin_gateways(); }),
      ticket_timer_(loop, [this] { rotate_tickets(); }) {}

Supervisor::~Supervisor() = default;

// No doors here, no gateways: they are on other hosts.
unsigned Supervisor::workers_of(const roles::Config& config) {
  if (own_listeners(config).empty()) return 0;
  const unsigned wanted = config.gateway.workers;
  return wanted != 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 1u, 64u);
}

Result<void> Supervisor::start() {
  raise_descriptor_limit();
  BZ_TRY(state_, os::make_folder(os::kHere, state_path(config_path_, loaded_.config), 0700));
  BZ_TRY_VOID(make_state(state_.get(), loaded_.config));
  auto lock = os::lock_file(state_.get(), "run/lock");
  if (!lock) return std::move(lock).error().with_context("another buzon serves this state folder");
  lock_ = std::move(*lock);
  if (fchdir(state_.get()) != 0) return base::from_errno(errno, "entering the state folder");
  worker_numbers_ = worker_numbers(workers_of(loaded_.config));
  BZ_TRY(listeners_, Listeners::open(own_listeners(loaded_.config), worker_numbers_, {}));
  BZ_TRY(inner_listeners_, Listeners::open(inner_ports(loaded_.config), {0}, {}));
  http_doors_ = HttpDoors::open(loaded_.config.acme, {});
  log_listeners({});
  seen_ = changing_ = stamps_of(loaded_);
  BZ_TRY(int control, net::listen_unix("run/control", 0600));
  control_ = std::make_unique<ControlSocket>(loop_, control, [this](wire::ControlRequest request, ControlReply reply) {
    on_control(std::move(request), std::move(reply));
  });
  BZ_TRY_VOID(make_children());
  BZ_TRY_VOID(know_ntlm_user(loaded_.config));
  place_ntlm();
  signal_watch_.on_ready([this](bool, bool) { on_signals(); });
  file_timer_.arm(net::Deadline::in(kFileWatch));
  gateway_timer_.arm(net::Deadline::in(kGatewayWait));
  ticket_timer_.arm(net::Deadline::in(loaded_.config.tls.ticket_rotation));
  say_doubts();
  for (auto& child : children_) {
    if (child->role().name == "gateway") continue;
    if (auto started = child->start(); !started) return std::move(started).error().with_context(child->name());
  }
  return {};
}

void Supervisor::log_listeners(const Listeners& before) const {
  for (const roles::ListenerConfig& config : own_listeners(loaded_.config)) {
    if (!listeners_.opened_anew(config.address, config.port, before)) continue;
    log::event(log::Info, "listening")
        .field("listener", config.name)
        .field("address", net::Endpoint{config.address, config.port}.to_string());
  }
}

Result<void> Supervisor::know_user(const RoleFacts& role, const roles::Config& config) {
  std::optional<os::User>& user = users_[role.name];
  if (!os::is_root() || user) return {};
  BZ_TRY(user, role_user(role, config.users));
  if (user->uid == 0) log::event(log::Warn, "role_runs_as_root").field("role", role.name);
  return {};
}

Result<void> Supervisor::make_children() {
  for (const RoleFacts& role : role_facts()) {
    if (!is_wanted(role, loaded_.config)) continue;
    BZ_TRY_VOID(know_user(role, loaded_.config));
    if (role.name != "gateway") {
      make_child(role, 0);
      continue;
    }
    for (uint32_t number : worker_numbers_) make_child(role, number);
  }
  return {};
}

// Keeps children_ in the order of the roles.
Child& Supervisor::make_child(const RoleFacts& role, uint32_t index) {
  Child::Hooks hooks{[this](Child& c) { fill(c); },
                     [this](Child& c) { on_ready(c); },
                     [this](Child& c) { on_gone(c); },
                     [this](Child& c, const wire::Reloaded& answer) {
                       if (round_) round_->settle(c, answer.refusal);
                     },
                     [this](Child& c) {
                       if (log_round_) log_round_->settle(c);
                     },
                     [this](Child& c, const net::Message& message) { on_asked(c, message); }};
  auto child = std::make_unique<Child>(loop_, role, index, std::move(hooks));
  const auto& user = users_[role.name];
  child->set_place(state_.get(), user && user->uid != 0 ? user : std::nullopt);
  child->set_longest_wait(loaded_.config.restart_wait_max);
  auto later = std::find_if(children_.begin(), children_.end(), [&](const auto& c) { return &c->role() > &role; });
  return **children_.insert(later, std::move(child));
}

void Supervisor::begin_gateways() {
  if (stopping_ || std::exchange(gateways_begun_, true)) return;
  gateway_timer_.cancel();
  for (auto& child : children_) {
    if (child->role().name != "gateway") continue;
    if (auto started = child->start(); !started) {
      log::event(log::Err, "cannot_start").field("role", child->name()).error(started.error());
      return stop("a role cannot be started");
    }
  }
}

void Supervisor::fill(Child& child) {
  tell(child);
  if (child.role().name == "gateway" || child.role().name == "inner") give_listeners(child);
  wire_up(child);
  if (child.role().name == "auth") ntlm_processes_.begin();
}

void Supervisor::give_listeners(Child& child) {
  auto sockets = (child.role().name == "gateway" ? listeners_ : inner_listeners_).of(child.index());
  if (!sockets) return log::event(log::Err, "cannot_give_listeners").error(sockets.error()), void();
  for (auto& [name, socket] : *sockets) {
    std::vector<net::OwnedFd> fds;
    fds.push_back(std::move(socket));
    child.send(wire::Type::ListenerFd, wire::NamedBytes{name, {}}.encode(), std::move(fds));
  }
}

void Supervisor::tell(Child& child) {
  child.generation = generation_;
  child.send(wire::Type::Config, wire::ConfigText{loaded_.text, loaded_.file_name}.encode());
  if (child.role().name == "admin") give_http_doors(child);
  for (std::string_view name : child.role().secrets) {
    if (name == roles::secrets::kTicketKeys) {
      child.send(wire::Type::Secret, wire::NamedBytes{std::string(name), std::string(ticket_keys().reveal())}.encode());
      continue;
    }
    for (auto it = loaded_.secrets.lower_bound(std::string(name)); it != loaded_.secrets.end(); ++it) {
      if (it->first != name && !(name.ends_with('.') && it->first.starts_with(name))) break;
      child.send(wire::Type::Secret, wire::NamedBytes{it->first, std::string(it->second.reveal())}.encode());
    }
  }
}

void Supervisor::wire_up(Child& child) {
  for (auto& other : children_) {
    if (other.get() == &child || !other->alive()) continue;
    for (const Link& link : links()) {
      if (link.first == child.role().name && link.second == other->role().name) wire(child, *other, link);
      if (link.first == other->role().name && link.second == child.role().name) wire(*other, child, link);
    }
  }
}

// `child` is the link's first.
void Supervisor::wire(Child& child, Child& other, const Link& link) {
  auto ends = net::Channel::pair();
  if (!ends) return log::event(log::Err, "cannot_wire").field("role", child.name()).error(ends.error()), void();
  std::vector<net::OwnedFd> first, second;
  first.push_back(std::move(ends->first));
  second.push_back(std::move(ends->second));
  const wire::Peer to_first{std::string(link.first_sees), link.index_of_second(other.index())};
  const wire::Peer to_second{std::string(link.second_sees), link.index_of_first(child.index())};
  child.send(wire::Type::PeerFd, to_first.encode(), std::move(first));
  other.send(wire::Type::PeerFd, to_second.encode(), std::move(second));
}

void Supervisor::on_ready(Child& child) {
  log::event(log::Info, "role_ready").field("role", child.name());
  if (child.generation != generation_) {  // a reload came while it started
    tell(child);
    if (child.role().name == "gateway") give_listeners(child);
    child.send(wire::Type::Start, {});
  }
  auto ready = [](const std::unique_ptr<Child>& c) { return c->state() == Child::State::Ready || c->retired(); };
  bool back_ends = std::all_of(children_.begin(), children_.end(),
                               [&](const auto& c) { return c->role().name == "gateway" || ready(c); });
  if (back_ends) begin_gateways();
  if (!serving_ && std::all_of(children_.begin(), children_.end(), ready)) {
    serving_ = true;
    log::event(log::Info, "serving").field("host", loaded_.config.host).field("workers", worker_numbers_.size());
  }
}

void Supervisor::on_gone(Child& child) {
  std::string gone = wire::Peer{std::string(child.role().name), child.index()}.encode();
  for (auto& other : children_) {
    if (other.get() != &child) other->send(wire::Type::PeerGone, gone);
  }
  if (round_) round_->settle(child);
  if (log_round_) log_round_->settle(child);
  if (child.role().name == "auth") ntlm_processes_.end();
  if (child.retired()) loop_.post([this] { forget_retired(); });  // not within its own call
  if (stopping_) stop_next();
}

void Supervisor::on_signals() {
  while (auto signal = signals_.next()) {
    if (*signal == SIGCHLD) {
      reap();
    } else if (*signal == SIGHUP) {
      reload("SIGHUP");
    } else if (*signal == SIGUSR1) {
      reopen_logs({});
    } else {
      stop(*signal == SIGTERM ? "SIGTERM" : "SIGINT");
    }
  }
}

void Supervisor::reap() {
  while (auto exit = os::reap()) {
    auto it = std::find_if(children_.begin(), children_.end(), [&](const auto& c) { return c->pid() == exit->pid; });
    if (it != children_.end()) {
      (*it)->ended(*exit);
    } else {
      hook_runner_.ended(*exit);
      ntlm_processes_.ended(*exit);
    }
  }
}

void Supervisor::say_doubts() const {
  for (const std::string& doubt : loaded_.doubts) log::event(log::Warn, "doubt").field("what", doubt);
}

// A file that is being written looks different at each turn: it is loaded when two looks in a row agree.
void Supervisor::watch_files() {
  file_timer_.arm(net::Deadline::in(kFileWatch));
  if (stopping_) return;
  auto now = stamps_of(loaded_);
  const bool settled = now == std::exchange(changing_, now);
  if (settled && now != seen_) reload("a file has changed");
}

void Supervisor::stop(std::string_view why) {
  if (std::exchange(stopping_, true)) return;
  log::event(log::Info, "stopping").field("why", why);
  stop_next();
}

// One role after the other, in the order of the table; all workers of the gateway together.
void Supervisor::stop_next() {
  std::string_view role;
  for (auto& child : children_) {
    if (child->pid() < 0) {
      child->stop();  // no restart
      continue;
    }
    if (role.empty()) role = child->role().name;
    if (child->role().name == role && child->state() != Child::State::Stopping) child->stop();
  }
  if (!role.empty()) return;
  log::event(log::Info, "stopped");
  loop_.stop();
}

void Supervisor::on_control(wire::ControlRequest request, ControlReply reply) {
  if (request.role == "supervisor") {
    std::string verb = request.arguments.empty() ? "" : request.arguments[0];
    bool json = std::find(request.arguments.begin(), request.arguments.end(), "--json") != request.arguments.end();
    if (verb == "status") return reply.answer(status(json));
    if (verb == "reload") return reload("asked to", std::pair(std::move(reply), json));
    if (verb == "logs" && request.arguments.size() > 1 && request.arguments[1] == "reopen") {
      return reopen_logs(std::move(reply));
    }
    if (verb == "stop") {
      reply.answer({});
      return stop("asked to");
    }
    return reply.answer({2, {}, "the supervisor knows status, reload, logs reopen and stop\n"});
  }
  auto it = std::find_if(children_.begin(), children_.end(), [&](const auto& c) { return c->role().name == request.role; });
  if (it == children_.end() && request.role == "admin")
    return reply.answer({1, {}, "neither acme.directory nor tls.ocsp = \"auto\" is in the configuration\n"});
  if (it == children_.end()) return reply.answer({2, {}, "there is no role " + request.role + "\n"});
  if ((*it)->state() != Child::State::Ready) return reply.answer({1, {}, request.role + " is not running\n"});
  auto connection = reply.give_away();
  if (!connection) return log::event(log::Err, "control").error(connection.error()), void();
  std::vector<net::OwnedFd> fds;
  fds.push_back(std::move(*connection));
  (*it)->send(wire::Type::ControlFd, request.encode(), std::move(fds));
}

wire::ControlAnswer Supervisor::status(bool json) const {
  wire::ControlAnswer answer;
  bool all = true;
  std::string out = json ? "{\"roles\":[" : "";
  for (const auto& child : children_) {
    all = all && (child->state() == Child::State::Ready || child->retired());
    std::string pid = std::to_string(child->pid()), restarts = std::to_string(child->restarts());
    std::string state(name(child->state()));
    if (json) {
      if (out.back() == '}') out += ',';
      out += "{\"role\":\"" + child->name() + "\",\"state\":\"" + state + "\",\"pid\":" + pid +
             ",\"restarts\":" + restarts + "}";
    } else {
      out += child->name() + ": " + state + ", pid " + pid + ", restarts " + restarts + "\n";
    }
  }
  if (const std::string helpers = ntlm_processes_.status(json); !helpers.empty())
    out += json ? "],\"ntlm_helpers\":[" + helpers : helpers;
  answer.output = json ? out + "],\"ready\":" + (all ? "true" : "false") + "}\n" : out;
  answer.exit_status = all ? 0 : 1;
  return answer;
}

}  // namespace bz::app

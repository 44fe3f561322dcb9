#include "roles/role_process.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/log.h"
#include "os/sandbox.h"

namespace bz::roles {
namespace {

constexpr net::Millis kStopTime{10'000};

log::Level level_of(std::string_view name) {
  return name == "debug" ? log::Debug : name == "warn" ? log::Warn : name == "error" ? log::Err : log::Info;
}

template <class Record>
std::optional<Record> decode(const net::Message& message) {
  auto record = Record::decode(message.payload);
  if (record) return std::move(*record);
  log::event(log::Err, "control_message_refused").field("type", message.type).error(record.error());
  return std::nullopt;
}

void report(const char* what, const os::SandboxReport& report) {
  log::event(report.active ? log::Info : log::Warn, what).field("note", report.note);
}

}  // namespace

RoleProcess::RoleProcess(std::unique_ptr<Role> role, const RoleArguments& arguments, const ConfigReader& read_config)
    : read_config_(read_config),
      host_(loop_, arguments.role, arguments.index),
      role_(std::move(role)),
      stop_timer_(loop_, [this] {
        log::event(log::Warn, "stop_timeout");
        loop_.stop();
      }) {
  host_.on_give_up_ = [this](const Error& why) { give_up(why); };
  host_.on_ask_ = [this](wire::Type type, std::string_view payload) {
    return control_ ? control_->send(static_cast<uint8_t>(type), payload)
                    : Result<void>(fail(Errc::Closed, "no supervisor"));
  };
}

RoleProcess::~RoleProcess() {
  // The role may hold pointers to peers and tasks of the host: it goes first, its tasks before it.
  host_.tasks_.cancel();
  role_.reset();
}

int RoleProcess::run(net::OwnedFd control) {
  control_ = std::make_unique<net::Channel>(
      loop_, std::move(control), [this](net::Message m) { on_control(std::move(m)); },
      [this](const Error& why) { begin_stop(why.text()); });
  loop_.run();
  return status_;
}

void RoleProcess::stop_on(os::Signals& signals) {
  signal_watch_.emplace(loop_, signals.fd());
  signal_watch_->on_ready([this, &signals](bool, bool) {
    while (signals.next()) begin_stop("SIGTERM");
  });
}

void RoleProcess::on_control(net::Message message) {
  if (stopping_) return;
  switch (static_cast<wire::Type>(message.type)) {
    case wire::Type::Config:
      return on_config(message);
    case wire::Type::Secret:
      return on_secret(message);
    case wire::Type::ListenerFd:
      return on_listener(std::move(message));
    case wire::Type::PeerFd:
      return on_peer(std::move(message));
    case wire::Type::HelperFd:
      return on_helper(std::move(message));
    case wire::Type::PeerGone:
      return on_peer_gone(message);
    case wire::Type::ControlFd:
      return on_tool(std::move(message));
    case wire::Type::Start:
      return on_start();
    case wire::Type::Drain:
      return on_drain();
    case wire::Type::LogFd:
      return on_log(message);
    case wire::Type::Done:
      if (auto done = decode<wire::Done>(message); done && started_) role_->supervisor_said(*done);
      return;
    case wire::Type::Connection:
      if (started_) role_->answered(std::move(message));
      return;
    case wire::Type::Stop:
      return begin_stop("asked to");
    default:
      log::event(log::Err, "control_message_unknown").field("type", message.type);
  }
}

void RoleProcess::on_config(const net::Message& message) {
  auto text = decode<wire::ConfigText>(message);
  if (!text) return;
  auto config = read_config_(*text);
  if (!config) return give_up(config.error());
  next_config_ = std::make_unique<Config>(std::move(*config));
}

void RoleProcess::on_secret(const net::Message& message) {
  if (auto named = decode<wire::NamedBytes>(message)) next_secrets_[named->name] = Secret(std::move(named->bytes));
}

void RoleProcess::on_listener(net::Message message) {
  auto named = decode<wire::NamedBytes>(message);
  if (named && message.fds.size() == 1) host_.listeners_[named->name] = std::move(message.fds[0]);
}

void RoleProcess::on_peer(net::Message message) {
  auto id = decode<wire::Peer>(message);
  if (!id || message.fds.size() != 1) return;
  if (!started_) {
    early_peers_.emplace_back(std::move(*id), std::move(message.fds[0]));
  } else {
    connect_peer(*id, std::move(message.fds[0]));
  }
}

void RoleProcess::on_helper(net::Message message) {
  if (message.fds.size() != 1) return;
  host_.helpers_.push_back(std::move(message.fds[0]));
  if (started_) role_->helper_came(host_);
}

void RoleProcess::on_peer_gone(const net::Message& message) {
  auto id = decode<wire::Peer>(message);
  Peer* peer = id ? host_.peer(id->role, id->index) : nullptr;
  if (peer) lose_peer(*peer, fail(Errc::Closed, "gone"));
}

void RoleProcess::on_tool(net::Message message) {
  auto request = decode<wire::ControlRequest>(message);
  if (!request || message.fds.size() != 1) return;
  ControlCall call(host_.tasks_, loop_, std::move(*request), std::move(message.fds[0]));
  if (started_) {
    role_->control(std::move(call));
  } else {
    call.answer({1, {}, host_.role() + " is starting, try again\n"});
  }
}

void RoleProcess::on_start() {
  auto old_config = std::move(host_.config_);
  auto old_secrets = std::exchange(host_.secrets_, std::exchange(next_secrets_, {}));
  host_.config_ = next_config_ ? std::move(next_config_) : std::move(old_config);
  if (!host_.config_) return give_up(fail(Errc::Invalid, "Start without Config"));
  if (started_) return on_reload(std::move(old_config), std::move(old_secrets));
  log::set_level(level_of(host_.config_->log_level));
  if (std::exchange(starting_, true)) return;  // a reload before we are up: start() sees the newest settings
  host_.tasks_.spawn(first_start());
}

void RoleProcess::on_reload(std::unique_ptr<Config> config, std::map<std::string, Secret, std::less<>> secrets) {
  auto taken = role_->reload(host_);
  host_.listeners_.clear();  // what was not taken
  if (taken) {
    log::set_level(level_of(host_.config_->log_level));
    log::event(log::Info, "reload");
  } else {
    log::event(log::Err, "reload_refused").error(taken.error());
    if (config) host_.config_ = std::move(config);
    host_.secrets_ = std::move(secrets);
  }
  answer(wire::Type::Reloaded, wire::Reloaded{taken ? std::string() : taken.error().to_string()}.encode());
}

// Each line is one write to descriptor 2: it goes wholly to the old file or wholly to the new one.
void RoleProcess::on_log(const net::Message& message) {
  if (message.fds.size() != 1) return;
  for (int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(message.fds[0].get(), fd) < 0) log::event(log::Err, "log_reopen").error(base::from_errno(errno, "dup2"));
  }
  answer(wire::Type::LogTaken, {});
}

void RoleProcess::on_drain() {
  if (!started_) return begin_stop("asked to");
  if (std::exchange(draining_, true)) return;
  log::event(log::Info, "draining");
  host_.tasks_.spawn(drain_role());
}

Task<void> RoleProcess::drain_role() {
  auto task = role_->drain(host_);
  co_await std::move(task);
  begin_stop("drained");
}

void RoleProcess::answer(wire::Type type, std::string_view payload) {
  auto told = control_->send(static_cast<uint8_t>(type), payload);
  if (!told) give_up(told.error());
}

Result<void> RoleProcess::prepare() {
  os::Policy policy = role_->policy(host_);
  BZ_TRY(auto files, os::restrict_files(policy));
  report("sandbox_files", files);
  BZ_TRY_VOID(role_->prepare(host_));
  BZ_TRY(auto calls, os::restrict_calls(policy));
  report("sandbox_calls", calls);
  return {};
}

Task<void> RoleProcess::first_start() {
  if (auto prepared = prepare(); !prepared) co_return give_up(prepared.error());
  auto start = role_->start(host_);
  auto started = co_await std::move(start);
  if (!started) co_return give_up(started.error());
  if (stopping_) co_return;
  started_ = true;
  role_->helper_came(host_);
  for (auto& [id, fd] : std::exchange(early_peers_, {})) connect_peer(id, std::move(fd));
  log::event(log::Info, "ready").field("pid", getpid());
  answer(wire::Type::Ready, {});
}

void RoleProcess::connect_peer(const wire::Peer& id, net::OwnedFd fd) {
  auto& slot = host_.peers_[{id.role, id.index}];
  if (!slot) {
    slot = std::make_unique<Peer>();
    slot->id_ = id;
  }
  Peer& peer = *slot;
  lose_peer(peer, fail(Errc::Closed, "replaced"));
  peer.channel_ = std::make_unique<net::Channel>(
      loop_, std::move(fd), [this, &peer](net::Message m) { on_peer_message(peer, std::move(m)); },
      [this, &peer](const Error& why) {
        // Not from within the channel's own callback, and not a newer channel.
        loop_.post([this, &peer, old = peer.channel_.get(), why] {
          if (peer.channel_.get() == old) lose_peer(peer, why);
        });
      });
  if (!role_->greets()) return;
  auto sent = peer.channel_->send(static_cast<uint8_t>(wire::Type::Hello), role_->hello(host_).encode());
  if (!sent) log::event(log::Warn, "peer_hello").field("peer", id.role).error(sent.error());
}

void RoleProcess::on_peer_message(Peer& peer, net::Message message) {
  if (stopping_) return;
  if (peer.greeted_ && message.type == static_cast<uint8_t>(wire::Type::Away)) return withdraw(peer);
  if (peer.greeted_) return role_->message(peer, std::move(message));
  auto hello = wire::Hello::decode(message.payload);
  if (message.type != static_cast<uint8_t>(wire::Type::Hello) || !hello || hello->role != peer.id_.role) {
    log::event(log::Err, "peer_refused").field("peer", peer.id_.role).field("type", message.type);
    return;
  }
  peer.hello_ = std::move(*hello);
  peer.greeted_ = true;
  log::event(log::Info, "peer_up").field("peer", peer.id_.role).field("index", peer.id_.index);
  role_->peer_up(peer);
}

void RoleProcess::withdraw(Peer& peer) {
  peer.greeted_ = false;
  log::event(log::Info, "peer_away").field("peer", peer.id_.role).field("index", peer.id_.index);
  role_->peer_down(peer);
}

void RoleProcess::lose_peer(Peer& peer, const Error& why) {
  if (!peer.channel_) return;
  peer.channel_.reset();
  if (!std::exchange(peer.greeted_, false)) return;
  log::event(log::Info, "peer_down").field("peer", peer.id_.role).field("index", peer.id_.index).error(why);
  role_->peer_down(peer);
}

void RoleProcess::begin_stop(std::string_view why) {
  if (std::exchange(stopping_, true)) return;
  log::event(log::Info, "stopping").field("why", why);
  if (!started_) return loop_.stop();
  stop_timer_.arm(net::Deadline::in(kStopTime));
  host_.tasks_.spawn(stop_role());
}

Task<void> RoleProcess::stop_role() {
  auto task = role_->stop();
  co_await std::move(task);
  loop_.stop();
}

void RoleProcess::give_up(const Error& why) {
  log::event(log::Err, "cannot_run").error(why);
  status_ = 1;
  stopping_ = true;
  loop_.stop();
}

int run_role(const RoleArguments& arguments, const ConfigReader& read_config) {
  log::set_role(arguments.role);
  // The supervisor gets the signals of a terminal and tells us what to do. SIGTERM reaches us from an administrator, or
  // from a service manager that sends it to all processes at once.
  os::Signals signals({SIGTERM});
  for (int number : {SIGPIPE, SIGINT, SIGHUP}) std::signal(number, SIG_IGN);
  auto role = make_role(arguments.role);
  if (!role) {
    log::event(log::Err, "no_such_role").field("role", arguments.role);
    return 2;
  }
  umask(0077);
  RoleProcess process(std::move(role), arguments, read_config);
  process.stop_on(signals);
  return process.run(net::OwnedFd(kControlFd));
}

}  // namespace bz::roles

#include "roles/role_process.h"

#include <sys/stat.h>
#include <unistd.h>

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
    case wire::Type::PeerGone:
      return on_peer_gone(message);
    case wire::Type::ControlFd:
      return on_tool(std::move(message));
    case wire::Type::Start:
      return on_start();
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
  if (next_config_) host_.config_ = std::move(next_config_);
  if (!host_.config_) return give_up(fail(Errc::Invalid, "Start without Config"));
  host_.secrets_ = std::exchange(next_secrets_, {});
  log::set_level(level_of(host_.config_->log_level));
  if (started_) {
    log::event(log::Info, "reload");
    return role_->reload(host_);
  }
  if (std::exchange(starting_, true)) return;  // a reload before we are up: start() sees the newest settings
  host_.tasks_.spawn(first_start());
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
  for (auto& [id, fd] : std::exchange(early_peers_, {})) connect_peer(id, std::move(fd));
  log::event(log::Info, "ready").field("pid", getpid());
  auto told = control_->send(static_cast<uint8_t>(wire::Type::Ready), {});
  if (!told) give_up(told.error());
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
  auto sent = peer.channel_->send(static_cast<uint8_t>(wire::Type::Hello), role_->hello(host_).encode());
  if (!sent) log::event(log::Warn, "peer_hello").field("peer", id.role).error(sent.error());
}

void RoleProcess::on_peer_message(Peer& peer, net::Message message) {
  if (stopping_) return;
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
  // The supervisor gets the signals of a terminal and tells us what to do.
  for (int number : {SIGPIPE, SIGINT, SIGHUP}) std::signal(number, SIG_IGN);
  auto role = make_role(arguments.role);
  if (!role) {
    log::event(log::Err, "no_such_role").field("role", arguments.role);
    return 2;
  }
  umask(0077);
  RoleProcess process(std::move(role), arguments, read_config);
  return process.run(net::OwnedFd(kControlFd));
}

}  // namespace bz::roles

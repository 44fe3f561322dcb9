#include "app/child.h"

#include <csignal>

#include "base/log.h"
#include "roles/role.h"

namespace bz::app {
namespace {

constexpr base::Millis kFirstWait{100}, kLongLife{60'000}, kStopTime{12'000};

}  // namespace

Child::Child(net::Loop& loop, const RoleFacts& role, uint32_t index, Hooks hooks)
    : loop_(loop),
      role_(role),
      index_(index),
      hooks_(std::move(hooks)),
      retry_(loop,
             [this] {
               if (auto started = start(); !started) try_again(started.error().to_string());
             }),
      kill_(loop, [this] {
        log::event(log::Warn, "role_killed").field("role", name()).field("pid", pid_);
        if (pid_ > 0) ::kill(pid_, SIGKILL);
      }) {}

std::string Child::name() const {
  std::string name(role_.name);
  return role_.name == "gateway" ? name + "." + std::to_string(index_) : name;
}

Result<void> Child::start() {
  BZ_TRY(auto ends, net::Channel::pair());
  BZ_TRY(pid_, spawn(std::move(ends.second)));
  started_at_ = base::system_clock().mono();
  state_ = State::Starting;
  channel_ = std::make_unique<net::Channel>(
      loop_, std::move(ends.first), [this](const net::Message& m) { on_message(m); },
      [](const Error&) {});  // its end is seen as SIGCHLD
  log::event(log::Info, "role_started").field("role", name()).field("pid", pid_);
  hooks_.start(*this);
  send(wire::Type::Start, {});
  return {};
}

Result<pid_t> Child::spawn(net::OwnedFd control) {
  BZ_TRY(os::Fd folder, os::open_folder(state_folder_, std::string(role_.folder)));
  BZ_TRY(os::Fd log, open_log());
  os::SpawnOptions options;
  options.arguments = {"buzon", "role", std::string(role_.name), "--index", std::to_string(index_)};
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
  // Sanitizers and fuzzers are told by the environment; nothing else of ours is inherited.
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) options.environment.push_back(std::string(name) + "=" + value);
  }
  options.descriptors = {{log.get(), 1}, {log.get(), 2}, {control.get(), roles::kControlFd}};
  options.folder = folder.get();
  options.user = user_;
  return os::spawn(options);
}

Result<os::Fd> Child::open_log() const {
  return os::open_append(state_folder_, "log/" + std::string(role_.name) + ".log", 0640);
}

Result<void> Child::reopen_log() {
  BZ_TRY(os::Fd log, open_log());
  std::vector<net::OwnedFd> fds;
  fds.push_back(std::move(log));
  send(wire::Type::LogFd, {}, std::move(fds));
  return {};
}

void Child::send(wire::Type type, std::string_view payload, std::vector<net::OwnedFd> fds) {
  if (!alive()) return;
  auto sent = channel_->send(static_cast<uint8_t>(type), payload, std::move(fds));
  // Closed: it has just ended; its exit says more.
  if (!sent && sent.error().code() != Errc::Closed)
    log::event(log::Err, "role_unreachable").field("role", name()).error(sent.error());
}

void Child::on_message(const net::Message& message) {
  switch (static_cast<wire::Type>(message.type)) {
    case wire::Type::Ready:
      if (state_ != State::Starting) return;
      state_ = State::Ready;
      return hooks_.ready(*this);
    case wire::Type::Reloaded: {
      auto answer = wire::Reloaded::decode(message.payload);
      return hooks_.reloaded(*this, answer ? *answer : wire::Reloaded{answer.error().to_string()});
    }
    case wire::Type::LogTaken:
      return hooks_.log_taken(*this);
    default:
      hooks_.asked(*this, message);
  }
}

void Child::drain(base::Millis patience) {
  retired_ = true;
  if (state_ != State::Ready) return stop();
  state_ = State::Draining;
  send(wire::Type::Drain, {});
  kill_.arm(net::Deadline::in(patience + kStopTime));
}

void Child::stop() {
  retry_.cancel();
  if (pid_ < 0) return;
  state_ = State::Stopping;
  send(wire::Type::Stop, {});
  kill_.arm(net::Deadline::in(kStopTime));
}

void Child::ended(const os::Exit& exit) {
  kill_.cancel();
  channel_.reset();
  pid_ = -1;
  bool wanted = state_ == State::Stopping || retired_;
  state_ = State::Down;
  log::event(wanted ? log::Info : log::Err, "role_ended").field("role", name()).field("how", exit.to_string());
  hooks_.gone(*this);
  if (!wanted) try_again(exit.to_string());
}

void Child::try_again(const std::string& why) {
  bool lived = base::system_clock().mono() - started_at_ > kLongLife;
  wait_ = lived || wait_.count() == 0 ? kFirstWait : std::min(wait_ * 2, longest_wait_);
  ++restarts_;
  log::event(log::Warn, "role_restart").field("role", name()).field("in_ms", wait_.count()).field("why", why);
  retry_.arm(net::Deadline::in(wait_));
}

}  // namespace bz::app

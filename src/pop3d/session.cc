#include "pop3d/session.h"

#include "base/log.h"
#include "pop3/capability.h"
#include "pop3/response.h"

namespace bz::pop3d {
namespace {

using pop3::Verb;

constexpr size_t kReadSize = 16 * 1024;
constexpr size_t kWriteSize = 64 * 1024;    // what has to move within one write_timeout
constexpr size_t kKeepCapacity = 4 * 1024;  // of the output buffer while the session is idle

Task<void> watch_input(net::Stream& stream, net::Deadline deadline, std::optional<Result<void>>& end,
                       base::Wakeup& wakeup) {
  auto readable = co_await stream.wait_readable(deadline);
  end.emplace(std::move(readable));
  wakeup.fire();
}

}  // namespace

Session::Session(std::unique_ptr<net::Stream> stream, std::shared_ptr<store::Account> account, SessionStart start,
                 const SessionConfig& config)
    : stream_(std::move(stream)),
      account_(std::move(account)),
      start_(std::move(start)),
      config_(config),
      framer_(pop3::Framer::Limits{}),
      input_(std::move(start_.input)),
      unread_(input_),
      idle_until_(net::Deadline::in(config.idle_timeout)),
      wakeup_(stream_->loop()) {}

Task<void> Session::run() {
  if (co_await open()) {
    while (!ended_ && !stop_requested_) co_await next_step();
    if (stop_requested_) end_ = "ended by the server";
  }
  maildrop_.reset();
  start_.lock.reset();
  if (co_await flush()) (void)co_await stream_->shutdown(net::Deadline::in(config_.write_timeout));
  stream_->close();
  log::event(log::Info, "pop3_end")
      .field("sid", start_.id)
      .field("account", account_->account_name())
      .field("retrieved", retrieved_)
      .field("removed", removed_)
      .field("reason", end_);
}

Task<bool> Session::open() {
  auto inbox = co_await account_->open(account_->find("INBOX")->id);
  if (!inbox) {
    log::event(log::Err, "pop3_open_failed").field("sid", start_.id).error(inbox.error());
    err("The maildrop cannot be opened now, try again later", pop3::kSysTemp);
    end_ = "not opened";
    co_return false;
  }
  maildrop_.emplace(std::move(*inbox));
  ok("Logged in, messages: " + std::to_string(maildrop_->messages()));
  co_return co_await flush();
}

Task<void> Session::next_step() {
  pop3::Framer::Event event = framer_.next(unread_);
  switch (event.kind) {
    case pop3::Framer::Kind::NeedMore:
      if (co_await flush()) co_await read_more();
      co_return;
    case pop3::Framer::Kind::Line:
      co_await run_command(event.bytes);  // the view lives until the next call of the framer
      break;
    case pop3::Framer::Kind::BadLine:
      refuse(event.bytes);
      break;
    case pop3::Framer::Kind::Overrun:
      err(event.bytes);
      end_ = "input over the limits";
      ended_ = true;
      break;
  }
  idle_until_ = net::Deadline::in(config_.idle_timeout);
  if (account_->broken() && !ended_) {
    end_ = "the store has failed";
    ended_ = true;
  }
  co_await flush_if_large();
}

void Session::refuse(std::string_view text) {
  err(text);
  if (++bad_in_a_row_ < config_.max_bad) return;
  end_ = "too many ill-formed commands";
  ended_ = true;
}

Task<void> Session::run_command(std::string_view line) {
  const pop3::Command command = pop3::parse_command(line);
  if (!command.refusal.empty()) {
    refuse(command.refusal);
    co_return;
  }
  bad_in_a_row_ = 0;
  if (command.message && !maildrop_->has(*command.message)) {
    err("No such message");
    co_return;
  }
  switch (command.verb) {
    case Verb::Stat:
      ok(std::to_string(maildrop_->messages()) + " " + std::to_string(maildrop_->octets()));
      break;
    case Verb::List:
    case Verb::Uidl:
      co_await list(command.message, command.verb);
      break;
    case Verb::Retr:
      co_await retrieve(*command.message, std::nullopt);
      break;
    case Verb::Top:
      co_await retrieve(*command.message, command.lines);
      break;
    case Verb::Dele:
      maildrop_->mark_deleted(*command.message);
      ok("Marked");
      break;
    case Verb::Rset:
      maildrop_->reset();
      ok("Nothing is marked");
      break;
    case Verb::Noop:
      ok("Done");
      break;
    case Verb::Capa:
      pop3::capabilities(out_, {.mechanisms = start_.mechanisms});
      break;
    case Verb::Lang:
      pop3::language(out_, command.text);
      break;
    case Verb::Quit:
      co_await quit();
      break;
    default:
      err("Already logged in");
      break;
  }
}

void Session::stop() {
  stop_requested_ = true;
  wakeup_.fire();
}

base::Millis Session::silent_for() const {
  if (!waiting_since_) return base::Millis(0);
  return std::chrono::duration_cast<base::Millis>(std::chrono::steady_clock::now() - *waiting_since_);
}

void Session::ok(std::string_view text) { pop3::ok(out_, text); }
void Session::err(std::string_view text, std::string_view code) { pop3::err(out_, text, code); }

Task<bool> Session::flush() {
  for (size_t at = 0; at < out_.size() && !broken_; at += kWriteSize) {
    auto written = co_await stream_->write_all(std::string_view(out_).substr(at, kWriteSize),
                                               net::Deadline::in(config_.write_timeout));
    if (written) continue;
    ended_ = broken_ = true;
    end_ = written.error().to_string();
  }
  out_.clear();
  if (out_.capacity() > kKeepCapacity && unread_.empty()) std::string().swap(out_);
  co_return !broken_;
}

Task<bool> Session::flush_if_large() {
  if (out_.size() < config_.write_at) co_return !broken_;
  if (!co_await flush()) co_return false;
  base::Yield yield(stream_->loop());  // a client that reads as fast as we write must not keep the lane
  co_await yield;
  co_return !broken_;
}

// Everything that was read is consumed here. The idle client costs no buffer.
Task<void> Session::read_more() {
  std::string().swap(input_);
  unread_ = {};
  std::optional<Result<void>> input;
  {
    auto watch = base::Spawned::run(watch_input(*stream_, idle_until_, input, wakeup_));
    waiting_since_ = std::chrono::steady_clock::now();
    while (!input && !stop_requested_) {
      auto woken = wakeup_.wait();
      co_await woken;
    }
    waiting_since_.reset();
  }
  wakeup_.clear();
  if (stop_requested_) co_return;
  if (*input) {
    input_.resize(kReadSize);
    auto got = co_await stream_->read_some(input_, idle_until_);
    input_.resize(got ? *got : 0);
    unread_ = input_;
    if (!got) *input = std::move(got).error();
    if (got && *got > 0) co_return;
  }
  ended_ = true;
  if (!*input && input->error().code() == Errc::Timeout) end_ = "idle";
}

Task<void> serve(std::shared_ptr<Session> session) { co_await session->run(); }

}  // namespace bz::pop3d

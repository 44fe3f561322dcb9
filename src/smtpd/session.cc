#include "smtpd/session.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/log.h"
#include "smtp/replies.h"

namespace bz::smtpd {
namespace {

namespace replies = smtp::replies;
using smtp::ServerAction;
using smtp::ServerEvent;
using smtp::ServerMode;
using Kind = smtp::Framer::Kind;

constexpr size_t kReadSize = 64 << 10, kOutMost = 32 << 10;
constexpr smtp::CommandRules kRules{.smtputf8 = true, .dsn = true, .buzon = false};

smtp::Framer::Limits framer_limits(const Settings& settings) {
  smtp::Framer::Limits limits;
  limits.max_message = settings.max_message;
  return limits;
}

smtp::ServerOptions options(const Facts& facts) {
  smtp::ServerOptions o;
  o.mode = facts.mode;
  o.greeted = !facts.hello.empty();
  o.authenticated = facts.account.is_set();
  return o;
}

const smtp::FixedReply& reply_to(smtp::Fault fault) {
  switch (fault) {
    case smtp::Fault::BareNewline:
      return replies::kBareNewline;
    case smtp::Fault::BadByte:
      return replies::kBadByte;
    default:
      return replies::kLineTooLong;
  }
}

}  // namespace

Session::Session(net::Stream& stream, const Settings& settings, Facts facts, const Services& services, std::string unread)
    : stream_(stream),
      settings_(settings),
      facts_(std::move(facts)),
      services_(services),
      framer_(framer_limits(settings)),
      fsm_(options(facts_)),
      buffer_(std::move(unread)),
      unread_(buffer_) {}

Task<void> Session::run() {
  log::event(log::Info, "session")
      .field("sid", facts_.session)
      .field("peer", facts_.peer_address)
      .field("account", facts_.account_name);
  if (facts_.mode == ServerMode::Submission) say(replies::kAuthenticated);
  Result<void> result;
  while (result && !closing_ && !ended_by_) {
    auto stepping = step();
    result = co_await stepping;
  }
  if (ended_by_ && !closing_) {
    say(*ended_by_);
  } else if (!result && result.error().code() == Errc::Timeout) {
    say(replies::kTimeout);
  }
  if (result || result.error().code() == Errc::Timeout) {
    auto flushing = flush();
    (void)co_await flushing;
    auto ending = stream_.shutdown(net::Deadline::in(net::Millis(5000)));
    (void)co_await ending;
  }
  auto event = log::event(log::Info, "session_end");
  event.field("sid", facts_.session).field("messages", messages_);
  if (!result && result.error().code() != Errc::Closed) event.error(result.error());
}

// An idle session (another host keeps its connection for a while) would hold up the end of the process: its reading side is
// closed, which wakes it. What the client has sent before is still read and answered.
void Session::stop_soon() {
  stopping_ = true;
  const bool idle = !incoming_ && !chunk_ && fsm_.transaction() == nullptr;
  if (idle && stream_.fd() >= 0) (void)::shutdown(stream_.fd(), SHUT_RD);
}

void Session::end(const smtp::FixedReply& why) {
  ended_by_ = &why;
  if (stream_.fd() >= 0) (void)::shutdown(stream_.fd(), SHUT_RD);  // wakes it
}

// ---- bytes

Task<Result<void>> Session::flush() {
  if (out_.empty()) co_return Result<void>();
  const auto bytes = std::exchange(out_, {});
  auto writing = stream_.write_all(bytes, net::Deadline::in(settings_.write_time));
  co_return co_await writing;
}

Task<Result<void>> Session::read_more() {
  auto flushing = flush();
  BZ_CO_TRY_VOID(co_await flushing);
  const bool content = incoming_ != nullptr || chunk_.has_value();
  const auto deadline = net::Deadline::in(content ? settings_.data_time : settings_.command_time);
  std::string().swap(buffer_);  // an idle session holds no buffer
  unread_ = {};
  auto waiting = stream_.wait_readable(deadline);
  BZ_CO_TRY_VOID(co_await waiting);
  buffer_.resize(content ? kReadSize : 4096);
  auto reading = stream_.read_some(buffer_, deadline);
  BZ_CO_TRY(const size_t size, co_await reading);
  if (size == 0 && ended_by_) co_return Result<void>();
  if (size == 0 && stopping_) {
    say_and_close(replies::kShutdown);
    co_return Result<void>();
  }
  if (size == 0) co_return fail(Errc::Closed, "the client left");
  unread_ = std::string_view(buffer_).substr(0, size);
  co_return Result<void>();
}

Task<Result<void>> Session::step() {
  const auto event = framer_.next(unread_);
  switch (event.kind) {
    case Kind::NeedMore: {
      auto reading = read_more();
      co_return co_await reading;
    }
    case Kind::Line: {
      auto doing = on_line(std::string(event.bytes));
      BZ_CO_TRY_VOID(co_await doing);
      break;
    }
    case Kind::BadLine:
      refuse(reply_to(event.fault));
      break;
    case Kind::Chunk:
      if (incoming_ && !chunk_refusal_) {
        auto adding = incoming_->add(event.bytes);
        (void)co_await adding;
      }
      break;
    case Kind::End: {
      auto ending = on_end(event.fault);
      BZ_CO_TRY_VOID(co_await ending);
      break;
    }
  }
  if (out_.size() < kOutMost) co_return Result<void>();
  auto flushing = flush();
  co_return co_await flushing;
}

void Session::say(const smtp::Reply& reply) { out_ += reply.encode(); }

void Session::say_and_close(const smtp::Reply& reply) {
  say(reply);
  closing_ = true;
}

void Session::refuse(const smtp::Reply& reply) {
  say(reply);
  if (++errors_ >= settings_.max_errors) say_and_close(replies::kTooManyErrors);
}

// ---- commands

Task<Result<void>> Session::on_line(std::string line) {
  if (stopping_) {
    say_and_close(replies::kShutdown);
    co_return Result<void>();
  }
  auto command = smtp::parse_command(line, kRules);
  if (command.refusal) {
    refuse(*command.refusal);
    if (command.verb == smtp::Verb::Bdat) closing_ = true;  // RFC 3030: what follows cannot be counted
    co_return Result<void>();
  }
  const auto step = fsm_.on(command.verb);
  if (command.verb == smtp::Verb::Bdat) {
    bdat(command, step);
    co_return Result<void>();
  }
  switch (step.action) {
    case ServerAction::Refuse:
      refuse(step.refusal);
      break;
    case ServerAction::Hello:
      hello(command);
      break;
    case ServerAction::Mail: {
      auto doing = mail(std::move(std::get<smtp::MailFrom>(command.args)));
      co_await doing;
      break;
    }
    case ServerAction::Rcpt: {
      auto doing = rcpt(std::move(std::get<smtp::RcptTo>(command.args)));
      co_await doing;
      break;
    }
    case ServerAction::Data:
      data();
      break;
    case ServerAction::Reset:
      fsm_.accept();
      incoming_.reset();
      recipients_.clear();
      say(replies::kFlushed);
      break;
    case ServerAction::Noop:
      say(replies::kOk);
      break;
    case ServerAction::Verify:
      say(replies::kVerify);
      break;
    case ServerAction::Help:
      say(replies::kHelp);
      break;
    case ServerAction::Quit:
      say_and_close(replies::kBye);
      break;
    case ServerAction::Bdat:
    case ServerAction::Finish:
    case ServerAction::StartTls:  // the gateway's, before the hand-over; fsm_ refuses them here
    case ServerAction::Auth:
      break;
  }
  co_return Result<void>();
}

void Session::hello(const smtp::Command& command) {
  fsm_.accept();
  incoming_.reset();
  recipients_.clear();
  facts_.hello = std::get<smtp::Hello>(command.args).name;
  facts_.esmtp = command.verb == smtp::Verb::Ehlo;
  smtp::EhloFacts offer;
  offer.max_message = settings_.max_message;
  say(facts_.esmtp ? smtp::ehlo_reply(facts_.mode, offer, settings_.host) : smtp::Reply(250, "", settings_.host));
}

Task<Result<bool>> Session::may_send_as(smtp::Address sender) {
  auto asking = services_.directory.may_send_as(facts_.account, smtp::Address());
  BZ_CO_TRY(facts_.relays, co_await asking);
  auto asking_where = services_.directory.place_of(facts_.account);
  BZ_CO_TRY(facts_.place, co_await asking_where);
  // A null sender is a disposition notification of the user's program (RFC 8098 2.1).
  if (facts_.relays || sender.is_null()) co_return true;
  auto asking_for_one = services_.directory.may_send_as(facts_.account, std::move(sender));
  co_return co_await asking_for_one;
}

Task<void> Session::mail(smtp::MailFrom mail) {
  if (mail.size.value_or(0) > settings_.max_message) {
    say(replies::kMessageTooLarge);
    co_return;
  }
  if (facts_.mode == ServerMode::Submission) {
    auto asking = may_send_as(mail.sender);
    const auto may = co_await asking;
    if (!may) {
      say(replies::kUnavailable);
      co_return;
    }
    if (!*may) {
      log::event(log::Warn, "sender_refused").field("sid", facts_.session).field("from", mail.sender.to_string());
      refuse(replies::kSenderDenied);
      co_return;
    }
  }
  fsm_.accept(std::move(mail));
  framer_.begin_message();
  recipients_.clear();
  say(replies::kSenderOk);
}

Task<void> Session::rcpt(smtp::RcptTo rcpt) {
  if (recipients_.size() >= settings_.max_recipients) {
    say(replies::kTooManyRecipients);
    co_return;
  }
  if (rcpt.recipient.domain.empty()) rcpt.recipient.domain = settings_.mail_domain;  // <Postmaster>
  auto asking = services_.directory.lookup_recipient(rcpt.recipient);
  auto verdict = co_await asking;
  if (!verdict) {
    say(replies::kUnavailable);
    co_return;
  }
  const smtp::FixedReply* refusal = nullptr;
  switch (verdict->kind) {
    case RecipientVerdict::Kind::Local:
      if (verdict->targets.empty()) refusal = &replies::kUnknownUser;
      break;
    case RecipientVerdict::Kind::Elsewhere:
      if (facts_.mode != ServerMode::Submission) refusal = &replies::kRelayDenied;
      break;
    case RecipientVerdict::Kind::Unknown:
      refusal = &replies::kUnknownUser;
      break;
    case RecipientVerdict::Kind::Disabled:
      refusal = &replies::kUserDisabled;
      break;
  }
  if (refusal != nullptr) {
    log::event(log::Info, "recipient_refused").field("sid", facts_.session).field("to", rcpt.recipient.to_string());
    say(*refusal);
    if (++unknown_ >= settings_.max_unknown) say_and_close(replies::kTooManyErrors);
    co_return;
  }
  add_recipients(rcpt, *verdict);
  fsm_.accept(std::move(rcpt));
  say(replies::kRecipientOk);
}

void Session::add_recipients(const smtp::RcptTo& rcpt, const RecipientVerdict& verdict) {
  queue::Recipient r;
  r.rcpt = rcpt;
  const auto add_once = [&] {
    const bool known = std::any_of(recipients_.begin(), recipients_.end(), [&](const queue::Recipient& other) {
      return other.rcpt.recipient == r.rcpt.recipient && other.rcpt.account == r.rcpt.account;
    });
    if (!known) recipients_.push_back(r);
  };
  if (verdict.kind == RecipientVerdict::Kind::Elsewhere) return add_once();
  r.cls = queue::RecipientClass::Local;
  for (const auto& target : verdict.targets) {
    r.rcpt.recipient = target.address;
    r.rcpt.account = target.account;
    r.server = target.server;
    r.host = target.host;
    add_once();
  }
}

// The user's own copy, delivered by the same commit (contracts.md 5).
queue::Recipient Session::sent_copy() const {
  queue::Recipient r;
  r.cls = queue::RecipientClass::SentCopy;
  r.rcpt.sent_copy = true;
  r.rcpt.account = facts_.account;
  r.rcpt.notify.bits = smtp::Notify::kNever;
  auto name = smtp::parse_address(facts_.account_name);
  r.rcpt.recipient = name ? std::move(*name) : fsm_.transaction()->mail.sender;
  if (r.rcpt.recipient.is_null()) r.rcpt.recipient = {"postmaster", settings_.mail_domain};
  r.server = facts_.place.server;
  r.host = facts_.place.host;
  // Another server files a second copy without asking: the client's own must be there before we look.
  if (!r.server.empty()) r.next_try = services_.clock.unix_millis() + settings_.sent_wait.count();
  return r;
}

// ---- content

void Session::data() {
  fsm_.accept();
  incoming_ =
      std::make_unique<Incoming>(settings_, facts_, services_, fsm_.transaction()->mail, fsm_.transaction()->recipients);
  framer_.expect_data();
  say(replies::kSendData);
}

// The chunk follows whatever the answer is (RFC 3030 2), so the answer waits for its end.
void Session::bdat(const smtp::Command& command, const smtp::ServerFsm::Step& step) {
  chunk_ = std::get<smtp::BdatChunk>(command.args);
  chunk_refusal_.reset();
  if (step.action == ServerAction::Refuse) {
    chunk_refusal_ = step.refusal;
    framer_.begin_message();
  } else {
    fsm_.accept();
    if (!incoming_) {
      incoming_ = std::make_unique<Incoming>(settings_, facts_, services_, fsm_.transaction()->mail,
                                             fsm_.transaction()->recipients);
    }
  }
  framer_.expect_bdat(chunk_->size, chunk_->last);
}

Task<Result<void>> Session::on_end(smtp::Fault fault) {
  if (incoming_) incoming_->refuse(fault);
  if (chunk_) {
    const auto chunk = *std::exchange(chunk_, std::nullopt);
    auto ending = end_of_chunk(chunk, fault);
    co_await ending;
  } else {
    auto finishing = finish();
    co_await finishing;
  }
  if (fault == smtp::Fault::Overrun) closing_ = true;
  co_return Result<void>();
}

Task<void> Session::end_of_chunk(smtp::BdatChunk chunk, smtp::Fault) {
  if (auto refusal = std::exchange(chunk_refusal_, std::nullopt)) {
    refuse(*refusal);
    co_return;
  }
  if (incoming_->refusal()) {
    say(*incoming_->refusal());
    incoming_.reset();
    fsm_.bdat_refused();
    co_return;
  }
  if (!chunk.last) {
    say(replies::kChunkOk);
    co_return;
  }
  auto finishing = finish();
  co_await finishing;
}

Task<void> Session::finish() {
  fsm_.on(ServerEvent::MessageEnd);
  auto recipients = std::exchange(recipients_, {});
  const bool wanted = settings_.sent_copy && !facts_.relays && facts_.place.takes_sent_copy;
  if (facts_.mode == ServerMode::Submission && wanted) recipients.push_back(sent_copy());
  const auto incoming = std::exchange(incoming_, nullptr);
  auto finishing = incoming->finish(std::move(recipients));
  const auto reply = co_await finishing;
  fsm_.accept();
  if (reply.positive()) ++messages_;
  if (reply.permanent()) {
    log::event(log::Warn, "message_refused").field("sid", facts_.session).field("reply", reply.to_string());
  }
  say(reply);
}

}  // namespace bz::smtpd

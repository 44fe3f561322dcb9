#include "lmtpd/session.h"

#include "base/log.h"
#include "smtp/replies.h"

namespace bz::lmtpd {
namespace {

using smtp::ServerAction;
using smtp::Verb;
namespace replies = smtp::replies;

constexpr size_t kReadSize = 64 << 10;
constexpr size_t kFlushAt = 16 << 10;
constexpr size_t kPiece = 64 << 10;

smtp::CommandRules rules_of(const SessionConfig& config) {
  return {.smtputf8 = true, .dsn = config.from_mta, .buzon = config.from_mta};
}

smtp::Framer::Limits limits_of(const SessionConfig& config) {
  smtp::Framer::Limits limits;
  limits.max_message = config.max_message;
  return limits;
}
smtp::ServerOptions options() {
  smtp::ServerOptions options;
  options.mode = smtp::ServerMode::Lmtp;
  return options;
}
smtp::Reply reply_for(smtp::Fault fault) {
  if (fault == smtp::Fault::TooLarge || fault == smtp::Fault::Overrun) return replies::kMessageTooLarge;
  return fault == smtp::Fault::BadByte ? replies::kContentNul : replies::kContentNewline;
}
smtp::Reply reply_for_line(smtp::Fault fault) {
  if (fault == smtp::Fault::TooLong) return replies::kLineTooLong;
  return fault == smtp::Fault::BadByte ? replies::kBadByte : replies::kBareNewline;
}

smtp::Reply full(WhenFull when_full) {
  return when_full == WhenFull::Reject ? replies::kMailboxFull : replies::kMailboxFullNow;
}

smtp::Reply refusal_of(const Error& recipient, WhenFull when_full) {
  if (recipient.code() == Errc::NotFound) return replies::kUnknownUser;
  if (recipient.code() == Errc::OverQuota) return full(when_full);
  return recipient.code() == Errc::Denied ? replies::kUserDisabled : replies::kUnavailable;
}

}  // namespace

smtp::Reply reply_for(const Error& error, WhenFull when_full) {
  switch (error.code()) {
    case Errc::OverQuota:
      return full(when_full);
    case Errc::TooLarge:
      return replies::kMessageTooLarge;
    case Errc::NotFound:
      return replies::kUnknownUser;
    case Errc::Invalid:
    case Errc::Limit:
      return replies::kContentHeader;
    default:
      return replies::kUnavailable;
  }
}

Session::Session(std::unique_ptr<net::Stream> stream, Accounts& accounts, SessionConfig config, SessionId id,
                 std::string input)
    : stream_(std::move(stream)),
      accounts_(accounts),
      config_(std::move(config)),
      id_(std::move(id)),
      input_(std::move(input)),
      framer_(limits_of(config_)),
      fsm_(options()) {}

Session::~Session() = default;

Task<void> Session::run() {
  reply({220, "", config_.hostname + " LMTP buzon"});
  std::string buffer = std::exchange(input_, {});
  for (;;) {
    auto taking = take(buffer);
    if (!co_await std::move(taking)) break;
    buffer.resize(kReadSize);
    auto reading = stream_->read_some(buffer, net::Deadline::in(config_.idle_timeout));
    auto got = co_await std::move(reading);
    if (!got && got.error().code() == Errc::Timeout) {
      reply(replies::kTimeout);
      auto flushing = flush();
      (void)co_await std::move(flushing);
    }
    if (!got || *got == 0) break;
    buffer.resize(*got);
  }
  drop_targets();
  stream_->close();
}

Task<bool> Session::take(std::string_view input) {
  for (auto event = framer_.next(input); event.kind != smtp::Framer::Kind::NeedMore; event = framer_.next(input)) {
    auto handling = handle(event);
    co_await std::move(handling);
    if (errors_ > config_.max_errors && !ended_) {
      reply(replies::kTooManyErrors);
      ended_ = true;
    }
    if (ended_) break;
    if (out_.size() < kFlushAt) continue;
    auto flushing = flush();
    if (!co_await std::move(flushing)) co_return false;
  }
  auto flushing = flush();
  const bool flushed = co_await std::move(flushing);
  co_return flushed && !ended_;
}

Task<void> Session::handle(smtp::Framer::Event event) {
  switch (event.kind) {
    case smtp::Framer::Kind::Line:
      return command(smtp::parse_command(event.bytes, rules_of(config_)));
    case smtp::Framer::Kind::Chunk:
      return content(event.bytes);
    case smtp::Framer::Kind::End:
      return content_end(event.fault);
    default: {
      smtp::Command bad;
      bad.refusal = reply_for_line(event.fault);
      return command(std::move(bad));
    }
  }
}

// A refused BDAT has content behind it that must be read before it is answered (RFC 3030 section 2).
void Session::refuse(Verb verb, const smtp::Command& command, smtp::Reply why) {
  ++errors_;
  const auto* chunk = std::get_if<smtp::BdatChunk>(&command.args);
  if (verb == Verb::Bdat && chunk) {
    framer_.expect_bdat(chunk->size, chunk->last);
    bdat_refusal_ = std::move(why);
    return;
  }
  reply(why);
  if (verb == Verb::Bdat) ended_ = true;  // its size is not known: what follows cannot be told from commands
}

Task<void> Session::command(smtp::Command command) {
  if (command.refusal) {
    refuse(command.verb, command, *command.refusal);
    co_return;
  }
  const auto step = fsm_.on(command.verb);
  switch (step.action) {
    case ServerAction::Hello:
      fsm_.accept();
      drop_targets();
      reply(smtp::ehlo_reply(smtp::ServerMode::Lmtp, {.max_message = config_.max_message, .extension = config_.from_mta},
                             config_.hostname));
      break;
    case ServerAction::Mail:
      mail(std::get<smtp::MailFrom>(command.args));
      break;
    case ServerAction::Rcpt: {
      auto adding = recipient(std::get<smtp::RcptTo>(std::move(command.args)));
      co_await std::move(adding);
      break;
    }
    case ServerAction::Data:
      fsm_.accept();
      framer_.expect_data();
      reply(replies::kSendData);
      break;
    case ServerAction::Bdat: {
      const auto& chunk = std::get<smtp::BdatChunk>(command.args);
      fsm_.accept();
      framer_.expect_bdat(chunk.size, chunk.last);
      bdat_last_ = chunk.last;
      break;
    }
    case ServerAction::Reset:
      fsm_.accept();
      drop_targets();
      reply(replies::kFlushed);
      break;
    case ServerAction::Noop:
      reply(replies::kOk);
      break;
    case ServerAction::Verify:
      reply(replies::kVerify);
      break;
    case ServerAction::Help:
      reply(replies::kHelp);
      break;
    case ServerAction::Quit:
      fsm_.accept();
      reply(replies::kBye);
      ended_ = true;
      break;
    default:
      refuse(command.verb, command, step.action == ServerAction::Refuse ? step.refusal : smtp::Reply(replies::kNotOffered));
      break;
  }
}

void Session::mail(const smtp::MailFrom& from) {
  if (from.size.value_or(0) > config_.max_message) return reply(replies::kMessageTooLarge);
  fsm_.accept(from);
  framer_.begin_message();
  drop_targets();
  reply(replies::kSenderOk);
}

Task<void> Session::recipient(smtp::RcptTo to) {
  if (config_.from_mta && !to.account.is_set()) co_return reply(replies::kUnknownUser);
  if (targets_.size() >= config_.max_recipients) co_return reply(replies::kTooManyRecipients);
  Expected expected{delivery_of(to), fsm_.transaction()->mail.size.value_or(0)};
  auto opening = config_.from_mta ? accounts_.open(to.account, std::move(expected))
                                  : accounts_.open_address(to.recipient, std::move(expected));
  auto opened = co_await std::move(opening);
  if (!opened) {
    log::event(log::Warn, "lmtp.refused")
        .field("sid", session_of_message())
        .field("to", to.recipient.to_string())
        .error(opened.error());
    co_return reply(refusal_of(opened.error(), when_full(to)));
  }
  targets_.push_back({std::move(*opened), {}});
  fsm_.accept(std::move(to));
  reply(replies::kRecipientOk);
}

Task<void> Session::content(std::string_view bytes) {
  if (bdat_refusal_) co_return;
  gathered_ += bytes;
  if (gathered_.size() < kPiece) co_return;
  auto handing = hand_on();
  co_await std::move(handing);
}

Task<void> Session::hand_on() {
  const std::string bytes = std::exchange(gathered_, {});
  if (bytes.empty()) co_return;
  for (size_t i = 0; i < targets_.size(); ++i) {
    Target& target = targets_[i];
    if (target.failed) continue;
    auto writing = target.inlet->write(bytes);
    auto written = co_await std::move(writing);
    if (written) continue;
    target.failed = reply_for(written.error(), when_full(fsm_.transaction()->recipients[i]));
    target.inlet.reset();
    log::event(log::Warn, "lmtp.failed").field("sid", session_of_message()).error(written.error());
  }
}

Task<void> Session::content_end(smtp::Fault fault) {
  if (bdat_refusal_) {
    reply(*std::exchange(bdat_refusal_, {}));
    co_return;
  }
  if (fsm_.state() == smtp::ServerState::Chunks && !bdat_last_) {
    if (fault == smtp::Fault::None) co_return reply(replies::kChunkOk);
    reply(reply_for(fault));
    fsm_.bdat_refused();
    drop_targets();
  } else {
    auto finishing = finish(fault);
    co_await std::move(finishing);
  }
  if (fault == smtp::Fault::Overrun) ended_ = true;
}

// RFC 2033 section 4.2: one answer for each recipient that was accepted, in their order.
Task<void> Session::finish(smtp::Fault fault) {
  const auto step = fsm_.on(smtp::ServerEvent::MessageEnd);
  BZ_CHECK(step.action == ServerAction::Finish, "content ends only where it was expected");
  if (fault == smtp::Fault::None) {
    auto handing = hand_on();
    co_await std::move(handing);
  }
  for (size_t i = 0; i < targets_.size(); ++i) {
    if (fault != smtp::Fault::None) {
      reply(reply_for(fault));
      continue;
    }
    auto delivering = deliver(i);
    auto answer = co_await std::move(delivering);
    reply(answer);
  }
  drop_targets();
  fsm_.accept();
}

// The mta's connection serves one message after another: the log names the session that brought this one.
const SessionId& Session::session_of_message() const {
  const auto* transaction = fsm_.transaction();
  return transaction && !transaction->mail.session.empty() ? transaction->mail.session : id_;
}

store::Delivery Session::delivery_of(const smtp::RcptTo& to) const {
  const smtp::MailFrom& mail = fsm_.transaction()->mail;
  store::Delivery delivery{mail.queue_id, to.recipient.to_string(), mail.sender.to_string(), to.sent_copy};
  // The Sent copy and the ordinary one of a mail to oneself are two deliveries of the same address.
  if (to.sent_copy) delivery.recipient += " sent";
  return delivery;
}

// Its sender would hear of a Sent copy that failed for good, and his own mailbox is the full one: it waits until he has
// made room.
WhenFull Session::when_full(const smtp::RcptTo& to) const { return to.sent_copy ? WhenFull::Defer : config_.when_full; }

Task<smtp::Reply> Session::deliver(size_t index) {
  Target& target = targets_[index];
  if (target.failed) co_return *target.failed;
  const smtp::Transaction& transaction = *fsm_.transaction();
  const smtp::RcptTo& to = transaction.recipients[index];
  auto finishing = target.inlet->finish(delivery_of(to));
  auto finished = co_await std::move(finishing);
  target.inlet.reset();
  auto event = log::event(finished ? log::Info : log::Warn, finished ? "delivered" : "lmtp.failed");
  event.field("sid", session_of_message()).field("qid", transaction.mail.queue_id).field("account", to.account.value());
  if (!finished) {
    event.error(finished.error());
    co_return reply_for(finished.error(), when_full(to));
  }
  event.field("uid", finished->uid).field("size", framer_.message_size()).field("sent_copy", int{to.sent_copy});
  co_return smtp::Reply(250, "2.0.0", finished->matched_sent_copy ? "Delivered already" : "Delivered");
}

void Session::reply(const smtp::Reply& reply) { out_ += reply.encode(); }

Task<bool> Session::flush() {
  if (out_.empty()) co_return true;
  std::string bytes = std::exchange(out_, {});
  auto writing = stream_->write_all(bytes, net::Deadline::in(config_.write_timeout));
  auto written = co_await std::move(writing);
  co_return written.has_value();
}

}  // namespace bz::lmtpd

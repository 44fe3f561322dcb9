#include "login/front_smtp.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "smtp/ehlo.h"
#include "smtp/replies.h"

namespace bz::login {
namespace {

using Kind = SaslOutcome::Kind;
using smtp::Reply;
using smtp::Verb;
namespace replies = smtp::replies;

constexpr smtp::Framer::Limits kLimits{.auth_line = 34 << 10};  // tickets with group lists

Reply reply_to(smtp::Fault fault) {
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

SmtpFront::SmtpFront(Client& client) : client_(client), framer_(kLimits) {}

Task<FrontEnd> SmtpFront::run() {
  auto greeted = co_await greet();
  if (!greeted) co_return FrontEnd{nullptr, greeted.error().to_string()};
  for (;;) {
    auto next = co_await step();
    if (!next) {
      end_ = next.error().to_string();
      if (next.error().code() == Errc::Timeout) say(replies::kTimeout);
    }
    if (next && *next == Next::Go) continue;
    if (next && *next == Next::HandedOver) co_return FrontEnd{std::move(leg_), {}};
    auto flushed = co_await client_.flush();
    if (!flushed && next) end_ = flushed.error().to_string();
    co_return FrontEnd{nullptr, std::move(end_)};
  }
}

Task<Result<void>> SmtpFront::greet() {
  if (!mx()) {
    auto sniffed = co_await client_.sniff_tls();
    if (!sniffed) co_return std::move(sniffed).error();
  }
  say(Reply(220, "", client_.settings->host + " ESMTP buzon"));
  co_return Result<void>();
}

Task<Result<void>> SmtpFront::read_more() {
  auto flushed = co_await client_.flush();
  if (!flushed) co_return std::move(flushed).error();
  input_.clear();
  auto got = co_await client_.read(input_);
  unread_ = input_;
  co_return got;
}

Task<Result<SmtpFront::Next>> SmtpFront::step() {
  smtp::Framer::Event event = framer_.next(unread_);
  switch (event.kind) {
    case smtp::Framer::Kind::NeedMore: {
      auto got = co_await read_more();
      if (!got) co_return std::move(got).error();
      co_return Next::Go;
    }
    case smtp::Framer::Kind::Line: {
      std::string line(event.bytes);
      auto next = co_await command(line);
      co_return next;
    }
    default:
      co_return bad(reply_to(event.fault));
  }
}

Task<Result<SmtpFront::Next>> SmtpFront::command(std::string_view line) {
  smtp::Command command = smtp::parse_command(line, smtp::CommandRules{});
  switch (command.verb) {
    case Verb::Ehlo:
    case Verb::Helo:
      co_return hello(command);
    case Verb::Quit:
      say(replies::kBye);
      co_return Next::End;
    case Verb::StartTls: {
      auto next = co_await start_tls(command);
      co_return next;
    }
    case Verb::Auth: {
      auto next = co_await auth(command);
      co_return next;
    }
    default:
      break;
  }
  bool hand_over_now = mx() && command.verb != Verb::Unknown && command.verb != Verb::Noop && command.verb != Verb::Rset &&
                       command.verb != Verb::Lhlo && !ehlo_.empty();
  if (!hand_over_now) co_return other(command);
  std::string unread = std::string(line) + "\r\n" + std::string(unread_);
  auto next = co_await pass_on(client_.handoff(), std::move(unread), "mta");
  co_return next;
}

SmtpFront::Next SmtpFront::hello(const smtp::Command& command) {
  if (command.refusal) return bad(*command.refusal);
  ehlo_ = std::get<smtp::Hello>(command.args).name;
  esmtp_ = command.verb == Verb::Ehlo;
  const Settings& settings = *client_.settings;
  if (!esmtp_) return say(Reply(250, "", settings.host));
  smtp::EhloFacts facts;
  facts.max_message = settings.max_message;
  facts.any_server = client_.door->any_server && !mx();
  facts.starttls = !client_.secure() && client_.door->tls == TlsMode::StartTls;
  if (client_.may_log_in()) facts.mechanisms = client_.offered();
  return say(smtp::ehlo_reply(mx() ? smtp::ServerMode::Mx : smtp::ServerMode::Submission, facts, settings.host));
}

SmtpFront::Next SmtpFront::other(const smtp::Command& command) {
  switch (command.verb) {
    case Verb::Noop:
      return say(replies::kOk);
    case Verb::Rset:
      return command.refusal ? bad(*command.refusal) : say(replies::kFlushed);
    case Verb::Help:
      return say(replies::kHelp);
    case Verb::Lhlo:
      return bad(replies::kUseEhlo);
    case Verb::Unknown:
      return bad(command.refusal ? *command.refusal : Reply(replies::kUnknownCommand));
    default:
      break;
  }
  if (ehlo_.empty()) return bad(replies::kHelloFirst);
  return bad(replies::kAuthRequired);  // RFC 6409 section 4.3, RFC 4954 section 6
}

Task<Result<SmtpFront::Next>> SmtpFront::start_tls(const smtp::Command& command) {
  if (command.refusal) co_return bad(*command.refusal);
  if (client_.secure() || client_.door->tls != TlsMode::StartTls) co_return bad(replies::kNoTlsNow);
  say(replies::kStartTls);
  auto flushed = co_await client_.flush();
  if (!flushed) co_return std::move(flushed).error();
  // RFC 3207 section 4.2: nothing that was said in clear counts, neither the name nor what came behind the command.
  framer_ = smtp::Framer(kLimits);
  input_.clear();
  unread_ = {};
  ehlo_.clear();
  auto secured = co_await client_.start_tls("tls");
  if (!secured) co_return std::move(secured).error();
  co_return Next::Go;
}

Task<Result<SmtpFront::Next>> SmtpFront::auth(const smtp::Command& command) {
  if (command.refusal) co_return bad(*command.refusal);
  if (ehlo_.empty()) co_return bad(replies::kHelloFirst);
  if (client_.door->mechanisms.empty()) co_return bad(replies::kNoAuthNow);
  if (!client_.may_log_in()) co_return bad(Reply(530, "5.7.0", "STARTTLS first"));
  const auto& args = std::get<smtp::AuthStart>(command.args);
  if (!client_.offers(args.mechanism)) co_return bad(Reply(504, "5.5.4", "Mechanism is not offered"));
  wire::SaslStart start = client_.sasl_start(args.mechanism);
  start.service = wire::Service::Submission;
  start.client_name = ehlo_;
  if (args.initial) {
    auto bytes = base::from_base64(*args.initial == "=" ? "" : *args.initial);
    if (!bytes) co_return bad(Reply(501, "5.5.2", "The initial response is no base64"));
    start.has_initial = true;
    start.initial = std::move(*bytes);
  }
  SaslOutcome outcome = co_await sasl_exchange(client_, std::move(start), *this);
  if (outcome.kind == Kind::Lost) co_return fail(Errc::Closed, outcome.reason);
  if (outcome.kind != Kind::Done) co_return refuse(outcome);
  wire::Handoff header = client_.handoff();
  header.service = wire::Service::Submission;  // also on port 25: who logs in there submits
  header.mechanism = args.mechanism;
  header.account = outcome.done.account;
  header.device = outcome.done.device;
  header.ticket = outcome.done.ticket;
  auto next = co_await pass_on(std::move(header), std::string(unread_), outcome.done.route);
  co_return next;
}

Task<Result<SmtpFront::Next>> SmtpFront::pass_on(wire::Handoff header, std::string unread, std::string role) {
  auto flushed = co_await client_.flush();
  if (!flushed) co_return std::move(flushed).error();
  header.ehlo = ehlo_;
  header.esmtp = esmtp_;
  bool logged_in = !header.ticket.empty();
  auto leg = co_await hand_over(client_, header, unread, role);
  if (!leg) {
    log::event(log::Warn, "handoff_failed").field("sid", client_.sid).error(leg.error());
    say(logged_in ? replies::kAuthUnavailable : replies::kShutdown);
    end_ = leg.error().to_string();
    co_return Next::End;
  }
  leg_ = std::move(*leg);
  co_return Next::HandedOver;
}

SmtpFront::Next SmtpFront::refuse(const SaslOutcome& outcome) {
  switch (outcome.kind) {
    case Kind::Temporary:
      return say(replies::kAuthUnavailable);
    case Kind::Cancelled:
      return say(Reply(501, "5.7.0", "Authentication cancelled"));
    case Kind::Malformed:
      return bad(Reply(501, "5.5.2", "Malformed SASL message"));
    case Kind::NotOffered:
      return bad(Reply(504, "5.5.4", "Mechanism is not offered"));
    default:
      break;
  }
  const bool known = outcome.kind == Kind::NotAllowed;
  say(known ? Reply(535, "5.7.0", outcome.reason) : Reply(535, "5.7.8", "Name or password is wrong"));
  if (++client_.failed_logins < client_.settings->limits.login_tries) return Next::Go;
  say(Reply(421, "4.7.0", "Too many failed logins"));
  end_ = "too many failed logins";
  return Next::End;
}

SmtpFront::Next SmtpFront::say(const Reply& reply) {
  client_.out += reply.encode();
  return Next::Go;
}

SmtpFront::Next SmtpFront::bad(const Reply& reply) {
  say(reply);
  if (++client_.bad_commands < client_.settings->limits.bad_commands) return Next::Go;
  say(replies::kTooManyErrors);
  end_ = "too many bad commands";
  return Next::End;
}

Task<Result<std::string>> SmtpFront::ask(std::string_view challenge) {
  client_.out += "334 " + base::base64(challenge) + "\r\n";
  framer_.allow_auth_line(true);
  for (;;) {
    smtp::Framer::Event event = framer_.next(unread_);
    if (event.kind == smtp::Framer::Kind::NeedMore) {
      auto got = co_await read_more();
      if (!got) co_return std::move(got).error();
      continue;
    }
    framer_.allow_auth_line(false);
    if (event.kind != smtp::Framer::Kind::Line) co_return fail(Errc::Invalid, "the response is malformed or too long");
    if (event.bytes == "*") co_return fail(Errc::Cancelled, "the client cancelled");
    auto bytes = base::from_base64(event.bytes);
    if (!bytes) co_return fail(Errc::Invalid, "the response is no base64");
    co_return std::move(*bytes);
  }
}

}  // namespace bz::login

#include "login/front_pop3.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "pop3/capability.h"
#include "pop3/response.h"

namespace bz::login {
namespace {

using Kind = SaslOutcome::Kind;
using pop3::Verb;

constexpr pop3::Framer::Limits kLimits{.auth_line = 34 << 10};  // tickets with group lists
constexpr size_t kTimestampLength = 24;  // signs; what RFC 1939 section 7 builds of process id and clock, unguessable here

}  // namespace

Pop3Front::Pop3Front(Client& client) : client_(client), framer_(kLimits) {}

Task<FrontEnd> Pop3Front::run() {
  auto sniffed = co_await client_.sniff_tls();
  if (!sniffed) co_return FrontEnd{nullptr, sniffed.error().to_string()};
  greet();
  for (;;) {
    auto next = co_await step();
    if (!next) {
      end_ = next.error().to_string();
      if (next.error().code() == Errc::Timeout) err("Login took too long");
    }
    if (next && *next == Next::Go) continue;
    if (next && *next == Next::HandedOver) co_return FrontEnd{std::move(leg_), {}};
    auto flushed = co_await client_.flush();
    if (!flushed && next) end_ = flushed.error().to_string();
    co_return FrontEnd{nullptr, std::move(end_)};
  }
}

// A door that begins in clear shows the timestamp too: there is no second greeting after STLS.
void Pop3Front::greet() {
  std::string text = "buzon ready";
  if (listed("APOP")) {
    timestamp_ = "<" + client_.services.random.id(kTimestampLength) + "@" + client_.settings->host + ">";
    text += " " + timestamp_;
  }
  ok(text);
}

Task<Result<void>> Pop3Front::read_more() {
  auto flushed = co_await client_.flush();
  if (!flushed) co_return std::move(flushed).error();
  input_.clear();
  auto got = co_await client_.read(input_);
  unread_ = input_;
  co_return got;
}

Task<Result<Pop3Front::Next>> Pop3Front::step() {
  pop3::Framer::Event event = framer_.next(unread_);
  switch (event.kind) {
    case pop3::Framer::Kind::NeedMore: {
      auto got = co_await read_more();
      if (!got) co_return std::move(got).error();
      co_return Next::Go;
    }
    case pop3::Framer::Kind::Line: {
      const Secret line{std::string(event.bytes)};  // the view dies when an exchange reads on
      auto next = co_await command(line.reveal());
      co_return next;
    }
    case pop3::Framer::Kind::BadLine:
      co_return bad(event.bytes);
    case pop3::Framer::Kind::Overrun:
      break;
  }
  err(event.bytes);
  end_ = "input over the limits";
  co_return Next::End;
}

Task<Result<Pop3Front::Next>> Pop3Front::command(std::string_view line) {
  const pop3::Command command = pop3::parse_command(line);
  if (!command.refusal.empty()) co_return bad(command.refusal);
  switch (command.verb) {
    case Verb::Capa:
      co_return capabilities();
    case Verb::User:
      co_return user(command.text);
    case Verb::Utf8:
    case Verb::Lang:
      // RFC 6856 2: good for the whole session, which may be another server's that knows neither. CAPA names neither.
      if (client_.door->any_server) co_return bad("Not before login");
      if (command.verb == Verb::Lang) {
        pop3::language(client_.out, command.text);
        co_return Next::Go;
      }
      utf8_ = true;
      co_return ok("UTF-8 it is");
    case Verb::Quit:
      ok("Goodbye");
      co_return Next::End;
    case Verb::Stls: {
      auto next = co_await start_tls();
      co_return next;
    }
    case Verb::Pass: {
      auto next = co_await pass(command.text);
      co_return next;
    }
    case Verb::Apop: {
      auto next = co_await apop(command.text, *command.second);
      co_return next;
    }
    case Verb::Auth: {
      auto next = co_await auth(command);
      co_return next;
    }
    default:
      co_return bad("Log in first");
  }
}

Task<Result<Pop3Front::Next>> Pop3Front::start_tls() {
  // RFC 6856 section 2.1: no STLS after UTF8.
  if (client_.secure() || client_.door->tls != TlsMode::StartTls || utf8_) co_return bad("STLS is not possible now");
  ok("Begin TLS");
  auto flushed = co_await client_.flush();
  if (!flushed) co_return std::move(flushed).error();
  // Nothing that was said in clear counts, neither a name nor what came behind the command (RFC 2595 section 4).
  framer_.reset();
  input_.clear();
  unread_ = {};
  user_.clear();
  auto secured = co_await client_.start_tls("tls");
  if (!secured) co_return std::move(secured).error();
  co_return Next::Go;
}

// Whether there is such a user is not said here (RFC 1939 section 13).
Pop3Front::Next Pop3Front::user(std::string_view name) {
  if (!offers("PLAIN")) return not_offered();
  user_ = name;
  return ok("Now the password");
}

// What auth knows is SASL: the two commands are PLAIN in other clothes (RFC 4616). NUL cannot be in a line.
Task<Result<Pop3Front::Next>> Pop3Front::pass(std::string_view password) {
  if (!offers("PLAIN")) co_return not_offered();
  if (user_.empty()) co_return bad("USER first");
  wire::SaslStart start = client_.sasl_start("PLAIN");
  start.has_initial = true;
  start.initial.append(1, '\0').append(std::exchange(user_, {})).append(1, '\0').append(password);
  auto next = co_await conclude(std::move(start));
  co_return next;
}

Task<Result<Pop3Front::Next>> Pop3Front::apop(std::string_view user, std::string_view digest) {
  if (!offers("APOP")) co_return not_offered();
  wire::SaslStart start = client_.sasl_start("APOP");
  start.has_initial = true;
  start.initial.append(timestamp_).append(1, '\0').append(user).append(1, '\0').append(digest);
  auto next = co_await conclude(std::move(start));
  co_return next;
}

Task<Result<Pop3Front::Next>> Pop3Front::auth(const pop3::Command& command) {
  if (command.text.empty()) co_return list_mechanisms();
  const std::string mechanism = base::upper(command.text);
  if (!offers(mechanism) || mechanism == "APOP") co_return not_offered();
  wire::SaslStart start = client_.sasl_start(mechanism);
  if (command.second) {
    auto bytes = base::from_base64(*command.second == "=" ? "" : *command.second);
    if (!bytes) co_return bad("The initial response is no base64");
    start.has_initial = true;
    start.initial = std::move(*bytes);
  }
  auto next = co_await conclude(std::move(start));
  co_return next;
}

Task<Result<Pop3Front::Next>> Pop3Front::conclude(wire::SaslStart start) {
  std::string mechanism = start.mechanism;
  SaslOutcome outcome = co_await sasl_exchange(client_, std::move(start), *this);
  if (outcome.kind == Kind::Lost) co_return fail(Errc::Closed, outcome.reason);
  if (outcome.kind != Kind::Done) co_return refuse(outcome);
  auto next = co_await pass_on(std::move(outcome), std::move(mechanism));
  co_return next;
}

Task<Result<Pop3Front::Next>> Pop3Front::pass_on(SaslOutcome outcome, std::string mechanism) {
  auto flushed = co_await client_.flush();
  if (!flushed) co_return std::move(flushed).error();
  wire::Handoff header = client_.handoff();
  header.mechanism = std::move(mechanism);
  header.account = outcome.done.account;
  header.device = outcome.done.device;
  header.ticket = outcome.done.ticket;
  auto leg = co_await hand_over(client_, header, unread_, outcome.done.route);
  if (!leg) {
    log::event(log::Warn, "handoff_failed").field("sid", client_.sid).error(leg.error());
    err("The mail store is not available, try again later", pop3::kSysTemp);
    end_ = leg.error().to_string();
    co_return Next::End;
  }
  leg_ = std::move(*leg);
  co_return Next::HandedOver;
}

Pop3Front::Next Pop3Front::refuse(const SaslOutcome& outcome) {
  switch (outcome.kind) {
    case Kind::Temporary:
      return err("Login is not possible now, try again later", pop3::kSysTemp);
    case Kind::Cancelled:
      return err("Cancelled");
    case Kind::Malformed:
      return bad("Malformed SASL message");
    case Kind::NotOffered:
      return err("Mechanism is not offered");
    default:
      break;
  }
  err(outcome.kind == Kind::NotAllowed ? outcome.reason : "Name or password is wrong", pop3::kAuth);
  if (++client_.failed_logins < client_.settings->limits.login_tries) return Next::Go;
  end_ = "too many failed logins";  // POP3 knows no word that is not an answer: the connection ends
  return Next::End;
}

Pop3Front::Next Pop3Front::ok(std::string_view text) {
  pop3::ok(client_.out, text);
  return Next::Go;
}

Pop3Front::Next Pop3Front::err(std::string_view text, std::string_view code) {
  pop3::err(client_.out, text, code);
  return Next::Go;
}

Pop3Front::Next Pop3Front::bad(std::string_view text) {
  err(text);
  if (++client_.bad_commands < client_.settings->limits.bad_commands) return Next::Go;
  end_ = "too many bad commands";
  return Next::End;
}

// No AUTH code: another password would not help.
Pop3Front::Next Pop3Front::not_offered() {
  return bad(!client_.secure() && client_.door->tls == TlsMode::StartTls ? "STLS first"
                                                                         : "That way to log in is not offered");
}

Pop3Front::Next Pop3Front::capabilities() {
  pop3::CapabilityFacts facts;
  facts.stls = !client_.secure() && client_.door->tls == TlsMode::StartTls && !utf8_;
  facts.any_server = client_.door->any_server;
  if (client_.may_log_in()) facts.mechanisms = client_.offered();
  pop3::capabilities(client_.out, facts);
  return Next::Go;
}

Pop3Front::Next Pop3Front::list_mechanisms() {
  if (!client_.may_log_in()) return not_offered();
  ok("Mechanisms follow");
  for (const std::string& mechanism : pop3::sasl_mechanisms(client_.offered())) client_.out += mechanism + "\r\n";
  client_.out += ".\r\n";
  return Next::Go;
}

bool Pop3Front::listed(std::string_view mechanism) const {
  const auto& list = client_.door->mechanisms;
  return mechanism == "APOP" ? std::find(list.begin(), list.end(), mechanism) != list.end() : client_.offers(mechanism);
}

Task<Result<std::string>> Pop3Front::ask(std::string_view challenge) {
  client_.out += "+ " + base::base64(challenge) + "\r\n";  // an empty challenge is "+ " (RFC 5034 section 4)
  framer_.allow_auth_line(true);
  for (;;) {
    pop3::Framer::Event event = framer_.next(unread_);
    if (event.kind == pop3::Framer::Kind::NeedMore) {
      auto got = co_await read_more();
      if (!got) co_return std::move(got).error();
      continue;
    }
    framer_.allow_auth_line(false);
    if (event.kind == pop3::Framer::Kind::Overrun) co_return fail(Errc::TooLarge, "input over the limits");
    if (event.kind != pop3::Framer::Kind::Line) co_return fail(Errc::Invalid, "the response is malformed or too long");
    if (event.bytes == "*") co_return fail(Errc::Cancelled, "the client cancelled");
    auto bytes = base::from_base64(event.bytes);
    if (!bytes) co_return fail(Errc::Invalid, "the response is no base64");
    co_return std::move(*bytes);
  }
}

}  // namespace bz::login

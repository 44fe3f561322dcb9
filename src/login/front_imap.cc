#include "login/front_imap.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "imap/capability.h"
#include "imap/response.h"

namespace bz::login {
namespace {

using imap::Condition;
using Kind = SaslOutcome::Kind;

// The longest command before login is an ID of 30 pairs, 30 and 1024 octets each (RFC 2971 section 3.3); LOGIN has two
// literals, and auth takes 4 KiB of a SASL line.
constexpr imap::Framer::Limits kLimits{.line = 34 << 10, .literal = 4 << 10, .command = 36 << 10, .drain = 36 << 10};

}  // namespace

ImapFront::ImapFront(Client& client) : client_(client), framer_(kLimits) {}

Task<FrontEnd> ImapFront::run() {
  auto sniffed = co_await client_.sniff_tls();
  if (!sniffed) co_return FrontEnd{nullptr, sniffed.error().to_string()};
  say("", Condition::Ok, "CAPABILITY " + capabilities(), "buzon ready");
  for (;;) {
    auto next = co_await step();
    if (!next) {
      end_ = next.error().to_string();
      if (next.error().code() == Errc::Timeout) {
        say("", Condition::Bye, "", "Login took too long");
      }
    }
    if (next && *next == Next::Go) continue;
    if (next && *next == Next::HandedOver) co_return FrontEnd{std::move(leg_), {}};
    auto flushed = co_await client_.flush();
    if (!flushed && next) end_ = flushed.error().to_string();
    co_return FrontEnd{nullptr, std::move(end_)};
  }
}

Task<Result<ImapFront::Next>> ImapFront::step() {
  imap::Framer::Event event = framer_.next();
  switch (event.kind) {
    case imap::Framer::Kind::NeedMore: {
      auto flushed = co_await client_.flush();
      if (!flushed) co_return std::move(flushed).error();
      std::string input;
      auto got = co_await client_.read(input);
      if (!got) co_return std::move(got).error();
      framer_.feed(input);
      co_return Next::Go;
    }
    case imap::Framer::Kind::Continue:
      imap::continuation(client_.out, "go on");
      co_return Next::Go;
    case imap::Framer::Kind::Command: {
      std::string text(event.text);  // the view dies when an exchange reads on
      auto next = co_await command(text);
      co_return next;
    }
    case imap::Framer::Kind::AppendLiteral: {
      std::string tag(imap::read_tag(event.text));
      framer_.refuse_append(0);
      co_return bad(tag, "Log in first");
    }
    case imap::Framer::Kind::Refused:
      co_return bad(event.tag, event.text);
    default:
      break;
  }
  say("", Condition::Bye, "", event.text.empty() ? "Too much" : event.text);
  end_ = "input over the limits";
  co_return Next::End;
}

Task<Result<ImapFront::Next>> ImapFront::command(std::string_view text) {
  imap::ParsedCommand parsed = imap::parse_command(text);
  if (const imap::SyntaxError* error = parsed.error()) co_return bad(parsed.tag, error->text);
  auto next = co_await dispatch(parsed, *parsed.command());
  co_return next;
}

Task<Result<ImapFront::Next>> ImapFront::dispatch(const imap::ParsedCommand& parsed, const imap::Command& command) {
  const std::string& tag = parsed.tag;
  std::string& out = client_.out;
  if (std::holds_alternative<imap::Capability>(command)) {
    imap::capability_response(out, capabilities());
    say(tag, Condition::Ok, "", "Done");
  } else if (std::holds_alternative<imap::Noop>(command)) {
    say(tag, Condition::Ok, "", "Done");
  } else if (const auto* its_id = std::get_if<imap::Id>(&command)) {
    id(tag, *its_id);
  } else if (const auto* its_language = std::get_if<imap::SetLanguage>(&command)) {
    language(tag, *its_language);
  } else if (std::holds_alternative<imap::Logout>(command)) {
    say("", Condition::Bye, "", "Goodbye");
    say(tag, Condition::Ok, "", "Done");
    co_return Next::End;
  } else if (std::holds_alternative<imap::StartTls>(command)) {
    auto next = co_await start_tls(tag);
    co_return next;
  } else if (const auto* its_login = std::get_if<imap::Login>(&command)) {
    auto next = co_await login(tag, *its_login);
    co_return next;
  } else if (const auto* auth = std::get_if<imap::Authenticate>(&command)) {
    auto next = co_await authenticate(tag, *auth);
    co_return next;
  } else {
    co_return bad(tag, "Log in first");
  }
  co_return Next::Go;
}

Task<Result<ImapFront::Next>> ImapFront::start_tls(std::string tag) {
  if (client_.secure() || client_.door->tls != TlsMode::StartTls) co_return bad(tag, "STARTTLS is not possible now");
  say(tag, Condition::Ok, "", "Begin TLS");
  auto flushed = co_await client_.flush();
  if (!flushed) co_return std::move(flushed).error();
  // Whatever came in clear behind the command was not said under TLS and is forgotten, and so is the ID (RFC 3501 6.2.1).
  framer_ = imap::Framer(kLimits);
  id_pairs_.clear();
  language_ = imap::Language::Default;  // RFC 5255 section 3.1: somebody in between may have chosen it
  auto secured = co_await client_.start_tls("tls");
  if (!secured) co_return std::move(secured).error();
  co_return Next::Go;
}

Task<Result<ImapFront::Next>> ImapFront::login(std::string tag, const imap::Login& login) {
  if (!client_.may_log_in() || !offers("PLAIN")) {
    say(tag, Condition::No, client_.may_log_in() || client_.secure() ? "CANNOT" : "PRIVACYREQUIRED", "LOGIN is disabled");
    ++client_.bad_commands;
    co_return Next::Go;
  }
  // What auth knows is SASL: the command is PLAIN in other clothes (RFC 4616). NUL cannot be in an IMAP string.
  wire::SaslStart start = client_.sasl_start("PLAIN");
  start.has_initial = true;
  start.initial.append(1, '\0').append(login.user).append(1, '\0').append(login.password.reveal());
  auto next = co_await conclude(std::move(tag), std::move(start));
  co_return next;
}

Task<Result<ImapFront::Next>> ImapFront::authenticate(std::string tag, const imap::Authenticate& command) {
  if (!client_.may_log_in() || !offers(command.mechanism)) {
    say(tag, Condition::No, client_.may_log_in() || client_.secure() ? "CANNOT" : "PRIVACYREQUIRED",
        "Mechanism is not offered");
    ++client_.bad_commands;
    co_return Next::Go;
  }
  wire::SaslStart start = client_.sasl_start(command.mechanism);
  if (command.initial_response) {
    std::string_view text = command.initial_response->reveal();
    auto bytes = base::from_base64(text == "=" ? "" : text);
    if (!bytes) co_return bad(tag, "The initial response is no base64");
    start.has_initial = true;
    start.initial = std::move(*bytes);
  }
  auto next = co_await conclude(std::move(tag), std::move(start));
  co_return next;
}

Task<Result<ImapFront::Next>> ImapFront::conclude(std::string tag, wire::SaslStart start) {
  // A tag that the hand-over cannot carry would be answered wrongly.
  if (tag.size() > wire::kMaxHandoffText) co_return bad("*", "Tag too long");
  start.client_id = described();
  std::string mechanism = start.mechanism;
  SaslOutcome outcome = co_await sasl_exchange(client_, std::move(start), *this);
  if (outcome.kind == Kind::Lost) co_return fail(Errc::Closed, outcome.reason);
  if (outcome.kind != Kind::Done) co_return refuse(tag, outcome);
  auto next = co_await pass_on(std::move(tag), std::move(outcome), std::move(mechanism));
  co_return next;
}

Task<Result<ImapFront::Next>> ImapFront::pass_on(std::string tag, SaslOutcome outcome, std::string mechanism) {
  auto flushed = co_await client_.flush();
  if (!flushed) co_return std::move(flushed).error();
  wire::Handoff header = client_.handoff();
  header.tag = tag;
  header.id_pairs = id_pairs_;
  if (language_ != imap::Language::Default) header.language = imap::tag(language_);
  header.mechanism = std::move(mechanism);
  header.account = outcome.done.account;
  header.device = outcome.done.device;
  header.ticket = outcome.done.ticket;
  std::string rest = framer_.take_rest();
  auto leg = co_await hand_over(client_, header, rest, outcome.done.route);
  if (!leg) {
    log::event(log::Warn, "handoff_failed").field("sid", client_.sid).error(leg.error());
    say(tag, Condition::No, "UNAVAILABLE", "The mail store is not available, try again later");
    end_ = leg.error().to_string();
    co_return Next::End;
  }
  leg_ = std::move(*leg);
  co_return Next::HandedOver;
}

ImapFront::Next ImapFront::refuse(const std::string& tag, const SaslOutcome& outcome) {
  switch (outcome.kind) {
    case Kind::Temporary:
      say(tag, Condition::No, "UNAVAILABLE", "Login is not possible now, try again later");
      return Next::Go;
    case Kind::Cancelled:
      say(tag, Condition::Bad, "", "Cancelled");
      return Next::Go;
    case Kind::Malformed:
      return bad(tag, "Malformed SASL message");
    case Kind::NotOffered:
      say(tag, Condition::No, "CANNOT", "Mechanism is not offered");
      return Next::Go;
    default:
      break;
  }
  if (outcome.kind == Kind::NotAllowed) {  // RFC 5530: the secret is right, and no other one will help
    say(tag, Condition::No, "AUTHORIZATIONFAILED", outcome.reason);
  } else {
    say(tag, Condition::No, "AUTHENTICATIONFAILED", "Name or password is wrong");
  }
  if (++client_.failed_logins < client_.settings->limits.login_tries) return Next::Go;
  say("", Condition::Bye, "", "Too many failed logins");
  end_ = "too many failed logins";
  return Next::End;
}

ImapFront::Next ImapFront::bad(std::string_view tag, std::string_view text) {
  if (tag.empty() || tag == "*") {
    say("", Condition::Bad, "", text);
  } else {
    say(tag, Condition::Bad, "", text);
  }
  if (++client_.bad_commands < client_.settings->limits.bad_commands) return Next::Go;
  say("", Condition::Bye, "", "Too many errors");
  end_ = "too many bad commands";
  return Next::End;
}

void ImapFront::id(const std::string& tag, const imap::Id& id) {
  id_pairs_.clear();
  for (const auto& [key, value] : id.fields) {
    if (id_pairs_.size() == wire::kMaxHandoffIdPairs) break;
    id_pairs_.emplace_back(key, value.value_or(""));
  }
  imap::Encoder(client_.out).raw("* ID (\"name\" \"buzon\")").crlf();
  say(tag, Condition::Ok, "", "Done");
}

void ImapFront::language(const std::string& tag, const imap::SetLanguage& command) {
  if (command.ranges.empty()) {
    imap::language_response(client_.out, imap::language_tags());
    return say(tag, Condition::Ok, "", "Done");
  }
  const auto chosen = imap::choose_language(command.ranges);
  if (!chosen) return say(tag, Condition::No, "", "None of these languages is spoken here");
  language_ = *chosen;
  const std::string_view name = imap::tag(language_);
  imap::language_response(client_.out, {&name, 1});
  say(tag, Condition::Ok, "", "Language changed");
}

void ImapFront::say(std::string_view tag, Condition condition, std::string_view code, std::string_view text) {
  const std::string said = imap::in_language(language_, condition, text);
  const bool utf8 = language_ != imap::Language::Default;
  if (tag.empty())
    imap::untagged(client_.out, condition, code, said, utf8);
  else
    imap::tagged(client_.out, tag, condition, code, said, utf8);
}

// "iPhone Mail 22C161 iOS 18.2.1 (22C161)": which device it is, for the administrator and the guard.
std::string ImapFront::described() const {
  constexpr size_t kMost = 200;
  std::string out;
  for (std::string_view wanted : {"name", "version", "os", "os-version"}) {
    for (const auto& [key, value] : id_pairs_)
      if (base::iequals(key, wanted) && !value.empty()) out += (out.empty() ? "" : " ") + value;
  }
  return out.substr(0, kMost);
}

std::string ImapFront::capabilities() const {
  const std::string& its = client_.door->capabilities;
  std::string out = its.empty() ? std::string(imap::kCapabilitiesBeforeLogin) : its;
  if (!client_.secure() && client_.door->tls == TlsMode::StartTls) out += " STARTTLS";
  if (!client_.may_log_in() || !offers("PLAIN")) out += " LOGINDISABLED";
  if (client_.may_log_in()) {
    for (const std::string& mechanism : client_.offered()) out += " AUTH=" + mechanism;
  }
  return out;
}

bool ImapFront::offers(std::string_view mechanism) const { return client_.offers(mechanism); }

Task<Result<std::string>> ImapFront::ask(std::string_view challenge) {
  client_.out += "+ " + base::base64(challenge) + "\r\n";  // an empty challenge is "+ " (RFC 3501 section 7.5)
  framer_.set_plain_lines(true);
  for (;;) {
    imap::Framer::Event event = framer_.next();
    if (event.kind == imap::Framer::Kind::Command) {
      framer_.set_plain_lines(false);
      if (event.text == "*") co_return fail(Errc::Cancelled, "the client cancelled");
      auto bytes = base::from_base64(event.text);
      if (!bytes) co_return fail(Errc::Invalid, "the response is no base64");
      co_return std::move(*bytes);
    }
    if (event.kind == imap::Framer::Kind::Fatal) co_return fail(Errc::TooLarge, "input over the limits");
    if (event.kind != imap::Framer::Kind::NeedMore) {
      framer_.set_plain_lines(false);
      co_return fail(Errc::Invalid, "the response is too long");
    }
    auto flushed = co_await client_.flush();
    if (!flushed) co_return std::move(flushed).error();
    std::string input;
    auto got = co_await client_.read(input);
    if (!got) co_return std::move(got).error();
    framer_.feed(input);
  }
}

}  // namespace bz::login

// Submission and port 25 (RFC 6409, RFC 3207, RFC 4954): greeting, EHLO, STARTTLS, mechanisms, logins; and on STARTTLS
// doors what a phone does that looks for a server: a TLS hello before any greeting.
#include "base/text.h"
#include "probe/login.h"
#include "probe/visit.h"

namespace bz::probe {
namespace {

constexpr size_t kMaxLines = 128;
constexpr const char* kHello = "EHLO [192.0.2.7]";  // phones say the address of their own network

struct Reply {
  int code = 0;
  std::vector<std::string> lines;
  std::string text() const { return lines.empty() ? "" : std::to_string(code) + " " + lines.back(); }
};

class Smtp : public Dialect {
 public:
  explicit Smtp(Link& link) : Dialect(link) {}
  std::string command(std::string_view mechanism) override { return "AUTH " + std::string(mechanism); }

  Task<Result<Answer>> answer() override {
    auto reading = read();
    auto reply = co_await std::move(reading);
    if (!reply) co_return std::move(reply).error();
    if (reply->code == 334) co_return Answer{Said::Challenge, reply->lines.back()};
    co_return Answer{reply->code == 235 ? Said::Done : Said::Refused, reply->text()};
  }
  Task<Result<Reply>> read() {
    Reply reply;
    for (;;) {
      auto reading = link().line();
      auto line = co_await std::move(reading);
      if (!line) co_return std::move(line).error();
      auto code = line->size() >= 3 ? base::parse_number<int>(std::string_view(*line).substr(0, 3)) : std::nullopt;
      bool more = line->size() > 3 && (*line)[3] == '-';
      if (!code || *code < 200 || *code > 599 || (line->size() > 3 && !more && (*line)[3] != ' ')) {
        co_return fail(Errc::Invalid, "\"" + line->substr(0, 80) + "\" is no reply of SMTP");
      }
      reply.code = *code;
      reply.lines.push_back(line->size() > 4 ? line->substr(4) : "");
      if (!more) co_return reply;
      if (reply.lines.size() > kMaxLines) co_return fail(Errc::Limit, "over 128 lines of reply");
    }
  }
  Task<Result<Reply>> ask(std::string command) {
    auto said = co_await link().say(std::move(command));
    if (!said) co_return std::move(said).error();
    auto reading = read();
    co_return co_await std::move(reading);
  }
};

// "AUTH PLAIN LOGIN", and "AUTH=LOGIN" of old servers.
std::vector<std::string> mechanisms_in(const Reply& reply) {
  for (const std::string& line : reply.lines) {
    auto words = words_of(line);
    if (!words.empty() && words[0] == "AUTH") return {words.begin() + 1, words.end()};
  }
  return {};
}

bool offers(const Reply& reply, std::string_view keyword) {
  for (const std::string& line : reply.lines) {
    auto words = words_of(line);
    if (!words.empty() && words[0] == keyword) return true;
  }
  return false;
}

// A greeting and an EHLO; nullopt: the report says what was wrong.
Task<std::optional<Reply>> hello(Visit& visit, Smtp& smtp, bool greeting) {
  if (greeting) {
    auto reading = smtp.read();
    auto first = co_await std::move(reading);
    if (!first && first.error().code() == Errc::Invalid) {
      visit.error("greeting-garbage", "The greeting is not one of SMTP: " + first.error().text() + ".",
                  "Look which service is bound to this port.");
      co_return std::nullopt;
    }
    if (!first) co_return visit.lost("greeting-missing", "the connection (a greeting)", first.error()), std::nullopt;
    if (first->code != 220) {
      visit.error("greeting-refused", "The server greets with \"" + first->text() + "\".",
                  "Its text says why; blocked addresses are the commonest cause.");
      co_return std::nullopt;
    }
  }
  auto asking = smtp.ask(kHello);
  auto reply = co_await std::move(asking);
  if (!reply) co_return visit.lost("ehlo-unanswered", "EHLO", reply.error()), std::nullopt;
  if (reply->code != 250) {
    visit.error("ehlo-refused", "EHLO with an address as phones send it gets \"" + reply->text() + "\".",
                "Accept address literals and unknown names in EHLO on this port.");
    co_return std::nullopt;
  }
  co_return std::move(*reply);
}

Task<bool> start_tls(Visit& visit, Smtp& smtp, const Reply& offer) {
  if (!mechanisms_in(offer).empty()) {
    visit.warning("auth-in-clear",
                  "The server offers AUTH before TLS: a phone set up without TLS sends its password in clear.",
                  "Offer AUTH under TLS only.");
  }
  if (!offers(offer, "STARTTLS")) {
    visit.add(visit.door().login ? Severity::Error : Severity::Warning, "starttls-missing",
              "The server offers no STARTTLS here, or somebody on the way takes it out of the list.",
              "Switch STARTTLS on; if it is on, look for a firewall that inspects mail.");
    co_return false;
  }
  auto asking = smtp.ask("STARTTLS");
  auto reply = co_await std::move(asking);
  if (!reply || reply->code != 220) {
    visit.error("starttls-refused",
                "STARTTLS is offered and refused: " + (reply ? reply->text() : reply.error().text()) + ".",
                "Give the service a certificate.");
    co_return false;
  }
  auto handshake = visit.secure(smtp.link());
  co_return co_await std::move(handshake);
}

// An iPhone that sets up an account sends its TLS hello at once, whatever the port. It must get an answer or an end soon,
// and must not be locked out for it.
Task<void> send_early_hello(Visit& visit) {
  auto entering = visit.enter_again();
  auto link = co_await std::move(entering);
  if (!link) co_return;
  auto handshake = (*link)->secure(visit.context(), visit.options().host);
  auto done = co_await std::move(handshake);
  if (done) {
    visit.fact("a TLS hello before the greeting is served");
  } else if (done.error().code() == Errc::Timeout) {
    visit.warning(
        "early-hello-hangs",
        "A TLS hello before the greeting, with which phones look for a server, gets no answer; account set-up hangs.",
        "Close such connections, or serve them.");
  }
  link->reset();
  auto again = visit.enter_again();
  auto next = co_await std::move(again);
  bool banned = !next;
  if (next) {
    Smtp smtp(**next);
    auto reading = smtp.read();
    auto greeting = co_await std::move(reading);
    banned = !greeting || greeting->code != 220;
  }
  if (banned) {
    visit.error(
        "early-hello-banned",
        "After a TLS hello before the greeting, with which phones look for a server, the next connection is refused.",
        "Do not count TLS bytes on this port as an attack.");
  }
}

Task<void> try_mechanism(Visit& visit, std::string mechanism) {
  auto entering = visit.enter_again();
  auto link = co_await std::move(entering);
  if (!link) co_return visit.lost("login-unreachable", "a further connection", link.error());
  Smtp smtp(**link);
  auto saying = hello(visit, smtp, true);
  auto offer = co_await std::move(saying);
  if (!offer) co_return;
  if (!visit.door().implicit_tls) {
    auto starting = smtp.ask("STARTTLS");
    auto started = co_await std::move(starting);
    if (!started || started->code != 220) co_return;
    auto handshake = smtp.link().secure(visit.context(), visit.options().host);
    auto done = co_await std::move(handshake);
    if (!done) co_return;
    auto again = hello(visit, smtp, false);
    offer = co_await std::move(again);
    if (!offer) co_return;
  }
  auto login = log_in(smtp, mechanism, visit.options());
  auto in = co_await std::move(login);
  if (!in && in.error().code() == Errc::Unsupported) co_return;
  if (!in) {
    co_return visit.error("login-failed", "Login by " + mechanism + " fails: " + in.error().text() + ".",
                          "Check user and password; if they are right, switch the mechanism off.");
  }
  visit.fact("login by " + mechanism + " works");
  for (const std::string& command :
       {"MAIL FROM:<" + visit.options().user + ">", std::string("RSET"), std::string("QUIT")}) {
    if (command.starts_with("MAIL") && visit.options().user.find('@') == std::string::npos) continue;
    auto asking = smtp.ask(command);
    auto reply = co_await std::move(asking);
    if (!reply) co_return visit.lost("session-broken", command, reply.error());
    if (reply->code >= 400)
      visit.error("session-refused", command + " gets \"" + reply->text() + "\".",
                  "Let the user send from his own address.");
  }
}

}  // namespace

Task<void> visit_smtp(Visit& visit) {
  auto entering = visit.enter();
  auto link = co_await std::move(entering);
  if (!link) co_return;
  Smtp smtp(*link);
  auto saying = hello(visit, smtp, true);
  auto offer = co_await std::move(saying);
  if (!offer) co_return;
  if (!visit.door().implicit_tls) {
    auto starting = start_tls(visit, smtp, *offer);
    bool good = co_await std::move(starting);
    if (!good) co_return;
    auto again = hello(visit, smtp, false);
    offer = co_await std::move(again);
    if (!offer) co_return;
  }
  std::vector<std::string> mechanisms = mechanisms_in(*offer);
  visit.judge_mechanisms(mechanisms);
  link.reset();
  if (!visit.door().implicit_tls && visit.door().login) {
    auto early = send_early_hello(visit);
    co_await std::move(early);
  }
  if (!visit.may_log_in()) co_return;
  for (const std::string& mechanism : mechanisms) {
    auto trying = try_mechanism(visit, mechanism);
    co_await std::move(trying);
  }
}

}  // namespace bz::probe

// POP3 (RFC 1939, RFC 2449, RFC 2595, RFC 5034): greeting, CAPA, STLS, mechanisms, and a short session.
#include "base/text.h"
#include "probe/login.h"
#include "probe/visit.h"

namespace bz::probe {
namespace {

constexpr size_t kMaxLines = 20'000;

class Pop3 : public Dialect {
 public:
  explicit Pop3(Link& link) : Dialect(link) {}
  std::string command(std::string_view mechanism) override { return "AUTH " + std::string(mechanism); }

  Task<Result<Answer>> answer() override {
    auto reading = link().line();
    auto line = co_await std::move(reading);
    if (!line) co_return std::move(line).error();
    if (base::istarts_with(*line, "+OK")) co_return Answer{Said::Done, *line};
    if (line->starts_with("+"))
      co_return Answer{Said::Challenge, std::string(base::trim(std::string_view(*line).substr(1)))};
    co_return Answer{Said::Refused, *line};
  }
  // The first line, which begins with "+OK"; anything else is AuthFailed with the server's words.
  Task<Result<std::string>> ask(std::string command) {
    auto said = co_await link().say(std::move(command));
    if (!said) co_return std::move(said).error();
    auto reading = link().line();
    auto line = co_await std::move(reading);
    if (!line) co_return std::move(line).error();
    if (!base::istarts_with(*line, "+OK")) co_return fail(Errc::AuthFailed, *line);
    co_return std::move(*line);
  }
  Task<Result<std::vector<std::string>>> list(std::string command) {
    auto asking = ask(std::move(command));
    auto first = co_await std::move(asking);
    if (!first) co_return std::move(first).error();
    std::vector<std::string> out;
    for (;;) {
      auto reading = link().line();
      auto line = co_await std::move(reading);
      if (!line) co_return std::move(line).error();
      if (*line == ".") co_return out;
      if (out.size() >= kMaxLines) co_return fail(Errc::Limit, "a list over 20,000 lines");
      out.push_back(std::move(*line));
    }
  }
};

struct Offer {
  std::vector<std::string> mechanisms;
  bool user = false, stls = false, uidl = false;
};

Task<std::optional<Offer>> capabilities(Visit& visit, Pop3& pop) {
  auto listing = pop.list("CAPA");
  auto lines = co_await std::move(listing);
  if (!lines && lines.error().code() != Errc::AuthFailed)
    co_return visit.lost("no-capabilities", "CAPA", lines.error()), std::nullopt;
  Offer offer;
  if (!lines) {
    offer.user = offer.uidl = true;  // RFC 2449 is optional: an old server has USER
    co_return offer;
  }
  for (const std::string& line : *lines) {
    auto words = words_of(line);
    if (words.empty()) continue;
    offer.user |= words[0] == "USER";
    offer.stls |= words[0] == "STLS";
    offer.uidl |= words[0] == "UIDL";
    if (words[0] == "SASL") offer.mechanisms.assign(words.begin() + 1, words.end());
  }
  co_return offer;
}

Task<bool> greeted(Visit& visit, Pop3& pop) {
  auto reading = pop.link().line();
  auto line = co_await std::move(reading);
  if (!line) co_return visit.lost("greeting-missing", "the connection (a greeting)", line.error()), false;
  if (base::istarts_with(*line, "+OK")) co_return true;
  visit.error("greeting-garbage", "The greeting is not one of POP3: \"" + line->substr(0, 80) + "\".",
              "Look which service is bound to this port.");
  co_return false;
}

Task<bool> start_tls(Visit& visit, Pop3& pop, const Offer& offer) {
  if (!offer.stls) {
    visit.error("starttls-missing", "The server offers no STLS here, or somebody on the way takes it out of the list.",
                "Switch STLS on; if it is on, look for a firewall that inspects mail.");
    co_return false;
  }
  auto asking = pop.ask("STLS");
  auto reply = co_await std::move(asking);
  if (!reply) co_return visit.lost("starttls-refused", "STLS", reply.error()), false;
  auto handshake = visit.secure(pop.link());
  co_return co_await std::move(handshake);
}

Task<void> try_login(Visit& visit, std::string mechanism) {
  auto entering = visit.enter_again();
  auto link = co_await std::move(entering);
  if (!link) co_return visit.lost("login-unreachable", "a further connection", link.error());
  Pop3 pop(**link);
  auto reading = pop.link().line();
  auto greeting = co_await std::move(reading);
  if (!greeting) co_return visit.lost("greeting-missing", "a further connection", greeting.error());
  if (!visit.door().implicit_tls) {
    auto starting = pop.ask("STLS");
    auto started = co_await std::move(starting);
    if (!started) co_return;
    auto handshake = pop.link().secure(visit.context(), visit.options().host);
    auto done = co_await std::move(handshake);
    if (!done) co_return;
  }
  auto login = log_in(pop, mechanism, visit.options());
  auto in = co_await std::move(login);
  if (!in && in.error().code() == Errc::Unsupported) co_return;
  if (!in) {
    co_return visit.error("login-failed", "Login by " + mechanism + " fails: " + in.error().text() + ".",
                          "Check user and password; if they are right, switch the mechanism off.");
  }
  visit.fact("login by " + mechanism + " works");
  auto stat = pop.ask("STAT");
  auto counted = co_await std::move(stat);
  if (!counted) co_return visit.lost("session-broken", "STAT", counted.error());
  for (const char* command : {"UIDL", "LIST"}) {
    auto listing = pop.list(command);
    auto listed = co_await std::move(listing);
    if (!listed) co_return visit.lost("session-broken", command, listed.error());
  }
  auto leaving = pop.ask("QUIT");
  auto left = co_await std::move(leaving);
  if (!left) visit.lost("session-broken", "QUIT", left.error());
}

}  // namespace

Task<void> visit_pop3(Visit& visit) {
  auto entering = visit.enter();
  auto link = co_await std::move(entering);
  if (!link) co_return;
  Pop3 pop(*link);
  auto greeting = greeted(visit, pop);
  bool good = co_await std::move(greeting);
  if (!good) co_return;
  auto asking = capabilities(visit, pop);
  auto offer = co_await std::move(asking);
  if (!offer) co_return;
  if (!visit.door().implicit_tls) {
    auto starting = start_tls(visit, pop, *offer);
    good = co_await std::move(starting);
    if (!good) co_return;
    auto again = capabilities(visit, pop);
    offer = co_await std::move(again);
    if (!offer) co_return;
  }
  std::vector<std::string> shown = offer->mechanisms;
  if (offer->user && !has(shown, "PLAIN")) shown.push_back("LOGIN");  // USER and PASS serve the same clients
  visit.judge_mechanisms(shown);
  if (!offer->uidl) {
    visit.warning("no-uidl", "Without UIDL a phone cannot leave mail on the server without fetching it again each time.",
                  "Switch UIDL on.");
  }
  link.reset();
  if (!visit.may_log_in()) co_return;
  for (const std::string& mechanism : offer->mechanisms) {
    auto trying = try_login(visit, mechanism);
    co_await std::move(trying);
  }
}

}  // namespace bz::probe

// IMAP as an iPhone speaks it: what is offered before and after TLS, every mechanism, and a short session (RFC 3501, RFC
// 2971, RFC 2177, RFC 6154).
#include <algorithm>

#include "base/text.h"
#include "probe/login.h"
#include "probe/visit.h"

namespace bz::probe {
namespace {

constexpr size_t kMaxUntagged = 5000;
constexpr std::string_view kId =
    "ID (\"name\" \"iPhone Mail\" \"version\" \"22C161\" \"os\" \"iOS\" \"os-version\" \"18.2.1 (22C161)\")";

struct Reply {
  std::string status, text;  // "OK", "[CAPABILITY ...] done"
  std::vector<std::string> untagged;
  bool ok() const { return status == "OK"; }
  bool has(std::string_view beginning) const {
    return std::any_of(untagged.begin(), untagged.end(),
                       [&](const auto& line) { return base::istarts_with(line, beginning); });
  }
};

// "NAME ...]" after "[CAPABILITY " in a greeting or an OK.
std::vector<std::string> capabilities_in(std::string_view text) {
  std::string upper = base::upper(text);
  size_t at = upper.find("[CAPABILITY ");
  if (at == std::string::npos) return {};
  size_t end = upper.find(']', at);
  return words_of(std::string_view(upper).substr(at + 12, end == std::string::npos ? end : end - at - 12));
}

class Imap : public Dialect {
 public:
  explicit Imap(Link& link) : Dialect(link) {}

  std::string next_tag() { return tag_ = "A" + std::to_string(++number_); }
  std::string command(std::string_view mechanism) override {
    return next_tag() + " AUTHENTICATE " + std::string(mechanism);
  }

  Task<Result<Answer>> answer() override {
    for (;;) {
      auto reading = link().line();
      auto line = co_await std::move(reading);
      if (!line) co_return std::move(line).error();
      if (line->starts_with("+"))
        co_return Answer{Said::Challenge, std::string(base::trim(std::string_view(*line).substr(1)))};
      if (line->starts_with(tag_ + " ")) {
        std::string rest = line->substr(tag_.size() + 1);
        co_return Answer{base::istarts_with(rest, "OK") ? Said::Done : Said::Refused, std::move(rest)};
      }
    }
  }

  Task<Result<Reply>> ask(std::string words) {
    auto said = co_await link().say(next_tag() + " " + words);
    if (!said) co_return std::move(said).error();
    auto reading = read(tag_);
    co_return co_await std::move(reading);
  }

  // Up to the tagged line. Literals are read over: what they hold does not matter here.
  Task<Result<Reply>> read(std::string tag) {
    Reply reply;
    for (;;) {
      auto reading = link().line();
      auto line = co_await std::move(reading);
      if (!line) co_return std::move(line).error();
      size_t open = line->rfind('{');
      if (line->ends_with('}') && open != std::string::npos) {
        auto size = base::parse_number<size_t>(std::string_view(*line).substr(open + 1, line->size() - open - 2));
        if (size) {
          auto literal = link().bytes(*size);
          auto got = co_await std::move(literal);
          if (!got) co_return std::move(got).error();
        }
      }
      if (line->starts_with(tag + " ")) {
        std::string_view rest = std::string_view(*line).substr(tag.size() + 1);
        size_t space = rest.find(' ');
        reply.status = base::upper(rest.substr(0, space));
        reply.text = space == rest.npos ? "" : std::string(rest.substr(space + 1));
        co_return reply;
      }
      reply.untagged.push_back(std::move(*line));
      if (reply.untagged.size() > kMaxUntagged) co_return fail(Errc::Limit, "over 5000 lines of answer");
    }
  }

  Task<Result<std::vector<std::string>>> capabilities() {
    auto asking = ask("CAPABILITY");
    auto reply = co_await std::move(asking);
    if (!reply) co_return std::move(reply).error();
    for (const std::string& line : reply->untagged) {
      if (base::istarts_with(line, "* CAPABILITY ")) co_return words_of(std::string_view(line).substr(13));
    }
    co_return fail(Errc::Invalid, "no list of capabilities");
  }

 private:
  std::string tag_;
  unsigned number_ = 0;
};

Task<bool> greeted(Visit& visit, Imap& imap, std::vector<std::string>& capabilities) {
  auto reading = imap.link().line();
  auto line = co_await std::move(reading);
  if (!line) {
    visit.lost("greeting-missing", "the connection (a greeting)", line.error());
    co_return false;
  }
  if (!base::istarts_with(*line, "* OK") && !base::istarts_with(*line, "* PREAUTH")) {
    visit.error("greeting-garbage", "The greeting is not one of IMAP: \"" + line->substr(0, 80) + "\".",
                "Look which service is bound to this port.");
    co_return false;
  }
  capabilities = capabilities_in(*line);
  if (!capabilities.empty()) co_return true;
  auto asking = imap.capabilities();
  auto asked = co_await std::move(asking);
  if (!asked) {
    visit.lost("no-capabilities", "CAPABILITY", asked.error());
    co_return false;
  }
  capabilities = std::move(*asked);
  co_return true;
}

// What is offered in clear, and the way to TLS. RFC 9051 section 6.2.1; RFC 8314.
Task<bool> start_tls(Visit& visit, Imap& imap, std::vector<std::string>& capabilities) {
  if (!has(capabilities, "LOGINDISABLED")) {
    visit.warning("login-in-clear",
                  "Before TLS the server does not say LOGINDISABLED; an iPhone then sends the password in clear.",
                  "Switch plain-text login off without TLS.");
  }
  if (!has(capabilities, "STARTTLS")) {
    visit.error("starttls-missing", "The server offers no STARTTLS here, or somebody on the way takes it out of the list.",
                "Switch STARTTLS on; if it is on, look for a firewall that inspects mail.");
    co_return false;
  }
  auto asking = imap.ask("STARTTLS");
  auto reply = co_await std::move(asking);
  if (!reply || !reply->ok()) {
    visit.error("starttls-refused",
                "STARTTLS is offered and refused: " + (reply ? reply->text : reply.error().text()) + ".",
                "Give the service a certificate.");
    co_return false;
  }
  auto handshake = visit.secure(imap.link());
  bool secured = co_await std::move(handshake);
  if (!secured) co_return false;
  auto again = imap.capabilities();
  auto now = co_await std::move(again);
  if (!now) {
    visit.lost("no-capabilities", "CAPABILITY under TLS", now.error());
    co_return false;
  }
  capabilities = std::move(*now);
  co_return true;
}

void judge_offer(Visit& visit, const std::vector<std::string>& capabilities) {
  std::vector<std::string> mechanisms;
  for (const std::string& word : capabilities) {
    if (word.starts_with("AUTH=")) mechanisms.push_back(word.substr(5));
  }
  bool by_sasl = has(mechanisms, "PLAIN") || has(mechanisms, "LOGIN") || has(mechanisms, "CRAM-MD5");
  if (has(capabilities, "LOGINDISABLED") && !by_sasl) {
    visit.error(
        "login-disabled",
        "The server still says LOGINDISABLED under TLS and offers no mechanism that phones have: no phone can log in.",
        "Allow login under TLS.");
  } else {
    if (!by_sasl) mechanisms.push_back("LOGIN");  // the command, which every server has (RFC 3501 section 6.2.3)
    visit.judge_mechanisms(mechanisms);
  }
  if (!has(capabilities, "IMAP4REV1")) {
    visit.error("no-imap4rev1", "The server does not offer IMAP4rev1.", "Look which service is bound to this port.");
  }
  if (!has(capabilities, "IDLE"))
    visit.warning("no-idle", "Without IDLE new mail shows up only when the phone looks for it.", "Switch IDLE on.");
  for (const auto& [name, loss] : {std::pair{"UIDPLUS", "moved and sent messages are looked for again"},
                                   {"SPECIAL-USE", "the user must choose the mailboxes for sent, drafts and trash by hand"},
                                   {"MOVE", "moving copies and deletes, which costs battery"},
                                   {"ID", "the administrator cannot tell the devices apart"},
                                   {"SASL-IR", "each login takes one round trip more"}}) {
    if (!has(capabilities, name))
      visit.note("capability-missing", std::string("Without ") + name + " " + loss + ".",
                 "Switch it on if the server has it.");
  }
}

// ID in any state: an Apple program that gets BAD for it shows a wrong-password dialogue.
Task<void> check_id(Visit& visit, Imap& imap) {
  auto asking = imap.ask(std::string(kId));
  auto reply = co_await std::move(asking);
  if (!reply) {
    visit.lost("id-unanswered", "ID before the login", reply.error());
  } else if (!reply->ok()) {
    visit.warning(
        "id-refused",
        "ID before the login gets " + reply->status + "; some Apple programs then say that the password is wrong.",
        "Answer ID in every state (RFC 2971).");
  }
}

Task<void> run_session(Visit& visit, Imap& imap) {
  struct Step {
    const char *command, *wanted;
  };
  static constexpr Step kSteps[] = {{"NAMESPACE", "* NAMESPACE"},
                                    {"LIST \"\" \"*\"", "* LIST"},
                                    {"SELECT INBOX", "* FLAGS"},
                                    {"STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)", "* STATUS"},
                                    {"UID SEARCH 1:* NOT DELETED", ""},
                                    {"FETCH 1:5 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (date subject "
                                     "from content-type to cc message-id)])",
                                     ""},
                                    {"NOOP", ""}};
  for (const Step& step : kSteps) {
    auto asking = imap.ask(step.command);
    auto reply = co_await std::move(asking);
    if (!reply) co_return visit.lost("session-broken", step.command, reply.error());
    // An empty mailbox may refuse sequence numbers.
    bool may_refuse = std::string_view(step.command).starts_with("FETCH");
    if (!reply->ok() && !may_refuse) {
      visit.error("session-refused", std::string(step.command) + " gets " + reply->status + " " + reply->text + ".",
                  "Look into the server's log.");
    } else if (reply->ok() && !reply->has(step.wanted) && *step.wanted) {
      visit.error("session-incomplete", std::string(step.command) + " is answered without \"" + step.wanted + "\".",
                  "Look into the server's log.");
    }
  }
}

// DONE and the next command in one packet, as Mail of iOS 18 sends them: a server that loses the second one hangs phones.
Task<void> run_idle(Visit& visit, Imap& imap) {
  std::string idle = imap.next_tag(), noop = imap.next_tag();
  auto said = co_await imap.link().say(idle + " IDLE");
  if (!said) co_return visit.lost("idle-broken", "IDLE", said.error());
  for (;;) {
    auto reading = imap.link().line();
    auto line = co_await std::move(reading);
    if (!line) co_return visit.lost("idle-broken", "IDLE", line.error());
    if (line->starts_with(idle + " "))
      co_return visit.error("idle-refused", "IDLE is offered and refused: " + *line + ".", "Switch IDLE on.");
    if (line->starts_with("+")) break;
  }
  auto done = co_await imap.link().say("DONE\r\n" + noop + " NOOP");
  if (!done) co_return visit.lost("idle-broken", "DONE", done.error());
  for (std::string tag : {idle, noop}) {
    auto reading = imap.read(tag);
    auto reply = co_await std::move(reading);
    if (!reply) {
      co_return visit.lost("idle-pipelining", "DONE and NOOP in one packet, as iOS 18 sends them", reply.error());
    }
  }
}

Task<bool> try_mechanism(Visit& visit, std::string mechanism, bool session) {
  auto entering = visit.enter_again();
  auto link = co_await std::move(entering);
  if (!link) {
    visit.lost("login-unreachable", "a further connection", link.error());
    co_return false;
  }
  Imap imap(**link);
  auto reading = imap.link().line();
  auto greeting = co_await std::move(reading);
  if (!greeting) co_return visit.lost("greeting-missing", "a further connection", greeting.error()), false;
  if (!visit.door().implicit_tls) {
    auto starting = imap.ask("STARTTLS");
    auto started = co_await std::move(starting);
    if (!started || !started->ok()) co_return false;
    auto handshake = imap.link().secure(visit.context(), visit.options().host);
    auto done = co_await std::move(handshake);
    if (!done) co_return false;
  }
  auto login = log_in(imap, mechanism, visit.options());
  auto in = co_await std::move(login);
  if (!in && in.error().code() == Errc::Unsupported) co_return false;
  if (!in) {
    visit.error("login-failed", "Login by " + mechanism + " fails: " + in.error().text() + ".",
                "Check user and password; if they are right, switch the mechanism off.");
    co_return false;
  }
  visit.fact("login by " + mechanism + " works");
  if (session) {
    auto play = run_session(visit, imap);
    co_await std::move(play);
    auto idle = run_idle(visit, imap);
    co_await std::move(idle);
  }
  auto leaving = imap.ask("LOGOUT");
  auto left = co_await std::move(leaving);
  if (!left)
    visit.note("logout-unanswered", "LOGOUT is not answered in order: " + left.error().text() + ".",
               "None; phones do not mind.");
  co_return true;
}

}  // namespace

Task<void> visit_imap(Visit& visit) {
  auto entering = visit.enter();
  auto link = co_await std::move(entering);
  if (!link) co_return;
  Imap imap(*link);
  std::vector<std::string> capabilities;
  auto greeting = greeted(visit, imap, capabilities);
  bool good = co_await std::move(greeting);
  if (!good) co_return;
  if (!visit.door().implicit_tls) {
    auto starting = start_tls(visit, imap, capabilities);
    good = co_await std::move(starting);
    if (!good) co_return;
  }
  judge_offer(visit, capabilities);
  auto id = check_id(visit, imap);
  co_await std::move(id);
  if (!visit.may_log_in()) co_return;
  bool session = true;
  for (const std::string& word : capabilities) {
    if (!word.starts_with("AUTH=")) continue;
    auto trying = try_mechanism(visit, word.substr(5), session);
    bool worked = co_await std::move(trying);
    if (worked) session = false;  // played once
  }
}

}  // namespace bz::probe

#include "egress/pop3_login.h"

#include "base/text.h"

namespace bz::egress {

std::string Pop3Login::text64(std::string_view bytes) { return base::base64(bytes); }

void Pop3Login::parse() {
  while (auto line = next_line()) on_line(*line);
}

void Pop3Login::on_line(std::string_view line) {
  if (state_ == State::CapaList) return on_capability(line);
  if (state_ == State::Auth && (line == "+" || line.starts_with("+ "))) return challenge(base::trim(line.substr(1)));
  const bool good = line == "+OK" || line.starts_with("+OK ");
  if (!good && line != "-ERR" && !line.starts_with("-ERR "))
    return end(Verdict::Broken, "not a POP3 response: " + clean_text(line));
  const std::string_view text = base::trim(line.substr(good ? 3 : 4));
  switch (state_) {
    case State::Greeting:
      if (!good) return end(Verdict::Unavailable, "the server greets with -ERR " + clean_text(text));
      greeted_ = true;
      return next_step();
    case State::Capa:
      if (!good) return next_step();  // an old server: USER and PASS
      state_ = State::CapaList;
      return;
    case State::CapaList:
      return;
    case State::Stls:
      if (!good) return end(Verdict::Broken, "STLS: -ERR " + clean_text(text));
      return begin_tls();
    case State::Xclient:
      return next_step();  // a server that does not trust us serves the user all the same
    case State::User:
      if (!good) return refused(text);
      return send(State::Pass, "PASS " + std::string(plan_.password.reveal()));
    case State::Auth:
    case State::Pass:
      if (!good) return refused(text);
      if (!proved()) return end(Verdict::Broken, "the server did not prove that it knows the password");
      return end(Verdict::Open, "");
  }
}

void Pop3Login::on_capability(std::string_view line) {
  if (line == ".") {
    state_ = State::Capa;
    return next_step();
  }
  const auto words = base::split(line, ' ');
  if (base::iequals(words[0], "XCLIENT")) xclient_ = true;
  if (base::iequals(words[0], "USER")) user_ = true;
  if (!base::iequals(words[0], "SASL")) return;
  mechanisms_.clear();
  for (size_t i = 1; i < words.size() && i < 50; ++i) mechanisms_.emplace_back(words[i]);
}

void Pop3Login::next_step() {
  if (plan_.starttls && !plan_.tls) return send(State::Stls, "STLS");
  if (!secure()) return end(Verdict::Broken, "no TLS");
  if (!std::exchange(asked_, true)) return send(State::Capa, "CAPA");
  if (std::exchange(xclient_, false) && !plan_.xclient.empty()) return send(State::Xclient, "XCLIENT " + plan_.xclient);
  log_in();
}

void Pop3Login::on_tls() { next_step(); }

void Pop3Login::log_in() {
  if (begin_sasl(mechanisms_)) {
    std::string command = std::string("AUTH ") + mechanism();
    // RFC 5034 section 4: a command has at most 255 octets, so a long response waits for the server's "+".
    if (initial() && initial()->size() < 150) {
      command += " " + (initial()->empty() ? std::string("=") : text64(*initial()));
      initial_sent();
    }
    return send(State::Auth, command);
  }
  if (!plan_.authzid.empty() || (!user_ && !mechanisms_.empty()))
    return end(Verdict::Broken, "the server offers no login that we know");
  const auto breaks = [](std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos; };
  if (breaks(plan_.user) || breaks(plan_.password.reveal()) || plan_.user.empty())
    return end(Verdict::Refused, "name or password cannot be said in POP3");
  tried_ = true;
  send(State::User, "USER " + plan_.user);
}

void Pop3Login::send(State state, std::string_view command) {
  state_ = state;
  out_.append(command).append("\r\n");
}

// RFC 2449 section 8, RFC 3206: without a code, a refused login means name and password.
void Pop3Login::refused(std::string_view text) {
  bool not_now = false;
  for (std::string_view code : {"[SYS/", "[IN-USE]", "[LOGIN-DELAY]"}) not_now = not_now || base::istarts_with(text, code);
  end(not_now ? Verdict::Unavailable : Verdict::Refused, "the server says -ERR " + clean_text(text));
}

}  // namespace bz::egress

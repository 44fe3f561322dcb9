#include "egress/smtp_login.h"

#include "base/text.h"

namespace bz::egress {

void SmtpLogin::parse() {
  while (want() == Want::Input && !in_.empty()) {
    std::string_view bytes = in_;
    auto reply = parser_.next(bytes);
    in_.erase(0, in_.size() - bytes.size());
    if (!reply) return end(Verdict::Broken, "not an SMTP reply: " + reply.error().text());
    if (*reply) on_reply(**reply);
  }
}

void SmtpLogin::on_reply(const smtp::Reply& reply) {
  switch (state_) {
    case State::Greeting:
      if (reply.temporary()) return end(Verdict::Unavailable, "the server greets with " + reply.to_string());
      if (!reply.positive()) return end(Verdict::Broken, "the server greets with " + reply.to_string());
      greeted_ = true;
      return send(State::Ehlo, "EHLO " + plan_.hello);
    case State::Ehlo:
      return on_ehlo(reply);
    case State::StartTls:
      if (reply.code != 220) return end(Verdict::Broken, "STARTTLS: " + reply.to_string());
      return begin_tls();
    case State::Xclient:
      // Taken: the session begins anew with a greeting. Refused: it goes on as it was.
      return send(State::Ehlo, "EHLO " + plan_.hello);
    case State::Auth:
      return on_auth(reply);
  }
}

void SmtpLogin::on_ehlo(const smtp::Reply& reply) {
  if (reply.temporary()) return end(Verdict::Unavailable, "EHLO: " + reply.to_string());
  if (!reply.positive()) return end(Verdict::Broken, "EHLO: " + reply.to_string());
  starttls_ = xclient_ = false;
  mechanisms_.clear();
  const auto lines = base::split(reply.text, '\n');
  for (size_t n = 1; n < lines.size(); ++n) {  // the first one is its name
    const auto words = base::split(base::trim(lines[n]), ' ');
    starttls_ = starttls_ || base::iequals(words[0], "STARTTLS");
    xclient_ = xclient_ || base::iequals(words[0], "XCLIENT");
    if (!base::iequals(words[0], "AUTH")) continue;
    for (size_t i = 1; i < words.size() && mechanisms_.size() < 50; ++i) mechanisms_.emplace_back(words[i]);
  }
  if (plan_.starttls && !plan_.tls) {
    if (!starttls_) return end(Verdict::Broken, "the server offers no STARTTLS");
    return send(State::StartTls, "STARTTLS");
  }
  if (!secure()) return end(Verdict::Broken, "no TLS");
  if (xclient_ && !plan_.xclient.empty() && !std::exchange(xclient_sent_, true))
    return send(State::Xclient, "XCLIENT " + plan_.xclient);
  if (!begin_sasl(mechanisms_)) return end(Verdict::Broken, "the server offers no login that we know");
  std::string command = std::string("AUTH ") + mechanism();
  // RFC 4954 section 4: a command line has at most 512 octets, so a long response waits for the server's 334.
  if (initial() && initial()->size() < 350) {
    command += " " + (initial()->empty() ? std::string("=") : base::base64(*initial()));
    initial_sent();
  }
  send(State::Auth, command);
}

void SmtpLogin::on_auth(const smtp::Reply& reply) {
  if (reply.intermediate()) {
    std::string_view text = base::trim(reply.text);
    return challenge(reply.code == 334 ? text : "?");
  }
  if (reply.temporary()) return end(Verdict::Unavailable, "AUTH: " + reply.to_string());
  if (!reply.positive()) {
    const bool wrong = reply.code == 535 || reply.code == 538 || reply.code == 550;
    return end(wrong ? Verdict::Refused : Verdict::Broken, "AUTH: " + reply.to_string());
  }
  if (!proved()) return end(Verdict::Broken, "the server did not prove that it knows the password");
  end(Verdict::Open, "");
}

void SmtpLogin::on_tls() {
  parser_ = smtp::ReplyParser();
  send(State::Ehlo, "EHLO " + plan_.hello);
}

void SmtpLogin::send_response(std::string_view bytes) { out_ += base::base64(bytes) + "\r\n"; }

void SmtpLogin::send(State state, std::string_view command) {
  state_ = state;
  out_.append(command).append("\r\n");
}

}  // namespace bz::egress

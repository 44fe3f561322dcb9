#include "egress/imap_login.h"

#include <algorithm>

#include "base/text.h"
#include "imap/response.h"

namespace bz::egress {
namespace {

constexpr size_t kMaxLiteral = 64 << 10, kMaxCapabilities = 200, kMaxCapabilityText = 4 << 10;

// The first word of `rest`, which loses it and the space behind it.
std::string_view take_word(std::string_view& rest) {
  const size_t end = std::min(rest.find(' '), rest.size());
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

// "... {12}": the size of the literal that follows the line.
std::optional<size_t> literal_size(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const size_t open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  return base::parse_number<size_t>(line.substr(open + 1, line.size() - open - 2));
}

bool is_atom(std::string_view word) {
  return !word.empty() && std::none_of(word.begin(), word.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
           std::string_view("(){%*\"\\]").find(c) != std::string_view::npos;
  });
}

bool is_quotable(std::string_view text) {
  return text.size() <= 1000 && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) >= 0x80 || c == '\r' || c == '\n' || c == '\0';
         });
}

// The code of a response: "AUTHENTICATIONFAILED" of "[AUTHENTICATIONFAILED] no".
std::string_view code_of(std::string_view text) {
  if (!text.starts_with('[')) return {};
  return text.substr(1, text.find_first_of(" ]") - 1);
}

}  // namespace

void ImapLogin::parse() {
  while (want() == Want::Input && !in_.empty()) {
    if (skip_ > 0) {
      const size_t gone = std::min(skip_, in_.size());
      in_.erase(0, gone);
      skip_ -= gone;
      continue;
    }
    auto line = next_line();
    if (!line) return;
    const auto literal = literal_size(*line);
    if (literal && *literal > kMaxLiteral) return end(Verdict::Broken, "a literal of the server is too long");
    const bool fragment = std::exchange(within_, literal.has_value());
    skip_ = literal.value_or(0);
    // Only ID answers with literals before the login, and nobody here reads them.
    if (!fragment && !literal) on_line(*line);
  }
}

void ImapLogin::on_line(std::string_view line) {
  if (state_ == State::Greeting) return on_greeting(line);
  if (line.starts_with("* ")) return on_untagged(line.substr(2));
  if (line == "+" || line.starts_with("+ ")) return on_continuation(line.substr(std::min<size_t>(2, line.size())));
  std::string_view rest = line;
  if (take_word(rest) == tag_) return on_tagged(rest);
  end(Verdict::Broken, "not an IMAP response: " + clean_text(line));
}

void ImapLogin::on_greeting(std::string_view line) {
  std::string_view rest = line;
  if (take_word(rest) != "*") return end(Verdict::Broken, "not an IMAP greeting: " + clean_text(line));
  const std::string word = base::upper(take_word(rest));
  if (word == "BYE") return end(Verdict::Unavailable, "the server greets with BYE " + clean_text(rest));
  // PREAUTH would be a session of somebody else's, and a way around STARTTLS.
  if (word != "OK") return end(Verdict::Broken, "the server greets with " + clean_text(line));
  greeted_ = true;
  take_code(rest);
  next_step();
}

void ImapLogin::on_untagged(std::string_view rest) {
  const std::string word = base::upper(take_word(rest));
  if (word == "BYE") return end(Verdict::Unavailable, "the server says BYE " + clean_text(rest));
  if (word == "CAPABILITY") take_capabilities(rest);
}

void ImapLogin::next_step() {
  if (plan_.starttls && !plan_.tls) return send(State::StartTls, "STARTTLS");
  if (!secure()) return end(Verdict::Broken, "no TLS");
  if (capabilities_.empty()) return send(State::Capability, "CAPABILITY");
  if (!plan_.id.empty() && !id_sent_ && can("ID")) {
    id_sent_ = true;
    std::string command = "ID (";
    imap::Encoder encoder(command);
    for (const auto& [key, value] : plan_.id) {
      if (!command.ends_with('(')) encoder.sp();
      // A literal would need an answer in between; what cannot be quoted tells the server nothing it needs.
      encoder.string(is_quotable(key) ? key : "").sp().string(is_quotable(value) ? value : "");
    }
    return send(State::Id, command + ")");
  }
  log_in();
}

void ImapLogin::on_tls() {
  capabilities_.clear();
  next_step();
}

void ImapLogin::send(State state, std::string_view command) {
  state_ = state;
  tag_ = "B" + std::to_string(++number_);
  out_ += tag_ + " " + std::string(command) + "\r\n";
}

void ImapLogin::log_in() {
  std::vector<std::string> offered;
  for (const std::string& word : capabilities_)
    if (base::istarts_with(word, "AUTH=")) offered.push_back(word.substr(5));
  // LOGIN needs one round less than PLAIN without an initial response, but it cannot say NUL, nor act for another user.
  if (begin_sasl(offered)) return begin_authenticate();
  if (plan_.authzid.empty() && !can("LOGINDISABLED")) return send_login();
  end(Verdict::Broken, "the server offers no login that we know");
}

void ImapLogin::begin_authenticate() {
  std::string command = std::string("AUTHENTICATE ") + mechanism();
  if (initial() && can("SASL-IR")) {
    command += " " + (initial()->empty() ? std::string("=") : base::base64(*initial()));
    initial_sent();
  }
  capabilities_.clear();
  send(State::Authenticate, command);
}

void ImapLogin::send_login() {
  const std::string password(plan_.password.reveal());
  for (const std::string& text : {plan_.user, password})
    if (text.find('\0') != std::string::npos) return end(Verdict::Refused, "a NUL in name or password");
  const bool at_once = can("LITERAL+") || can("LITERAL-");
  std::string piece = "LOGIN";
  pieces_.clear();
  for (const std::string& text : {plan_.user, password}) {
    piece += " ";
    if (is_quotable(text)) {
      imap::Encoder(piece).string(text);
      continue;
    }
    piece += "{" + std::to_string(text.size()) + (at_once ? "+}\r\n" : "}\r\n");
    if (!at_once) pieces_.push_back(std::exchange(piece, {}));
    piece += text;
  }
  pieces_.push_back(piece + "\r\n");
  tried_ = true;
  capabilities_.clear();
  state_ = State::Login;
  tag_ = "B" + std::to_string(++number_);
  out_ += tag_ + " " + pieces_.front();
  pieces_.erase(pieces_.begin());
}

void ImapLogin::on_continuation(std::string_view rest) {
  if (state_ == State::Authenticate) return challenge(rest);
  if (state_ != State::Login || pieces_.empty()) return end(Verdict::Broken, "a continuation nobody waits for");
  out_ += pieces_.front();
  pieces_.erase(pieces_.begin());
}

void ImapLogin::send_response(std::string_view bytes) { out_ += base::base64(bytes) + "\r\n"; }

void ImapLogin::on_tagged(std::string_view rest) {
  std::string_view text = rest;
  const std::string word = base::upper(take_word(text));
  const bool good = word == "OK";
  if (!good && word != "NO" && word != "BAD") return end(Verdict::Broken, "not an IMAP response: " + clean_text(rest));
  switch (state_) {
    case State::Greeting:
      return end(Verdict::Broken, "a tagged response before the greeting");
    case State::Capability:
      if (!good || capabilities_.empty()) return end(Verdict::Broken, "CAPABILITY: " + clean_text(rest));
      return next_step();
    case State::StartTls:
      if (!good) return end(Verdict::Broken, "STARTTLS: " + clean_text(rest));
      return begin_tls();
    case State::Id:
      return next_step();
    case State::Authenticate:
    case State::Login:
      if (good) return logged_in(text);
      if (word == "BAD") return end(Verdict::Broken, "login: " + clean_text(rest));
      return refused(text);
    case State::After:
      if (!good || capabilities_.empty()) return end(Verdict::Broken, "CAPABILITY after login: " + clean_text(rest));
      return end(Verdict::Open, "");
  }
}

void ImapLogin::logged_in(std::string_view text) {
  if (!proved()) return end(Verdict::Broken, "the server did not prove that it knows the password");
  if (take_code(text) || !capabilities_.empty()) return end(Verdict::Open, "");
  send(State::After, "CAPABILITY");
}

// RFC 5530 section 3: without a code, a refused login means name and password.
void ImapLogin::refused(std::string_view text) {
  const std::string code = base::upper(code_of(text));
  const std::string_view later[] = {"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN", "CANNOT"};
  const bool not_now = std::find(std::begin(later), std::end(later), code) != std::end(later);
  end(not_now ? Verdict::Unavailable : Verdict::Refused, "the server says NO " + clean_text(text));
}

bool ImapLogin::take_code(std::string_view text) {
  if (!base::iequals(code_of(text), "CAPABILITY")) return false;
  const size_t close = text.find(']');
  if (close == std::string_view::npos) return false;
  take_capabilities(text.substr(11, close - 11));
  return true;
}

void ImapLogin::take_capabilities(std::string_view words) {
  capabilities_.clear();
  for (std::string_view word : base::split(words, ' ')) {
    if (is_atom(word) && capabilities_.size() < kMaxCapabilities) capabilities_.emplace_back(word);
  }
}

bool ImapLogin::can(std::string_view capability) const {
  return std::any_of(capabilities_.begin(), capabilities_.end(),
                     [&](const std::string& word) { return base::iequals(word, capability); });
}

std::string ImapLogin::capabilities() const {
  std::string out;
  for (const std::string& word : capabilities_) {
    const bool over = base::istarts_with(word, "AUTH=") || base::iequals(word, "STARTTLS") ||
                      base::iequals(word, "LOGINDISABLED") || base::iequals(word, "SASL-IR");
    if (over || out.size() + word.size() >= kMaxCapabilityText) continue;
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

}  // namespace bz::egress

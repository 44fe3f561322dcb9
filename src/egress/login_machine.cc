#include "egress/login_machine.h"

#include <algorithm>

#include "base/text.h"

namespace bz::egress {
namespace {

constexpr size_t kMaxLine = 16 << 10, kMaxInput = 128 << 10, kMaxReason = 200;

}  // namespace

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::Open:
      return "open";
    case Verdict::Refused:
      return "refused";
    case Verdict::Unavailable:
      return "unavailable";
    case Verdict::Broken:
      return "broken";
  }
  return "?";
}

std::string clean_text(std::string_view text) {
  std::string out(base::trim(text.substr(0, kMaxReason)));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

LoginMachine::LoginMachine(LoginPlan plan, base::Random& random) : plan_(std::move(plan)), random_(random) {}

void LoginMachine::input(std::string_view bytes) {
  if (want_ == Want::Done) return;
  received_ += bytes.size();
  if (received_ > kMaxInput) return end(Verdict::Broken, "the server says too much before the login");
  in_ += bytes;
  if (want_ == Want::Input) parse();
}

std::optional<std::string> LoginMachine::next_line() {
  if (want_ != Want::Input) return std::nullopt;
  const size_t feed = in_.find('\n');
  if (std::min(feed, in_.size()) > kMaxLine) {
    end(Verdict::Broken, "a line of the server is too long");
    return std::nullopt;
  }
  if (feed == std::string::npos) return std::nullopt;
  std::string line = in_.substr(0, feed);
  in_.erase(0, feed + 1);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

void LoginMachine::begin_tls() {
  if (!in_.empty()) return end(Verdict::Broken, "bytes in clear behind the answer to STARTTLS");
  want_ = Want::Handshake;
}

void LoginMachine::tls_started() {
  if (want_ != Want::Handshake) return;
  plan_.tls = true;
  want_ = Want::Input;
  on_tls();
}

void LoginMachine::lost(const Error& why) {
  if (want_ != Want::Done) end(Verdict::Unavailable, why.to_string());
}

void LoginMachine::end(Verdict verdict, std::string_view reason) {
  if (want_ == Want::Done) return;
  want_ = Want::Done;
  verdict_ = verdict;
  // A server that repeats the password must not bring it into our log.
  const std::string_view password = plan_.password.reveal();
  const bool tells = !password.empty() && reason.find(password) != std::string_view::npos;
  reason_ = tells ? "(the server's words hold the password)" : clean_text(reason);
  if (verdict_ != Verdict::Open) in_.clear();
}

bool LoginMachine::begin_sasl(const std::vector<std::string>& offered) {
  using Kind = sasl::Kind;
  const auto has = [&](Kind kind) {
    return std::any_of(offered.begin(), offered.end(),
                       [&](const std::string& word) { return base::iequals(word, sasl::name(kind)); });
  };
  // Under TLS the cheap ones first: SCRAM costs both sides thousands of hashes and hides nothing from a server that we are
  // about to hand the mailbox's session to. On a bare wire it goes first. LOGIN cannot act for another user.
  std::vector<Kind> order = {Kind::Plain, Kind::Login, Kind::ScramSha256};
  if (!plan_.tls) order = {Kind::ScramSha256, Kind::Plain, Kind::Login};
  for (Kind kind : order) {
    if (!has(kind) || (kind == Kind::Login && !plan_.authzid.empty())) continue;
    if (!secure() && kind != Kind::ScramSha256) continue;
    sasl::ClientOptions options;
    options.user = plan_.user;
    options.password = plan_.password;
    options.authzid = plan_.authzid;
    sasl_ = sasl::make_client(kind, std::move(options), random_);
    mechanism_ = kind == Kind::Plain ? "PLAIN" : kind == Kind::Login ? "LOGIN" : "SCRAM-SHA-256";
    slow_ = kind == Kind::ScramSha256;
    initial_ = sasl_->initial();
    tried_ = true;
    return true;
  }
  return false;
}

void LoginMachine::challenge(std::string_view text) {
  if (!sasl_) return end(Verdict::Broken, "a SASL challenge nobody waits for");
  if (initial_) return send_response(*std::exchange(initial_, std::nullopt));  // whatever it says: it is our turn
  auto bytes = base::from_base64(text);
  if (!bytes) return end(Verdict::Broken, "a SASL challenge that is no base64");
  if (!slow_) return answer(sasl_->next(*bytes));
  challenge_ = std::move(*bytes);
  want_ = Want::Work;
}

LoginMachine::Work LoginMachine::work() const {
  return [sasl = sasl_, challenge = challenge_] { return sasl->next(challenge); };
}

void LoginMachine::work_done(Result<std::string> bytes) {
  if (want_ != Want::Work) return;
  want_ = Want::Input;
  answer(std::move(bytes));
  if (want_ == Want::Input) parse();
}

void LoginMachine::answer(Result<std::string> bytes) {
  if (bytes) return send_response(*bytes);
  const bool wrong = bytes.error().code() == Errc::AuthFailed;
  end(wrong ? Verdict::Refused : Verdict::Broken, bytes.error().text());
}

bool LoginMachine::proved() const { return !sasl_ || sasl_->may_succeed(); }

}  // namespace bz::egress

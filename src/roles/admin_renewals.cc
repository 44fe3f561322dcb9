#include "roles/admin_renewals.h"

#include <algorithm>

#include "base/date.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"

namespace bz::roles {
namespace {

constexpr char kKeyFile[] = "account-key.pem", kStateFile[] = "state.json";
constexpr size_t kMaxState = 256 << 10;
constexpr net::Millis kLook{100}, kLongestSleep{3'600'000}, kInstallTime{20'000}, kShortest{500};

int64_t now() { return base::system_clock().unix_seconds(); }

using base::date;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

Renewals::Renewals(Shows shows)
    : shows_(shows),
      http_(shows),
      alpn_(shows),
      dns_(shows),
      https_(shows.host.loop(), acme::Https::Allow::TlsOnly),
      in_clear_(shows.host.loop(), acme::Https::Allow::ClearOnly),
      timer_(shows.host.loop(),
             [this] {
               if (busy_ || !shows_.host.config().acme.on()) return;
               busy_ = true;
               tasks_.spawn(work());
             }),
      tasks_(shows.host.loop()) {}

Renewals::~Renewals() { tasks_.cancel(); }

Result<void> Renewals::prepare() {
  if (os::exists(os::kHere, kKeyFile)) {
    BZ_TRY(std::string pem, os::read_secret_file(os::kHere, kKeyFile, kMaxState));
    auto key = crypto::Es256Key::from_pem(Secret(std::move(pem)));
    if (!key) return std::move(key).error().with_context("STATE/acme/account-key.pem");
    key_ = std::move(*key);
  } else {
    BZ_TRY(key_, crypto::Es256Key::make());
    BZ_TRY(Secret pem, key_->pem());
    BZ_TRY_VOID(os::write_file(os::kHere, kKeyFile, pem.reveal(), 0600));
  }
  if (!os::exists(os::kHere, kStateFile)) return {};
  auto text = os::read_file(os::kHere, kStateFile, kMaxState);
  auto records = text ? acme::parse_records(*text) : Result<acme::Records>(std::move(text).error());
  if (!records) return std::move(records).error().with_context("STATE/acme/state.json (remove it to begin anew)");
  records_ = std::move(*records);
  return {};
}

Result<void> Renewals::save() const { return os::write_file(os::kHere, kStateFile, acme::print_records(records_), 0600); }

void Renewals::take_settings() {
  https_.set_roots(std::string(shows_.host.secret(secrets::kAcmeCa).reveal()));
  timer_.arm(net::Deadline::in(kShortest));
}

acme::Solver& Renewals::solver() {
  const std::string& challenge = shows_.host.config().acme.challenge;
  if (challenge == acme::kDns01) return dns_;
  if (challenge == acme::kTlsAlpn01) return alpn_;
  return http_;
}

Result<acme::Session> Renewals::session() {
  const AcmeConfig& acme = shows_.host.config().acme;
  acme::Session::Options options{acme.directory, acme.contact, acme.agree_terms, acme.eab_key_id, {}};
  if (!acme.eab_key_id.empty()) {
    std::string text(base::trim(shows_.host.secret(secrets::kAcmeEabKey).reveal()));
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    while (text.size() % 4 != 0) text += '=';
    auto key = base::from_base64(text);
    base::wipe(text.data(), text.size());
    if (!key || key->empty()) return fail(Errc::Invalid, "acme.eab_key_file does not hold a key in base64url");
    options.external_key = Secret(std::move(*key));
  }
  net::Loop* loop = &shows_.host.loop();
  acme::Outside outside{https_, base::system_clock(), base::system_random(),
                        [loop](base::Millis span) { return loop->sleep(net::Deadline::in(span)); }};
  return acme::Session(std::move(outside), std::move(options), *key_);
}

std::optional<crypto::CertificateFacts> Renewals::present(const Managed& certificate) const {
  auto facts = crypto::read_certificate(shows_.host.secret(certificate.chain_secret).reveal());
  if (!facts) return std::nullopt;
  return std::move(*facts);
}

std::optional<Renewals::Next> Renewals::next() const {
  std::optional<Next> first;
  for (Managed& one : managed_certificates(shows_.host.config())) {
    if (one.names.empty()) continue;
    auto record = records_.find(one.name);
    const auto facts = present(one);
    acme::Due due = acme::next_renewal(facts ? &*facts : nullptr, one.names,
                                       record == records_.end() ? acme::Record() : record->second, now());
    if (forced_.contains(one.name)) due = {0, "the administrator wants it"};
    if (!first || due.at < first->due.at) first = Next{std::move(one), std::move(due)};
  }
  return first;
}

void Renewals::arm() {
  auto first = next();
  if (!first) return;
  const net::Millis until((first->due.at - now()) * 1000);
  timer_.arm(net::Deadline::in(std::clamp(until, kShortest, kLongestSleep)));
}

Task<void> Renewals::work() {
  for (auto first = next(); first && first->due.at <= now(); first = next()) {
    log::event(log::Info, "acme_due").field("certificate", first->certificate.name).field("why", first->due.why);
    auto renewing = renew_one(std::move(first->certificate));
    co_await renewing;
  }
  busy_ = false;
  arm();
}

// The attempt is on the disk before it begins: whatever ends this process, the authority is not asked again at once.
Task<void> Renewals::renew_one(Managed certificate) {
  acme::Record& record = records_[certificate.name];
  ++record.failures;
  record.tried = now();
  record.not_before = now() + acme::back_off(record.failures, 0, base::system_random().u64());
  record.error = "the attempt was broken off";
  if (auto saved = save(); !saved) {
    record.error = "the state cannot be kept: " + saved.error().text();
    log::event(log::Err, "acme_failed").field("certificate", certificate.name).error(saved.error());
    forced_.erase(certificate.name);
    co_return;
  }
  int64_t wait = 0;
  auto issuing = issue_and_install(certificate, wait);
  auto sha256 = co_await issuing;
  if (sha256) {
    record = {*sha256, now(), record.tried, 0, 0, {}};
    log::event(log::Info, "acme_issued").field("certificate", certificate.name).field("names", joined(certificate.names));
  } else {
    record.error = sha256.error().text();
    record.not_before = now() + acme::back_off(record.failures, wait, base::system_random().u64());
    log::event(log::Err, "acme_failed")
        .field("certificate", certificate.name)
        .field("names", joined(certificate.names))
        .field("next_try", date(record.not_before))
        .error(sha256.error());
  }
  forced_.erase(certificate.name);
  if (auto saved = save(); !saved) log::event(log::Err, "acme_state").error(saved.error());
}

Task<Result<std::string>> Renewals::issue_and_install(const Managed& certificate, int64_t& wait) {
  auto made = session();
  if (!made) co_return std::move(made).error();
  acme::Session session = std::move(*made);
  auto opening = session.open();
  auto opened = co_await opening;
  wait = session.wait();
  if (!opened) co_return std::move(opened).error();
  auto issuing = acme::issue(session, solver(), {certificate.names, certificate.kind});
  auto issued = co_await issuing;
  wait = session.wait();
  if (!issued) co_return std::move(issued).error();
  auto facts = crypto::read_certificate(issued->chain_pem);
  if (!facts) co_return std::move(facts).error();
  const uint64_t id = shows_.questions.begin();
  wire::InstallCertificate record{id, certificate.name, issued->chain_pem, std::string(issued->key_pem.reveal())};
  std::string bytes = record.encode();
  auto asked = shows_.host.ask_supervisor(wire::Type::InstallCertificate, bytes);
  base::wipe(bytes.data(), bytes.size());
  base::wipe(record.key_pem.data(), record.key_pem.size());
  if (!asked) co_return std::move(asked).error();
  auto waiting = shows_.questions.wait(id, net::Deadline::in(kInstallTime));
  auto installed = co_await waiting;
  if (!installed) co_return std::move(installed).error().with_context("installing it");
  co_return facts->sha256;
}

Task<Result<std::string>> Renewals::renew(std::string certificate) {
  if (!shows_.host.config().acme.on()) co_return fail(Errc::NotFound, "acme.directory is not set");
  std::vector<std::string> wanted;
  for (const Managed& one : managed_certificates(shows_.host.config()))
    if (!one.names.empty() && (certificate.empty() || certificate == one.name)) wanted.push_back(one.name);
  if (wanted.empty()) co_return fail(Errc::NotFound, "no certificate " + certificate + "; `buzon acme status` shows them");
  forced_.insert(wanted.begin(), wanted.end());
  timer_.arm(net::Deadline::in(net::Millis(0)));
  std::string out, failed;
  for (const std::string& name : wanted) {
    while (forced_.contains(name)) {
      if (!is_managed(name)) {
        forced_.erase(name);
        records_[name].error = "the configuration has it no more";
        break;
      }
      auto sleeping = shows_.host.loop().sleep(net::Deadline::in(kLook));
      co_await sleeping;
    }
    const acme::Record& record = records_[name];
    if (record.error.empty()) {
      out += name + ": issued and installed\n";
    } else {
      failed += (failed.empty() ? "" : "\n") + name + ": " + record.error;
    }
  }
  if (!failed.empty()) co_return fail(Errc::Denied, failed);
  co_return out;
}

bool Renewals::is_managed(const std::string& certificate) const {
  const auto all = managed_certificates(shows_.host.config());
  return std::any_of(all.begin(), all.end(),
                     [&](const Managed& one) { return one.name == certificate && !one.names.empty(); });
}

Task<Result<void>> Renewals::test_name(std::string name) {
  acme::Proof proof{name, base::system_random().id(43), {}};
  proof.authorization = proof.token + "." + base::system_random().id(43);
  acme::Solver& by = solver();
  auto presenting = by.present(proof);
  auto shown = co_await presenting;
  Result<void> seen;
  if (shown && by.type() == acme::kHttp01) {
    auto fetching = in_clear_.send({"GET", "http://" + name + std::string(acme::kChallengePath) + proof.token, {}, {}, {}});
    auto reply = co_await fetching;
    if (!reply) {
      seen = std::move(reply).error();
    } else if (reply->status != 200 || reply->body != proof.authorization) {
      seen = fail(Errc::Denied, "somebody else answers http://" + name + "/ (status " + std::to_string(reply->status) +
                                    "): do its A and AAAA records lead to this server?");
    }
  }
  auto ending = by.withdraw(std::move(proof));
  co_await ending;
  if (!shown) co_return std::move(shown).error();
  co_return seen;
}

// Not beside a renewal: both would show and take away proofs of the same names.
Task<Result<std::string>> Renewals::test() {
  if (!shows_.host.config().acme.on()) co_return fail(Errc::NotFound, "acme.directory is not set");
  if (busy_) co_return fail(Errc::Conflict, "a certificate is being renewed just now; try again when that is over");
  busy_ = true;
  auto testing = test_all();
  auto tested = co_await testing;
  busy_ = false;
  arm();
  co_return std::move(tested);
}

Task<Result<std::string>> Renewals::test_all() {
  const AcmeConfig acme = shows_.host.config().acme;  // a reload may replace it meanwhile
  auto made = session();
  if (!made) co_return std::move(made).error();
  acme::Session session = std::move(*made);
  auto looking = session.look();
  auto directory = co_await looking;
  if (!directory) co_return std::move(directory).error();
  std::string out = acme.directory + ": good\n", failed;
  if (!directory->terms.empty())
    out += "terms of service: " + directory->terms + (acme.agree_terms ? "\n" : ", not agreed to\n");
  std::set<std::string> names;
  for (const Managed& one : managed_certificates(shows_.host.config()))
    for (const std::string& name : one.names) names.insert(name.starts_with("*.") ? name.substr(2) : name);
  for (const std::string& name : names) {
    auto testing = test_name(name);
    auto seen = co_await testing;
    if (seen) {
      out += name + " by " + acme.challenge + ": good as far as can be seen from here\n";
    } else {
      failed += (failed.empty() ? "" : "\n") + name + " by " + acme.challenge + ": " + seen.error().text();
    }
  }
  if (!failed.empty()) co_return fail(Errc::Denied, failed);
  co_return out;
}

std::string Renewals::status(bool json) const {
  std::string out = json ? "[" : "";
  for (const Managed& one : managed_certificates(shows_.host.config())) {
    if (one.names.empty()) continue;
    auto found = records_.find(one.name);
    const acme::Record record = found == records_.end() ? acme::Record() : found->second;
    const auto facts = present(one);
    const acme::Due due = acme::next_renewal(facts ? &*facts : nullptr, one.names, record, now());
    const int64_t until = facts ? facts->not_after : 0;
    const bool ours = facts && facts->sha256 == record.sha256;
    if (json) {
      out += std::string(out.size() > 1 ? "," : "") + "{\"certificate\":" + quoted(one.name) +
             ",\"file\":" + quoted(one.certificate_file) + ",\"names\":" + quoted(joined(one.names)) +
             ",\"issued\":" + (ours ? "true" : "false") + ",\"not_after\":" + std::to_string(until) +
             ",\"renewal\":" + std::to_string(due.at) + ",\"failures\":" + std::to_string(record.failures) +
             ",\"error\":" + quoted(record.error) + "}";
      continue;
    }
    out += one.name + " (" + one.certificate_file + "): " + joined(one.names) + "\n  served until " + date(until) +
           (ours ? "" : ", not the one issued last") + "\n  renewed " + date(std::max(due.at, now())) + ": " + due.why +
           "\n";
    if (!record.error.empty())
      out +=
          "  failed " + std::to_string(record.failures) + " times, last " + date(record.tried) + ": " + record.error + "\n";
  }
  return json ? out + "]\n" : out;
}

}  // namespace bz::roles

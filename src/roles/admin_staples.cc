#include "roles/admin_staples.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "crypto/ocsp.h"

namespace bz::roles {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max(), kFirstWait = 60, kLongestWait = 3'600, kSettle = 30;
constexpr net::Millis kInstallTime{20'000}, kShortest{500}, kLongestSleep{3'600'000};

int64_t now() { return base::system_clock().unix_seconds(); }

}  // namespace

int64_t refresh_at(std::string_view response, std::string_view chain_pem, int64_t now) {
  auto facts = crypto::check_staple(response, chain_pem, now);
  if (!facts || !crypto::usable(*facts, now)) return now;
  return facts->this_update + (facts->next_update - facts->this_update) / 2;
}

Staples::Staples(RoleHost& host, Questions& questions)
    : host_(host),
      questions_(questions),
      http_(host.loop(), acme::Https::Allow::ClearOnly),  // answers are signed (RFC 6960 appendix A)
      timer_(host.loop(),
             [this] {
               if (std::exchange(busy_, true)) return;
               tasks_.spawn(work());
             }),
      tasks_(host.loop()) {}

Staples::~Staples() { tasks_.cancel(); }

void Staples::take_settings() {
  if (!busy_) timer_.arm(net::Deadline::in(kShortest));
}

int64_t Staples::due(const Managed& certificate) const {
  const std::string_view chain = host_.secret(certificate.chain_secret).reveal();
  if (!host_.config().tls.ocsp_auto || !crypto::ocsp_question(chain)) return kNever;
  auto memory = memory_.find(certificate.name);
  const int64_t earliest = memory == memory_.end() ? 0 : memory->second.not_before;
  return std::max(earliest, refresh_at(host_.secret(certificate.staple_secret).reveal(), chain, now()));
}

Task<Result<void>> Staples::fetch(const Managed& certificate) {
  const std::string chain(host_.secret(certificate.chain_secret).reveal());
  auto question = crypto::ocsp_question(chain);
  if (!question) co_return std::move(question).error();
  auto asking = http_.send({"POST", question->url, question->request_der, "application/ocsp-request", {}});
  auto reply = co_await asking;
  if (!reply) co_return std::move(reply).error();
  if (reply->status != 200)
    co_return fail(Errc::Unavailable, question->url + " answers with status " + std::to_string(reply->status));
  auto facts = crypto::check_staple(reply->body, chain, now());
  if (!facts) co_return std::move(facts).error().with_context(question->url);
  if (!crypto::usable(*facts, now())) {
    co_return fail(Errc::Denied, question->url + " does not say that the certificate is good; it may be revoked");
  }
  const uint64_t id = questions_.begin();
  auto asked =
      host_.ask_supervisor(wire::Type::InstallStaple, wire::InstallStaple{id, certificate.name, reply->body}.encode());
  if (!asked) co_return asked;
  auto waiting = questions_.wait(id, net::Deadline::in(kInstallTime));
  auto installed = co_await waiting;
  co_return installed;
}

Task<void> Staples::work() {
  const std::vector<Managed> all = managed_certificates(host_.config());
  for (const Managed& certificate : all) {
    if (due(certificate) > now()) continue;
    auto fetching = fetch(certificate);
    auto fetched = co_await fetching;
    Memory& memory = memory_[certificate.name];
    if (fetched) {
      memory = {0, now() + kSettle, {}};  // until the supervisor's reload has brought it here
      log::event(log::Info, "staple_fetched").field("certificate", certificate.name);
      continue;
    }
    memory.not_before = now() + std::min(kFirstWait << std::min(memory.failures, 10u), kLongestWait);
    ++memory.failures;
    memory.error = fetched.error().text();
    log::event(log::Err, "staple_failed").field("certificate", certificate.name).error(fetched.error());
  }
  busy_ = false;
  arm();
}

void Staples::arm() {
  int64_t first = kNever;
  for (const Managed& certificate : managed_certificates(host_.config())) first = std::min(first, due(certificate));
  if (first == kNever) return;
  timer_.arm(net::Deadline::in(std::clamp(net::Millis((first - now()) * 1000), kShortest, kLongestSleep)));
}

std::string Staples::status() const {
  std::string out;
  for (const auto& [name, memory] : memory_)
    out += name + " staple: " + (memory.error.empty() ? "good" : memory.error) + "\n";
  return out;
}

}  // namespace bz::roles

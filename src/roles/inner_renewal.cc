#include "roles/inner_renewal.h"

#include <algorithm>

#include "base/date.h"
#include "base/log.h"
#include "roles/inner_question.h"

namespace bz::roles {
namespace {

constexpr net::Millis kPatience{15'000};
constexpr int64_t kFirstWait = 5, kLongestWait = 3'600;  // seconds

int64_t now() { return base::system_clock().unix_seconds(); }

}  // namespace

int64_t renewal_due(const crypto::NodeIdentity& certificate) {
  return certificate.not_after - (certificate.not_after - certificate.not_before) / 3;
}

net::Millis renewal_wait(const crypto::NodeIdentity& certificate, int64_t now, unsigned failures) {
  int64_t wait = std::max<int64_t>(renewal_due(certificate) - now, 0);
  if (failures > 0) {
    // Near the end more often again, for as long as there is an end.
    const int64_t left = certificate.not_after - now;
    const int64_t longest = left > 0 ? std::max(left / 8, kFirstWait) : kLongestWait;
    wait = std::min(kFirstWait << std::min(failures - 1, 20u), longest);
  }
  return std::chrono::seconds(std::min(wait, kLongestWait));
}

NodeRenewal::NodeRenewal(RoleHost& host, Dial dial)
    : host_(host), dial_(std::move(dial)), questions_(host.loop()), timer_(host.loop(), [this] { fire(); }) {}

Result<crypto::NodeIdentity> NodeRenewal::present() const {
  return crypto::node_identity_pem(host_.secret(secrets::kInnerCertificate).reveal());
}

void NodeRenewal::look() {
  auto certificate = present();
  if (certificate && std::exchange(not_after_, certificate->not_after) != certificate->not_after) tries_ = 0;
  if (!busy_) arm();
}

void NodeRenewal::arm() {
  if (auto certificate = present()) timer_.arm(net::Deadline::in(renewal_wait(*certificate, now(), tries_)));
}

void NodeRenewal::fire() {
  auto certificate = present();
  if (!certificate || renewal_due(*certificate) > now()) return arm();
  busy_ = true;
  host_.tasks().spawn(renew());
}

// When it went well a reload brings the new certificate, by now or soon, and tries are counted anew.
Task<void> NodeRenewal::renew() {
  const int64_t counted_for = not_after_;
  auto working = fetch_and_install();
  auto done = co_await std::move(working);
  if (not_after_ == counted_for) ++tries_;
  busy_ = false;
  arm();
  if (done) {
    log::event(log::Info, "node_certificate_renewed").field("node", done->name).field("until", base::date(done->not_after));
    co_return;
  }
  auto certificate = present();
  if (!certificate) co_return;
  const bool over = certificate->not_after <= now();
  auto event = log::event(over ? log::Err : log::Warn, "node_certificate_not_renewed");
  event.field("node", certificate->name).field("ends", base::date(certificate->not_after));
  event.field("next_s", renewal_wait(*certificate, now(), tries_).count() / 1000).error(done.error());
  if (over) event.field("do", "inside: buzon node revoke, buzon node token; here: buzon node enroll");
}

Task<Result<crypto::NodeIdentity>> NodeRenewal::fetch_and_install() {
  BZ_CO_TRY(const crypto::NodeIdentity before, present());
  const Secret key = host_.secret(secrets::kInnerKey);
  BZ_CO_TRY(std::string request, crypto::node_request_for(before.name, before.role, key));
  auto dialing = dial_();
  auto dialed = co_await std::move(dialing);
  BZ_CO_TRY(auto stream, std::move(dialed));
  auto asking = ask_inside(*stream, {}, std::move(request), net::Deadline::in(kPatience));
  auto answer = co_await std::move(asking);
  if (!answer) co_return std::move(answer).error();
  std::string& certificate = (*answer)["certificate"];
  BZ_CO_TRY(auto renewed, check_renewed(certificate, key, before));
  const uint64_t id = questions_.begin();
  const wire::InstallCertificate record{id, "node", std::move(certificate), {}};
  BZ_CO_TRY_VOID(host_.ask_supervisor(wire::Type::InstallCertificate, record.encode()));
  auto waiting = questions_.wait(id, net::Deadline::in(kPatience));
  auto installed = co_await std::move(waiting);
  if (!installed) co_return std::move(installed).error().with_context("installing it");
  co_return renewed;
}

}  // namespace bz::roles

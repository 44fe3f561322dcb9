#include "egress/credentials.h"

#include "base/log.h"

namespace bz::egress {

Credentials::Credentials(net::Loop& loop) : loop_(loop), timer_(loop, [this] { expire(); }) {}

void Credentials::put(wire::ForeignLogin record, uint64_t after) {
  Credential credential{std::move(record.server), std::move(record.host), std::move(record.user),
                        Secret(std::move(record.password)), after};
  base::wipe(record.password.data(), record.password.size());
  if (waiting_.contains(record.ticket_sha256)) return settle(record.ticket_sha256, std::move(credential));
  if (kept_.size() >= kMax) {
    log::event(log::Warn, "credential_dropped").field("why", "too many wait");
    return;
  }
  const auto until = net::Deadline::in(kLife);
  kept_.insert_or_assign(std::move(record.ticket_sha256), Kept{std::move(credential), until.at()});
  if (!std::exchange(armed_, true)) timer_.arm(until);
}

void Credentials::expire() {
  const auto now = net::Deadline::in(net::Millis(0)).at();
  net::MonoTime next = net::MonoTime::max();
  std::erase_if(kept_, [&](const auto& entry) {
    if (entry.second.until > now) next = std::min(next, entry.second.until);
    return entry.second.until <= now;
  });
  armed_ = !kept_.empty();
  if (armed_) timer_.arm(net::Deadline(next));
}

void Credentials::settle(const std::string& ticket_hash, Result<Credential> result) {
  auto found = waiting_.extract(ticket_hash);
  if (!found.empty()) found.mapped().promise.set(std::move(result));
}

Task<Result<Credential>> Credentials::take(std::string ticket_hash, net::Deadline deadline) {
  if (auto found = kept_.extract(ticket_hash); !found.empty()) {
    if (found.mapped().until <= net::Deadline::in(net::Millis(0)).at())
      co_return fail(Errc::NotFound, "the credential is too old");
    co_return std::move(found.mapped().credential);
  }
  base::Completion<Credential> answer;
  auto timer = std::make_unique<net::Loop::Timer>(loop_, [this, ticket_hash] {
    // Posted: settling destroys the timer, which must not happen within its own callback.
    loop_.post([this, ticket_hash] { settle(ticket_hash, fail(Errc::NotFound, "auth sent no credential")); });
  });
  timer->arm(deadline);
  waiting_.insert_or_assign(ticket_hash, Waiting{answer.promise(), std::move(timer)});
  auto result = co_await answer;
  co_return result;
}

}  // namespace bz::egress

#include "roles/admin_questions.h"

namespace bz::roles {
namespace {

constexpr net::Millis kLook{20};

}  // namespace

uint64_t Questions::begin(size_t answers) {
  open_[++last_] = {answers, {}};
  return last_;
}

void Questions::settle(const wire::Done& done) {
  auto it = open_.find(done.id);
  if (it == open_.end()) return;
  if (it->second.left > 0) --it->second.left;
  if (it->second.refusal.empty()) it->second.refusal = done.refusal;
}

Task<Result<void>> Questions::wait(uint64_t id, net::Deadline deadline) {
  while (open_[id].left > 0) {
    if (std::chrono::steady_clock::now() >= deadline.at()) {
      open_.erase(id);
      co_return fail(Errc::Timeout, "no answer came");
    }
    auto sleeping = loop_.sleep(net::Deadline::in(kLook));
    co_await sleeping;
  }
  const std::string refusal = std::move(open_[id].refusal);
  open_.erase(id);
  if (!refusal.empty()) co_return fail(Errc::Denied, refusal);
  co_return Result<void>();
}

}  // namespace bz::roles

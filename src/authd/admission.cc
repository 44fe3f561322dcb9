// Who may try: the guard's word, and the lines that strangers and suspects wait in.
#include <algorithm>

#include "authd/exchange.h"

namespace bz::authd {

namespace {
constexpr size_t kMaxInLine = 20;        // for one account
constexpr size_t kSuspiciousAtWork = 5;  // so many strangers of one address at the same time wait for one another
}  // namespace

// The guard's word about who says he is `user`. A step: he is sent away unread.
std::optional<sasl::Step> Service::admit(Exchange& x, std::string user) {
  using Verdict = directory::Guard::Verdict;
  x.know_user(std::move(user));
  const directory::Guard::Judgement judgement = guard_.judge(x.attempt());
  x.delay = judgement.delay;
  auto at_work = at_work_.find(x.start.client_address);
  const bool crowd = at_work != at_work_.end() && at_work->second > kSuspiciousAtWork;
  x.stranger = judgement.stranger;
  x.suspect = judgement.suspect || (x.stranger && crowd);
  x.from_memory = judgement.verdict == Verdict::FromMemory;
  if (judgement.verdict == Verdict::Pass || x.from_memory) return std::nullopt;
  if (judgement.verdict == Verdict::TooMany) log_closed(x);
  return x.fail_for_now(Error(Errc::Limit, judgement.verdict == Verdict::Denied ? "no logins from this network"
                                                                                : "too many failures of this address"));
}

// Waits in the lines that are there for one who comes from there, and hears the guard's word again: what was counted
// meanwhile counts for him, too. A step: he is sent away.
Task<std::optional<sasl::Step>> Service::wait_turn(ExchangePtr x, bool remembered) {
  using Sent = std::optional<sasl::Step>;
  if (x->stranger && !remembered && options_.guard.max_account_failures != 0) {
    auto& line = lines_[x->user];
    if (!line) line = std::make_shared<Turnstile>(1, kMaxInLine);
    x->line = line;
    auto entering = line->enter();
    auto turn = co_await std::move(entering);
    if (!turn) co_return Sent(x->fail_for_now(turn.error()));
    x->turn = std::move(*turn);
  }
  if (x->suspect) {
    auto entering = suspects_.enter();
    auto place = co_await std::move(entering);
    if (!place) co_return Sent(x->fail_for_now(place.error()));
    x->place = std::move(*place);
  }
  if (!x->turn && !x->place) co_return Sent();
  if (x->abandoned) co_return Sent(x->fail_for_now(Error(Errc::Cancelled, "the client went away")));
  const base::Millis before = x->delay;
  auto refusal = admit(*x, x->user);
  x->delay = std::max(x->delay, before);
  co_return refusal;
}

// As wait_turn, for one who holds what others wait for: where somebody is before him in a line he is sent away.
std::optional<sasl::Step> Service::take_turn(Exchange& x) {
  auto busy = [&] { return x.fail_for_now(Error(Errc::Limit, "others from strange places are tried just now")); };
  if (x.stranger && options_.guard.max_account_failures != 0) {
    auto& line = lines_[x.user];
    if (!line) line = std::make_shared<Turnstile>(1, kMaxInLine);
    x.line = line;
    x.turn = line->try_enter();
    if (!x.turn) return busy();
  }
  if (x.suspect) {
    x.place = suspects_.try_enter();
    if (!x.place) return busy();
  }
  return std::nullopt;
}

// When the failure, if it was one, has been counted.
void Service::end_turn(Exchange& x) {
  x.ntlm_patience.reset();
  x.ntlm.reset();
  auto line = std::move(x.line);
  x.place.reset();
  x.turn.reset();
  if (line && line.use_count() == 2) lines_.erase(x.user);  // nobody else is in it
}

}  // namespace bz::authd

#include "apns/outbox.h"

#include <algorithm>

namespace bz::apns {

bool Outbox::add(Push push, base::MonoTime now) {
  const Device device{push.token, push.account_id};
  if (auto there = waiting_.find(device); there != waiting_.end()) {
    there->second.again = there->second.under_way;
    there->second.since = now;
    return true;
  }
  bool room = true;
  if (waiting_.size() >= kMaxWaiting && !order_.empty()) {
    waiting_.erase(order_.begin()->second);
    order_.erase(order_.begin());
    room = false;
  }
  order_[++turn_] = device;
  waiting_[device] = Waiting{std::move(push), now, now, turn_};
  return room;
}

std::vector<Push> Outbox::take(size_t most, base::MonoTime now) {
  std::vector<Push> out;
  if (now < closed_until_) return out;
  if (wait_ > base::Millis(0)) most = 1;  // one to see whether it works again
  for (auto at = order_.begin(); at != order_.end() && out.size() < most;) {
    Waiting& waiting = waiting_.at(at->second);
    if (waiting.not_before > now) {
      ++at;
      continue;
    }
    waiting.under_way = true;
    out.push_back(waiting.push);
    at = order_.erase(at);
  }
  return out;
}

bool Outbox::settle(const Push& push, Verdict verdict, base::MonoTime now) {
  const auto there = waiting_.find({push.token, push.account_id});
  if (there == waiting_.end()) return true;
  if (verdict == Verdict::Later || verdict == Verdict::Barred) {
    if (now >= closed_until_)  // the first of those that were sent together
      wait_ = verdict == Verdict::Barred ? kLongestWait : std::clamp(2 * wait_, kFirstWait, kLongestWait);
    closed_until_ = std::max(closed_until_, now + wait_);
  } else {
    wait_ = base::Millis(0);
  }
  Waiting& waiting = there->second;
  waiting.under_way = false;
  const bool news = std::exchange(waiting.again, false) && verdict != Verdict::Gone;
  const bool done = verdict == Verdict::Sent || verdict == Verdict::Gone || verdict == Verdict::Lost;
  const bool old = !done && now - waiting.since >= kLife;
  if ((done || old) && !news) {
    waiting_.erase(there);
    return !old;
  }
  if (done) waiting.since = now;
  waiting.not_before = verdict == Verdict::Slower ? now + kSlowWait : now;
  waiting.turn = ++turn_;
  order_[waiting.turn] = there->first;
  return true;
}

std::optional<base::MonoTime> Outbox::next() const {
  std::optional<base::MonoTime> first;
  for (const auto& [turn, device] : order_) {
    const base::MonoTime at = waiting_.at(device).not_before;
    if (!first || at < *first) first = at;
    if (*first <= closed_until_) break;  // it is the service that is waited for
  }
  if (first) first = std::max(*first, closed_until_);
  return first;
}

void Outbox::resume() {
  wait_ = base::Millis(0);
  closed_until_ = {};
}

}  // namespace bz::apns

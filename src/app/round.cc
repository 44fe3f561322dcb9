#include "app/round.h"

namespace bz::app {

Round::Round(net::Loop& loop, base::Millis limit, Done done)
    : loop_(loop), limit_(limit), done_(std::move(done)), timer_(loop, [this] {
        for (const auto& [child, name] : waiting_) complaints_.push_back(name + ": does not answer");
        finish();
      }) {}

void Round::begin() {
  if (waiting_.empty()) return finish();
  timer_.arm(net::Deadline::in(limit_));
}

void Round::settle(const Child& child, const std::string& complaint) {
  auto it = waiting_.find(&child);
  if (it == waiting_.end()) return;
  if (!complaint.empty()) complaints_.push_back(it->second + ": " + complaint);
  waiting_.erase(it);
  if (waiting_.empty()) finish();
}

void Round::finish() {
  waiting_.clear();
  timer_.cancel();
  // The callback goes with the post: it may be the end of this round.
  if (done_) loop_.post([done = std::exchange(done_, {}), complaints = std::move(complaints_)] { done(complaints); });
}

}  // namespace bz::app

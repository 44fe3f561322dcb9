// How many sessions an account has: auth asks each gateway, and we are one for many. Its question goes to every worker of
// every node; what they say, or that they went away, makes the one answer.
#include "base/log.h"
#include "roles/inner_door.h"

namespace bz::roles {
namespace {

constexpr size_t kMaxTold = 500;       // devices in one answer; as many as a gateway tells
constexpr size_t kMaxCountings = 100;  // auth gives up by itself, and so do the oldest here

}  // namespace

void InnerRole::ask_sessions(std::string_view payload) {
  auto question = wire::AskSessions::decode(payload);
  if (!question) return log::event(log::Err, "message_refused").field("peer", "auth").error(question.error()), void();
  if (links_.empty()) return tell_sessions({question->id, {}});
  if (countings_.size() >= kMaxCountings) countings_.erase(countings_.begin());
  const uint64_t ours = ++last_counting_;
  countings_[ours] = {links_, {question->id, {}}};
  const std::string passed = wire::AskSessions{ours, question->account_id}.encode();
  for (Link* link : std::set<Link*>(links_)) send_to(*link, wire::Type::AskSessions, passed);
}

Result<void> InnerRole::count_sessions(Link& link, std::string_view payload) {
  BZ_TRY(auto told, wire::AccountSessions::decode(payload));
  auto it = countings_.find(told.id);
  if (it == countings_.end() || it->second.missing.erase(&link) == 0) return {};
  auto& devices = it->second.answer.devices;
  for (std::string& device : told.devices)
    if (devices.size() < kMaxTold) devices.push_back(std::move(device));
  finish_countings();
  return {};
}

void InnerRole::forget_counting(Link& link) {
  for (auto& [number, counting] : countings_) counting.missing.erase(&link);
  finish_countings();
}

void InnerRole::finish_countings() {
  for (auto it = countings_.begin(); it != countings_.end();) {
    if (!it->second.missing.empty()) {
      ++it;
      continue;
    }
    tell_sessions(it->second.answer);
    it = countings_.erase(it);
  }
}

void InnerRole::tell_sessions(const wire::AccountSessions& answer) {
  Peer* auth = host_->peer("auth");
  if (!auth || !auth->up()) return;
  auto sent = auth->send(wire::Type::AccountSessions, answer);
  if (!sent) log::event(log::Warn, "auth_unreachable").error(sent.error());
}

}  // namespace bz::roles

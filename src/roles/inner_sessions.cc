#include "roles/inner_sessions.h"

#include "base/log.h"
#include "roles/inner_door.h"

namespace bz::roles {

uint64_t SessionCount::begin(uint64_t question, std::set<Who> who) {
  if (open_.size() >= kMaxUnderWay) open_.erase(open_.begin());
  const uint64_t ours = ++last_;
  open_[ours] = {std::move(who), {question, {}}};
  finish();
  return ours;
}

void SessionCount::take(Who from, const wire::AccountSessions& told) {
  auto it = open_.find(told.id);
  if (it == open_.end() || it->second.missing.erase(from) == 0) return;
  auto& devices = it->second.answer.devices;
  for (const std::string& device : told.devices)
    if (devices.size() < kMaxTold) devices.push_back(device);
  finish();
}

void SessionCount::forget(Who who) {
  for (auto& [number, open] : open_) open.missing.erase(who);
  finish();
}

void SessionCount::finish() {
  for (auto it = open_.begin(); it != open_.end();) {
    if (!it->second.missing.empty()) {
      ++it;
      continue;
    }
    tell_(it->second.answer);
    it = open_.erase(it);
  }
}

void InnerRole::ask_sessions(std::string_view payload) {
  auto question = wire::AskSessions::decode(payload);
  if (!question) return log::event(log::Err, "message_refused").field("peer", "auth").error(question.error()), void();
  const std::set<Link*> links = links_;
  const uint64_t ours = sessions_.begin(question->id, {links.begin(), links.end()});
  const std::string passed = wire::AskSessions{ours, question->account_id}.encode();
  for (Link* link : links) send_to(*link, wire::Type::AskSessions, passed);
}

Result<void> InnerRole::count_sessions(Link& link, std::string_view payload) {
  BZ_TRY(auto told, wire::AccountSessions::decode(payload));
  sessions_.take(&link, told);
  return {};
}

void InnerRole::tell_sessions(const wire::AccountSessions& answer) {
  Peer* auth = host_->peer("auth");
  if (!auth || !auth->up()) return;
  auto sent = auth->send(wire::Type::AccountSessions, answer);
  if (!sent) log::event(log::Warn, "auth_unreachable").error(sent.error());
}

}  // namespace bz::roles

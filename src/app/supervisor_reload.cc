// New settings, certificates, listeners, workers and log files for a running system; see supervisor.h for the order.
#include <algorithm>

#include "app/supervisor.h"
#include "base/log.h"

namespace bz::app {
namespace {

constexpr base::Millis kRoundTime{5'000};

}  // namespace

// Refused as a whole, with the old settings in force, or taken.
void Supervisor::reload(std::string_view why, Asker asker) {
  if (reload_ || stopping_) {
    reload_again_ = true;
    if (asker) next_replies_.push_back(std::move(*asker));
    return;
  }
  // Looked at before they are read: what changes meanwhile is seen at the next look.
  seen_ = changing_ = stamps_of(loaded_);
  Reload begun;
  if (asker) begun.replies.push_back(std::move(*asker));
  for (auto& waiting : std::exchange(next_replies_, {})) begun.replies.push_back(std::move(waiting));
  auto loaded = load(config_path_);
  Result<void> taken;
  if (loaded) {
    begun.report.keys = needs_restart(loaded_, *loaded);
    taken = adopt(std::move(*loaded));
  } else {
    taken = std::move(loaded).error();
  }
  if (!taken) {
    log::event(log::Err, "reload_refused").field("why", why).error(taken.error());
    const Error& error = taken.error();
    begun.report.refusal = error.text().empty() ? error.to_string() : error.text();
    return answer_reload(std::move(begun));
  }
  {
    auto event = log::event(log::Info, "reload");
    event.field("why", why);
    if (!begun.report.keys.empty()) event.field("needs_restart", listed(begun.report.keys, ","));
  }
  say_doubts();
  reload_ = std::move(begun);
  tell_back_ends();
}

Result<void> Supervisor::adopt(Loaded loaded) {
  std::vector<uint32_t> numbers = worker_numbers(workers_of(loaded.config));
  // The first [[server]], the first use of ACME: its role has no folder and no process yet.
  std::vector<const RoleFacts*> begin;
  for (const RoleFacts& role : role_facts()) {
    const bool there =
        std::any_of(children_.begin(), children_.end(), [&](const auto& child) { return &child->role() == &role; });
    if (there || role.name == "gateway" || !is_wanted(role, loaded.config)) continue;
    BZ_TRY_VOID(know_user(role, loaded.config));
    begin.push_back(&role);
  }
  if (!begin.empty()) {
    BZ_TRY_VOID(make_state(state_.get(), loaded.config));
  }
  BZ_TRY_VOID(know_ntlm_user(loaded.config));
  BZ_TRY(Listeners listeners, Listeners::open(own_listeners(loaded.config), numbers, listeners_));
  const bool other_files = loaded.files != loaded_.files;
  loaded_ = std::move(loaded);
  if (other_files) seen_ = changing_ = stamps_of(loaded_);
  Listeners before = std::exchange(listeners_, std::move(listeners));
  http_doors_ = HttpDoors::open(loaded_.config.acme, http_doors_);
  worker_numbers_ = std::move(numbers);
  ++generation_;
  place_ntlm();
  log_listeners(before);
  for (auto& child : children_) child->set_longest_wait(loaded_.config.restart_wait_max);
  for (const RoleFacts* role : begin) {
    auto started = make_child(*role, 0).start();
    if (!started) log::event(log::Err, "cannot_start").field("role", role->name).error(started.error());
  }
  return {};
}

// Those that work stay, the highest numbers go; new ones take numbers that nobody has, not even one that still drains:
// peers know a worker by its number.
std::vector<uint32_t> Supervisor::worker_numbers(unsigned wanted) const {
  std::vector<uint32_t> numbers = worker_numbers_;
  if (numbers.size() > wanted) numbers.resize(wanted);
  for (uint32_t next = 0; numbers.size() < wanted; ++next) {
    const bool used = std::find(numbers.begin(), numbers.end(), next) != numbers.end() ||
                      std::any_of(children_.begin(), children_.end(), [&](const auto& child) {
                        return child->role().name == "gateway" && child->index() == next;
                      });
    if (!used) numbers.push_back(next);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void Supervisor::tell_back_ends() {
  round_ = std::make_unique<Round>(loop_, kRoundTime, [this](std::vector<std::string> complaints) {
    reload_->report.complaints = std::move(complaints);
    tell_gateways();
  });
  for (auto& child : children_) {
    // Who starts just now is told when it is ready.
    if (child->role().name == "gateway" || child->state() != Child::State::Ready) continue;
    round_->expect(*child);
    tell(*child);
    child->send(wire::Type::Start, {});
  }
  round_->begin();
}

void Supervisor::tell_gateways() {
  round_ = std::make_unique<Round>(loop_, kRoundTime, [this](std::vector<std::string> complaints) {
    for (std::string& complaint : complaints) reload_->report.complaints.push_back(std::move(complaint));
    end_reload();
  });
  adjust_workers();
  for (auto& child : children_) {
    // Who has heard the rest with the back ends may have other ticket keys to hear of.
    const bool gateway = child->role().name == "gateway", told = child->generation == generation_;
    if ((!gateway && child->role().name != "inner") || child->state() != Child::State::Ready || told) continue;
    round_->expect(*child);
    tell(*child);
    if (gateway) give_listeners(*child);
    child->send(wire::Type::Start, {});
  }
  round_->begin();
}

void Supervisor::adjust_workers() {
  if (stopping_) return;
  for (uint32_t number : worker_numbers_) {
    const bool there = std::any_of(children_.begin(), children_.end(), [&](const auto& child) {
      return child->role().name == "gateway" && child->index() == number;
    });
    if (there) continue;
    Child& child = make_child(*find_role("gateway"), number);
    if (!gateways_begun_) continue;
    auto started = child.start();
    if (!started) reload_->report.complaints.push_back(child.name() + ": " + started.error().to_string());
  }
  for (auto& child : children_) {
    const bool wanted = std::find(worker_numbers_.begin(), worker_numbers_.end(), child->index()) != worker_numbers_.end();
    if (child->role().name != "gateway" || wanted || child->retired()) continue;
    log::event(log::Info, "worker_drains").field("role", child->name());
    child->drain(loaded_.config.gateway.drain_time);
  }
  forget_retired();
}

void Supervisor::forget_retired() {
  std::erase_if(children_, [](const auto& child) { return child->retired() && child->pid() < 0; });
}

void Supervisor::end_reload() {
  round_.reset();
  Reload done = std::move(*reload_);
  reload_.reset();
  for (const std::string& complaint : done.report.complaints) {
    log::event(log::Err, "reload_incomplete").field("why", complaint);
  }
  answer_reload(std::move(done));
  if (std::exchange(tickets_again_, false)) spread_tickets();
  if (std::exchange(reload_again_, false)) reload("asked to meanwhile");
}

void Supervisor::answer_reload(Reload reload) {
  for (auto& [reply, json] : reload.replies) reply.answer(reload.report.answer(config_path_, json));
}

// Who asks while the files are being reopened may have moved some away meanwhile: for him it is done once more.
void Supervisor::reopen_logs(std::optional<ControlReply> reply) {
  if (reply) log_replies_.push_back(std::move(*reply));
  logs_again_ = true;
  if (!log_round_) begin_log_round();
}

// Answered when no role writes to the old files any more: they may be compressed or removed then.
void Supervisor::begin_log_round() {
  logs_again_ = false;
  ntlm_processes_.reopen_log();
  // Shared, since a std::function is copied.
  auto waiting = std::make_shared<std::vector<ControlReply>>(std::exchange(log_replies_, {}));
  log_round_ = std::make_unique<Round>(loop_, kRoundTime, [this, waiting](const std::vector<std::string>& complaints) {
    log_round_.reset();
    for (const std::string& complaint : complaints) log::event(log::Err, "logs_reopened").field("why", complaint);
    if (complaints.empty()) log::event(log::Info, "logs_reopened");
    wire::ControlAnswer answer;
    answer.exit_status = complaints.empty() ? 0 : 1;
    for (const std::string& complaint : complaints) answer.error += "buzon: " + complaint + "\n";
    for (ControlReply& reply : *waiting) reply.answer(answer);
    if (logs_again_) begin_log_round();
  });
  for (auto& child : children_) {
    if (!child->alive()) continue;
    log_round_->expect(*child);
    if (auto reopened = child->reopen_log(); !reopened) log_round_->settle(*child, reopened.error().to_string());
  }
  log_round_->begin();
}

}  // namespace bz::app

// `buzon guard`: what the guard has seen, and the administrator's word on it.
#include <ctime>

#include "authd/commands.h"
#include "base/text.h"

namespace bz::authd {

namespace {

using directory::Guard;
using directory::StalePasswords;

std::string minutes(base::Millis span) { return std::to_string((span.count() + 59'999) / 60'000) + " min"; }

std::string when(int64_t unix_seconds) {
  auto seconds = static_cast<time_t>(unix_seconds);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string json_rows(const std::vector<std::string>& rows) {
  std::string out = "[";
  for (const std::string& row : rows) out += (out.size() > 1 ? ",\n " : "") + row;
  return out + "]";
}

std::string json_failures(const std::vector<Guard::Row>& rows) {
  std::vector<std::string> out;
  for (const Guard::Row& row : rows)
    out.push_back("{\"name\":" + json_text(row.name) + ",\"failures\":" + std::to_string(row.failures) + "}");
  return json_rows(out);
}

std::string line_of(const StalePasswords::Row& row) {
  const StalePasswords::Device& d = row.device;
  return row.account + "  " + d.address + "  " + d.service + "  " +
         (d.client.empty() ? "(says no name)" : "\"" + d.client + "\"") + "  " + std::to_string(d.count) +
         " times, first " + when(d.first) + ", last " + when(d.last) +
         (row.shielded ? ", its directory is not asked for " + minutes(*row.shielded) : "") + "\n";
}

std::string json_of(const StalePasswords::Row& row) {
  const StalePasswords::Device& d = row.device;
  return "{\"account\":" + json_text(row.account) + ",\"address\":" + json_text(d.address) +
         ",\"service\":" + json_text(d.service) + ",\"client\":" + json_text(d.client) +
         ",\"count\":" + std::to_string(d.count) + ",\"first\":" + std::to_string(d.first) +
         ",\"last\":" + std::to_string(d.last) +
         ",\"shielded_s\":" + std::to_string(row.shielded ? (row.shielded->count() + 999) / 1000 : 0) + "}";
}

}  // namespace

std::optional<base::Millis> parse_time(std::string_view text) {
  constexpr std::string_view kUnits = "smhd";
  constexpr int64_t kMillis[] = {1000, 60'000, 3'600'000, 86'400'000}, kMost = 365 * 86'400'000ll;
  if (text.empty() || kUnits.find(text.back()) == kUnits.npos) return std::nullopt;
  const int64_t unit = kMillis[kUnits.find(text.back())];
  auto number = base::parse_number<int64_t>(text.substr(0, text.size() - 1));
  if (!number || *number <= 0 || *number > kMost / unit) return std::nullopt;
  return base::Millis(*number * unit);
}

Commands::Text Commands::guard_list() const {
  const Guard& guard = service_.guard_;
  const base::MonoTime now = service_.world_.clock.mono();
  // A name that is no address may be a password typed into the wrong field.
  std::vector<Guard::Row> accounts;
  for (Guard::Row& row : guard.accounts())
    if (directory::normal_address(row.name)) accounts.push_back(std::move(row));
  std::string networks, out;
  std::vector<std::string> listed;
  for (const Guard::Listed& one : guard.listed()) {
    const bool ends = one.until != base::MonoTime::max();
    auto left = ends ? std::chrono::duration_cast<base::Millis>(one.until - now) : base::Millis(0);
    std::string_view word = one.allowed ? "allowed" : "denied";
    networks += "network  " + one.text + "  " + std::string(word) +
                (ends ? " for " + minutes(left) : std::string(" until auth ends")) + "\n";
    listed.push_back("{\"network\":" + json_text(one.text) + ",\"word\":" + json_text(word) +
                     ",\"seconds\":" + std::to_string(ends ? left.count() / 1000 : 0) + "}");
  }
  if (command_.json)
    return "{\"networks\":" + json_rows(listed) + ",\"addresses\":" + json_failures(guard.addresses()) +
           ",\"accounts\":" + json_failures(accounts) + "}\n";
  out = networks;
  for (const Guard::Row& row : guard.addresses())
    out += "address  " + row.name + "  " + std::to_string(row.failures) + " failures\n";
  for (const Guard::Row& row : accounts)
    out += "account  " + row.name + "  " + std::to_string(row.failures) + " failures from strange places\n";
  return out.empty() ? std::string("nobody is under suspicion\n") : out;
}

Commands::Text Commands::guard_stale() const {
  auto rows = service_.stale_.rows(command_.all ? 1 : 2);
  std::string out;
  std::vector<std::string> json;
  for (const StalePasswords::Row& row : rows) {
    if (command_.json) {
      json.push_back(json_of(row));
    } else {
      out += line_of(row);
    }
  }
  if (command_.json) return json_rows(json) + "\n";
  return out.empty() ? std::string("no device repeats a wrong password\n") : out;
}

Task<Commands::Text> Commands::guard() {
  if (command_.verb == "list") co_return guard_list();
  if (command_.verb == "stale") co_return guard_stale();
  const std::string& name = command_.names[0];
  if (command_.verb == "forget") {
    bool known = service_.guard_.forget(name);
    // An account as its owner writes it.
    const std::string account = service_.directory_.login_name(name);
    if (account != name) known = service_.guard_.forget(account) || known;
    known = service_.stale_.forget(account) > 0 || known;
    if (!known) co_return fail(Errc::NotFound, "nothing is known of " + name);
    co_return command_.json ? std::string("{}\n") : "forgotten: " + name + "\n";
  }
  base::Millis life(0);
  if (command_.time) {
    auto time = parse_time(*command_.time);
    if (!time) co_return fail(Errc::Invalid, "not a time (\"90s\", \"10m\", \"2h\", \"5d\"): " + *command_.time);
    life = *time;
  }
  const bool allow = command_.verb == "allow";
  BZ_CO_TRY_VOID(allow ? service_.guard_.allow(name, life) : service_.guard_.deny(name, life));
  if (command_.json) co_return std::string("{}\n");
  co_return (allow ? "allowed: " : "denied: ") + name + (command_.time ? " for " + *command_.time : " until auth ends") +
      "\n";
}

}  // namespace bz::authd

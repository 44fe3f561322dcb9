#include "directory/guard.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/coding.h"
#include "base/text.h"

namespace bz::directory {

namespace {

constexpr double kFreeFailures = 3;  // people mistype
constexpr double kFirstDelayMs = 250;
constexpr double kPerResident = 3;    // what an account that has logged in there adds to the budget of an address
constexpr double kWidest = 10;        // times max_failures, however many they are
constexpr double kRepetition = 0.02;  // of a failure, at its own place alone: endless repetitions are work, too
constexpr double kUnknownPasswords =
    5;  // failures of one place that may all be one password (SCRAM): all that the address pays
constexpr auto kFamiliarFor = std::chrono::hours(24 * 30);
constexpr auto kRepeatsFor = std::chrono::hours(24);
constexpr size_t kMaxListed = 1000, kMaxRows = 1000, kMaxName = 254, kMaxDevice = 200;

// One failure must have faded before one more is heard.
bool is_spent(double failures, double limit) { return failures > limit - 1; }

std::string account_key(std::string_view account) { return base::lower(account.substr(0, kMaxName)); }

}  // namespace

struct Guard::Keys {
  std::string address, account, pair, place;
  bool familiar;
};

// Devices nobody has seen log in share one budget at an address and account: a name costs nothing.
Guard::Keys Guard::keys_of(const Attempt& attempt) const {
  Keys keys;
  keys.address = address_key(attempt.address);
  keys.account = account_key(attempt.account);
  base::put_bytes(keys.pair, keys.address);
  base::put_bytes(keys.pair, keys.account);
  keys.familiar = is_recent(familiar_, keys.pair, kFamiliarFor);
  keys.place = keys.pair;
  if (attempt.device.empty()) return keys;
  std::string device = keys.pair;
  base::put_bytes(device, attempt.device.substr(0, kMaxDevice));
  if (is_recent(familiar_, device, kFamiliarFor)) keys.place = std::move(device);
  return keys;
}

Guard::Standing Guard::standing(std::string_view address) const {
  const base::MonoTime now = clock_.mono();
  for (auto it = listed_.rbegin(); it != listed_.rend(); ++it) {
    if (it->until > now && it->network.contains(address)) return it->allowed ? Standing::Trusted : Standing::Denied;
  }
  auto in = [&](const std::vector<Network>& list) {
    return std::any_of(list.begin(), list.end(), [&](const Network& network) { return network.contains(address); });
  };
  return in(options_.trusted) ? Standing::Trusted : in(options_.denied) ? Standing::Denied : Standing::Usual;
}

bool Guard::is_recent(const Lru<base::MonoTime>& table, const std::string& key, base::Millis life) const {
  const base::MonoTime* at = table.find(key);
  return at && clock_.mono() - *at < life;
}

double Guard::limit_in(const Lru<Budget>& table) const {
  const bool closing = (&table == &accounts_ || &table == &owners_) && options_.max_account_failures != 0;
  return closing ? options_.max_account_failures : options_.max_failures;
}

// Failures fade evenly: after a whole window without new ones nothing is left of what the table's limit is.
double Guard::current(const Lru<Budget>& table, const Budget& budget) const {
  double passed = std::chrono::duration<double>(clock_.mono() - budget.at).count();
  double window = std::max(std::chrono::duration<double>(options_.window).count(), 1.0);
  return std::max(0.0, budget.failures - passed / window * limit_in(table));
}

double Guard::failures_in(const Lru<Budget>& table, const std::string& key) const {
  const Budget* budget = table.find(key);
  return budget ? current(table, *budget) : 0;
}

double Guard::limit_of(const std::string& address) const {
  const Budget* budget = addresses_.find(address);
  double more = budget ? kPerResident * budget->residents : 0;
  return std::min(options_.max_failures + more, kWidest * options_.max_failures);
}

base::Millis Guard::delay_of(double failures) const {
  if (failures < kFreeFailures) return base::Millis(0);
  double ms = kFirstDelayMs * std::exp2(std::min(20.0, std::floor(failures - kFreeFailures)));
  return base::Millis(static_cast<int64_t>(std::min(ms, static_cast<double>(options_.max_delay.count()))));
}

double Guard::add(Lru<Budget>& table, const std::string& key, double weight) {
  Budget& budget = table.touch(key, options_.max_entries);
  double before = current(table, budget);
  budget.at = clock_.mono();
  // The sum is bounded, so that an hour of guessing costs no more than two windows of waiting.
  double most = 2 * limit_in(table) + kPerResident * budget.residents;
  return budget.failures = std::min(before + weight, std::max(before, most));
}

Guard::Judgement Guard::judge(const Attempt& attempt) const {
  switch (standing(attempt.address)) {
    case Standing::Trusted:
      return {};
    case Standing::Denied:
      return {Verdict::Denied, options_.max_delay, true, true};
    case Standing::Usual:
      break;
  }
  const Keys keys = keys_of(attempt);
  const double own = failures_in(places_, keys.place);
  bool too_many = is_spent(own, options_.max_failures);
  if (keys.familiar) return {too_many ? Verdict::TooMany : Verdict::Pass, delay_of(own), own > 0, false};
  const double address = failures_in(addresses_, keys.address), account = failures_in(accounts_, keys.account);
  too_many = too_many || is_spent(address, limit_of(keys.address));
  if (too_many) return {Verdict::TooMany, options_.max_delay, true, true};
  const bool closed = options_.max_account_failures != 0 && is_spent(account, options_.max_account_failures);
  return {closed ? Verdict::FromMemory : Verdict::Pass, delay_of(std::max({own, address, account})), own > 0 || address > 0,
          true};
}

bool Guard::is_spent_by_all_names(const Attempt& attempt) const {
  if (options_.max_account_failures == 0 || attempt.owner.empty()) return false;
  if (standing(attempt.address) != Standing::Usual || keys_of(attempt).familiar) return false;
  return is_spent(failures_in(owners_, account_key(attempt.owner)), options_.max_account_failures);
}

bool Guard::repeats(const std::string& key) {
  if (is_recent(seen_, key, kRepeatsFor)) return true;
  seen_.touch(key, options_.max_entries) = clock_.mono();
  return false;
}

Guard::Failure Guard::failed(const Attempt& attempt) {
  if (standing(attempt.address) != Standing::Usual) return {};
  const Keys keys = keys_of(attempt);
  bool again = false, again_here = false;
  if (attempt.fingerprint != 0) {
    std::string print;
    base::put_be64(print, attempt.fingerprint);
    again = repeats(print);
    again_here = repeats(print + keys.address);
  }
  const double own = add(places_, keys.place, again_here ? kRepetition : 1);
  if (again_here) return {};
  // From where, does not matter to an account: its password is guessed at by many just as by one.
  if (!keys.familiar && !again) {
    add(accounts_, keys.account, 1);
    if (!attempt.owner.empty()) add(owners_, account_key(attempt.owner), 1);
  }
  if (attempt.fingerprint == 0 && own > kUnknownPasswords) return {true, 0};
  return {true, static_cast<unsigned>(std::ceil(add(addresses_, keys.address, 1)))};
}

void Guard::succeeded(const Attempt& attempt) {
  if (standing(attempt.address) != Standing::Usual) return;
  const Keys keys = keys_of(attempt);
  // The address keeps its failures: one good account of his own must not wash a guesser clean.
  if (!keys.familiar) ++addresses_.touch(keys.address, options_.max_entries).residents;
  familiar_.touch(keys.pair, options_.max_entries) = clock_.mono();
  if (attempt.device.empty()) return;
  std::string device = keys.pair;
  base::put_bytes(device, attempt.device.substr(0, kMaxDevice));
  familiar_.touch(device, options_.max_entries) = clock_.mono();
}

Result<void> Guard::list(std::string_view text, bool allowed, base::Millis life) {
  BZ_TRY(Network network, Network::parse(text));
  const base::MonoTime now = clock_.mono();
  std::erase_if(listed_, [&](const Listed& one) { return one.until <= now || one.text == text; });
  if (listed_.size() >= kMaxListed) return fail(Errc::Limit, "more than 1000 networks: put them into the configuration");
  listed_.push_back({std::string(text), network, allowed, life.count() == 0 ? base::MonoTime::max() : now + life});
  return {};
}

bool Guard::forget(std::string_view name) {
  size_t gone = std::erase_if(listed_, [&](const Listed& one) { return one.text == name; });
  const std::string account = account_key(name), address = address_key(name);
  gone += accounts_.erase(account) ? 1 : 0;
  gone += owners_.erase(account) ? 1 : 0;
  if (Budget* budget = addresses_.find(address)) {
    gone += current(addresses_, *budget) > 0 ? 1 : 0;
    budget->failures = 0;
  }
  std::string start;
  base::put_bytes(start, address);
  std::string end;
  base::put_bytes(end, account);
  gone += places_.erase_if([&](const std::string& key, const Budget&) {
    if (key.starts_with(start)) return true;
    base::Reader reader(key);
    reader.bytes();
    return reader.rest().starts_with(end);  // behind the address: the account, and perhaps a device
  });
  return gone > 0;
}

std::vector<Guard::Row> Guard::rows_of(const Lru<Budget>& table, bool keys_are_addresses) const {
  std::vector<Row> rows;
  for (const auto& entry : table.entries()) {
    double failures = current(table, entry.value);
    if (failures <= 0) continue;
    rows.push_back({keys_are_addresses ? shown_address(entry.key) : entry.key, static_cast<unsigned>(std::ceil(failures))});
  }
  auto worse = [](const Row& a, const Row& b) { return std::tie(b.failures, a.name) < std::tie(a.failures, b.name); };
  std::sort(rows.begin(), rows.end(), worse);
  if (rows.size() > kMaxRows) rows.resize(kMaxRows);
  return rows;
}

std::vector<Guard::Row> Guard::addresses() const { return rows_of(addresses_, true); }
std::vector<Guard::Row> Guard::accounts() const { return rows_of(accounts_, false); }

std::vector<Guard::Listed> Guard::listed() const {
  std::vector<Listed> out;
  for (const Listed& one : listed_)
    if (one.until > clock_.mono()) out.push_back(one);
  return out;
}

}  // namespace bz::directory

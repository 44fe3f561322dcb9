#include "roles/mail_lane.h"

#include <algorithm>

#include "base/log.h"

namespace bz::roles {
namespace {
constexpr base::Millis kRefuseTime{5000};
constexpr base::Millis kFactsAge{60'000};  // then who comes has them asked for again: not every directory tells of changes
}  // namespace

MailLane::MailLane(kv::Store& store, MailLaneConfig config, AskFacts ask_facts)
    : store_(store), config_(std::move(config)), ask_facts_(std::move(ask_facts)) {
  thread_ = std::thread([this] { run(); });
}

MailLane::~MailLane() { stop(); }

void MailLane::run() {
  tasks_ = std::make_unique<net::TaskGroup>(loop_);
  push_timer_ = std::make_unique<net::Loop::Timer>(loop_, [this] { push_due(); });
  loop_.run();
  push_timer_.reset();
  tasks_->cancel();
  running_.clear();
  slots_.clear();
  tasks_.reset();
}

void MailLane::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void MailLane::drain() {
  constexpr int kTurns = 8;  // a message's end, its account's end, the end of the account's commands, and to spare
  for (int i = 0; i < kTurns; ++i) {
    loop_.post([this] { loop_.stop(); });
    loop_.run();
  }
}

// --- accounts

// Opening a partition takes it away from whoever has it, so an account is opened once; who comes meanwhile waits.
Task<Result<MailLane::AccountPtr>> MailLane::account(AccountId id) {
  Slot& slot = slots_[id];
  slot.used = ++turn_;
  if (slot.account && !slot.account->broken()) {
    if (base::system_clock().mono() - slot.asked >= kFactsAge) account_changed(id);
    co_return slot.account;
  }
  slot.account.reset();
  slot.arrivals.reset();
  if (slot.opening) {
    base::Completion<AccountPtr> opened;
    slot.waiting.push_back(opened.promise());
    auto result = co_await opened;
    co_return std::move(result);
  }
  slot.opening = true;
  auto opening = open(id);
  auto opened = co_await std::move(opening);
  Slot& now = slots_[id];
  now.opening = false;
  if (opened) now.account = *opened;
  if (opened && send_push_) now.arrivals = watch_arrivals(*opened);
  auto waiting = std::exchange(now.waiting, {});
  account_count_ = slots_.size();
  for (auto& promise : waiting) promise.set(opened);
  evict();
  co_return std::move(opened);
}

Task<Result<MailLane::AccountPtr>> MailLane::open(AccountId id) {
  auto asking = ask_facts_(loop_, id);
  auto facts = co_await asking;
  if (!facts && facts.error().code() == Errc::NotFound) co_return std::move(facts).error();
  Slot& slot = slots_[id];
  slot.facts = facts ? *facts : AccountFacts();
  slot.asked = base::system_clock().mono();
  auto opening = store::open_account(store_, id, facts ? facts->name : "", config_of(slot), loop_, base::system_clock(),
                                     base::system_random());
  auto opened = co_await std::move(opening);
  if (!opened) log::event(log::Err, "account_open").field("account", id.value()).error(opened.error());
  co_return std::move(opened);
}

store::AccountConfig MailLane::config_of(const Slot& slot) const {
  store::AccountConfig config = config_.account;
  if (slot.facts.quota_bytes != 0) config.quota_bytes = slot.facts.quota_bytes;
  if (slot.facts.quota_messages != 0) config.quota_messages = slot.facts.quota_messages;
  if (slot.facts.quota_mailboxes != 0) config.quota_mailboxes = slot.facts.quota_mailboxes;
  return config;
}

void MailLane::account_changed(AccountId id) {
  auto slot = slots_.find(id);
  if (slot == slots_.end() || !slot->second.account) return;  // it is asked for when it is opened
  slot->second.asked = base::system_clock().mono();
  tasks_->spawn(ask_again(id));
}

// Without an answer what was known holds on.
Task<void> MailLane::ask_again(AccountId id) {
  auto asking = ask_facts_(loop_, id);
  auto facts = co_await asking;
  auto slot = slots_.find(id);
  if (!facts || slot == slots_.end() || !slot->second.account) co_return;
  slot->second.facts = *facts;
  slot->second.account->set_config(config_of(slot->second));
}

void MailLane::set_config(MailLaneConfig config) {
  config_ = std::move(config);
  for (auto& [id, slot] : slots_) {
    if (slot.account) slot.account->set_config(config_of(slot));
  }
}

// The accounts that were not used for the longest time go first; one that a session or a command holds stays.
void MailLane::evict() {
  std::erase_if(slots_, [](const auto& s) { return !s.second.account && !s.second.opening && s.second.sessions == 0; });
  if (slots_.size() > config_.max_accounts) {
    std::vector<std::pair<uint64_t, AccountId>> idle;
    for (const auto& [id, slot] : slots_)
      if (slot.account && slot.account.use_count() == 1 && slot.sessions == 0) idle.emplace_back(slot.used, id);
    std::sort(idle.begin(), idle.end());
    const size_t surplus = slots_.size() - config_.max_accounts * 9 / 10;
    for (size_t i = 0; i < idle.size() && i < surplus; ++i) slots_.erase(idle[i].second);
  }
  account_count_ = slots_.size();
}

Task<Result<bool>> MailLane::purge(AccountId id) {
  end_sessions(id, "", "The account is removed");
  slots_.erase(id);
  auto destroying = store_.destroy({kv::kAccountPartition, id.value()}, loop_);
  auto destroyed = co_await destroying;
  log::event(destroyed ? log::Info : log::Err, "account_purge").field("account", id.value());
  co_return std::move(destroyed);
}

// --- sessions

class MailLane::Registration {
 public:
  // `address`: key of the address it counts for; empty: for none.
  Registration(MailLane& lane, AccountId account, std::string device, std::string address,
               std::function<void(const std::string&)> stop)
      : lane_(lane), account_(account), address_(std::move(address)) {
    at_ = lane.running_.insert(lane.running_.end(), Running{account, std::move(device), std::move(stop)});
    Slot& slot = lane.slots_[account];
    ++slot.sessions;
    if (!address_.empty()) ++slot.by_address[address_];
    ++lane.session_count_;
  }
  Registration(const Registration&) = delete;
  ~Registration() {
    lane_.running_.erase(at_);
    --lane_.session_count_;
    auto slot = lane_.slots_.find(account_);
    if (slot == lane_.slots_.end()) return;
    if (slot->second.sessions > 0) --slot->second.sessions;
    auto here = slot->second.by_address.find(address_);
    if (here != slot->second.by_address.end() && --here->second == 0) slot->second.by_address.erase(here);
  }

 private:
  MailLane& lane_;
  AccountId account_;
  std::string address_;
  std::list<Running>::iterator at_;
};

std::string MailLane::counted_address(std::string_view address) const {
  bool trusted = std::any_of(config_.trusted.begin(), config_.trusted.end(),
                             [&](const directory::Network& network) { return network.contains(address); });
  return address.empty() || trusted ? std::string() : directory::address_key(address);
}

Result<void> MailLane::has_room(const Slot& slot, const std::string& address) const {
  if (config_.max_sessions_per_account != 0 && slot.sessions >= config_.max_sessions_per_account)
    return fail(Errc::Limit, "too many sessions of the account");
  auto here = slot.by_address.find(address);
  if (config_.max_sessions_per_address != 0 && here != slot.by_address.end() &&
      here->second >= config_.max_sessions_per_address)
    return fail(Errc::Limit, "too many sessions of the account from " + directory::shown_address(address));
  return {};
}

void MailLane::start_imap(ImapLeg leg) { tasks_->spawn(run_imap(std::move(leg))); }
void MailLane::start_pop3(Pop3Leg leg) { tasks_->spawn(run_pop3(std::move(leg))); }

Task<void> MailLane::run_imap(ImapLeg leg) {
  auto stream = std::make_unique<net::Stream>(loop_, leg.fd);
  auto opening = account(leg.account);
  auto opened = co_await std::move(opening);
  std::string address = counted_address(leg.address);
  Result<void> allowed;
  if (!opened)
    allowed = std::move(opened).error();
  else
    allowed = has_room(slots_[leg.account], address);
  if (!allowed) {
    log::event(log::Warn, "imap_refused").field("sid", leg.start.id).error(allowed.error());
    // The gateway passes on what we say first: the answer to its client's LOGIN or AUTHENTICATE (RFC 5530 codes).
    std::string line = leg.start.tag.empty() ? "* BYE" : leg.start.tag + " NO";
    line += allowed.error().code() == Errc::Limit ? " [LIMIT] Too many connections of this account\r\n"
                                                  : " [UNAVAILABLE] The mailbox cannot be opened now, try again later\r\n";
    auto refusing = refuse(std::move(stream), std::move(line));
    co_await std::move(refusing);
    co_return;
  }
  log::event(log::Info, "imap_start")
      .field("sid", leg.start.id)
      .field("account", leg.account_name)
      .field("device", leg.device);
  leg.start.others = others_;
  leg.start.own_arrivals = [this, id = leg.account](const std::string& token, MailboxId in, uint32_t first, uint32_t last) {
    pushes_.own(id, token, in, first, last);
  };
  imapd::Session session(std::move(stream), std::move(*opened), std::move(leg.start), config_.imap, base::system_clock());
  Registration registered(*this, leg.account, leg.device, std::move(address),
                          [&session](const std::string& reason) { session.stop(reason); });
  auto running = session.run();
  co_await std::move(running);
}

Task<void> MailLane::run_pop3(Pop3Leg leg) {
  auto stream = std::make_unique<net::Stream>(loop_, leg.fd);
  auto opening = account(leg.account);
  auto opened = co_await std::move(opening);
  if (opened) {
    auto taking = take_maildrop(leg.account, leg.start.id);
    leg.start.lock = co_await std::move(taking);
  }
  if (!opened || !leg.start.lock) {
    log::event(log::Warn, "pop3_refused")
        .field("sid", leg.start.id)
        .field("reason", opened ? "the maildrop is in use" : opened.error().to_string());
    // RFC 2449 section 8.1.2, RFC 3206: the answer to PASS, APOP or AUTH.
    std::string line = opened ? "-ERR [IN-USE] Another POP3 session has the maildrop\r\n"
                              : "-ERR [SYS/TEMP] The maildrop cannot be opened now, try again later\r\n";
    auto refusing = refuse(std::move(stream), std::move(line));
    co_await std::move(refusing);
    co_return;
  }
  log::event(log::Info, "pop3_start")
      .field("sid", leg.start.id)
      .field("account", leg.account_name)
      .field("device", leg.device);
  pop3d::Session session(std::move(stream), std::move(*opened), std::move(leg.start), config_.pop3);
  Registration registered(*this, leg.account, leg.device, {}, [&session](const std::string&) { session.stop(); });
  maildrops_in_use_[leg.account].holder = &session;
  auto running = session.run();
  co_await std::move(running);
}

pop3d::MaildropLock MailLane::lock_maildrop(AccountId account) {
  if (!maildrops_in_use_.try_emplace(account).second) return nullptr;
  return {static_cast<void*>(this), [this, account](void*) {
            auto given_back = maildrops_in_use_.extract(account);
            for (const auto& waiting : given_back.mapped().waiting) waiting.set(true);
          }};
}

// A client that lost its network holds the maildrop until the idle time is over, ten minutes at least, and its owner, who
// comes again by another way, would be refused meanwhile. So a session that has been silent for some time ends, with
// nothing removed, when the next one of its account comes. Null: the maildrop is in use.
Task<pop3d::MaildropLock> MailLane::take_maildrop(AccountId account, SessionId sid) {
  for (;;) {
    if (auto lock = lock_maildrop(account)) co_return lock;
    Maildrop& maildrop = maildrops_in_use_[account];
    const auto limit = config_.pop3_take_over;
    if (limit == base::Millis(0) || !maildrop.holder || maildrop.holder->silent_for() < limit) co_return nullptr;
    log::event(log::Info, "pop3_taken_over").field("sid", maildrop.holder->id()).field("by", sid);
    base::Completion<bool> given_back;
    maildrop.waiting.push_back(given_back.promise());
    maildrop.holder->stop();
    auto waited = co_await given_back;
    if (!waited) co_return nullptr;
  }
}

Task<void> MailLane::refuse(std::unique_ptr<net::Stream> stream, std::string line) {
  auto writing = stream->write_all(line, net::Deadline::in(kRefuseTime));
  if (auto written = co_await std::move(writing); !written) co_return;
  auto ending = stream->shutdown(net::Deadline::in(kRefuseTime));
  (void)co_await std::move(ending);
}

void MailLane::end_sessions(AccountId account, const std::string& device, const std::string& reason) {
  for (Running& running : running_)
    if (running.account == account && (device.empty() || running.device == device)) running.stop(reason);
}

void MailLane::end_all(const std::string& reason) {
  for (Running& running : running_) running.stop(reason);
}

}  // namespace bz::roles

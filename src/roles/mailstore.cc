#include "roles/mailstore.h"

#include <fcntl.h>

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "crypto/push_certificate.h"
#include "imap/capability.h"
#include "pop3/capability.h"
#include "roles/mailstore_verify.h"
#include "roles/managed.h"

namespace bz::roles {
namespace {

constexpr base::Millis kHandoffTime{5000}, kLookupTime{3000}, kDrainStep{50};
constexpr int kDrainSteps = 20;    // 1 s: a client that has not taken its BYE by then must not keep the others waiting
constexpr size_t kMaxLegs = 1000;  // whose hand-over is not read yet
constexpr size_t kMaxHandoff = 16 << 10;
constexpr char kDatabase[] = "db";

imap::Literals literals(const Config& config) {
  return config.mailstore.imap_literal_minus ? imap::Literals::Minus : imap::Literals::Plus;
}

// The supervisor has looked at the certificate before it was given to us.
std::string push_topic_of(const RoleHost& host) {
  if (!wants_push(host.config())) return {};
  auto topic = crypto::push_topic(host.secret(secrets::kApnsCertificate).reveal());
  if (topic) return std::move(*topic);
  log::event(log::Err, "push_off").error(topic.error());
  return {};
}

MailLaneConfig lane_config(const RoleHost& host, store::TextSearch* text_search) {
  const Config& config = host.config();
  MailLaneConfig lane;
  lane.imap.text_search = text_search;
  lane.account.append_limit = config.mailstore.append_limit;
  lane.account.quota_bytes = config.mailstore.default_quota;
  lane.account.quota_messages = config.mailstore.default_quota_messages;
  lane.account.quota_mailboxes = config.mailstore.default_quota_mailboxes;
  lane.account.sent_match_window = config.mailstore.sent_match_window;
  lane.imap.idle_timeout = config.mailstore.idle_time;
  lane.imap.keepalive = config.mailstore.idle_keepalive;
  lane.imap.literals = literals(config);
  lane.imap.server_comment = config.mailstore.server_comment;
  lane.imap.server_admin = config.mailstore.server_admin;
  lane.imap.refuse_eight_bit_headers = config.mailstore.refuse_eight_bit_headers;
  lane.imap.compress_level = config.mailstore.compress_level;
  lane.imap.message_limit = {config.mailstore.message_limit, config.mailstore.message_limit_enforced,
                             config.mailstore.message_limit_saves_only};
  lane.imap.rev2 = config.mailstore.imap4rev2;
  lane.imap.push_topic = push_topic_of(host);
  lane.imap.client_rules = std::make_shared<const imap::ClientRules>(config.clients, config.mailstore.client_rules);
  lane.pop3.idle_timeout = config.mailstore.pop3_idle_time;
  lane.pop3_take_over = config.mailstore.pop3_take_over;
  lane.pop3.marks_seen = config.mailstore.pop3_marks_seen;
  lane.max_sessions_per_account = config.mailstore.max_sessions_per_account;
  lane.max_sessions_per_address = config.guard.max_sessions_per_address;
  for (const std::string& text : config.guard.trusted)  // the configuration has no others than good ones
    if (auto network = directory::Network::parse(text)) lane.trusted.push_back(*network);
  return lane;
}

Task<void> run_lmtp(int fd, MailLane& lane, LaneAccounts& accounts, lmtpd::SessionConfig config, SessionId id,
                    std::string input) {
  lmtpd::Session session(std::make_unique<net::Stream>(lane.loop(), fd), accounts, std::move(config), std::move(id),
                         std::move(input));
  auto running = session.run();
  co_await std::move(running);
}

}  // namespace

MailstoreRole::MailstoreRole(kv::RocksConfig database) : database_(std::move(database)) {}

MailstoreRole::~MailstoreRole() {
  for (auto& lane : lanes_) lane->stop();
  upkeep_.reset();
  pool_.reset();
  text_search_.reset();
  lane_others_.clear();
  shares_.reset();
  store_.reset();
  for (int round = 0; round < 2; ++round)  // what one lane lets go of may go to another
    for (auto& lane : lanes_) lane->drain();
}

Result<void> MailstoreRole::prepare(RoleHost& host) {
  host_ = &host;
  const MailstoreConfig& config = host.config().mailstore;
  kv::RocksConfig rocks = database_;
  if (config.cache != 0) rocks.block_cache_bytes = config.cache;
  rocks.on_fatal = [&host](const Error& error) { host.give_up(error); };
  BZ_TRY(store_, kv::open_rocks(kDatabase, std::move(rocks)));
  pool_ = std::make_unique<net::BlockingPool>(1, 4);
  text_search_ = store::make_scan(std::max(1u, std::thread::hardware_concurrency() / 2));
  directory_ = std::make_unique<DirectoryLink>(host.loop(), [&host](wire::Type type, const std::string& payload) {
    Peer* auth = host.peer("auth");
    return auth ? auth->send(type, payload) : Result<void>(fail(Errc::Unavailable, "auth is not there"));
  });
  const unsigned lanes = config.lanes != 0 ? config.lanes : std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < lanes; ++i) {
    lanes_.push_back(
        std::make_unique<MailLane>(*store_, lane_config(host, text_search_.get()),
                                   [this](base::Executor& home, AccountId account) { return ask_facts(home, account); }));
    lanes_.back()->set_push([this](PushOrder order) { push(std::move(order)); });
    auto ask = [this](base::Executor& home, smtp::Address address) { return ask_recipient(home, std::move(address)); };
    lane_accounts_.push_back(std::make_unique<LaneAccounts>(lanes_, lanes_.back()->loop(), std::move(ask)));
  }
  shares_ = std::make_unique<ShareIndex>(*store_, lanes_.front()->loop());
  for (auto& lane : lanes_) {
    auto ask = [this](base::Executor& home, smtp::Address address) { return ask_recipient(home, std::move(address)); };
    lane_others_.push_back(std::make_unique<LaneOthers>(lanes_, *lane, *shares_, std::move(ask)));
    lane->set_others(*lane_others_.back());
  }
  return {};
}

Task<Result<void>> MailstoreRole::start(RoleHost& host) {
  upkeep_ = std::make_unique<Upkeep>(host, *store_, *pool_, base::system_clock());
  co_return Result<void>();
}

// Limits hold for what comes, sessions keep the times they began with; lanes and cache are for the life of the process.
Result<void> MailstoreRole::reload(RoleHost& host) {
  upkeep_->reload();
  for (auto& lane : lanes_)
    lane->post([lane = lane.get(), config = lane_config(host, text_search_.get())] { lane->set_config(config); });
  return {};
}

wire::Hello MailstoreRole::hello(const RoleHost& host) const {
  wire::Hello hello = Role::hello(host);
  const std::string before_login = imap::capabilities_before_login(literals(host.config()), wants_push(host.config()));
  for (auto word : base::split(before_login, ' ')) hello.capabilities.emplace_back(word);
  for (auto line : pop3::kCapabilities) hello.capabilities_pop3.emplace_back(line);
  return hello;
}

void MailstoreRole::peer_up(Peer& peer) {
  if (peer.role() != "auth") return;
  verifier_ = std::make_unique<crypto::TicketVerifier>(peer.hello().ticket_public_key, "mailstore", base::system_clock());
}

void MailstoreRole::peer_down(Peer& peer) {
  if (peer.role() != "auth") return;
  directory_->on_down();
  for (auto& [id, ferry] : std::exchange(lookups_, {})) ferry->send(fail(Errc::Unavailable, "auth went away"));
}

void MailstoreRole::message(Peer& from, net::Message message) {
  const auto type = static_cast<wire::Type>(message.type);
  if (type == wire::Type::Leg && (from.role() == "gateway" || from.role() == "mta"))
    return on_leg(from, std::move(message));
  Result<void> taken = fail(Errc::Invalid, "not for a mail store");
  if (from.role() == "auth" && type == wire::Type::AccountInfo) {
    auto info = wire::AccountInfo::decode(message.payload);
    if (info) return on_account_info(*info);
    taken = info.error();
  } else if (from.role() == "auth" && (type == wire::Type::EndSessions || type == wire::Type::PurgeAccount)) {
    auto order = wire::EndSessions::decode(message.payload);
    if (order) return on_end_sessions(*order, type == wire::Type::PurgeAccount);
    taken = order.error();
  } else if (from.role() == "auth" && type == wire::Type::AccountChanged) {
    auto changed = wire::EndSessions::decode(message.payload);
    if (changed) return on_account_changed(AccountId(changed->account_id));
    taken = changed.error();
  } else if (from.role() == "admin" && type == wire::Type::ApplePushGone) {
    auto gone = wire::ApplePushGone::decode(message.payload);
    if (gone) return on_push_gone(std::move(*gone));
    taken = gone.error();
  } else if (from.role() == "auth") {
    taken = directory_->on_message(message.type, message.payload);
    if (taken) return;
  }
  log::event(log::Err, "message_refused").field("peer", from.role()).field("type", message.type).error(taken.error());
}

// --- what the directory knows of an account, asked when it is opened

base::Completion<AccountFacts> MailstoreRole::ask_facts(base::Executor& home, AccountId account) {
  base::Completion<AccountFacts> done;
  auto ferry = std::make_shared<Ferry<AccountFacts>>(home, done.promise());
  host_->loop().post([this, account, ferry = std::move(ferry)]() mutable { look_up(account, std::move(ferry)); });
  return done;
}

void MailstoreRole::look_up(AccountId account, std::shared_ptr<Ferry<AccountFacts>> ferry) {
  const uint64_t id = ++next_lookup_;
  Peer* auth = host_->peer("auth");
  Result<void> sent = fail(Errc::Unavailable, "auth is not there");
  if (auth) sent = auth->send(wire::Type::LookupAccount, wire::LookupAccount{id, account.value()});
  if (!sent) return ferry->send(std::move(sent).error());
  lookups_[id] = std::move(ferry);
  host_->tasks().spawn(give_up_lookup(id));
}

Task<void> MailstoreRole::give_up_lookup(uint64_t id) {
  auto waiting = host_->loop().sleep(net::Deadline::in(kLookupTime));
  co_await std::move(waiting);
  auto late = lookups_.extract(id);
  if (!late.empty()) late.mapped()->send(fail(Errc::Timeout, "auth does not answer"));
}

void MailstoreRole::on_account_info(const wire::AccountInfo& info) {
  auto asked = lookups_.extract(info.id);
  if (asked.empty()) return;
  if (info.kind != 1) return asked.mapped()->send(fail(Errc::NotFound, "no such account"));
  asked.mapped()->send(AccountFacts{info.account, info.quota_bytes, info.quota_messages, info.quota_mailboxes});
}

// --- Apple's push, whose client is role admin

// On any lane. Only a hint: where it cannot be passed on now, it is dropped, and the phone asks by itself some day.
void MailstoreRole::push(PushOrder order) {
  host_->loop().post([this, order = std::move(order)] {
    Peer* admin = host_->peer("admin");
    Result<void> sent = fail(Errc::Unavailable, "admin is not there");
    if (admin)
      sent = admin->send(wire::Type::ApplePush, wire::ApplePush{order.account.value(), order.token, order.apple_account});
    if (!sent) log::event(log::Info, "push_dropped").field("account", order.account.value()).error(sent.error());
  });
}

void MailstoreRole::on_push_gone(wire::ApplePushGone gone) {
  const AccountId account(gone.account_id);
  if (!account.is_set()) return;
  MailLane& lane = lane_of(lanes_, account);
  const int64_t before = gone.since == 0 ? -1 : static_cast<int64_t>(gone.since / 1000);
  lane.post(
      [&lane, account, token = std::move(gone.token), before] { lane.spawn(lane.forget_push(account, token, before)); });
}

// --- recipients of an LMTP client that is not mta

base::Completion<queue::RecipientVerdict> MailstoreRole::ask_recipient(base::Executor& home, smtp::Address address) {
  base::Completion<queue::RecipientVerdict> done;
  auto ferry = std::make_shared<Ferry<queue::RecipientVerdict>>(home, done.promise());
  auto asked = std::make_shared<smtp::Address>(std::move(address));
  host_->loop().post([this, asked = std::move(asked), ferry = std::move(ferry)]() mutable {
    host_->tasks().spawn(ferry_result(directory_->lookup_recipient(std::move(*asked)), std::move(ferry)));
  });
  return done;
}

// --- legs

void MailstoreRole::on_leg(const Peer& from, net::Message message) {
  if (message.fds.size() != 1 || legs_ >= kMaxLegs) {
    log::event(log::Err, "leg_refused").field("peer", from.role()).field("waiting", legs_);
    return;
  }
  host_->tasks().spawn(take_leg(std::move(message.fds[0]), from.role() == "mta"));
}

Task<void> MailstoreRole::take_leg(net::OwnedFd fd, bool from_mta) {
  struct Count {
    size_t& legs;
    explicit Count(size_t& l) : legs(l) { ++legs; }
    ~Count() { --legs; }
  } count(legs_);
  // The stream below ends with this function; the lane gets a descriptor of its own.
  net::OwnedFd kept(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!kept) co_return;
  net::Stream stream(host_->loop(), fd.release());
  const auto deadline = net::Deadline::in(kHandoffTime);
  std::string bytes, buffer;
  for (;;) {
    auto parsed = wire::parse_handoff(bytes);
    if (parsed && *parsed) {
      const size_t consumed = (*parsed)->consumed;
      auto placed = place((*parsed)->handoff, bytes.substr(consumed), std::move(kept), from_mta);
      if (!placed) log::event(log::Warn, "leg_refused").field("sid", (*parsed)->handoff.session_id).error(placed.error());
      co_return;
    }
    if (!parsed || bytes.size() > kMaxHandoff) {
      log::event(log::Warn, "leg_refused").field("reason", "no hand-over");
      co_return;
    }
    buffer.resize(kMaxHandoff);
    auto reading = stream.read_some(buffer, deadline);
    auto got = co_await std::move(reading);
    if (!got || *got == 0) co_return;
    bytes.append(buffer, 0, *got);
  }
}

Result<void> MailstoreRole::place(const wire::Handoff& handoff, std::string rest, net::OwnedFd fd, bool from_mta) {
  const auto& listeners = host_->config().listeners;
  const bool strangers = std::any_of(listeners.begin(), listeners.end(),
                                     [](const ListenerConfig& listener) { return listener.front == Front::Lmtp; });
  if (handoff.service == wire::Service::Lmtp && (from_mta || strangers)) {
    place_lmtp(handoff, std::move(rest), std::move(fd), from_mta);
    return {};
  }
  if (handoff.service == wire::Service::Imap && !from_mta) return place_imap(handoff, std::move(rest), std::move(fd));
  if (handoff.service == wire::Service::Pop3 && !from_mta) return place_pop3(handoff, std::move(rest), std::move(fd));
  return fail(Errc::Denied, "no such service for this peer");
}

Result<void> MailstoreRole::place_imap(const wire::Handoff& handoff, std::string rest, net::OwnedFd fd) {
  if (!verifier_) return fail(Errc::Unavailable, "auth has not said Hello");
  BZ_TRY(auto ticket, verifier_->verify(handoff.ticket, handoff.session_id, handoff.peer_address));
  if (ticket.service != "imap") return fail(Errc::Denied, "the ticket is for another service");
  auto leg = std::make_shared<ImapLeg>();
  leg->account = ticket.account;
  leg->account_name = ticket.account_name;
  leg->device = ticket.device;
  leg->address = ticket.client_address;
  leg->start = {handoff.session_id, handoff.tag, std::move(rest), handoff.id_pairs};
  leg->start.language = imap::language_of(handoff.language).value_or(imap::Language::Default);
  if (!ticket.device.empty()) leg->start.named = tell_auth(ticket.account, ticket.device);
  MailLane& lane = lane_of(lanes_, ticket.account);
  auto kept = std::make_shared<net::OwnedFd>(std::move(fd));
  lane.post([&lane, leg, kept] {
    leg->fd = kept->release();
    lane.start_imap(std::move(*leg));
  });
  return {};
}

// For the list of an account's devices; called on the lane.
std::function<void(std::string)> MailstoreRole::tell_auth(AccountId account, std::string device) {
  return [this, account, device = std::move(device)](std::string client) {
    host_->loop().post([this, order = wire::ClientNamed{account.value(), device, std::move(client)}] {
      Peer* auth = host_->peer("auth");
      if (auth == nullptr) return;
      if (auto sent = auth->send(wire::Type::ClientNamed, order); !sent)
        log::event(log::Debug, "client_named").error(sent.error());
    });
  };
}

Result<void> MailstoreRole::place_pop3(const wire::Handoff& handoff, std::string rest, net::OwnedFd fd) {
  if (!verifier_) return fail(Errc::Unavailable, "auth has not said Hello");
  BZ_TRY(auto ticket, verifier_->verify(handoff.ticket, handoff.session_id, handoff.peer_address));
  if (ticket.service != "pop3") return fail(Errc::Denied, "the ticket is for another service");
  auto leg = std::make_shared<Pop3Leg>();
  leg->account = ticket.account;
  leg->account_name = ticket.account_name;
  leg->device = ticket.device;
  leg->start = {handoff.session_id, std::move(rest), pop3_mechanisms(handoff.local_port), nullptr};
  MailLane& lane = lane_of(lanes_, ticket.account);
  auto kept = std::make_shared<net::OwnedFd>(std::move(fd));
  lane.post([&lane, leg, kept] {
    leg->fd = kept->release();
    lane.start_pop3(std::move(*leg));
  });
  return {};
}

// CAPA shows the same in both states (RFC 2449 section 5): what the listener offers that the client came through.
std::vector<std::string> MailstoreRole::pop3_mechanisms(uint16_t port) const {
  for (const ListenerConfig& listener : host_->config().listeners)
    if (listener.front == Front::Pop3 && listener.port == port) return listener.mechanisms;
  return {};
}

// A session of many accounts lives on any lane.
void MailstoreRole::place_lmtp(const wire::Handoff& handoff, std::string rest, net::OwnedFd fd, bool from_mta) {
  const size_t index = next_lane_++ % lanes_.size();
  MailLane& lane = *lanes_[index];
  LaneAccounts& accounts = *lane_accounts_[index];
  lmtpd::SessionConfig config;
  config.hostname = host_->config().host;
  config.from_mta = from_mta;
  config.max_message = host_->config().mailstore.append_limit;
  config.when_full = host_->config().mailstore.full_is_temporary ? lmtpd::WhenFull::Defer : lmtpd::WhenFull::Reject;
  auto kept = std::make_shared<net::OwnedFd>(std::move(fd));
  lane.post([&lane, &accounts, kept, config, id = handoff.session_id, rest = std::move(rest)] {
    lane.spawn(run_lmtp(kept->release(), lane, accounts, config, id, rest));
  });
}

void MailstoreRole::on_account_changed(AccountId account) {
  if (!account.is_set()) return;
  MailLane& lane = lane_of(lanes_, account);
  lane.post([&lane, account] { lane.account_changed(account); });
}

void MailstoreRole::on_end_sessions(const wire::EndSessions& order, bool purge) {
  const AccountId account(order.account_id);
  if (!account.is_set()) return;
  MailLane& lane = lane_of(lanes_, account);
  lane.post([&lane, account, order, purge, main = &host_->loop()] {
    if (!purge) return lane.end_sessions(account, order.device, order.reason);
    base::Completion<bool> nobody = lane.call<bool>(*main, [&lane, account] { return lane.purge(account); });
  });
}

// --- control

void MailstoreRole::control(ControlCall call) {
  const auto& words = call.request().arguments;
  const std::string word = words.empty() ? "" : words[0];
  if (word == "sessions") {
    size_t sessions = 0, accounts = 0;
    for (const auto& lane : lanes_) {
      sessions += lane->sessions();
      accounts += lane->accounts();
    }
    return call.answer(
        {0, "sessions " + std::to_string(sessions) + "\nopen_accounts " + std::to_string(accounts) + "\n", {}});
  }
  if (word == "verify") return host_->tasks().spawn(verify(std::move(call)));
  if (word == "maintain") return upkeep_->control(std::move(call));
  call.answer({2, {}, "the mail store knows sessions, verify and maintain\n"});
}

Task<void> MailstoreRole::verify(ControlCall call) {
  const auto& words = call.request().arguments;
  const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
  auto working = pool_->run<VerifyReport>(host_->loop(), [store = store_.get()] { return verify_checkpoint(*store, "."); });
  auto report = co_await working;
  if (!report) {
    call.answer({1, {}, "the mail store cannot be checked: " + report.error().to_string() + "\n"});
    co_return;
  }
  call.answer({report->findings.empty() ? 0u : 1u, json ? report->to_json() : report->to_text(), {}});
}

Task<void> MailstoreRole::stop() {
  for (auto& lane : lanes_)
    lane->post([lane = lane.get()] { lane->end_all("The server is going down, please connect again"); });
  for (int i = 0; i < kDrainSteps; ++i) {
    size_t sessions = 0;
    for (const auto& lane : lanes_) sessions += lane->sessions();
    if (sessions == 0) break;
    auto waiting = host_->loop().sleep(net::Deadline::in(kDrainStep));
    co_await std::move(waiting);
  }
  for (auto& lane : lanes_) lane->stop();
}

}  // namespace bz::roles

#include "authd/service.h"

#include "authd/exchange.h"
#include "base/log.h"
#include "crypto/ticket.h"

namespace bz::authd {

namespace {
constexpr uint8_t kTemporary = 3;  // in RecipientVerdict, SendAsVerdict and AccountInfo
// One hash at a time leaves the pool to everybody else; the last of so many waits about ten seconds, less than a gateway.
constexpr size_t kSuspectsAtWork = 1, kSuspectsWaiting = 200;
}  // namespace

void drop_message(const PeerId& from, std::string_view what, const Error& error) {
  log::event(log::Warn, "peer_message_dropped")
      .field("peer", from.role)
      .field("index", from.index)
      .field("type", what)
      .error(error);
}

Service::Service(World world, directory::Embedded& directory, directory::Source& source, Options options)
    : world_(std::move(world)),
      directory_(directory),
      source_(source),
      options_(std::move(options)),
      key_(crypto::make_sign_key(world_.random)),
      guard_(options_.guard, world_.clock),
      cache_(world_.clock, world_.random, options_.cache_life),
      stale_(world_.clock, world_.random, options_.stale_life),
      suspects_(kSuspectsAtWork, kSuspectsWaiting),
      tasks_(world_.loop) {}

Service::~Service() {
  suspects_.close();
  for (auto& [account, line] : lines_) line->close();
  for (auto& [source, line] : strangers_) line.close();
  if (world_.ntlm) world_.ntlm->close();
  tasks_.cancel();
  exchanges_.clear();  // they hold places in the lines
}

void Service::reload(Options options) {
  options_ = std::move(options);
  guard_.set_options(options_.guard);
  cache_.set_life(options_.cache_life);
  stale_.set_life(options_.stale_life);
}

void Service::peer_up(const PeerId& peer) {
  peers_.insert(peer);
  if (peer.role == "mailstore") tasks_.spawn(repeat_purges(peer));
}

void Service::peer_down(const PeerId& peer) {
  peers_.erase(peer);
  std::vector<ExchangePtr> lost;
  for (auto& [key, exchange] : exchanges_)
    if (key.first == peer) lost.push_back(exchange);
  for (const ExchangePtr& exchange : lost) exchange->abandon();
}

void Service::send(const PeerId& to, wire::Type type, std::string_view payload) {
  if (auto sent = world_.send(to, type, payload); !sent)
    log::event(log::Warn, "peer_send_failed").field("peer", to.role).field("index", to.index).error(sent.error());
}

// What a role may ask for is part of its confinement: a gateway that was taken over learns no addresses from us.
void Service::message(const PeerId& from, uint8_t type, std::string_view payload) {
  const bool gateway = from.role == "gateway", server = from.role == "mta" || from.role == "mailstore";
  switch (static_cast<wire::Type>(type)) {
    case wire::Type::SaslStart:
      if (gateway) return sasl_start(from, payload);
      break;
    case wire::Type::SaslStep:
      if (gateway) return sasl_step(from, payload);
      break;
    case wire::Type::SaslAbort:
      if (gateway) return sasl_abort(from, payload);
      break;
    case wire::Type::AccountSessions:
      if (gateway) return sessions_counted(from, payload);
      break;
    case wire::Type::ClientNamed:
      if (from.role == "mailstore") return client_named(from, payload);
      break;
    case wire::Type::LookupRecipient:
      if (!server) break;
      if (auto question = wire::LookupRecipient::decode(payload)) {
        tasks_.spawn(lookup_recipient(from, std::move(*question)));
        return;
      }
      break;
    case wire::Type::MaySendAs:
      if (!server) break;
      if (auto question = wire::MaySendAs::decode(payload)) {
        tasks_.spawn(may_send_as(from, std::move(*question)));
        return;
      }
      break;
    case wire::Type::LookupAccount:
      if (!server) break;
      if (auto question = wire::LookupAccount::decode(payload)) {
        tasks_.spawn(lookup_account(from, std::move(*question)));
        return;
      }
      break;
    default:
      break;
  }
  drop_message(from, std::to_string(type), Error(Errc::Denied, "not understood, or not for this role to ask"));
}

Task<void> Service::lookup_recipient(PeerId from, wire::LookupRecipient question) {
  auto looking = source_.recipients(question.address);
  auto answer = co_await std::move(looking);
  wire::RecipientVerdict verdict;
  verdict.id = question.id;
  if (answer) {
    verdict.kind = static_cast<uint8_t>(answer->kind);
    for (directory::Recipient& r : answer->recipients) {
      wire::LocalRecipient recipient{r.account.value(), std::move(r.name), std::move(r.address), {}, {}};
      auto placing = place_recipient(r.account, recipient);
      auto placed = co_await std::move(placing);
      if (!placed) {
        verdict.kind = kTemporary;
        log::event(log::Err, "lookup_failed").field("question", "mail host").error(placed.error());
        break;
      }
      verdict.recipients.push_back(std::move(recipient));
    }
    if (verdict.kind == kTemporary) verdict.recipients.clear();
  } else {
    verdict.kind = kTemporary;
    log::event(log::Err, "lookup_failed").field("question", "recipient").error(answer.error());
  }
  send(from, wire::Type::RecipientVerdict, verdict.encode());
}

// Where the mail of an account goes: to its server if that one takes mail from us, else to our store.
Task<Result<void>> Service::place_recipient(AccountId account, wire::LocalRecipient& recipient) {
  if (options_.routes.empty()) co_return Result<void>();
  auto looking = source_.by_id(account);
  BZ_CO_TRY(directory::Account known, co_await std::move(looking));
  BZ_CO_TRY(Place place, options_.routes.place_of(known));
  if (place.server == nullptr) co_return Result<void>();
  if (!place.server->delivery)
    co_return fail(Errc::Denied, known.name + ": server " + place.server->name + " takes no mail from us (delivery)");
  recipient.server = place.server->name;
  recipient.host = std::move(place.host);
  co_return Result<void>();
}

Task<void> Service::may_send_as(PeerId from, wire::MaySendAs question) {
  auto looking = source_.may_send_as(AccountId(question.account_id), question.address);
  auto answer = co_await std::move(looking);
  uint8_t kind = kTemporary;
  if (answer) {
    kind = *answer ? 1 : 0;
  } else {
    log::event(log::Err, "lookup_failed").field("question", "send_as").error(answer.error());
  }
  send(from, wire::Type::SendAsVerdict, wire::SendAsVerdict{question.id, kind}.encode());
}

Task<void> Service::lookup_account(PeerId from, wire::LookupAccount question) {
  auto looking = source_.by_id(AccountId(question.account_id));
  auto answer = co_await std::move(looking);
  wire::AccountInfo info;
  info.id = question.id;
  if (answer && answer->state != directory::State::Purged) {
    info.kind = 1;
    info.account = answer->name;
    info.quota_bytes = answer->quota.bytes;
    info.quota_messages = answer->quota.messages;
    info.quota_mailboxes = answer->quota.mailboxes;
    auto place = options_.routes.place_of(*answer);
    if (!place) info.server = answer->mail_host;  // not allowed, and not ours either
    if (place && place->server) {
      info.server = place->server->name;
      info.host = place->host;
      info.user = options_.routes.login_name(*place->server, *answer);
      info.takes_mail = place->server->delivery;
      info.takes_sent_copy = place->server->takes_sent_copy();
    }
  } else if (!answer && answer.error().code() != Errc::NotFound) {
    info.kind = kTemporary;
    log::event(log::Err, "lookup_failed").field("question", "account").error(answer.error());
  }
  send(from, wire::Type::AccountInfo, info.encode());
}

// A mail store that was down when an account was purged hears of it when it comes up; dropping nothing is harmless.
Task<void> Service::repeat_purges(PeerId mailstore) {
  auto listing = directory_.list(true);
  auto accounts = co_await std::move(listing);
  if (!accounts) {
    log::event(log::Err, "lookup_failed").field("question", "purged").error(accounts.error());
    co_return;
  }
  for (const directory::Account& account : *accounts)
    if (account.state == directory::State::Purged)
      send(mailstore, wire::Type::PurgeAccount, wire::EndSessions{account.id.value(), "", "purged"}.encode());
}

void Service::purge_mail(AccountId account) {
  for (const PeerId& peer : peers_)
    if (peer.role == "mailstore")
      send(peer, wire::Type::PurgeAccount, wire::EndSessions{account.value(), "", "purged"}.encode());
}

// Sessions that run hold to the new limits too.
void Service::account_changed(AccountId account) {
  const std::string payload = wire::EndSessions{account.value(), "", "quota"}.encode();
  for (const PeerId& peer : peers_)
    if (peer.role == "mailstore") send(peer, wire::Type::AccountChanged, payload);
}

void Service::end_sessions(AccountId account, std::string reason) {
  cache_.forget(account);
  stale_.forget(account);
  log::event(log::Info, "end_sessions").field("id", account.value()).field("reason", reason);
  std::string payload = wire::EndSessions{account.value(), "", reason}.encode();
  for (const PeerId& peer : peers_) send(peer, wire::Type::EndSessions, payload);
}

// A ticket signed just before may still open a session; when none can any more, those sessions end too, unless the account
// is active again.
Task<void> Service::end_late_sessions(AccountId account, std::string reason) {
  auto waiting = world_.sleep(base::Millis(crypto::kTicketLifeMs + 500));
  co_await std::move(waiting);
  auto looking = directory_.by_id(account);
  auto now = co_await std::move(looking);
  if (now && now->state != directory::State::Active) end_sessions(account, std::move(reason));
}

}  // namespace bz::authd

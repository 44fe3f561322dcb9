#include "smtpd/service.h"

#include "base/log.h"
#include "smtp/replies.h"
#include "wire/handoff.h"

namespace bz::smtpd {
namespace {

constexpr net::Millis kHandoffTime{5000};

Facts facts_of(const wire::Handoff& handoff) {
  Facts facts;
  facts.mode = handoff.service == wire::Service::Submission ? smtp::ServerMode::Submission : smtp::ServerMode::Mx;
  facts.session = handoff.session_id;
  facts.peer_address = handoff.peer_address;
  facts.hello = handoff.ehlo;
  facts.esmtp = handoff.esmtp;
  facts.tls_version = handoff.tls_version;
  facts.tls_cipher = handoff.tls_cipher;
  return facts;
}

Result<void> check_ticket(crypto::TicketVerifier* verifier, const wire::Handoff& handoff, Facts& facts) {
  if (verifier == nullptr) return fail(Errc::Unavailable, "the key of auth is not known yet");
  BZ_TRY(auto ticket, verifier->verify(handoff.ticket, handoff.session_id, handoff.peer_address));
  if (ticket.service != "submission" || !ticket.account.is_set()) return fail(Errc::Denied, "a ticket for something else");
  facts.account = ticket.account;
  facts.account_name = std::move(ticket.account_name);
  facts.device = std::move(ticket.device);
  return {};
}

}  // namespace

Service::Service(net::Loop& loop, std::shared_ptr<const Settings> settings, Services services,
                 std::function<crypto::TicketVerifier*()> verifier)
    : loop_(loop), settings_(std::move(settings)), services_(services), verifier_(std::move(verifier)), tasks_(loop) {}

Service::~Service() { tasks_.cancel(); }

void Service::accept(int leg) { tasks_.spawn(serve(leg)); }

// The header as sent by the gateway; what follows it comes back as unread bytes.
Task<Result<std::pair<Facts, std::string>>> Service::take_over(net::Stream& stream) {
  const auto deadline = net::Deadline::in(kHandoffTime);
  std::string bytes;
  while (true) {
    BZ_CO_TRY(auto parsed, wire::parse_handoff(bytes));
    if (parsed) {
      auto facts = facts_of(parsed->handoff);
      const auto service = parsed->handoff.service;
      if (service != wire::Service::Mx && service != wire::Service::Submission) {
        co_return fail(Errc::Unsupported, "a leg for another service");
      }
      if (service == wire::Service::Submission) {
        BZ_CO_TRY_VOID(check_ticket(verifier_(), parsed->handoff, facts));
      }
      co_return std::make_pair(std::move(facts), bytes.substr(parsed->consumed));
    }
    char buffer[4096];
    auto reading = stream.read_some(buffer, deadline);
    BZ_CO_TRY(const size_t size, co_await reading);
    if (size == 0) co_return fail(Errc::Closed, "the gateway left during the hand-over");
    bytes.append(buffer, size);
  }
}

Task<void> Service::serve(int leg) {
  net::Stream stream(loop_, leg);
  auto taking = take_over(stream);
  auto taken = co_await taking;
  if (!taken) {
    log::event(log::Warn, "handover_refused").error(taken.error());
    const auto reply = smtp::Reply(smtp::replies::kAuthUnavailable).encode();
    auto writing = stream.write_all(reply, net::Deadline::in(kHandoffTime));
    (void)co_await writing;
    co_return;
  }
  const auto settings = settings_;  // a session keeps those it began with
  Session session(stream, *settings, std::move(taken->first), services_, std::move(taken->second));
  const uint64_t key = next_++;
  struct Entry {  // leaves the list also when the task is cancelled
    std::map<uint64_t, Session*>& list;
    uint64_t key;
    ~Entry() { list.erase(key); }
  } entry{running_, key};
  running_.emplace(key, &session);
  auto running = session.run();
  co_await running;
}

size_t Service::end_sessions(AccountId account, const std::string& device) {
  size_t ended = 0;
  for (const auto& [key, session] : running_) {
    const auto& facts = session->facts();
    if (facts.account != account || (!device.empty() && facts.device != device)) continue;
    session->end(smtp::replies::kEnded);
    ++ended;
  }
  return ended;
}

void Service::stop_soon() {
  for (const auto& [key, session] : running_) session->stop_soon();
}

void Service::stop_now() {
  for (const auto& [key, session] : running_) session->end(smtp::replies::kShutdown);
}

}  // namespace bz::smtpd

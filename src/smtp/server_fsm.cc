#include "smtp/server_fsm.h"

#include <array>

#include "base/check.h"
#include "smtp/replies.h"

namespace bz::smtp {
namespace {

using E = ServerEvent;
using A = ServerAction;
using S = ServerState;

constexpr uint8_t bit(S state) { return static_cast<uint8_t>(1u << static_cast<unsigned>(state)); }
constexpr uint8_t F = bit(S::Fresh), G = bit(S::Greeted), M = bit(S::Sender), R = bit(S::Recipients), D = bit(S::Data),
                  C = bit(S::Chunks);
constexpr uint8_t kAny = F | G | M | R | C;  // where a command line can come at all

// At most one row for an event and a state; what has no row is refused.
constexpr Transition kTable[] = {
    {E::Helo, kAny, S::Greeted, A::Hello},        //
    {E::Ehlo, kAny, S::Greeted, A::Hello},        //
    {E::Lhlo, kAny, S::Greeted, A::Hello},        //
    {E::StartTls, F | G, S::Fresh, A::StartTls},  // RFC 3207 4.2: the client starts anew
    {E::Auth, G, S::Same, A::Auth},               // RFC 4954 4: not within a transaction
    {E::Mail, G, S::Sender, A::Mail},             //
    {E::Rcpt, M | R, S::Recipients, A::Rcpt},     //
    {E::Data, R, S::Data, A::Data},               //
    {E::Bdat, R | C, S::Chunks, A::Bdat},         //
    {E::MessageEnd, D | C, S::Greeted, A::Finish},
    {E::Rset, F, S::Fresh, A::Reset},
    {E::Rset, G | M | R | C, S::Greeted, A::Reset},
    {E::Noop, kAny, S::Same, A::Noop},
    {E::Vrfy, kAny, S::Same, A::Verify},
    {E::Expn, kAny, S::Same, A::Verify},
    {E::Help, kAny, S::Same, A::Help},
    {E::Quit, kAny, S::Closed, A::Quit},
};

constexpr bool unambiguous() {
  for (const auto& a : kTable) {
    for (const auto& b : kTable) {
      if (&a != &b && a.event == b.event && (a.from & b.from) != 0) return false;
    }
  }
  return true;
}
static_assert(unambiguous());
static_assert(static_cast<size_t>(E::Unknown) == static_cast<size_t>(Verb::Unknown), "events begin with the verbs");

constexpr std::array<std::string_view, kServerStates + 1> kStateNames = {"Fresh", "Greeted", "Sender", "Recipients",
                                                                         "Data",  "Chunks",  "Closed", "Same"};

}  // namespace

std::string_view name(ServerState state) { return kStateNames[static_cast<size_t>(state)]; }
std::string_view name(ServerEvent event) {
  return event == ServerEvent::MessageEnd ? "message-end" : name(static_cast<Verb>(event));
}
std::span<const Transition> server_transitions() { return kTable; }

ServerFsm::ServerFsm(ServerOptions options)
    : options_(options), state_(options.greeted ? S::Greeted : S::Fresh), next_(state_) {}

// What the mode forbids whatever the state is.
const FixedReply* ServerFsm::guard(ServerEvent event) const {
  const bool lmtp = options_.mode == ServerMode::Lmtp;
  switch (event) {
    case E::Helo:
    case E::Ehlo:
      return lmtp ? &replies::kUseLhlo : nullptr;
    case E::Lhlo:
      return lmtp ? nullptr : &replies::kUseEhlo;
    case E::Mail:
      return options_.mode == ServerMode::Submission && !options_.authenticated ? &replies::kAuthRequired : nullptr;
    case E::StartTls:
      return options_.offers_starttls ? nullptr : &replies::kNoTlsNow;
    case E::Auth:
      return options_.offers_auth && !options_.authenticated ? nullptr : &replies::kNoAuthNow;
    case E::Unknown:
      return &replies::kUnknownCommand;
    default:
      return nullptr;
  }
}

const FixedReply& ServerFsm::out_of_order(ServerEvent event) const {
  if (state_ == S::Fresh) return replies::kHelloFirst;
  switch (event) {
    case E::Mail:
      return replies::kNestedMail;
    case E::Rcpt:
      return state_ == S::Greeted ? replies::kMailFirst : replies::kOutOfOrder;
    case E::Data:
    case E::Bdat:
      if (state_ == S::Chunks) return replies::kMixedData;
      // RFC 2920 3.1: a pipelining client finds out here that no recipient was taken
      return state_ == S::Greeted ? replies::kMailFirst : replies::kNoValidRecipients;
    default:
      return replies::kOutOfOrder;
  }
}

ServerFsm::Step ServerFsm::on(ServerEvent event) {
  next_ = state_;
  action_ = A::Refuse;
  if (const auto* refusal = guard(event)) return {A::Refuse, *refusal};
  for (const auto& row : kTable) {
    if (row.event != event || (row.from & bit(state_)) == 0) continue;
    if (row.to != S::Same) next_ = row.to;
    action_ = row.action;
    return {row.action, {}};
  }
  return {A::Refuse, out_of_order(event)};
}

void ServerFsm::accept() {
  BZ_CHECK(action_ != A::Refuse && action_ != A::Mail && action_ != A::Rcpt, "accept() does not fit the last step");
  if (action_ == A::Hello || action_ == A::StartTls || action_ == A::Reset || action_ == A::Finish) transaction_.reset();
  if (action_ == A::Auth) options_.authenticated = true;
  state_ = next_;
  action_ = A::Refuse;
}

void ServerFsm::move_on(ServerAction expected) {
  BZ_CHECK(action_ == expected, "accept() does not fit the last step");
  state_ = next_;
  action_ = A::Refuse;
}

void ServerFsm::accept(MailFrom mail) {
  move_on(A::Mail);
  transaction_ = std::make_unique<Transaction>(Transaction{std::move(mail), {}});
}

void ServerFsm::accept(RcptTo rcpt) {
  move_on(A::Rcpt);
  transaction_->recipients.push_back(std::move(rcpt));
}

void ServerFsm::bdat_refused() {
  if (state_ != S::Chunks && state_ != S::Recipients) return;
  transaction_.reset();
  state_ = next_ = S::Greeted;
  action_ = A::Refuse;
}

}  // namespace bz::smtp

// NTLM where a Windows domain judges: its challenge is passed on, and the answer passed back if our own rules let it. The
// domain's lock-out is somebody else's patience that must not be spent by a phone with an old password. NTLM never shows
// the same proof twice, so a client stands for its password: one that was refused several times in a row is not passed on
// for a while, until its owner's password changes over there.
#include <algorithm>

#include "authd/exchange.h"
#include "directory/network.h"

namespace bz::authd {

using sasl::ntlm::HelperAnswer;

namespace {

constexpr uint64_t kSlips = 3;  // refusals in a row that may be a hand on a keyboard

// What stands for the password of this client. Another pwdLastSet (verifier version) is another one.
Secret face_of(std::string_view address, std::string_view device, uint64_t version) {
  return Secret("NTLM" + std::string(1, '\0') + std::string(address) + '\0' + std::string(device) + '\0' +
                std::to_string(version));
}

}  // namespace

Task<sasl::Step> Service::ask_domain(ExchangePtr x, sasl::NeedNtlm need) {
  if (need.call == sasl::NeedNtlm::Call::Negotiate) return begin_ntlm(std::move(x), std::move(need.bytes));
  return judge_ntlm(std::move(x), std::move(need));
}

Task<sasl::Step> Service::begin_ntlm(ExchangePtr x, std::string negotiate) {
  if (auto refusal = admit(*x, "")) co_return std::move(*refusal);
  BZ_CHECK(world_.ntlm != nullptr, "a domain needs its helpers");
  auto entering = world_.ntlm->begin(x->trusted ? std::string() : directory::address_key(x->start.client_address));
  auto begun = co_await std::move(entering);
  if (!begun) co_return x->fail_for_now(begun.error());
  if (x->abandoned) co_return x->fail_for_now(Error(Errc::Cancelled, "the client went away"));
  x->ntlm = std::move(*begun);
  auto asking = x->ntlm->negotiate(std::move(negotiate));
  auto answer = co_await std::move(asking);
  if (!answer) co_return x->fail_for_now(answer.error());
  if (answer->kind == HelperAnswer::Kind::Unavailable)
    co_return x->fail_for_now(Error(Errc::Unavailable, "NTLM helper: " + answer->text));
  if (answer->kind == HelperAnswer::Kind::Refused) co_return x->machine->answered(fail(Errc::Denied, answer->text));
  x->ntlm_patience = std::make_unique<net::Loop::Timer>(world_.loop, [this, weak = std::weak_ptr<Exchange>(x)] {
    // Not from within the timer: what the waiting one does next destroys it.
    world_.loop.post([weak] {
      auto late = weak.lock();
      if (late && late->ntlm_patience) late->end_waiting(fail(Errc::Timeout, "no answer to the challenge in time"));
    });
  });
  x->ntlm_patience->arm(net::Deadline::in(options_.ntlm.client_time));
  co_return x->machine->answered(sasl::GssAnswer{std::move(answer->text)});
}

Task<sasl::Step> Service::judge_ntlm(ExchangePtr x, sasl::NeedNtlm need) {
  x->ntlm_patience.reset();
  auto login = sasl::ntlm::login_of(need.domain, need.user, options_.ntlm.domains);
  if (!login) co_return refuse_ntlm(*x, login.error().text());
  if (auto refusal = admit(*x, directory_.login_name(*login))) co_return std::move(*refusal);
  auto finding = find_account(x, *login);
  auto active = co_await std::move(finding);
  if (!active) co_return x->fail_for_now(active.error());
  // Who has no mailbox here is not asked about: his domain account is not ours to lock.
  if (!*active) co_return refuse_ntlm(*x, "nobody here");
  if (auto refusal = take_turn(*x)) co_return std::move(*refusal);
  const base::Millis before = x->delay;
  auto refusal = admit(*x, x->user);  // what was counted meanwhile counts for him, too
  x->delay = std::max(x->delay, before);
  if (refusal) co_return std::move(*refusal);
  if (x->from_memory) {
    x->guess = true;
    co_return x->fail_for_now(
        Error(Errc::Limit, "many guess at this account, and NTLM shows nothing that is known to be right"));
  }
  if (guard_.is_spent_by_all_names(x->attempt()))
    co_return refuse_ntlm(*x, "many guess at this account by its other names: the domain is not asked for a stranger");
  auto hearing = hear_domain(x, std::move(need.bytes));
  auto step = co_await std::move(hearing);
  co_return std::move(step);
}

Task<sasl::Step> Service::hear_domain(ExchangePtr x, std::string authenticate) {
  const directory::Account said = x->account;
  const std::string user = x->user;
  const Secret face = face_of(x->start.client_address, x->device, said.verifier_version);
  if (const auto refused = stale_.refused(said.id, said.verifier_version, face)) {
    note_wrong(*x, face, false);
    co_return refuse_ntlm(*x, "refused " + std::to_string(refused->count() / 60'000) +
                                  " min ago and often before, the domain is not asked again");
  }
  auto asking = x->ntlm->authenticate(std::move(authenticate));
  auto answer = co_await std::move(asking);
  x->ntlm.reset();
  if (!answer) co_return x->fail_for_now(answer.error());
  if (answer->kind == HelperAnswer::Kind::Unavailable)
    co_return x->fail_for_now(Error(Errc::Unavailable, "the domain: " + answer->text));
  if (answer->kind == HelperAnswer::Kind::Refused) {
    note_wrong(*x, face, stale_.times(said.id, face) + 1 >= kSlips);
    co_return refuse_ntlm(*x, "the domain: " + answer->text);
  }
  // The domain's word counts, and must mean the one who was judged by the guard.
  auto login = sasl::ntlm::login_of_account(answer->text, options_.ntlm.domains);
  if (!login) co_return refuse_ntlm(*x, login.error().text());
  auto finding = find_account(x, *login);
  auto active = co_await std::move(finding);
  if (!active) co_return x->fail_for_now(active.error());
  const bool same = *active && x->account.id == said.id;
  x->know_user(user);  // as the guard has it
  if (!same) {
    x->account = said;
    co_return refuse_ntlm(*x, "the domain says this is " + answer->text + ", who is somebody else here");
  }
  stale_.clear(said.id, face);
  std::string name = x->account.name;
  co_return x->machine->identified(std::move(name));
}

sasl::Step Service::refuse_ntlm(Exchange& x, std::string why) {
  x.detail = "NTLM: " + std::move(why);
  return x.machine->identified(std::nullopt);
}

}  // namespace bz::authd

// What `buzon directory test` says about NTLM by a domain: whether helpers run, and with a password what the domain says of
// it, asked by NTLM as a client would. NTLM is one mechanism of several: nothing here makes the login itself a bad one.
#include "authd/commands.h"
#include "authd/exchange.h"
#include "sasl/ntlm_client.h"

namespace bz::authd {

namespace {

using directory::Finding;
using sasl::ntlm::HelperAnswer;

Finding note(std::string text) { return {Finding::Kind::Note, "NTLM", std::move(text)}; }

// The domain's answer to a whole login.
Task<Result<HelperAnswer>> ask_as_client(NtlmHelpers& helpers, sasl::ntlm::Login login, World& world) {
  auto entering = helpers.begin({});
  BZ_CO_TRY(NtlmHelpers::ConversationPtr talk, co_await std::move(entering));
  auto asking = talk->negotiate(sasl::ntlm::negotiate_message());
  BZ_CO_TRY(HelperAnswer challenge, co_await std::move(asking));
  if (challenge.kind != HelperAnswer::Kind::Challenge) co_return std::move(challenge);
  BZ_CO_TRY(std::string message, sasl::ntlm::authenticate_message(login, challenge.text, world.clock, world.random));
  auto judging = talk->authenticate(std::move(message));
  auto verdict = co_await std::move(judging);
  co_return std::move(verdict);
}

}  // namespace

Task<void> Commands::explain_ntlm(std::vector<Finding>& steps, std::string user, std::optional<Secret> password) {
  NtlmHelpers& helpers = *service_.world_.ntlm;
  const auto& domains = service_.options_.ntlm.domains;
  const NtlmHelpers::Counts counts = helpers.counts();
  if (counts.alive == 0) {
    steps.push_back(note("not possible now, no helper runs: see STATE/log/ntlm.log, and `buzon status`"));
    co_return;
  }
  if (!password) {
    steps.push_back(note(std::to_string(counts.alive) + " helpers run, " + std::to_string(counts.talking) +
                         " talk; domain " + domains.front().name + " is asked when a client names none"));
    co_return;
  }
  auto asking = ask_as_client(helpers, {user, {}, *password}, service_.world_);
  auto answer = co_await std::move(asking);
  if (!answer) co_return steps.push_back(note("not possible now: " + answer.error().text()));
  if (answer->kind != HelperAnswer::Kind::Accepted) co_return steps.push_back(note("the domain says " + answer->text));
  auto login = sasl::ntlm::login_of_account(answer->text, domains);
  if (!login) co_return steps.push_back(note("the domain says it is " + answer->text + ", but " + login.error().text()));
  auto theirs = service_.source_.login(*login), ours = service_.source_.login(user);
  auto there = co_await std::move(theirs);
  auto here = co_await std::move(ours);
  const bool same = there && here && there->known && here->known && there->account.id == here->account.id;
  const std::string said = "the domain says it is " + answer->text;
  if (!same) co_return steps.push_back(note(said + ", who is somebody else here: NTLM would be refused"));
  steps.push_back({Finding::Kind::Good, "NTLM", said});
}

}  // namespace bz::authd

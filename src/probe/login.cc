#include "probe/login.h"

#include "base/text.h"
#include "sasl/client.h"

namespace bz::probe {

Task<Result<void>> log_in(Dialect& dialect, std::string mechanism, const Options& options) {
  auto kind = sasl::mechanism_of(mechanism);
  if (!kind) co_return fail(Errc::Unsupported, "the probe does not know " + mechanism);
  sasl::ClientOptions who;
  who.user = options.user;
  who.password = options.password;
  who.channel_binding = dialect.link().tls().exporter;
  auto client = sasl::make_client(*kind, std::move(who), base::system_random());
  auto begun = co_await dialect.link().say(dialect.command(mechanism));
  if (!begun) co_return std::move(begun).error();
  auto first = client->initial();
  for (int step = 0; step < sasl::kMaxSteps; ++step) {
    auto asking = dialect.answer();
    auto answer = co_await std::move(asking);
    if (!answer) co_return std::move(answer).error();
    if (answer->said == Dialect::Said::Refused) co_return fail(Errc::AuthFailed, answer->text);
    if (answer->said == Dialect::Said::Done) {
      if (!client->may_succeed()) co_return fail(Errc::Denied, "the server has not proved that it knows the password");
      co_return Result<void>();
    }
    std::string response;
    if (first) {
      response = std::move(*first);
      first.reset();
    } else {
      auto challenge = base::from_base64(answer->text);
      if (!challenge) co_return fail(Errc::Invalid, "a challenge that is no base64");
      auto next = client->next(*challenge);
      if (!next) co_return std::move(next).error();
      response = std::move(*next);
    }
    auto said = co_await dialect.link().say(base::base64(response));
    if (!said) co_return std::move(said).error();
  }
  co_return fail(Errc::Limit, "the exchange does not end");
}

}  // namespace bz::probe

// GSSAPI and GSS-SPNEGO: the calls of the GSS-API on their pool, and whose account a principal is.
#include "authd/exchange.h"
#include "base/text.h"

namespace bz::authd {

namespace {

Result<sasl::GssAnswer> make_call(gss::Context& context, const sasl::NeedGss& need) {
  using Call = sasl::NeedGss::Call;
  sasl::GssAnswer answer;
  if (need.call == Call::Accept) {
    BZ_TRY(gss::Context::Answer accepted, context.accept(need.bytes));
    answer.bytes = std::move(accepted.token);
    answer.complete = accepted.complete;
  } else if (need.call == Call::Wrap) {
    BZ_TRY(answer.bytes, context.wrap(need.bytes));
  } else {
    BZ_TRY(answer.bytes, context.unwrap(need.bytes));
  }
  return answer;
}

}  // namespace

Task<sasl::Step> Service::call_gss(ExchangePtr x, sasl::NeedGss need) {
  if (!x->gss) {
    if (auto refusal = admit(*x, "")) co_return std::move(*refusal);
    const KerberosRules& rules = options_.kerberos;
    if (!rules.acceptor) {
      x->detail = "Kerberos is not set up (kerberos.keytab_file)";
      co_return x->machine->answered(fail(Errc::Denied, x->detail));
    }
    BZ_CHECK(world_.gss_pool != nullptr, "an acceptor needs its pool");
    bool negotiated = sasl::mechanism_of(x->start.mechanism) == sasl::Kind::GssSpnego;
    auto begun = rules.acceptor->begin(negotiated ? gss::Mechanism::Negotiated : gss::Mechanism::Krb5,
                                       sasl_service(x->start.service),
                                       rules.bindings ? std::string_view(x->start.tls_server_end_point) : "");
    if (!begun) co_return x->fail_for_now(begun.error());
    x->gss = std::move(*begun);
  }
  auto calling = world_.gss_pool->run<sasl::GssAnswer>(
      world_.loop, [context = x->gss, need = std::move(need)] { return make_call(*context, need); });
  auto answer = co_await calling;
  if (!answer && answer.error().code() == Errc::Limit) co_return x->fail_for_now(answer.error());
  co_return x->machine->answered(std::move(answer));
}

// The ticket names the account. What the client says beside it is compared when it is accepted.
Task<sasl::Step> Service::judge_principal(ExchangePtr x, sasl::NeedPrincipal) {
  const KerberosRules& rules = options_.kerberos;
  const std::string& principal = x->gss->principal();
  if (rules.bindings_required && !x->gss->bound()) {
    x->detail = "principal " + principal + " is not bound to the TLS channel (kerberos.channel_binding)";
    co_return x->machine->identified(std::nullopt);
  }
  auto user = gss::login_of(principal, rules.realms);
  if (!user) {
    x->detail = user.error().text();
    co_return x->machine->identified(std::nullopt);
  }
  auto finding = find_account(x, *user);
  auto active = co_await std::move(finding);
  if (!active) co_return x->fail_for_now(active.error());
  if (!*active) {
    x->detail = "principal " + principal + " is nobody here";
    co_return x->machine->identified(std::nullopt);
  }
  std::string name = x->account.name;
  co_return x->machine->identified(std::move(name));
}

}  // namespace bz::authd

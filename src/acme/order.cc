#include "acme/order.h"

#include <algorithm>
#include <boost/json.hpp>

#include "acme/explain.h"
#include "acme/jws.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/lint.h"

namespace bz::acme {
namespace {

namespace json = boost::json;
constexpr int64_t kOrderTime = 1'200;  // seconds, all of it
constexpr int64_t kFirstStep = 1, kLastStep = 15;

class OrderRun {
 public:
  OrderRun(Session& session, Solver& solver, Want want)
      : session_(session),
        solver_(solver),
        want_(std::move(want)),
        end_(session.outside().clock.unix_seconds() + kOrderTime) {}
  Task<Result<crypto::CertifiedKey>> run();

 private:
  Task<Result<Order>> begin();
  Task<Result<void>> prove(std::string url);
  Task<Result<void>> answer_challenge(const std::string& url, const Offer& offer, const std::string& name);
  Task<Result<Order>> wait_for(Status wanted);
  Task<Result<void>> pause(int64_t step, int64_t asked);
  Result<Offer> choose(const Authorization& authorization) const;
  bool is_ours(const Authorization& authorization) const;

  Session& session_;
  Solver& solver_;
  Want want_;
  int64_t end_;
  std::string order_url_;
};

std::string new_order(const std::vector<std::string>& names) {
  json::array identifiers;
  for (const std::string& name : names) identifiers.push_back(json::object{{"type", "dns"}, {"value", name}});
  return json::serialize(json::object{{"identifiers", std::move(identifiers)}});
}

// PEM's inside as base64url, which is DER in base64url (RFC 8555 section 7.4).
Result<std::string> finalize_payload(std::string_view request_pem) {
  std::string text;
  for (std::string_view line : base::split(request_pem, '\n'))
    if (!line.starts_with("-----")) text += base::trim(line);
  auto der = base::from_base64(text);
  if (!der) return fail(Errc::Internal, "our own request is no PEM");
  return json::serialize(json::object{{"csr", base::base64url(*der)}});
}

Task<Result<void>> OrderRun::pause(int64_t step, int64_t asked) {
  const int64_t left = end_ - session_.outside().clock.unix_seconds();
  if (left <= 0) co_return fail(Errc::Timeout, "the authority did not come to an end within 20 minutes");
  const int64_t seconds = std::min(left, std::max(step, asked));
  auto sleeping = session_.outside().sleep(Millis(seconds * 1000));
  co_await sleeping;
  co_return Result<void>();
}

Task<Result<Order>> OrderRun::begin() {
  auto asking = session_.post(session_.directory().new_order, new_order(want_.names));
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  if (!is_https_url(answer->location)) co_return fail(Errc::Invalid, "the order has no address");
  order_url_ = answer->location;
  co_return parse_order(answer->body);
}

// An authority that asks for a proof of somebody else's name gets none.
bool OrderRun::is_ours(const Authorization& authorization) const {
  return std::any_of(want_.names.begin(), want_.names.end(), [&](const std::string& name) {
    const bool wildcard = name.starts_with("*.");
    return wildcard == authorization.wildcard && base::iequals(wildcard ? name.substr(2) : name, authorization.name);
  });
}

Result<Offer> OrderRun::choose(const Authorization& authorization) const {
  std::string others;
  for (const Offer& offer : authorization.offers) {
    if (offer.type == solver_.type()) return offer;
    others += (others.empty() ? "" : ", ") + offer.type;
  }
  return fail(Errc::Unsupported, "the authority does not take " + std::string(solver_.type()) + " for " +
                                     authorization.name + (others.empty() ? "" : ", only " + others) +
                                     "; choose another acme.challenge");
}

Task<Result<void>> OrderRun::prove(std::string url) {
  auto asking = session_.post(url, {});
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  auto authorization = parse_authorization(answer->body);
  if (!authorization) co_return std::move(authorization).error();
  if (!is_ours(*authorization)) co_return fail(Errc::Invalid, "the authority asks about " + authorization->name);
  if (authorization->status == Status::Valid) co_return Result<void>();  // proved for an earlier order
  if (authorization->status != Status::Pending)
    co_return fail(Errc::Denied, "the authority has closed the proof of " + authorization->name);
  auto offer = choose(*authorization);
  if (!offer) co_return std::move(offer).error();
  Proof proof{authorization->name, offer->token, key_authorization(offer->token, session_.key())};
  auto presenting = solver_.present(proof);
  auto shown = co_await presenting;
  Result<void> proved;
  if (shown) {
    auto proving = answer_challenge(url, *offer, authorization->name);
    proved = co_await proving;
  }
  auto ending = solver_.withdraw(std::move(proof));
  co_await ending;
  if (!shown) co_return std::move(shown).error();
  co_return proved;
}

Task<Result<void>> OrderRun::answer_challenge(const std::string& url, const Offer& offer, const std::string& name) {
  auto asking = session_.post(offer.url, "{}");
  auto begun = co_await asking;
  if (!begun) co_return std::move(begun).error();
  int64_t asked = begun->retry_after;
  for (int64_t step = kFirstStep;; step = std::min(step * 2, kLastStep)) {
    auto pausing = pause(step, asked);
    auto paused = co_await pausing;
    if (!paused) co_return std::move(paused).error().with_context("proving " + name);
    auto looking = session_.post(url, {});
    auto answer = co_await looking;
    if (!answer) co_return std::move(answer).error();
    auto authorization = parse_authorization(answer->body);
    if (!authorization) co_return std::move(authorization).error();
    if (authorization->status == Status::Valid) co_return Result<void>();
    asked = answer->retry_after;
    if (authorization->status == Status::Pending) continue;
    Problem problem;
    for (const Offer& one : authorization->offers)
      if (one.error.set() && (!problem.set() || one.type == solver_.type())) problem = one.error;
    co_return fail(Errc::Denied, explain(problem, name, solver_.type()));
  }
}

Task<Result<Order>> OrderRun::wait_for(Status wanted) {
  for (int64_t step = kFirstStep;; step = std::min(step * 2, kLastStep)) {
    auto asking = session_.post(order_url_, {});
    auto answer = co_await asking;
    if (!answer) co_return std::move(answer).error();
    auto order = parse_order(answer->body);
    if (!order) co_return std::move(order).error();
    if (order->status == wanted || order->status == Status::Valid) co_return std::move(*order);
    if (order->status == Status::Invalid || order->status == Status::Ended)
      co_return fail(Errc::Denied, explain(order->error, want_.names[0]));
    auto pausing = pause(step, answer->retry_after);
    auto paused = co_await pausing;
    if (!paused) co_return std::move(paused).error();
  }
}

Task<Result<crypto::CertifiedKey>> OrderRun::run() {
  auto beginning = begin();
  auto order = co_await beginning;
  if (!order) co_return std::move(order).error().with_context("the order");
  for (const std::string& url : order->authorizations) {
    auto proving = prove(url);
    auto proved = co_await proving;
    if (!proved) co_return std::move(proved).error();
  }
  auto waiting = wait_for(Status::Ready);
  order = co_await waiting;
  if (!order) co_return std::move(order).error().with_context("the order");
  auto request = crypto::make_signing_request(want_.names, want_.kind);
  if (!request) co_return std::move(request).error();
  auto payload = finalize_payload(request->request_pem);
  if (!payload) co_return std::move(payload).error();
  auto finalizing = session_.post(order->finalize, std::move(*payload));
  auto finalized = co_await finalizing;
  if (!finalized) co_return std::move(finalized).error().with_context("the request");
  auto issuing = wait_for(Status::Valid);
  order = co_await issuing;
  if (!order) co_return std::move(order).error().with_context("the order");
  auto loading = session_.post(order->certificate, {});
  auto chain = co_await loading;
  if (!chain) co_return std::move(chain).error().with_context("the certificate");
  co_return check_issued(chain->body, std::move(request->key_pem), want_, session_.outside().clock.unix_seconds());
}

}  // namespace

std::string Proof::dns_value() const { return base::base64url(crypto::sha256(authorization)); }

Task<Result<crypto::CertifiedKey>> issue(Session& session, Solver& solver, Want want) {
  BZ_CHECK(!want.names.empty(), "a certificate has a name");
  OrderRun run(session, solver, std::move(want));
  auto running = run.run();
  auto done = co_await running;
  co_return std::move(done);
}

Result<crypto::CertifiedKey> check_issued(std::string_view chain_pem, Secret key_pem, const Want& want, int64_t now) {
  crypto::CertifiedKey out;
  auto ordered = crypto::order_chain(chain_pem, key_pem);
  if (!ordered) return std::move(ordered).error().with_context("the authority's certificate");
  out.chain_pem = std::move(*ordered);
  out.key_pem = std::move(key_pem);
  auto facts = crypto::check_certified_key(out);
  if (!facts) return std::move(facts).error().with_context("the authority's certificate");
  for (const std::string& name : want.names) {
    const bool there = name.starts_with("*.")
                           ? std::find(facts->names.begin(), facts->names.end(), base::lower(name)) != facts->names.end()
                           : crypto::certificate_covers(*facts, name);
    if (!there) return fail(Errc::Invalid, "the authority's certificate is not for " + name);
  }
  crypto::LintInput input{.chain = {},
                          .host = want.names[0],
                          .roots = {},
                          .staple = {},
                          .judge_root = false,
                          .staple_expected = false,
                          .now = now};
  if (input.host.starts_with("*.")) input.host.clear();
  BZ_TRY(input.chain, crypto::certificates_der(out.chain_pem));
  for (const crypto::Finding& finding : crypto::lint_certificates(input)) {
    if (finding.severity == crypto::Severity::Error)
      return fail(Errc::Denied, "phones would refuse the authority's certificate: " + finding.text);
  }
  return out;
}

}  // namespace bz::acme

#include "acme/session.h"

#include <boost/json.hpp>

#include "acme/explain.h"
#include "acme/jws.h"
#include "base/text.h"

namespace bz::acme {
namespace {

namespace json = boost::json;
// Testing authorities refuse good nonces at random; real ones do after a restart of theirs (RFC 8555 section 6.5).
constexpr int kNonceTries = 20;
constexpr int kReadTries = 3;
constexpr Millis kReadPause{2'000};

}  // namespace

Session::Session(Outside outside, Options options, crypto::Es256Key key)
    : outside_(std::move(outside)), options_(std::move(options)), key_(std::move(key)) {}

void Session::keep_nonce(const HttpReply& reply) {
  nonce_.clear();
  if (reply.nonce.empty() || reply.nonce.size() > kMaxNonce) return;
  for (char c : reply.nonce)
    if (!base::is_alpha(c) && !base::is_digit(c) && c != '-' && c != '_') return;
  nonce_ = reply.nonce;
}

Error Session::refuse(const HttpReply& reply) {
  refusal_ = parse_problem(reply.body);
  refusal_.status = reply.status;
  wait_ = retry_after(reply.retry_after, outside_.clock.unix_seconds());
  const Errc code = refusal_.type == "rateLimited" || reply.status == 429 ? Errc::Limit
                    : reply.status >= 500                                 ? Errc::Unavailable
                                                                          : Errc::Denied;
  return fail(code, explain(refusal_));
}

Task<Result<Directory>> Session::look() {
  if (!directory_.new_order.empty()) co_return directory_;
  auto asking = outside_.http.send({"GET", options_.directory, {}, {}, "application/json"});
  auto reply = co_await asking;
  if (!reply) co_return std::move(reply).error().with_context("the authority " + options_.directory);
  if (reply->status != 200) co_return refuse(*reply).with_context("the authority " + options_.directory);
  auto directory = parse_directory(reply->body);
  if (!directory) co_return std::move(directory).error().with_context(options_.directory + " is no ACME directory");
  directory_ = std::move(*directory);
  auto fetching = fetch_nonce();
  auto fetched = co_await fetching;
  if (!fetched) co_return std::move(fetched).error();
  co_return directory_;
}

Task<Result<void>> Session::fetch_nonce() {
  auto asking = outside_.http.send({"HEAD", directory_.new_nonce, {}, {}, {}});
  auto reply = co_await asking;
  if (!reply) co_return std::move(reply).error().with_context("asking for a nonce");
  if (reply->status < 200 || reply->status > 299) co_return refuse(*reply).with_context("asking for a nonce");
  keep_nonce(*reply);
  if (nonce_.empty()) co_return fail(Errc::Invalid, "the authority gave no nonce");
  co_return Result<void>();
}

// RFC 8555 section 7.3: for a key that has an account, the authority answers with that account.
Task<Result<void>> Session::open() {
  auto looking = look();
  auto looked = co_await looking;
  if (!looked) co_return std::move(looked).error();
  if (!options_.terms_agreed && !directory_.terms.empty()) {
    co_return fail(Errc::Denied, "read the authority's terms, " + directory_.terms + ", and set acme.agree_terms = true");
  }
  if (directory_.needs_external_account && options_.external_key_id.empty()) {
    co_return fail(Errc::Denied,
                   "the authority wants an account that is known to it: get a key from it and set acme.eab_key_id and "
                   "acme.eab_key_file");
  }
  auto asking = post_as(As::Key, directory_.new_account, registration());
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error().with_context("the account");
  auto account = parse_account(answer->body);
  if (!account) co_return std::move(account).error().with_context("the account");
  if (account->status != Status::Valid)
    co_return fail(Errc::Denied, "the account has been closed; remove STATE/acme/account-key.pem for a new one");
  if (!is_https_url(answer->location)) co_return fail(Errc::Invalid, "the authority gave the account no address");
  account_ = answer->location;
  co_return Result<void>();
}

std::string Session::registration() const {
  json::object out;
  if (options_.terms_agreed) out["termsOfServiceAgreed"] = true;
  json::array contacts;
  for (const std::string& contact : options_.contacts) contacts.emplace_back(contact);
  if (!contacts.empty()) out["contact"] = std::move(contacts);
  if (!options_.external_key_id.empty()) {
    out["externalAccountBinding"] =
        json::parse(external_binding(key_, options_.external_key_id, options_.external_key, directory_.new_account));
  }
  return json::serialize(out);
}

Task<Result<HttpReply>> Session::send_signed(As as, const std::string& url, const std::string& payload) {
  if (nonce_.empty()) {
    auto fetching = fetch_nonce();
    auto fetched = co_await fetching;
    if (!fetched) co_return std::move(fetched).error();
  }
  const std::string nonce = std::exchange(nonce_, {});
  auto body = signed_body(key_, {as == As::Key ? std::string_view() : account_, nonce, url}, payload);
  if (!body) co_return std::move(body).error();
  auto asking = outside_.http.send({"POST", url, std::move(*body), "application/jose+json", {}});
  auto reply = co_await asking;
  if (reply) keep_nonce(*reply);
  co_return std::move(reply);
}

Task<Result<Session::Answer>> Session::post(std::string url, std::string payload) {
  BZ_CHECK(!account_.empty(), "open() comes first");
  auto asking = post_as(As::Account, std::move(url), std::move(payload));
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<Session::Answer>> Session::post_as(As as, std::string url, std::string payload) {
  refusal_ = {};
  wait_ = 0;
  int reads = 1;
  for (int nonces = 1;;) {
    auto sending = send_signed(as, url, payload);
    auto reply = co_await sending;
    const bool trouble = !reply || reply->status >= 500;
    // What changes nothing may be asked again; the rest is begun anew later, with an order of its own.
    if (trouble && payload.empty() && reads < kReadTries) {
      auto pause = outside_.sleep(kReadPause * reads++);
      co_await pause;
      continue;
    }
    if (!reply) co_return std::move(reply).error();
    if (reply->status >= 200 && reply->status < 300) {
      co_return Answer{std::move(reply->body), std::move(reply->location),
                       retry_after(reply->retry_after, outside_.clock.unix_seconds())};
    }
    Error refused = refuse(*reply);
    if (refusal_.type != "badNonce" || nonces++ >= kNonceTries) co_return refused;
  }
}

}  // namespace bz::acme

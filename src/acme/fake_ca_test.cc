#include "acme/fake_ca_test.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "crypto/digest.h"

namespace bz::acme {

namespace json = boost::json;

namespace {

std::string decode(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0) text += '=';
  auto bytes = base::from_base64(text);
  EXPECT_TRUE(bytes) << text;
  return bytes.value_or("");
}
std::string text(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}
json::object object_of(const std::string& text) {
  json::error_code error;
  json::value value = json::parse(text, error);
  return !error && value.is_object() ? value.as_object() : json::object();
}
std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

FakeCa::FakeCa(base::Clock& clock, base::Random& random)
    : clock_(clock), random_(random), authority_(*crypto::make_authority("Fake CA", clock, random)) {}

std::string FakeCa::fresh_nonce() { return *nonces_.insert(random_.id(24)).first; }

HttpReply FakeCa::problem(int status, const std::string& type, const std::string& detail) const {
  HttpReply out;
  out.status = status;
  out.body =
      json::serialize(json::object{{"type", "urn:ietf:params:acme:error:" + type}, {"detail", detail}, {"status", status}});
  out.retry_after = retry_after;
  return out;
}

Task<Result<HttpReply>> FakeCa::send(HttpRequest request) {
  const std::string path = request.url.substr(std::string("https://ca.test").size());
  asked.push_back(request.method + " " + path);
  if (fail_sends > 0) {
    --fail_sends;
    co_return fail(Errc::Unavailable, "no reply");
  }
  HttpReply reply = handle(request);
  if (tamper) tamper(path, reply);
  co_return reply;
}

HttpReply FakeCa::handle(const HttpRequest& request) {
  HttpReply out;
  const std::string path = request.url.substr(std::string("https://ca.test").size());
  if (request.method == "GET" && path == "/dir") {
    out.status = 200;
    json::object meta{{"termsOfService", terms}, {"externalAccountRequired", !eab_key_id.empty()}};
    if (terms.empty()) meta.erase("termsOfService");
    out.body = json::serialize(json::object{{"newNonce", "https://ca.test/nonce"},
                                            {"newAccount", "https://ca.test/new-account"},
                                            {"newOrder", "https://ca.test/new-order"},
                                            {"meta", meta}});
    return out;
  }
  if (request.method == "HEAD" && path == "/nonce") {
    out.status = 200;
    out.nonce = fresh_nonce();
    return out;
  }
  if (request.method != "POST") return problem(405, "malformed", "method");
  out = post(path, request);
  out.nonce = fresh_nonce();
  return out;
}

HttpReply FakeCa::post(const std::string& path, const HttpRequest& request) {
  if (request.content_type != "application/jose+json") return problem(415, "malformed", "content type");
  const json::object body = object_of(request.body);
  const std::string first = text(body, "protected"), second = text(body, "payload");
  const json::object head = object_of(decode(first));
  if (text(head, "alg") != "ES256") return problem(400, "badSignatureAlgorithm", "alg");
  if (text(head, "url") != request.url) return problem(400, "unauthorized", "url");
  const json::value* jwk = head.if_contains("jwk");
  const std::string kid = text(head, "kid");
  if ((jwk != nullptr) == !kid.empty()) return problem(400, "malformed", "jwk or kid");
  if ((jwk != nullptr) != (path == "/new-account")) return problem(400, "malformed", "jwk is for new accounts");
  std::optional<crypto::PublicKey> key;
  if (jwk) {
    auto point = crypto::PublicKey::p256(decode(text(jwk->as_object(), "x")), decode(text(jwk->as_object(), "y")));
    if (!point) return problem(400, "badPublicKey", "jwk");
    key = *point;
  } else {
    auto account = accounts_.find(kid);
    if (account == accounts_.end()) return problem(400, "accountDoesNotExist", kid);
    key = account->second.key;
  }
  if (!key->verify(crypto::SignatureAlgorithm::Es256, first + "." + second, decode(text(body, "signature"))))
    return problem(400, "malformed", "signature");
  if (nonces_.erase(text(head, "nonce")) == 0) return problem(400, "badNonce", "not a nonce of ours");
  if (refuse_nonces > 0) {
    --refuse_nonces;
    return problem(400, "badNonce", "chance");
  }
  const std::string payload = decode(second);
  if (path == "/new-account") return register_account(head, payload);
  if (path == "/new-order") return new_order(kid, object_of(payload));
  auto number = [&](std::string_view prefix) {
    auto n = base::parse_number<size_t>(std::string_view(path).substr(prefix.size()));
    return n ? *n : size_t{9999};
  };
  if (path.starts_with("/order/"))
    return payload.empty() ? show_order(number("/order/"), kid) : problem(400, "malformed", "not a read");
  if (path.starts_with("/authz/"))
    return payload.empty() ? show_authz(number("/authz/"), kid) : problem(400, "malformed", "not a read");
  if (path.starts_with("/finalize/")) return finalize(number("/finalize/"), object_of(payload));
  if (path.starts_with("/chain/")) {
    HttpReply out;
    out.status = payload.empty() ? 200 : 400;
    out.body = orders_.at(number("/chain/")).chain;
    return out;
  }
  if (path.starts_with("/challenge/")) {  // "/challenge/TYPE/NUMBER"
    const size_t slash = path.rfind('/');
    Authz& authz = authzs_.at(*base::parse_number<size_t>(path.substr(slash + 1)));
    if (payload != "{}") return problem(400, "malformed", "not {}");
    authz.began = true;
    authz.begun_by = path.substr(11, slash - 11);
    HttpReply out;
    out.status = 200;
    out.body = R"({"status":"processing"})";
    out.retry_after = retry_after;
    return out;
  }
  return problem(404, "malformed", path);
}

std::string FakeCa::thumbprint_of(const std::string& account) const {
  const std::string& point = accounts_.at(account).point;
  return base::base64url(crypto::sha256(R"({"crv":"P-256","kty":"EC","x":")" + base::base64url(point.substr(0, 32)) +
                                        R"(","y":")" + base::base64url(point.substr(32)) + "\"}"));
}

HttpReply FakeCa::register_account(const json::object& head, const std::string& payload) {
  const json::object asked_for = object_of(payload);
  const json::object& jwk = head.at("jwk").as_object();
  const std::string x = decode(text(jwk, "x")), y = decode(text(jwk, "y"));
  const json::value* agreed = asked_for.if_contains("termsOfServiceAgreed");
  if (!terms.empty() && !(agreed && agreed->is_bool() && agreed->as_bool()))
    return problem(403, "userActionRequired", "terms");
  if (!eab_key_id.empty()) {
    const json::value* binding = asked_for.if_contains("externalAccountBinding");
    if (!binding) return problem(403, "externalAccountRequired", "no binding");
    const json::object& eab = binding->as_object();
    const std::string first = text(eab, "protected"), second = text(eab, "payload");
    const json::object eab_head = object_of(decode(first));
    const bool good =
        text(eab_head, "alg") == "HS256" && text(eab_head, "kid") == eab_key_id &&
        text(eab_head, "url") == "https://ca.test/new-account" && object_of(decode(second)) == jwk &&
        decode(text(eab, "signature")) == crypto::hmac(crypto::Hash::Sha256, eab_key.reveal(), first + "." + second);
    if (!good) return problem(403, "unauthorized", "external account binding");
  }
  contacts.clear();
  if (const json::value* list = asked_for.if_contains("contact"))
    for (const json::value& one : list->as_array()) contacts.emplace_back(one.as_string());
  HttpReply out;
  out.body = R"({"status":"valid"})";
  for (const auto& [address, account] : accounts_) {
    if (account.point != x + y) continue;
    out.status = 200;
    out.location = address;
    return out;
  }
  out.status = 201;
  out.location = "https://ca.test/account/" + std::to_string(accounts_.size() + 1);
  accounts_.insert({out.location, {x + y, *crypto::PublicKey::p256(x, y)}});
  return out;
}

HttpReply FakeCa::new_order(const std::string& account, const json::object& payload) {
  if (refuse_orders) return problem(refuse_orders->first, refuse_orders->second.type, refuse_orders->second.detail);
  Order order;
  order.account = account;
  for (const json::value& one : payload.at("identifiers").as_array()) {
    std::string name = text(one.as_object(), "value");
    order.names.push_back(name);
    const bool wildcard = name.starts_with("*.");
    if (wildcard) name.erase(0, 2);
    size_t at = authzs_.size();
    for (size_t i = 0; reuse_authorizations && i < authzs_.size(); ++i)
      if (authzs_[i].name == name && authzs_[i].status == "valid" && authzs_[i].account == account) at = i;
    if (at == authzs_.size()) {
      authzs_.emplace_back();
      authzs_[at].name = name;
      authzs_[at].token = random_.id(32);
      authzs_[at].wildcard = wildcard;
      authzs_[at].account = account;
    }
    order.authzs.push_back(at);
  }
  orders_.push_back(order);
  HttpReply out;
  out.status = 201;
  out.location = "https://ca.test/order/" + std::to_string(orders_.size() - 1);
  out.body = order_json(orders_.back(), orders_.size() - 1);
  return out;
}

std::string FakeCa::order_json(const Order& order, size_t number) const {
  const std::string n = std::to_string(number);
  json::array authzs;
  for (size_t authz : order.authzs) authzs.emplace_back("https://ca.test/authz/" + std::to_string(authz));
  json::object out{{"status", order.status}, {"authorizations", authzs}, {"finalize", "https://ca.test/finalize/" + n}};
  if (order.status == "valid") out["certificate"] = "https://ca.test/chain/" + n;
  return json::serialize(out);
}

HttpReply FakeCa::show_order(size_t number, const std::string& account) {
  Order& order = orders_.at(number);
  if (order.account != account) return problem(403, "unauthorized", "another's order");
  const bool proved =
      std::all_of(order.authzs.begin(), order.authzs.end(), [&](size_t a) { return authzs_[a].status == "valid"; });
  if (order.status == "pending" && proved) order.status = "ready";
  if (order.status == "processing" && ++order.polls > polls_until_done) order.status = "valid";
  HttpReply out;
  out.status = 200;
  out.body = order_json(order, number);
  out.retry_after = retry_after;
  return out;
}

std::string FakeCa::authz_json(const Authz& authz, size_t number) const {
  json::array challenges;
  for (const std::string& type : offered) {
    json::object one{{"type", type},
                     {"url", "https://ca.test/challenge/" + type + "/" + std::to_string(number)},
                     {"token", authz.token},
                     {"status", authz.status == "pending" ? "pending" : authz.status}};
    if (authz.status == "invalid" && authz.begun_by == type)
      one["error"] =
          json::object{{"type", "urn:ietf:params:acme:error:" + authz.error_type}, {"detail", authz.error_detail}};
    challenges.push_back(one);
  }
  json::object out{{"status", authz.status},
                   {"identifier", json::object{{"type", "dns"}, {"value", authz.name}}},
                   {"challenges", challenges}};
  if (authz.wildcard) out["wildcard"] = true;
  return json::serialize(out);
}

HttpReply FakeCa::show_authz(size_t number, const std::string& account) {
  Authz& authz = authzs_.at(number);
  if (authz.account != account) return problem(403, "unauthorized", "another's authorization");
  if (authz.status == "pending" && authz.began && ++authz.polls > polls_until_done) {
    auto wrong = see ? see(authz.begun_by, authz.name, authz.token + "." + thumbprint_of(account)) : std::nullopt;
    authz.status = wrong ? "invalid" : "valid";
    if (wrong) {
      authz.error_type = wrong->type;
      authz.error_detail = wrong->detail;
    }
  }
  HttpReply out;
  out.status = 200;
  out.body = authz_json(authz, number);
  out.retry_after = retry_after;
  return out;
}

HttpReply FakeCa::finalize(size_t number, const json::object& payload) {
  Order& order = orders_.at(number);
  if (order.status != "ready") return problem(403, "orderNotReady", order.status);
  order.chain = sign(decode(text(payload, "csr")), order.names);
  if (order.chain.empty()) return problem(400, "badCSR", "not signed by its key, or other names");
  order.status = "processing";
  HttpReply out;
  out.status = 200;
  out.body = order_json(order, number);
  return out;
}

// Empty: the request is not signed by its own key, or names something else.
std::string FakeCa::sign(const std::string& request_der, const std::vector<std::string>& names) const {
  char pattern[] = "/tmp/fake-ca-XXXXXX";
  const std::filesystem::path folder = mkdtemp(pattern);
  std::ofstream(folder / "csr.der") << request_der;
  std::ofstream(folder / "ca.pem") << authority_.chain_pem;
  std::ofstream(folder / "ca.key") << authority_.key_pem.reveal();
  std::ofstream(folder / "ext") << "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,"
                                   "digitalSignature,keyEncipherment\n"
                                   "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n";
  const std::string command = "cd " + folder.string() +
                              " && openssl req -inform DER -in csr.der -verify -noout 2>/dev/null && openssl x509 -req "
                              "-inform DER -in csr.der -CA ca.pem "
                              "-CAkey ca.key -CAcreateserial -days " +
                              std::to_string(days) + " -copy_extensions copy -extfile ext -out leaf.pem 2>/dev/null";
  std::string out;
  if (::system(command.c_str()) == 0) out = read(folder / "leaf.pem");
  std::filesystem::remove_all(folder);
  auto facts = crypto::read_certificate(out);
  if (!facts ||
      std::set<std::string>(facts->names.begin(), facts->names.end()) != std::set<std::string>(names.begin(), names.end()))
    return {};
  return out + authority_.chain_pem;
}

}  // namespace bz::acme

#include "oauth/jwt.h"

#include "base/text.h"
#include "oauth/claims.h"

namespace bz::oauth {

namespace {

namespace json = boost::json;
using crypto::PublicKey;
using crypto::SignatureAlgorithm;

constexpr std::pair<std::string_view, SignatureAlgorithm> kAlgorithms[] = {{"RS256", SignatureAlgorithm::Rs256},
                                                                           {"PS256", SignatureAlgorithm::Ps256},
                                                                           {"ES256", SignatureAlgorithm::Es256},
                                                                           {"EdDSA", SignatureAlgorithm::Ed25519}};

std::optional<SignatureAlgorithm> algorithm_of(std::string_view name) {
  for (const auto& [known, algorithm] : kAlgorithms)
    if (known == name) return algorithm;
  return std::nullopt;
}

Error denied(const std::string& why) { return Error(Errc::Denied, "token: " + why); }

std::optional<std::string> bytes_of(const json::object& object, std::string_view key) {
  auto text = text_of(object, key);
  return text ? from_base64url(*text) : std::nullopt;
}

// nullopt: a kind that we do not use.
Result<std::optional<PublicKey>> public_key_of(const json::object& jwk) {
  std::string kind = text_of(jwk, "kty").value_or(""), curve = text_of(jwk, "crv").value_or("");
  auto broken = [] { return fail(Errc::Invalid, "a key lacks a number or it is no base64url"); };
  if (kind == "RSA") {
    auto n = bytes_of(jwk, "n"), e = bytes_of(jwk, "e");
    if (!n || !e) return broken();
    BZ_TRY(PublicKey key, PublicKey::rsa(*n, *e));
    return std::optional(std::move(key));
  }
  if (kind == "EC" && curve == "P-256") {
    auto x = bytes_of(jwk, "x"), y = bytes_of(jwk, "y");
    if (!x || !y) return broken();
    BZ_TRY(PublicKey key, PublicKey::p256(*x, *y));
    return std::optional(std::move(key));
  }
  if (kind == "OKP" && curve == "Ed25519") {
    auto x = bytes_of(jwk, "x");
    if (!x) return broken();
    BZ_TRY(PublicKey key, PublicKey::ed25519(*x));
    return std::optional(std::move(key));
  }
  return std::optional<PublicKey>();
}

}  // namespace

Result<std::vector<Key>> parse_key_set(std::string_view jwks) {
  BZ_TRY(json::object set, parse_object(jwks, kMaxKeySet));
  const json::value* list = set.if_contains("keys");
  if (!list || !list->is_array()) return fail(Errc::Invalid, "JWKS: no list of keys");
  if (list->as_array().size() > kMaxKeys) return fail(Errc::Limit, "JWKS: more than 100 keys");
  std::vector<Key> keys;
  for (const json::value& item : list->as_array()) {
    if (!item.is_object()) return fail(Errc::Invalid, "JWKS: a key is an object");
    const json::object& jwk = item.as_object();
    if (text_of(jwk, "use").value_or("sig") != "sig") continue;
    std::optional<SignatureAlgorithm> algorithm;
    if (auto named = text_of(jwk, "alg")) {
      algorithm = algorithm_of(*named);
      if (!algorithm) continue;
    }
    auto key = public_key_of(jwk);
    if (!key) return std::move(key).error().with_context("JWKS");
    if (!*key || (algorithm && !(*key)->fits(*algorithm))) continue;
    keys.push_back({text_of(jwk, "kid").value_or(""), algorithm, std::move(**key)});
  }
  if (keys.empty()) return fail(Errc::Invalid, "JWKS: no RSA, P-256 or Ed25519 key for signatures");
  return keys;
}

Result<Verifier> Verifier::make(std::string_view jwks, Options options) {
  if (options.issuer.empty() || options.audiences.empty() || options.user_claim.empty())
    return fail(Errc::Invalid, "tokens need an issuer, an audience and a claim for the user");
  BZ_TRY(auto keys, parse_key_set(jwks));
  return Verifier(std::move(keys), std::move(options));
}

Result<std::string> Verifier::user_of(std::string_view token, int64_t now) const {
  if (token.size() > kMaxToken) return denied("too long");
  auto parts = base::split(token, '.');
  if (parts.size() != 3) return denied("not a signed JWT");
  auto header = from_base64url(parts[0]), payload = from_base64url(parts[1]), signature = from_base64url(parts[2]);
  if (!header || !payload || !signature) return denied("not base64url");
  // Nothing of the claims is looked at before the signature is right.
  BZ_TRY_VOID(check_signature(*header, token.substr(0, parts[0].size() + 1 + parts[1].size()), *signature));
  return check_claims(*payload, now);
}

Result<void> Verifier::check_signature(std::string_view header, std::string_view signed_part,
                                       std::string_view signature) const {
  auto fields = parse_object(header, kMaxToken);
  if (!fields) return denied(fields.error().text());
  auto algorithm = algorithm_of(text_of(*fields, "alg").value_or(""));
  if (!algorithm) return denied("algorithm not taken");
  if (fields->contains("crit")) return denied("critical extension");  // RFC 7515 4.1.11
  std::string id = text_of(*fields, "kid").value_or("");
  bool has_key = false;
  for (const Key& key : keys_) {
    if ((!id.empty() && key.id != id) || !key.key.fits(*algorithm) || (key.algorithm && key.algorithm != algorithm))
      continue;
    has_key = true;
    if (key.key.verify(*algorithm, signed_part, signature)) return {};
  }
  if (!has_key) return fail(Errc::NotFound, "token: no key for it");
  return denied("signature");
}

Result<std::string> Verifier::check_claims(std::string_view payload, int64_t now) const {
  auto claims = parse_object(payload, kMaxToken);
  if (!claims) return denied(claims.error().text());
  const double time = static_cast<double>(now), skew = static_cast<double>(options_.skew_seconds);
  auto expires = date_of(*claims, "exp");
  if (!expires) return denied("no time of expiry");
  if (time - skew >= *expires) return denied("expired");
  auto begins = date_of(*claims, "nbf");
  if (claims->contains("nbf") && (!begins || time + skew < *begins)) return denied("not valid yet");
  if (text_of(*claims, "iss") != options_.issuer) return denied("another issuer");
  if (!has_audience(*claims, options_.audiences)) return denied("another audience");
  return user_claim_of(*claims, options_.user_claim);
}

}  // namespace bz::oauth

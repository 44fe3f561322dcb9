#include "oauth/introspection.h"

#include "base/text.h"
#include "oauth/claims.h"
#include "oauth/json.h"

namespace bz::oauth {

namespace {

// application/x-www-form-urlencoded.
std::string form_encode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

}  // namespace

Secret introspection_form(const Secret& token) {
  return Secret("token=" + form_encode(token.reveal()) + "&token_type_hint=access_token");
}

Secret client_credentials(std::string_view id, const Secret& secret) {
  return Secret("Basic " + base::base64(form_encode(id) + ":" + form_encode(secret.reveal())));
}

Result<Introspected> parse_introspection(std::string_view text, const Options& options, int64_t now) {
  BZ_TRY(auto answer, parse_object(text, kMaxIntrospection));
  const boost::json::value* active = answer.if_contains("active");
  if (!active || !active->is_bool()) return fail(Errc::Invalid, "introspection: no \"active\" in the answer");
  auto denied = [](std::string_view why) { return fail(Errc::Denied, "token: " + std::string(why)); };
  if (!active->as_bool()) return denied("not active");
  Introspected out;
  const double time = static_cast<double>(now), skew = static_cast<double>(options.skew_seconds);
  if (answer.contains("exp")) {
    auto expires = date_of(answer, "exp");
    if (!expires || *expires < 0 || *expires > 1e12) return fail(Errc::Invalid, "introspection: time of expiry");
    if (time - skew >= *expires) return denied("expired");
    out.expires = static_cast<int64_t>(*expires);
  }
  auto begins = date_of(answer, "nbf");
  if (answer.contains("nbf") && (!begins || time + skew < *begins)) return denied("not valid yet");
  if (!options.issuer.empty() && text_of(answer, "iss") != options.issuer) return denied("another issuer");
  if (!options.audiences.empty() && !has_audience(answer, options.audiences)) return denied("another audience");
  BZ_TRY(out.user, user_claim_of(answer, options.user_claim));
  return out;
}

}  // namespace bz::oauth

#include "oauth/claims.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace bz::oauth {

namespace json = boost::json;

namespace {
constexpr size_t kMaxName = 320;
}

std::optional<double> date_of(const json::object& claims, std::string_view key) {
  const json::value* value = claims.if_contains(json::string_view(key.data(), key.size()));
  if (!value || !value->is_number()) return std::nullopt;
  double date = value->to_number<double>();
  return std::isfinite(date) ? std::optional(date) : std::nullopt;
}

bool has_audience(const json::object& claims, const std::vector<std::string>& ours) {
  const json::value* value = claims.if_contains("aud");
  auto is_ours = [&](const json::value& one) {
    return one.is_string() && std::find(ours.begin(), ours.end(), std::string(one.as_string())) != ours.end();
  };
  if (!value) return false;
  if (!value->is_array()) return is_ours(*value);
  return std::any_of(value->as_array().begin(), value->as_array().end(), is_ours);
}

Result<std::string> user_claim_of(const json::object& claims, const std::string& claim) {
  auto user = text_of(claims, claim);
  if (!user || user->empty() || user->size() > kMaxName || !base::is_utf8(*user))
    return fail(Errc::Denied, "token: no claim " + claim);
  // An address its issuer has not seen answered may be anybody's.
  const json::value* verified = claims.if_contains("email_verified");
  if (claim == "email" && verified && *verified != json::value(true))
    return fail(Errc::Denied, "token: address not verified");
  return *user;
}

}  // namespace bz::oauth

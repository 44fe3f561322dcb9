// Claims of a token, whether signed (RFC 7519) or told by its provider (RFC 7662). Private to this room.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "oauth/json.h"

namespace bz::oauth {

// NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction.
std::optional<double> date_of(const boost::json::object& claims, std::string_view key);
bool has_audience(const boost::json::object& claims, const std::vector<std::string>& ours);
// Denied: not there, no name, or an address that nobody has verified.
Result<std::string> user_claim_of(const boost::json::object& claims, const std::string& claim);

}  // namespace bz::oauth

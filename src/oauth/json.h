// JSON from strangers, read by Boost.JSON within limits. Private to this room.
#pragma once
#include <boost/json.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::oauth {

inline constexpr size_t kMaxDepth = 8;

// The whole text must be one object (RFC 8259) of at most `max_size` bytes and kMaxDepth levels.
Result<boost::json::object> parse_object(std::string_view text, size_t max_size);
// nullopt: not there, or no string.
std::optional<std::string> text_of(const boost::json::object& object, std::string_view key);
// base64url without padding (RFC 7515 section 2); nullopt: anything else.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace bz::oauth

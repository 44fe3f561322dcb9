// JSON of an authority, read by Boost.JSON within limits. Private to this room.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::acme {

// The whole text must be one object (RFC 8259) of at most kMaxReply bytes and eight levels.
Result<boost::json::object> parse_object(std::string_view text);
// Empty: not there, or no text.
std::string text_of(const boost::json::object& object, std::string_view key);
int64_t number_of(const boost::json::object& object, std::string_view key);  // 0: not there, or no whole number
const boost::json::object* object_of(const boost::json::object& object, std::string_view key);
// At most `limit` of its items; empty: not there, or no array.
std::vector<const boost::json::object*> objects_of(const boost::json::object& object, std::string_view key, size_t limit);
std::vector<std::string> texts_of(const boost::json::object& object, std::string_view key, size_t limit);

}  // namespace bz::acme

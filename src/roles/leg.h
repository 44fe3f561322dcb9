// The payload of a Leg message from a gateway to egress (docs/wire.md).
#pragma once
#include <string_view>

namespace bz::roles {

// The gateway takes a socket in answer: egress is on its own host.
inline constexpr std::string_view kTakesSocket("\1", 1);

}  // namespace bz::roles

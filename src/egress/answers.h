// What our own client hears of a login at another server, in the words of its protocol. Pure.
#pragma once
#include <string>
#include <string_view>

#include "egress/login_machine.h"
#include "wire/handoff.h"

namespace bz::egress {

// The tagged OK with the server's capabilities, "+OK", or 235.
std::string welcome(const wire::Handoff& handoff, std::string_view capabilities);
// NO [AUTHENTICATIONFAILED], 535, -ERR [AUTH] for Refused; NO [UNAVAILABLE], 454, -ERR [SYS/TEMP] for the rest; the
// connection ends behind it.
std::string refusal(const wire::Handoff& handoff, Verdict verdict);
// For a session that must end while nothing is under way; empty: the protocol has no such word.
std::string farewell(wire::Service service, std::string_view reason);

}  // namespace bz::egress

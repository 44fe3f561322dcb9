// MESSAGELIMIT and SAVELIMIT (RFC 9738): how many messages one command takes. The limit that is shown is a wish; the one
// that is enforced may be higher, or not there (section 4.2).
#pragma once
#include <optional>

#include "imapd/reply.h"
#include "imapd/session.h"

namespace bz::imapd {

enum class LimitedBy : unsigned char { Any, Save };  // Save: COPY and APPEND, which a SAVELIMIT means too

// The limit that such a command must keep; nullopt: none.
std::optional<uint32_t> message_limit(const Session& s, LimitedBy kind = LimitedBy::Any);

// Leaves the highest UIDs of `uids`, as many as the limit allows. nullopt: these were no more; else the lowest that is
// left.
std::optional<uint32_t> take_highest(const Session& s, UidSet& uids);

// `reply` of a command that take_highest() has cut: says where to go on. A code that the reply has stays where it is, ours
// goes into an untagged NO then (section 3.1).
Reply cut_reply(Session& s, Reply reply, std::optional<uint32_t> lowest);

// A command that is refused whole.
Reply over_limit(const Session& s, std::string_view text, std::optional<uint32_t> lowest = std::nullopt);

}  // namespace bz::imapd

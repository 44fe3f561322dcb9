// The one definition of what a buzon server says in its EHLO or LHLO reply. The gateway answers EHLO before login and the
// back ends after it; both call this.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/reply.h"

namespace bz::smtp {

enum class ServerMode : uint8_t { Mx, Submission, Lmtp };

struct EhloFacts {
  uint64_t max_message = 64ull << 20;  // 0: SIZE without a number
  bool starttls = false;               // offered now: only by the gateway, and never when TLS is on
  bool any_server = false;             // only what nearly every submission server can do: it may be another one's session
  bool extension = true;               // LMTP: the client is our mta (lmtp_ext.h)
  std::vector<std::string> mechanisms{};  // offered now; empty: no AUTH keyword
};

// Keywords in the order in which they are sent, e.g. "PIPELINING", "SIZE 67108864".
std::vector<std::string> ehlo_keywords(ServerMode mode, const EhloFacts& facts);

// The whole reply: 250, first line "<hostname>", then the keywords.
Reply ehlo_reply(ServerMode mode, const EhloFacts& facts, std::string_view hostname);

}  // namespace bz::smtp

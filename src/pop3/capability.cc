#include "pop3/capability.h"

#include <algorithm>
#include <span>

#include "pop3/response.h"

namespace bz::pop3 {

std::vector<std::string> sasl_mechanisms(const std::vector<std::string>& mechanisms) {
  std::vector<std::string> out = mechanisms;
  std::erase(out, "APOP");
  return out;
}

void capabilities(std::string& out, const CapabilityFacts& facts) {
  ok(out, "Capabilities follow");
  const auto lines = facts.any_server ? std::span<const std::string_view>(kCapabilitiesOfAnyServer) : kCapabilities;
  for (std::string_view line : lines) out.append(line).append("\r\n");
  if (facts.stls) out += "STLS\r\n";
  const auto mechanisms = sasl_mechanisms(facts.mechanisms);
  if (std::find(mechanisms.begin(), mechanisms.end(), "PLAIN") != mechanisms.end()) out += "USER\r\n";
  if (!mechanisms.empty()) {
    out += "SASL";
    for (const auto& mechanism : mechanisms) out.append(" ").append(mechanism);
    out += "\r\n";
  }
  out += ".\r\n";
}

}  // namespace bz::pop3

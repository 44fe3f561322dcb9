// `buzon network check`: tries the planned connections from where it runs, and some that must not be possible. Tool:
// blocking.
#pragma once
#include <string>
#include <vector>

#include "app/network_plan.h"

namespace bz::app {

struct NetworkFinding {
  enum class Kind : uint8_t { Open, Closed, Leak, Unchecked };  // Leak: reachable, and not planned
  Kind kind = Kind::Open;
  std::string what;  // "inside 10.0.0.2 tcp/7461: logins, and orders to end sessions"
  std::string why;   // Closed: the error
};

// Flows that begin at `here`. From a gateway's host also ports of the inside that are not planned: they must not answer,
// and a refusal counts as an answer of the host, so only what connects is a leak.
std::vector<NetworkFinding> check_network(const std::vector<Flow>& flows, Place here);

// Lines of text; with `json` an array.
std::string finding_table(const std::vector<NetworkFinding>& findings, bool json);
bool all_good(const std::vector<NetworkFinding>& findings);

}  // namespace bz::app

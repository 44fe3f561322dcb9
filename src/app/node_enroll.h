// `buzon node enroll` and `buzon node renew`: the gateway host's side of getting a certificate over the network. Tools:
// blocking, with a loop of their own. The key is made here and stays here.
#pragma once
#include <string>

#include "base/result.h"
#include "roles/config.h"

namespace bz::app {

// Connects to the inside as the token says, believes the authority whose hash the token holds and no other, and makes a
// folder that can be served: configuration, the node's key and certificate, and certificates of an authority of this host's
// own for phones. Exists: there is a configuration; nothing is overwritten. Denied: the inside refused the token, and why.
Result<std::string> enroll_node(std::string_view token, const std::string& state);

// Another certificate for the same key, written over the one before when less than a third of its life is left, or when
// `now` says so. `folder`: of the configuration.
Result<std::string> renew_node(const roles::Config& config, const std::string& folder, bool now);

}  // namespace bz::app

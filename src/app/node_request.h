// The key of a node, made on its own host, and the request for a certificate (`buzon node request`). Tool: blocking.
#pragma once
#include <string>

#include "base/result.h"

namespace bz::app {

inline constexpr char kNodeKeyFile[] = "node-key.pem";
// Writes FOLDER/node-key.pem (0600); the text is the request in PEM. Exists: there is such a file; nothing is overwritten.
Result<std::string> make_node_key(const std::string& folder, const std::string& name);

}  // namespace bz::app

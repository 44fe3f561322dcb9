// The configuration of a gateway's host, made inside from what is written there: the node's listeners and what they hang
// on.
#pragma once
#include <string>

#include "roles/config.h"

namespace bz::roles {

// Files of the node's certificate, relative to the configuration.
inline constexpr char kNodeCaPath[] = "tls/inner-ca.pem", kNodeCertificatePath[] = "tls/node.pem",
                      kNodeKeyPath[] = "tls/node-key.pem";

// TOML. Names no file but those of `buzon init` and of the node. Not taken over: client certificates (their authorities'
// files are not here); a line says so.
std::string gateway_config(const Config& config, const std::string& node);

}  // namespace bz::roles

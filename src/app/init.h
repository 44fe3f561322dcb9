// `buzon init`: a folder that can be served at once: configuration, an authority of its own, certificates, keys. Never
// overwrites anything.
#pragma once
#include <cstdint>
#include <string>

#include "base/result.h"

namespace bz::app {

struct InitOptions {
  std::string state;
  unsigned port_base = 0;  // added to 993, 587, 465 and 25
  std::string listen = "::";
  std::string host = "mail.example.test", domain = "example.test";
};
// Exists: there is a configuration already. The text says what was made and what comes next.
Result<std::string> init(const InitOptions& options);

// An authority and certificates of this host's own for phones, below STATE/tls (a folder descriptor).
Result<void> make_certificates(int state, const InitOptions& options);

}  // namespace bz::app

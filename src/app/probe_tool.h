// `buzon probe` and `buzon tls lint`: the room probe and the linter behind the command line. Blocking; the value is the
// exit status: 0 a phone would work, 1 it would not, 2 wrong usage.
#pragma once
#include <string>

namespace bz::app {

struct ProbeOptions {
  std::string host, user, ca_file, ports, address;
  bool password_stdin = false;
  unsigned patience = 5;  // seconds
};
int run_probe(const ProbeOptions& options, bool json);

struct LintOptions {
  std::string what, host, ca_file;
};
int lint_certificate(const std::string& config_path, const LintOptions& options, bool json);

}  // namespace bz::app

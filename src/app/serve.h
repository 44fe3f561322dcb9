// `buzon serve` and `buzon role`: what the processes of a running system do from beginning to end.
#pragma once
#include <cstdint>
#include <string>

namespace bz::app {
// The value is the exit status.
int serve(const std::string& config_path);
int serve_role(const std::string& role, uint32_t index);
}  // namespace bz::app

// The readers of the tables that come more than once, and what is checked when all are read. Errors: Invalid with a text
// for the administrator.
#pragma once
#include "app/config_table.h"

namespace bz::app {

Result<void> read_listeners(const toml::table& root, std::string_view file, roles::Config& config);
Result<void> read_directories(const toml::table& root, std::string_view file, roles::Config& config);
Result<void> read_certificates(const toml::table& root, std::string_view file, roles::Config& config);
Result<void> read_servers(const toml::table& root, std::string_view file, roles::Config& config);
Result<void> read_clients(const toml::table& root, std::string_view file, roles::Config& config);
// Also fills in what follows from other keys.
Result<void> check_whole(const toml::table& root, std::string_view file, roles::Config& config);

}  // namespace bz::app

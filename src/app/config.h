// The administrator's file (TOML) as roles::Config. One table of keys (config_keys.cc) says for each its name, kind,
// default, limits and meaning; reading, checking and `buzon config doc` all come from it. An error names the file, the
// line, the key and what is allowed; an unknown key names the nearest known one. Pure: opens no file.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "roles/config.h"

namespace bz::app {

// Invalid with a text for the administrator. `file_name` is for that text only.
Result<roles::Config> parse_config(std::string_view toml, std::string_view file_name);
// The folder of all that is kept, as written; for tools that only look for the running system: an error elsewhere in the
// file does not stop them.
Result<std::string> parse_state(std::string_view toml, std::string_view file_name);
// Every key with default, unit, limits and meaning, as a TOML file of comments.
std::string config_doc();

// "90s", "10m", "2h", "5d", "100ms" and "64KiB", "50MiB", "1GiB".
std::optional<base::Millis> parse_duration(std::string_view text);
std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace bz::app

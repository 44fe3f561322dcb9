#include "app/config.h"

#include "app/config_acme.h"
#include "app/config_parts.h"

namespace bz::app {

using roles::Config;

namespace {

Error not_toml(const toml::parse_error& error, std::string_view file) {
  return bad({file, error.source().begin.line}, "TOML", std::string(error.description()));
}

}  // namespace

Result<std::string> parse_state(std::string_view text, std::string_view file_name) {
  toml::parse_result parsed = toml::parse(text, file_name);
  if (!parsed.succeeded()) return not_toml(parsed.error(), file_name);
  return parsed.table()["state"].value_or(std::string("."));
}

Result<Config> parse_config(std::string_view text, std::string_view file_name) {
  toml::parse_result parsed = toml::parse(text, file_name);
  if (!parsed.succeeded()) return not_toml(parsed.error(), file_name);
  Config config;
  set_defaults(config_keys(), config);
  TableReader<Config> reader{config_keys(), file_name};
  BZ_TRY_VOID(reader.read(parsed.table(), "", config));
  BZ_TRY_VOID(reader.check_required(1));
  BZ_TRY_VOID(read_listeners(parsed.table(), file_name, config));
  BZ_TRY_VOID(read_directories(parsed.table(), file_name, config));
  BZ_TRY_VOID(read_certificates(parsed.table(), file_name, config));
  BZ_TRY_VOID(read_servers(parsed.table(), file_name, config));
  BZ_TRY_VOID(read_clients(parsed.table(), file_name, config));
  BZ_TRY_VOID(check_whole(parsed.table(), file_name, config));
  if (auto checked = complete_acme(config); !checked) return bad({file_name, 1}, "acme", checked.error().text());
  return config;
}

}  // namespace bz::app

// [[directory]], [[certificate]] and [[client]]
#include "app/config_parts.h"
#include "roles/directories.h"

namespace bz::app {
namespace {

using roles::Config;
using roles::DirectoryConfig;

Result<void> check_directory(const DirectoryConfig& directory, Where where, std::string_view key) {
  for (char c : directory.name)
    if (!base::is_alpha(c) && !base::is_digit(c) && c != '-')
      return bad(where, key, "name has letters, digits and \"-\" only");
  if (directory.name == "embedded") return bad(where, key, "the name \"embedded\" is taken");
  if (directory.bind_dn.empty() != directory.bind_password_file.empty())
    return bad(where, key, "bind_dn goes together with bind_password_file");
  if (directory.server_time > directory.time) return bad(where, key, "server_time must not be over time");
  if (auto checked = roles::check_directory(directory); !checked) return bad(where, key, checked.error().text());
  return {};
}

}  // namespace

Result<void> read_directories(const toml::table& root, std::string_view file, Config& config) {
  std::set<std::string> names;
  auto take = [&](DirectoryConfig directory, Where where, std::string_view key) -> Result<void> {
    BZ_TRY_VOID(check_directory(directory, where, key));
    if (!names.insert(directory.name).second) return bad(where, key, "name is used twice");
    config.directories.push_back(std::move(directory));
    return {};
  };
  return read_tables(root, "directory", directory_keys(), 20, file, take);
}

Result<void> read_certificates(const toml::table& root, std::string_view file, Config& config) {
  const toml::node* node = root.get("certificate");
  if (!node) return {};
  const toml::array* array = node->as_array();
  if (!array || array->empty() || array->size() > 300)
    return bad(where_of(file, *node), "certificate", "must be [[certificate]], at most 300 of them");
  for (const toml::node& item : *array) {
    const toml::table* table = item.as_table();
    if (!table) return bad(where_of(file, item), "certificate", "must be a table");
    roles::CertificateConfig certificate;
    TableReader<roles::CertificateConfig> reader{certificate_keys(), file};
    BZ_TRY_VOID(reader.read(*table, "", certificate));
    BZ_TRY_VOID(reader.check_required(where_of(file, item).line));
    config.certificates.push_back(std::move(certificate));
  }
  return {};
}

Result<void> read_clients(const toml::table& root, std::string_view file, Config& config) {
  auto take = [&](imap::ClientRule rule, Where where, std::string_view key) -> Result<void> {
    for (const auto* list : {&rule.hide, &rule.show})
      for (const std::string& capability : *list)
        if (capability.empty() || capability.find_first_of(" \t[]") != std::string::npos)
          return bad(where, key, "hide and show hold the names of capabilities");
    if (rule.hide.empty() && rule.show.empty()) return bad(where, key, "hides and shows nothing");
    config.clients.push_back(std::move(rule));
    return {};
  };
  return read_tables(root, "client", client_keys(), 1000, file, take);
}

}  // namespace bz::app

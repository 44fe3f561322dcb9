#include "roles/directories.h"

#include <algorithm>

#include "base/text.h"
#include "ldap/source.h"
#include "os/file.h"
#include "roles/role.h"

namespace bz::roles {

namespace {

constexpr const char* kSystemRoots = "/etc/ssl/certs/ca-certificates.crt";

Result<ldap::SourceOptions> source_options(const DirectoryConfig& c) {
  ldap::SourceOptions options;
  options.name = c.name;
  options.mode = c.reads_secrets ? ldap::SourceOptions::Mode::Secrets : ldap::SourceOptions::Mode::Bind;
  options.base = c.base;
  options.group_base = c.group_base.empty() ? c.base : c.group_base;
  auto schema = ldap::preset(c.type);
  if (!schema) return fail(Errc::Invalid, "unknown type " + c.type);
  for (const std::string& text : c.attributes) {
    BZ_TRY_VOID(ldap::replace_attributes(*schema, text));
  }
  auto chosen = [](const std::string& ours, const std::string& preset) { return ours.empty() ? preset : ours; };
  BZ_TRY(options.user_filter, ldap::FilterTemplate::parse(chosen(c.user_filter, schema->user_filter)));
  BZ_TRY(options.address_filter, ldap::FilterTemplate::parse(chosen(c.address_filter, schema->address_filter)));
  if (c.groups) {
    BZ_TRY(options.group_filter, ldap::FilterTemplate::parse(chosen(c.group_filter, schema->group_filter)));
  }
  options.schema = std::move(*schema);
  options.require_group = c.require_group;
  options.time = c.time;
  options.cache = {c.fresh, c.stale};
  // One connection for binds in four is left to those who have been there before.
  options.stranger_binds = std::max(1U, c.bind_connections - (c.bind_connections + 3) / 4);
  options.negative = c.negative;
  options.max_group_members = c.max_group_members;
  options.max_group_depth = c.max_group_depth;
  return options;
}

Result<ldap::ClientOptions> client_options(const DirectoryConfig& c) {
  ldap::ClientOptions options;
  options.name = c.name;
  for (const std::string& url : c.servers) {
    BZ_TRY(ldap::Server server, ldap::parse_server(url));
    options.servers.push_back(std::move(server));
  }
  options.bind_dn = c.bind_dn;
  options.server_time = c.server_time;
  options.bind_connections = c.bind_connections;
  return options;
}

// A DN as it is compared here: without the spaces that RFC 2253 section 4 allows, in lower case.
std::string plain_dn(std::string_view dn) {
  std::string out;
  for (char c : dn) {
    if (c == ' ' && (out.empty() || out.back() == ',' || out.back() == '=')) continue;
    if (c == ',' || c == '=')
      while (!out.empty() && out.back() == ' ') out.pop_back();
    out += c;
  }
  return base::lower(out);
}

}  // namespace

bool has_group(const DirectoryConfig& config, std::string_view group) {
  const std::string dn = plain_dn(group), base = plain_dn(config.group_base.empty() ? config.base : config.group_base);
  return dn == base || dn.ends_with("," + base);
}

Result<void> check_directory(const DirectoryConfig& config) {
  BZ_TRY_VOID(source_options(config));
  BZ_TRY_VOID(client_options(config));
  return {};
}

Directories::Directories(RoleHost& host, directory::Bindings& bindings)
    : host_(host), bindings_(bindings), may_connect_(!host.config().directories.empty()) {}

Result<Directories::Made> Directories::make_one(const DirectoryConfig& config) {
  Made made{config, host_.config().domains, host_.secret(secrets::directory_password(config.name)),
            host_.secret(secrets::directory_ca(config.name)), nullptr};
  const auto add = [](std::vector<std::string>& list, const std::string& name) {
    if (!name.empty() && std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  };
  for (const RouteConfig& route : host_.config().routes) {
    add(made.attributes, route.attribute);
    // With several directories each is asked about its own groups only.
    if (has_group(config, route.group)) add(made.groups, route.group);
  }
  auto before = made_.find(config.name);
  if (before != made_.end()) {
    const Made& old = before->second;
    if (old.config == config && old.domains == made.domains && old.attributes == made.attributes &&
        old.groups == made.groups && old.password.equals(made.password.reveal()) && old.ca.equals(made.ca.reveal()))
      return old;
  }
  BZ_TRY(ldap::SourceOptions source, source_options(config));
  BZ_TRY(ldap::ClientOptions client, client_options(config));
  source.domains = made.domains;
  source.schema.routed = made.attributes;
  source.route_groups = made.groups;
  client.bind_password = made.password;
  client.ca_file = kSystemRoots;
  if (!made.ca.empty()) {  // libldap takes a path only: our own folder is the one place we may read
    client.ca_file = "directory-" + config.name + "-ca.pem";
    BZ_TRY_VOID(os::write_file(os::kHere, client.ca_file, made.ca.reveal()));
  }
  made.source = std::make_shared<ldap::Source>(ldap::make_asker(host_.loop(), std::move(client)), std::move(source),
                                               bindings_, base::system_clock());
  return made;
}

Result<std::vector<std::shared_ptr<directory::Source>>> Directories::make() {
  const auto& configs = host_.config().directories;
  if (!configs.empty() && !may_connect_)
    return fail(Errc::Denied, "the first [[directory]] needs a restart: auth may not connect to anything yet");
  std::map<std::string, Made> now;
  std::vector<std::shared_ptr<directory::Source>> out;
  for (const DirectoryConfig& config : configs) {
    auto made = make_one(config);
    if (!made) return std::move(made).error().with_context("directory " + config.name);
    out.push_back(made->source);
    now.emplace(config.name, std::move(*made));
  }
  made_ = std::move(now);
  return out;
}

}  // namespace bz::roles

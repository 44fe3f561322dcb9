#include "app/probe_tool.h"

#include <netdb.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>

#include "app/tls_files.h"
#include "base/text.h"
#include "probe/probe.h"

namespace bz::app {
namespace {

constexpr size_t kMaxAddresses = 4, kMaxFile = 256 << 10;

int wrong(const std::string& text) {
  std::cerr << "buzon: " << text << "\n";
  return 2;
}

// Numeric addresses in the system's order. Blocking: a tool may.
Result<std::vector<std::string>> addresses_of(const std::string& host) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  int rc = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (rc != 0) return fail(Errc::NotFound, host + ": " + gai_strerror(rc));
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> own(list, freeaddrinfo);
  std::vector<std::string> out;
  for (addrinfo* at = list; at && out.size() < kMaxAddresses; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      out.emplace_back(text);
  }
  return out;
}

Task<void> probe_and_stop(net::Loop& loop, probe::Options options, probe::Report& report) {
  auto probing = probe::probe(loop, std::move(options));
  report = co_await std::move(probing);
  loop.stop();
}

int print(const probe::Report& report, bool json) {
  std::cout << (json ? report.json() : report.text()) << std::flush;
  return report.passed() ? 0 : 1;
}

int probe_now(probe::Options options, bool json) {
  std::signal(SIGPIPE, SIG_IGN);
  options.now = base::system_clock().unix_seconds();
  net::Loop loop;
  probe::Report report;
  net::TaskGroup tasks(loop);
  tasks.spawn(probe_and_stop(loop, std::move(options), report));
  loop.run();
  return print(report, json);
}

std::string read_password() {
  std::string line;
  std::getline(std::cin, line);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

int lint_file(const std::string& file, const LintOptions& options, bool json) {
  probe::Report report;
  auto text = os::read_file(os::kHere, file, kMaxFile);
  if (!text) return wrong(text.error().text());
  auto chain = crypto::certificates_der(*text);
  if (!chain) return wrong(file + ": " + chain.error().text());
  auto roots = trusted_roots({}, options.ca_file);
  if (!roots) return wrong(roots.error().text());
  crypto::LintInput input{.chain = *chain,
                          .host = options.host,
                          .roots = *roots,
                          .staple = {},
                          .staple_expected = false,
                          .now = base::system_clock().unix_seconds()};
  for (const std::string& line : crypto::describe_certificate(chain->front())) {
    report.facts.push_back(line);
  }
  for (crypto::Finding& finding : crypto::lint_certificates(input)) report.findings.push_back({file, std::move(finding)});
  return print(report, json);
}

// "host:port", "[::1]:993".
int lint_server(std::string_view what, const LintOptions& options, bool json) {
  size_t colon = what.rfind(':');
  std::string host(what.substr(0, colon));
  auto port = colon == what.npos ? std::nullopt : base::parse_number<uint16_t>(what.substr(colon + 1));
  if (!port || host.empty()) return wrong(std::string(what) + " is neither a file nor HOST:PORT");
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  probe::Options probing;
  auto doors = probe::parse_doors("imaps,pop3s,submission,submissions,smtp,imap,pop3");
  probing.doors = {doors->front()};  // an unknown port begins with TLS
  probing.doors[0].port = *port;
  for (const probe::Door& door : *doors) {
    if (door.port == *port) probing.doors = {door};
  }
  probing.host = options.host.empty() ? host : options.host;
  auto addresses = addresses_of(host);
  if (!addresses) return wrong(addresses.error().text());
  probing.addresses = std::move(*addresses);
  auto roots = trusted_roots({}, options.ca_file);
  if (!roots) return wrong(roots.error().text());
  probing.roots = std::move(*roots);
  return probe_now(std::move(probing), json);
}

}  // namespace

int run_probe(const ProbeOptions& options, bool json) {
  probe::Options probing;
  probing.host = base::lower(options.host);
  probing.user = options.user;
  probing.patience = net::Millis(options.patience * 1000);
  if (options.user.empty() == options.password_stdin) return wrong("--user and --password-stdin go together");
  if (!options.ports.empty()) {
    auto doors = probe::parse_doors(options.ports);
    if (!doors) return wrong(doors.error().text());
    probing.doors = std::move(*doors);
  }
  auto addresses = addresses_of(options.address.empty() ? options.host : options.address);
  if (!addresses) return wrong(addresses.error().text());
  probing.addresses = std::move(*addresses);
  auto roots = trusted_roots({}, options.ca_file);
  if (!roots) return wrong(roots.error().text());
  probing.roots = std::move(*roots);
  if (options.password_stdin) probing.password = Secret(read_password());
  return probe_now(std::move(probing), json);
}

int lint_certificate(const std::string& config_path, const LintOptions& options, bool json) {
  if (options.what.empty()) {
    auto place = tls_place(config_path);
    if (!place) return wrong(place.error().text());
    auto shown = show_certificates(*place);
    if (!shown) return wrong(shown.error().text());
    std::cout << *shown;
    return shown->find("  error [") == std::string::npos ? 0 : 1;
  }
  if (os::exists(os::kHere, options.what)) return lint_file(options.what, options, json);
  return lint_server(options.what, options, json);
}

}  // namespace bz::app

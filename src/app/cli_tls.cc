#include "app/cli_tls.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/control_client.h"
#include "app/probe_tool.h"
#include "app/tls_files.h"

namespace bz::app {
namespace {

int refuse(const Error& error) {
  std::cerr << "buzon: " << (error.text().empty() ? error.to_string() : error.text()) << "\n";
  return 1;
}

int print(const Result<std::string>& done) {
  if (!done) return refuse(done.error());
  std::cout << *done << std::flush;
  return 0;
}

// What was written is taken at once; a system that does not run takes it when it starts.
int print_and_reload(const TlsPlace& place, const Result<std::string>& done) {
  if (!done) return refuse(done.error());
  std::cout << *done << std::flush;
  auto answer = ask(place.state, {"supervisor", {"reload"}, {}});
  if (!answer) {
    std::cout << "buzon does not run with this configuration; it takes the files when it starts\n";
    return 0;
  }
  std::cout << answer->output << std::flush;
  std::cerr << answer->error;
  return static_cast<int>(answer->exit_status);
}

template <class Work>
int at_place(const std::string& config, Work work) {
  auto place = tls_place(config);
  if (!place) return refuse(place.error());
  return work(*place);
}

}  // namespace

void add_tls_words(CLI::App& app, ToolCommon common, int& status) {
  CLI::App* tls = app.add_subcommand("tls", "Certificates: csr, install, show, lint, staple, rotate");
  tls->require_subcommand(1);

  auto hosts = std::make_shared<std::vector<std::string>>();
  auto rsa = std::make_shared<bool>(false);
  CLI::App* csr = tls->add_subcommand("csr", "Make a key and a request for an authority");
  csr->add_option("--host", *hosts, "names of the server, the first one foremost")->required();
  csr->add_flag("--rsa", *rsa, "an RSA key, for clients that know no ECDSA");
  csr->callback([=, &status] {
    auto kind = *rsa ? crypto::KeyKind::Rsa2048 : crypto::KeyKind::EcdsaP256;
    status = at_place(common.config, [&](const TlsPlace& place) { return print(make_request(place, *hosts, kind)); });
  });

  auto options = std::make_shared<InstallOptions>();
  CLI::App* install =
      tls->add_subcommand("install", "Check a certificate, put its chain in order, serve it without a restart");
  install->add_option("--cert", options->certificate_file, "certificate in PEM, its chain may follow")->required();
  install->add_option("--key", options->key_file, "its key; without it, one that `buzon tls csr` has made");
  install->add_option("--chain", options->chain_file, "intermediate certificates, in any order");
  install->add_option("--ca", options->ca_file, "root of an authority of one's own");
  install->add_flag("--force", options->force, "although phones would refuse it");
  install->callback([=, &status] {
    status = at_place(common.config,
                      [&](const TlsPlace& place) { return print_and_reload(place, install_certificate(place, *options)); });
  });

  tls->add_subcommand("show", "The certificates that are served, and what is wrong with them")->callback([=, &status] {
    status = at_place(common.config, [](const TlsPlace& place) { return print(show_certificates(place)); });
  });
  tls->add_subcommand("staple", "Fetch an OCSP response for each ocsp_file")->callback([=, &status] {
    status = at_place(common.config, [](const TlsPlace& place) { return print_and_reload(place, fetch_staples(place)); });
  });
  tls->add_subcommand("rotate", "Put a new key into the ticket_key_file")->callback([=, &status] {
    status =
        at_place(common.config, [](const TlsPlace& place) { return print_and_reload(place, rotate_ticket_file(place)); });
  });

  auto what = std::make_shared<LintOptions>();
  CLI::App* lint = tls->add_subcommand("lint", "What would phones say about a certificate?");
  lint->add_option("what", what->what, "FILE in PEM, or HOST:PORT; without it, the certificates of the configuration");
  lint->add_option("--host", what->host, "name that phones connect to");
  lint->add_option("--ca", what->ca_file, "root of an authority of one's own");
  lint->callback([=, &status] { status = lint_certificate(common.config, *what, common.json); });
}

void add_probe_words(CLI::App& app, ToolCommon common, int& status) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* sub = app.add_subcommand("probe", "Connect to a mail server as a phone does and say what a phone would refuse");
  sub->add_option("host", options->host, "name as a user types it")->required();
  sub->add_option("--user", options->user, "log in by each mechanism; with --password-stdin");
  sub->add_flag("--password-stdin", options->password_stdin, "the password is the first line of standard input");
  sub->add_option("--ca", options->ca_file, "root of an authority of one's own, which the phones have");
  sub->add_option("--ports", options->ports, "doors to try: imaps=993,pop3s=995,submission=587,submissions=465,smtp=25");
  sub->add_option("--address", options->address, "connect to this address, whatever DNS says");
  sub->add_option("--patience", options->patience, "seconds to wait for each answer")->check(CLI::Range(1, 120));
  sub->callback([=, &status] { status = run_probe(*options, common.json); });
}

}  // namespace bz::app

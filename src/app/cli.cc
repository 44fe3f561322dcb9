#include "app/cli.h"

#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "app/cli_device.h"
#include "app/cli_network.h"
#include "app/cli_node.h"
#include "app/cli_tls.h"
#include "app/config.h"
#include "app/control_client.h"
#include "app/init.h"
#include "app/ntlm_processes.h"
#include "app/reload_report.h"
#include "app/serve.h"
#include "app/system.h"
#include "app/verify.h"

namespace bz::app {
namespace {

constexpr int kDone = 0, kRefused = 1, kUsage = 2;
constexpr char kVersion[] = "buzon 0.1.0";
constexpr size_t kMaxInput = 32 << 10;

struct Common {
  std::string config = "/etc/buzon/buzon.toml";
  bool json = false;
};

int refuse(const Error& error) {
  std::cerr << "buzon: " << (error.text().empty() ? error.to_string() : error.text()) << "\n";
  return kRefused;
}

// --config FILE and --json may stand anywhere, also behind words that a role reads.
Result<std::vector<std::string>> take_common(int argc, char** argv, Common& common) {
  std::vector<std::string> rest;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--json") {
      common.json = true;
    } else if (word == "--config") {
      if (++i == argc) return fail(Errc::Invalid, "--config needs a file");
      common.config = argv[i];
    } else if (word.starts_with("--config=")) {
      common.config = word.substr(9);
    } else {
      rest.push_back(std::move(word));
    }
  }
  return rest;
}

std::string read_input() {
  std::string input(kMaxInput, '\0');
  size_t done = 0;
  while (done < input.size()) {
    ssize_t got = ::read(STDIN_FILENO, input.data() + done, input.size() - done);
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  input.resize(done);
  return input;
}

std::string ask_password() {
  termios shown{};
  if (tcgetattr(STDIN_FILENO, &shown) != 0) return {};
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  std::cerr << "Password: " << std::flush;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  std::string line;
  std::getline(std::cin, line);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  std::cerr << "\n";
  return line + "\n";
}

Result<std::string> state_of(const Common& common) {
  BZ_TRY(std::string text, os::read_file(os::kHere, common.config, 1 << 20));
  roles::Config config;
  BZ_TRY(config.state, parse_state(text, common.config));
  return state_path(common.config, config);
}

int ask_role(const Common& common, std::string role, std::vector<std::string> arguments, std::string input) {
  if (common.json) arguments.emplace_back("--json");
  auto state = state_of(common);
  if (!state) return refuse(state.error());
  auto answer = ask(*state, {std::move(role), std::move(arguments), std::move(input)});
  if (!answer) return refuse(answer.error());
  std::cout << answer->output << std::flush;
  std::cerr << answer->error;
  return static_cast<int>(answer->exit_status);
}

// The file says where the system is: when it cannot be read, nobody needs to be asked what became of it.
int reload(const Common& common) {
  if (state_of(common)) return ask_role(common, "supervisor", {"reload"}, {});
  ReloadReport report;
  report.refusal = state_of(common).error().text();
  auto answer = report.answer(common.config, common.json);
  std::cout << answer.output << std::flush;
  std::cerr << answer.error;
  return kRefused;
}

// `account`, `alias`, `directory` and `guard` are auth's words, `queue` is mta's, `acme` is admin's: they are read there.
int administer(const Common& common, const std::string& role, std::vector<std::string> words) {
  auto has = [&](std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); };
  std::string input;
  if (words[0] == "device" && has("--certificate")) {
    auto pem = take_certificate(words);
    if (!pem) return refuse(pem.error());
    input = std::move(*pem);
  } else if (has("--password-stdin")) {
    input = read_input();
  } else if (words.size() > 2 && words[0] == "account" && (words[1] == "add" || words[1] == "passwd")) {
    if (!isatty(STDIN_FILENO)) {
      std::cerr << "buzon: no terminal to ask for the password; use --password-stdin\n";
      return kUsage;
    }
    input = ask_password();
    words.emplace_back("--password-stdin");
  }
  return ask_role(common, role, std::move(words), std::move(input));
}

int check(const Common& common) {
  auto loaded = load(common.config);
  if (!loaded) return refuse(loaded.error());
  for (const std::string& doubt : loaded->doubts) std::cerr << "buzon: " << doubt << "\n";
  std::cout << common.config << ": good\n";
  return kDone;
}

int make(const InitOptions& options) {
  auto made = init(options);
  if (!made) return refuse(made.error());
  std::cout << *made;
  return kDone;
}

// Blobs: mail and what waits to be sent. The directory has none.
int maintain(const Common& common) {
  int worst = kDone;
  for (const char* role : {"mailstore", "mta"}) worst = std::max(worst, ask_role(common, role, {"maintain"}, {}));
  return worst;
}

// Words of a role from `name` on; CLI11 leaves them alone.
CLI::App* passed_on(CLI::App& app, const char* name, const char* what) {
  CLI::App* sub = app.add_subcommand(name, what);
  sub->prefix_command();
  sub->set_help_flag();
  return sub;
}

std::vector<std::string> words_of(const CLI::App* sub) {
  std::vector<std::string> words{sub->get_name()};
  for (std::string& word : sub->remaining()) words.push_back(std::move(word));
  return words;
}

int run(const Common& common, std::vector<std::string> arguments) {
  CLI::App app("buzon, a mail system", "buzon");
  app.require_subcommand(1);
  app.footer(
      "--config FILE (default /etc/buzon/buzon.toml) and --json may stand anywhere.\n"
      "Exit status: 0 done, 1 refused, 2 wrong usage.");
  int status = kDone;
  app.add_subcommand("serve", "Run the system in the foreground")->callback([&] { status = serve(common.config); });

  InitOptions options;
  CLI::App* init_app = app.add_subcommand("init", "Make a folder that can be served: configuration, certificates, keys");
  init_app->add_option("state", options.state, "the folder")->required();
  init_app->add_option("--port-base", options.port_base, "added to 993, 587, 465 and 25")->check(CLI::Range(0, 64000));
  init_app->add_option("--listen", options.listen, "numeric address")->capture_default_str();
  init_app->add_option("--host", options.host, "name of this server")->capture_default_str();
  init_app->add_option("--domain", options.domain, "domain whose mail is ours")->capture_default_str();
  init_app->callback([&] { status = make(options); });

  for (auto [name, role, what] :
       {std::tuple{"account", "auth", "add, passwd, list, show, disable, enable, route, remove, purge"},
        {"alias", "auth", "add, remove, list"},
        {"device", "auth", "add, list, revoke, only: passwords and certificates of single devices"},
        {"directory", "auth", "test: a login told step by step"},
        {"guard", "auth", "list, stale, allow, deny, forget: who guesses, which phones keep an old password"},
        {"queue", "mta", "list, flush, remove"},
        {"acme", "admin", "status, renew, test: certificates that an authority issues by itself"}}) {
    CLI::App* sub = passed_on(app, name, what);
    sub->callback([&, sub, role = std::string(role)] { status = administer(common, role, words_of(sub)); });
  }
  app.add_subcommand("status", "Are all roles up?")->callback([&] {
    status = ask_role(common, "supervisor", {"status"}, {});
  });
  app.add_subcommand("servers", "Which other people's mail servers are up, where there are any?")->callback([&] {
    status = ask_role(common, "egress", {"servers"}, {});
  });
  app.add_subcommand("reload", "Read configuration and certificates again")->callback([&] { status = reload(common); });
  CLI::App* logs = app.add_subcommand("logs", "Log files");
  logs->require_subcommand(1);
  logs->add_subcommand("reopen", "Write to new files from now on; for logrotate")->callback([&] {
    status = ask_role(common, "supervisor", {"logs", "reopen"}, {});
  });
  app.add_subcommand("verify", "Check everything that is stored")->callback([&] {
    status = verify(common.config, common.json);
  });
  app.add_subcommand("maintain", "Give the space of removed messages back to the disk now")->callback([&] {
    status = maintain(common);
  });
  CLI::App* config = app.add_subcommand("config", "Settings");
  config->require_subcommand(1);
  config->add_subcommand("doc", "Print every setting with its default and meaning")->callback([] {
    std::cout << config_doc();
  });
  config->add_subcommand("check", "Check the file and all files it names")->callback([&] { status = check(common); });
  add_tls_words(app, {common.config, common.json}, status);
  add_probe_words(app, {common.config, common.json}, status);
  add_node_words(app, {common.config, common.json}, status);
  add_network_words(app, {common.config, common.json}, status);
  app.add_subcommand("version", "Print the version")->callback([] { std::cout << kVersion << "\n"; });

  std::string role;
  uint32_t index = 0;
  CLI::App* role_app = app.add_subcommand("role", "")->group("");  // the supervisor's own
  role_app->add_option("name", role)->required();
  role_app->add_option("--index", index);
  role_app->callback([&] { status = serve_role(role, index); });
  CLI::App* verify_app = app.add_subcommand("verify-role", "")->group("");
  verify_app->add_option("name", role)->required();
  verify_app->callback([&] { status = verify_role(role, common.json); });

  try {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return status;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  // The supervisor's own; the words behind it are another program's.
  if (argc > 1 && argv[1] == std::string_view("ntlm-helper")) return become_ntlm_helper({argv + 2, argv + argc});
  Common common;
  auto words = take_common(argc, argv, common);
  if (!words) {
    std::cerr << "buzon: " << words.error().text() << "\n";
    return kUsage;
  }
  return run(common, std::move(*words));
}

}  // namespace bz::app

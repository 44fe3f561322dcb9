#include "app/cli_node.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include "app/config.h"
#include "app/control_client.h"
#include "app/node_enroll.h"
#include "app/node_request.h"
#include "app/tls_files.h"

namespace bz::app {
namespace {

int refuse(const Error& error) {
  std::cerr << "buzon: " << (error.text().empty() ? error.to_string() : error.text()) << "\n";
  return 1;
}

// The role `inner` has the list of nodes and the authority.
int ask_inner(ToolCommon common, std::vector<std::string> words, std::string input = {}) {
  auto place = tls_place(common.config);
  if (!place) return refuse(place.error());
  if (place->config.inner.listen.empty())
    return refuse(
        fail(Errc::Invalid, "nodes are kept inside, on the host with inner.listen; " + common.config + " has none"));
  words.insert(words.begin(), "node");
  if (common.json) words.emplace_back("--json");
  auto answer = ask(place->state, {"inner", std::move(words), std::move(input)});
  if (!answer) return refuse(answer.error());
  std::cout << answer->output << std::flush;
  std::cerr << answer->error;
  return static_cast<int>(answer->exit_status);
}

std::string all_input() {
  constexpr size_t kMaxRequest = 32 << 10;
  std::string input;
  for (char c = 0; input.size() < kMaxRequest && std::cin.get(c);) input += c;
  return input;
}

int request(const std::string& folder, const std::string& name) {
  auto made = make_node_key(folder, name);
  if (!made) return refuse(made.error());
  std::cout << *made;
  std::cerr << "the key is in " << folder << "/" << kNodeKeyFile << " and stays there; say inside: buzon node add " << name
            << " <REQUEST\n";
  return 0;
}

int print(const Result<std::string>& done) {
  if (!done) return refuse(done.error());
  std::cout << *done << std::flush;
  return 0;
}

int make_token(ToolCommon common, const std::string& name, const std::string& role, const std::string& life) {
  const auto span = parse_duration(life);
  if (!span) return refuse(fail(Errc::Invalid, "--life is a duration: 30m, 1h, 2d"));
  return ask_inner(common, {"token", name, role, std::to_string(span->count() / 1000)});
}

int renew(ToolCommon common, bool now) {
  auto place = tls_place(common.config);
  return place ? print(renew_node(place->config, place->folder, now)) : refuse(place.error());
}

}  // namespace

void add_node_words(CLI::App& app, ToolCommon common, int& status) {
  CLI::App* node =
      app.add_subcommand("node", "Gateways on other hosts: token, enroll, renew, list, revoke; by hand: request, add, ca");
  node->require_subcommand(1);
  auto name = std::make_shared<std::string>();
  auto folder = std::make_shared<std::string>(".");

  auto role = std::make_shared<std::string>("gateway");
  auto life = std::make_shared<std::string>("1h");
  CLI::App* token = node->add_subcommand("token", "Inside: print a token that brings one node in, once");
  token->add_option("--name", *name, "of the node")->required();
  token->add_option("--role", *role, "what runs there")->check(CLI::IsMember({"gateway"}))->capture_default_str();
  token->add_option("--life", *life, "how long it may be used")->capture_default_str();
  token->callback([=, &status] { status = make_token(common, *name, *role, *life); });

  auto word = std::make_shared<std::string>();
  auto state = std::make_shared<std::string>();
  CLI::App* enroll =
      node->add_subcommand("enroll", "On the gateway's host: make its key, get its certificate and configuration");
  enroll->add_option("token", *word, "what `buzon node token` printed; - reads it from standard input")->required();
  enroll->add_option("--state", *state, "folder to make")->required();
  enroll->callback([=, &status] { status = print(enroll_node(*word == "-" ? all_input() : *word, *state)); });

  auto now = std::make_shared<bool>(false);
  CLI::App* again =
      node->add_subcommand("renew", "On the gateway's host: a new certificate, when the old one nears its end");
  again->add_flag("--now", *now, "whatever is left of the old one");
  again->callback([=, &status] { status = renew(common, *now); });

  CLI::App* make =
      node->add_subcommand("request", "On the gateway's host: make its key, print the request for a certificate");
  make->add_option("name", *name, "of the node")->required();
  make->add_option("--to", *folder, "folder for node-key.pem")->capture_default_str();
  make->callback([=, &status] { status = request(*folder, *name); });

  CLI::App* add =
      node->add_subcommand("add", "Inside: let a node in; its request on standard input, prints its certificate");
  add->add_option("name", *name, "of the node")->required();
  add->callback([=, &status] { status = ask_inner(common, {"add", *name}, all_input()); });
  node->add_subcommand("ca", "Inside: print the certificate of the nodes' authority")->callback([=, &status] {
    status = ask_inner(common, {"ca"});
  });
  node->add_subcommand("list", "Inside: the nodes, and which are linked")->callback([=, &status] {
    status = ask_inner(common, {"list"});
  });
  CLI::App* revoke = node->add_subcommand("revoke", "Inside: cut a node off, at once and for good");
  revoke->add_option("name", *name, "of the node")->required();
  revoke->callback([=, &status] { status = ask_inner(common, {"revoke", *name}); });
}

}  // namespace bz::app

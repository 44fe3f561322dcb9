#include "app/cli_network.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/network_check.h"
#include "app/tls_files.h"

namespace bz::app {
namespace {

int refuse(const Error& error) {
  std::cerr << "buzon: " << (error.text().empty() ? error.to_string() : error.text()) << "\n";
  return 1;
}

struct NetworkOptions {
  std::string gateway, nft;
  bool outside = false;
};

int plan(ToolCommon common, const NetworkOptions& options) {
  auto place = tls_place(common.config);
  if (!place) return refuse(place.error());
  const auto flows = planned_flows(place->config, options.gateway);
  if (options.nft.empty()) {
    std::cout << flow_table(flows, common.json);
    return 0;
  }
  auto rules = nft_table(flows, options.nft == "outer" ? Wall::Outer : Wall::Inner);
  if (!rules) return refuse(rules.error());
  std::cout << *rules;
  return 0;
}

int check(ToolCommon common, const NetworkOptions& options) {
  auto place = tls_place(common.config);
  if (!place) return refuse(place.error());
  const Place here = options.outside                       ? Place::Outside
                     : place->config.inner.connect.empty() ? Place::Inside
                                                           : Place::Gateway;
  const auto findings = check_network(planned_flows(place->config, options.gateway), here);
  std::cout << finding_table(findings, common.json);
  return all_good(findings) ? 0 : 1;
}

}  // namespace

void add_network_words(CLI::App& app, ToolCommon common, int& status) {
  auto options = std::make_shared<NetworkOptions>();
  CLI::App* network = app.add_subcommand("network", "Firewalls: plan, check");
  network->require_subcommand(1);
  CLI::App* plan_app = network->add_subcommand("plan", "Print which connections are needed, and why");
  plan_app->add_option("--gateway", options->gateway, "address of the gateway's host, where its listeners name none");
  plan_app
      ->add_option("--nft", options->nft, "print rules for nft(8) instead: outer, before the gateways; inner, behind them")
      ->check(CLI::IsMember({"outer", "inner"}));
  plan_app->callback([=, &status] { status = plan(common, *options); });
  CLI::App* check_app =
      network->add_subcommand("check", "Try the planned connections from this host, and some that must not be possible");
  check_app->add_option("--gateway", options->gateway, "address of the gateway's host, where its listeners name none");
  check_app->add_flag("--outside", options->outside, "this host stands outside: try the listeners");
  check_app->callback([=, &status] { status = check(common, *options); });
}

}  // namespace bz::app

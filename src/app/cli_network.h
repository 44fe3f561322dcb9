// The words `buzon network ...` of the command line: which connections are needed, and are they possible?
#pragma once
#include "app/cli_tls.h"

namespace bz::app {

void add_network_words(CLI::App& app, ToolCommon common, int& status);

}  // namespace bz::app

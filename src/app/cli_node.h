// The words `buzon node ...` of the command line: gateway hosts and the inside.
#pragma once
#include "app/cli_tls.h"

namespace bz::app {

void add_node_words(CLI::App& app, ToolCommon common, int& status);

}  // namespace bz::app

// The words `buzon tls ...` and `buzon probe` of the command line.
#pragma once
#include <string>

namespace CLI {
class App;
}

namespace bz::app {

// What both need of what may stand anywhere on the line; it outlives the parse.
struct ToolCommon {
  const std::string& config;
  const bool& json;
};
// The callbacks set `status`.
void add_tls_words(CLI::App& app, ToolCommon common, int& status);
void add_probe_words(CLI::App& app, ToolCommon common, int& status);

}  // namespace bz::app

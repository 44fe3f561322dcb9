// The command line: `buzon SUBCOMMAND`. Exit status: 0 done, 1 refused or failed, 2 wrong usage.
#pragma once

namespace bz::app {
int run_command_line(int argc, char** argv);
}

// What the command line does for `buzon device` before auth reads its words: auth opens no file of the administrator.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace bz::app {

// Turns "--certificate FILE" into "--certificate-stdin" and gives what is in the file; empty: the words name none.
Result<std::string> take_certificate(std::vector<std::string>& words);

}  // namespace bz::app

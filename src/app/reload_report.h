// What a reload did, for the administrator. The supervisor makes it; the tool too, when it cannot even read the file.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "wire/schema.h"

namespace bz::app {

struct ReloadReport {
  std::optional<std::string> refusal{};   // why nothing is changed
  std::vector<std::string> keys{};        // changed ones that wait for a restart
  std::vector<std::string> complaints{};  // of roles that did not take the settings, "gateway.1: ..."
  wire::ControlAnswer answer(const std::string& config_path, bool json) const;
};

// Items with `between` between them.
std::string listed(const std::vector<std::string>& items, std::string_view between);

}  // namespace bz::app

#include "app/reload_report.h"

namespace bz::app {
namespace {

// JSON (RFC 8259 section 7); what has no place in a line of text becomes a space.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::vector<std::string> quoted(const std::vector<std::string>& items) {
  std::vector<std::string> out;
  for (const std::string& item : items) out.push_back(quoted(std::string_view(item)));
  return out;
}

}  // namespace

std::string listed(const std::vector<std::string>& items, std::string_view between) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += between;
    out += item;
  }
  return out;
}

wire::ControlAnswer ReloadReport::answer(const std::string& config_path, bool json) const {
  wire::ControlAnswer answer;
  answer.exit_status = refusal || !complaints.empty() ? 1 : 0;
  if (json) {
    answer.output = "{\"reloaded\":" + std::string(refusal ? "false" : "true") +
                    ",\"error\":" + quoted(refusal.value_or("")) + ",\"needs_restart\":[" + listed(quoted(keys), ",") +
                    "],\"complaints\":[" + listed(quoted(complaints), ",") + "]}\n";
  } else if (refusal) {
    answer.error = "buzon: " + *refusal + "\nNothing is changed: the settings before stay in force.\n";
  } else {
    answer.output = config_path + " is in force\n";
    if (!keys.empty()) answer.output += "takes effect at a restart: " + listed(keys, ", ") + "\n";
    for (const std::string& complaint : complaints) answer.error += "buzon: " + complaint + "\n";
  }
  return answer;
}

}  // namespace bz::app

#include <algorithm>

#include "base/text.h"
#include "probe/probe.h"

namespace bz::probe {
namespace {

// What a server says may hold anything: controls are shown as '?'.
std::string clean(std::string_view text) {
  std::string out;
  for (char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return base::is_utf8(out) ? out : base::hex(out);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : clean(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

bool Report::passed() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& f) { return f.what.severity == Severity::Error; });
}

std::string Report::text() const {
  std::string out;
  for (const std::string& fact : facts) out += clean(fact) + "\n";
  for (Severity severity : {Severity::Error, Severity::Warning, Severity::Note}) {
    for (const Finding& finding : findings) {
      if (finding.what.severity != severity) continue;
      out += "\n" + std::string(crypto::name(severity)) + " [" + finding.what.code + "] " + finding.where + "\n  " +
             clean(finding.what.text) + "\n  -> " + clean(finding.what.advice) + "\n";
    }
  }
  return out + (passed() ? "\nNothing here that a phone would refuse.\n" : "\nA phone would refuse this as it is.\n");
}

std::string Report::json() const {
  std::string out = "{\"passed\":" + std::string(passed() ? "true" : "false") + ",\"facts\":[";
  for (size_t i = 0; i < facts.size(); ++i) out += (i ? "," : "") + quoted(facts[i]);
  out += "],\"findings\":[";
  for (size_t i = 0; i < findings.size(); ++i) {
    const crypto::Finding& what = findings[i].what;
    out += std::string(i ? "," : "") + "{\"where\":" + quoted(findings[i].where) +
           ",\"severity\":" + quoted(crypto::name(what.severity)) + ",\"code\":" + quoted(what.code) +
           ",\"text\":" + quoted(what.text) + ",\"advice\":" + quoted(what.advice) + "}";
  }
  return out + "]}\n";
}

}  // namespace bz::probe

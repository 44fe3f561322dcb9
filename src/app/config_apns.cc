#include "app/config_apns.h"

#include <optional>

#include "base/text.h"

namespace bz::app {
namespace {

constexpr std::string_view kScheme = "https://";
constexpr uint16_t kPort = 443;

// "https://HOST[:PORT]", nothing behind it.
std::optional<std::pair<std::string, uint16_t>> place_of(std::string_view url) {
  if (!url.starts_with(kScheme)) return std::nullopt;
  std::string_view host = url.substr(kScheme.size());
  if (host.find_first_of("/?#@ ") != host.npos) return std::nullopt;
  uint16_t port = kPort;
  const size_t colon = host.rfind(':');
  if (colon != host.npos && host.find(']', colon) == host.npos) {
    auto number = base::parse_number<uint16_t>(host.substr(colon + 1));
    if (!number || *number == 0) return std::nullopt;
    port = *number;
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return std::nullopt;
  return std::pair(std::string(host), port);
}

}  // namespace

Result<void> check_apns(const roles::ApnsConfig& apns) {
  if (apns.certificate_file.empty() != apns.key_file.empty())
    return fail(Errc::Invalid, "certificate_file goes together with key_file");
  if (!place_of(apns.server)) return fail(Errc::Invalid, "server must be \"https://HOST\" or \"https://HOST:PORT\"");
  return {};
}

std::pair<std::string, uint16_t> apns_place(const roles::ApnsConfig& apns) {
  return place_of(apns.server).value_or(std::pair(std::string(), kPort));
}

}  // namespace bz::app

// What [apns] needs beyond the single keys. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"
#include "roles/config.h"

namespace bz::app {

// Invalid with the key in the text.
Result<void> check_apns(const roles::ApnsConfig& apns);
// Host and port of apns.server, which is a good one.
std::pair<std::string, uint16_t> apns_place(const roles::ApnsConfig& apns);

}  // namespace bz::app

#include "crypto/tls_tickets.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "crypto/digest.h"

namespace bz::crypto {

Result<std::vector<Secret>> parse_ticket_keys(const Secret& text) {
  std::vector<Secret> keys;
  size_t number = 0;
  for (std::string_view line : base::split(text.reveal(), '\n')) {
    ++number;
    line = base::trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    auto bytes = base::from_hex(line);
    if (!bytes || bytes->size() != kTicketKeySize) {
      return fail(Errc::Invalid, "ticket keys, line " + std::to_string(number) + ": must be 64 hex digits");
    }
    keys.emplace_back(std::move(*bytes));
    if (keys.size() > kMaxTicketKeys) return fail(Errc::Limit, "more than 8 ticket keys");
  }
  if (keys.empty()) return fail(Errc::Invalid, "no ticket key");
  return keys;
}

Result<Secret> rotate_ticket_keys(const Secret& text, base::Random& random) {
  std::vector<Secret> old;
  if (!text.empty()) {
    BZ_TRY(old, parse_ticket_keys(text));
  }
  std::string out = base::hex(random.bytes(kTicketKeySize)) + "\n";
  for (size_t i = 0; i < old.size() && i + 1 < kTicketRing; ++i) out += base::hex(old[i].reveal()) + "\n";
  return Secret(std::move(out));
}

TicketRing::TicketRing(const std::vector<Secret>& keys) {
  for (const Secret& secret : keys) {
    std::string bytes = hkdf(Hash::Sha256, secret.reveal(), "", "buzon tls tickets 2", sizeof(Key));
    std::memcpy(&keys_.emplace_back(), bytes.data(), sizeof(Key));
    base::wipe(bytes.data(), bytes.size());
  }
}

TicketRing::~TicketRing() { base::wipe(keys_.data(), keys_.size() * sizeof(Key)); }

}  // namespace bz::crypto

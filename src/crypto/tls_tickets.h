// Keys of TLS session tickets (RFC 5077 section 5.5; RFC 8446 section 4.6.1) as a ring: the first key encrypts, all of them
// decrypt, so a client may come back over a rotation or two and at any worker that holds the same ring. A ring is drawn and
// rotated by one process and given to the others as text: one key of 32 bytes in hex a line, the newest first. Whoever has
// it can read TLS 1.2 sessions that were resumed by it: it is kept as a private key is.
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

struct ssl_ctx_st;

namespace bz::crypto {

inline constexpr size_t kTicketKeySize = 32;  // bytes of one key
inline constexpr size_t kTicketRing = 3;      // the one in use and the previous two
inline constexpr size_t kMaxTicketKeys = 8;   // of a ring made elsewhere

// Invalid, with the line: 1..8 lines of 64 hex digits; empty lines and lines that begin with "#" are skipped.
Result<std::vector<Secret>> parse_ticket_keys(const Secret& text);
// A new key in front of at most two of the old ones. `text` may be empty: the first ring.
Result<Secret> rotate_ticket_keys(const Secret& text, base::Random& random);

// What the key callback of a context needs. Immutable; any thread.
class TicketRing {
 public:
  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher, mac;
  };
  explicit TicketRing(const std::vector<Secret>& keys);
  ~TicketRing();
  TicketRing(const TicketRing&) = delete;
  const std::vector<Key>& keys() const { return keys_; }

 private:
  std::vector<Key> keys_;
};

}  // namespace bz::crypto

// The hand-over of a session from the gateway to a back end (docs/wire.md): a PROXY v2 header whose custom TLVs (0xE0-0xEF)
// carry our facts, then every decrypted byte that the gateway has not consumed. Believed only on inner channels.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bz::wire {

enum class Service : uint8_t { Imap = 1, Pop3 = 2, Submission = 3, Mx = 4, Lmtp = 5 };
std::string_view name(Service service);

struct Handoff {
  Service service = Service::Imap;
  std::string session_id;
  std::string peer_address, local_address;  // numeric; empty: unknown (AF_UNSPEC)
  uint16_t peer_port = 0, local_port = 0;
  // TLS facts; version empty: no TLS
  std::string tls_version, tls_cipher, tls_sni, tls_client_certificate_sha256, tls_exporter;
  std::string tag;                                            // IMAP: the client's tag of LOGIN or AUTHENTICATE
  std::string ehlo;                                           // SMTP: the client's EHLO or HELO name
  bool esmtp = true;                                          // SMTP: EHLO, not HELO
  std::vector<std::pair<std::string, std::string>> id_pairs;  // IMAP ID sent before login; at most 30
  std::string language;                                       // IMAP: chosen by LANGUAGE before login, its tag; or empty
  std::string mechanism;                                      // "PLAIN", "LOGIN", ...
  std::string account;                                        // name, for logs; the ticket is what counts
  std::string device;
  std::string ticket;  // encoded crypto::Ticket; empty for Mx and Lmtp

  // Texts that only describe (SNI, EHLO name, device, ...) are cut to kMaxHandoffText and lose control characters; ID pairs
  // that do not fit are left out. Empty: tag or ticket are too long, the session must be refused.
  std::string encode() const;
};
inline constexpr size_t kMaxHandoff = 16 << 10;     // bytes of the whole header
inline constexpr size_t kMaxHandoffText = 1024;     // bytes of one text
inline constexpr size_t kMaxHandoffTicket = 2048;   // bytes
inline constexpr size_t kMaxHandoffIdPairs = 30;    // RFC 2971 section 3.3
inline constexpr size_t kMaxHandoffIdBytes = 4096;  // bytes of the ID TLV

// Incremental: needs more bytes (nullopt), or header and how many bytes it took; Invalid for anything else. At most 16 KiB.
struct ParsedHandoff {
  Handoff handoff;
  size_t consumed = 0;
};
Result<std::optional<ParsedHandoff>> parse_handoff(std::string_view bytes);

}  // namespace bz::wire

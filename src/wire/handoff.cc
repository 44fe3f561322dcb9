// PROXY protocol version 2 (section 2.2 of its specification) as the form of the hand-over. Standard TLVs are used where
// they exist (AUTHORITY for SNI, SSL for version and cipher); the rest lies in 0xE0-0xEF. Layout: docs/wire.md.
#include "wire/handoff.h"

#include <algorithm>
#include <bitset>

#include "base/coding.h"
#include "wire/proxy_protocol.h"

namespace bz::wire {
namespace {

constexpr uint8_t kFormat = 1;  // of our own TLVs

enum Tlv : uint8_t {
  kAuthority = 0x02,
  kSsl = 0x20,
  kSslVersion = 0x21,
  kSslCipher = 0x23,
  kSession = 0xE0,  // format, service, bits
  kSessionId = 0xE1,
  kCertificateHash = 0xE2,
  kExporter = 0xE3,
  kTag = 0xE4,
  kEhlo = 0xE5,
  kIdPairs = 0xE6,
  kMechanism = 0xE7,
  kAccount = 0xE8,
  kDevice = 0xE9,
  kTicket = 0xEA,
  kLanguage = 0xEB,
};
constexpr uint8_t kBitEsmtp = 1;
constexpr uint8_t kSslClient = 1;  // PP2_CLIENT_SSL

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMaxHandoffText));
  std::replace_if(out.begin(), out.end(), is_control, '?');
  return out;
}

void put_tlv(std::string& out, uint8_t type, std::string_view value) {
  base::put_u8(out, type);
  base::put_be16(out, static_cast<uint16_t>(value.size()));
  out += value;
}
void put_text(std::string& out, uint8_t type, std::string_view text) {
  if (!text.empty()) put_tlv(out, type, printable(text));
}
void put_raw(std::string& out, uint8_t type, std::string_view bytes) {
  if (!bytes.empty()) put_tlv(out, type, bytes.substr(0, kMaxHandoffText));
}

std::string id_bytes(const Handoff& h) {
  std::string out;
  size_t count = 0;
  for (const auto& [key, value] : h.id_pairs) {
    if (++count > kMaxHandoffIdPairs || out.size() + key.size() + value.size() + 4 > kMaxHandoffIdBytes) break;
    base::put_bytes(out, key);
    base::put_bytes(out, value);
  }
  return out;
}

std::string tls_bytes(const Handoff& h) {
  std::string out;
  base::put_u8(out, kSslClient);
  base::put_be32(out, h.tls_client_certificate_sha256.empty() ? 1 : 0);  // "verify": 0 = a certificate was verified
  put_text(out, kSslVersion, h.tls_version);
  put_text(out, kSslCipher, h.tls_cipher);
  return out;
}

bool is_text(std::string_view value) {
  return value.size() <= kMaxHandoffText && std::none_of(value.begin(), value.end(), is_control);
}

Result<void> take_text(std::string& into, std::string_view value) {
  if (!is_text(value)) return fail(Errc::Invalid, "hand-over: control character or over-long text");
  into = value;
  return {};
}
Result<void> take_raw(std::string& into, std::string_view value, size_t max) {
  if (value.size() > max) return fail(Errc::Invalid, "hand-over: over-long value");
  into = value;
  return {};
}

Result<void> take_session(Handoff& h, std::string_view value) {
  base::Reader in(value);
  uint8_t format = in.u8(), service = in.u8(), bits = in.u8();
  if (!in.ok()) return fail(Errc::Invalid, "hand-over: short session TLV");
  if (format != kFormat) return fail(Errc::Unsupported, "hand-over: format " + std::to_string(format));
  if (service < static_cast<uint8_t>(Service::Imap) || service > static_cast<uint8_t>(Service::Lmtp)) {
    return fail(Errc::Invalid, "hand-over: service " + std::to_string(service));
  }
  h.service = static_cast<Service>(service);
  h.esmtp = (bits & kBitEsmtp) != 0;
  return {};
}

Result<void> take_tls(Handoff& h, std::string_view value) {
  base::Reader in(value);
  in.u8();
  in.be32();
  while (in.ok() && !in.at_end()) {
    uint8_t type = in.u8();
    std::string_view sub = in.take(in.be16());
    if (type == kSslVersion) {
      BZ_TRY_VOID(take_text(h.tls_version, sub));
    }
    if (type == kSslCipher) {
      BZ_TRY_VOID(take_text(h.tls_cipher, sub));
    }
  }
  if (!in.ok()) return fail(Errc::Invalid, "hand-over: malformed TLS TLV");
  return {};
}

Result<void> take_id_pairs(Handoff& h, std::string_view value) {
  if (value.size() > kMaxHandoffIdBytes) return fail(Errc::Invalid, "hand-over: over-long ID");
  base::Reader in(value);
  while (in.ok() && !in.at_end()) {
    std::string_view key = in.bytes(), text = in.bytes();
    if (!in.ok() || h.id_pairs.size() == kMaxHandoffIdPairs) return fail(Errc::Invalid, "hand-over: malformed ID");
    h.id_pairs.emplace_back(key, text);
  }
  return {};
}

Result<void> take_tlv(Handoff& h, uint8_t type, std::string_view value) {
  switch (type) {
    case kAuthority:
      return take_text(h.tls_sni, value);
    case kSsl:
      return take_tls(h, value);
    case kSession:
      return take_session(h, value);
    case kSessionId:
      return take_text(h.session_id, value);
    case kCertificateHash:
      return take_raw(h.tls_client_certificate_sha256, value, kMaxHandoffText);
    case kExporter:
      return take_raw(h.tls_exporter, value, kMaxHandoffText);
    case kTag:
      return take_text(h.tag, value);
    case kEhlo:
      return take_text(h.ehlo, value);
    case kIdPairs:
      return take_id_pairs(h, value);
    case kMechanism:
      return take_text(h.mechanism, value);
    case kAccount:
      return take_text(h.account, value);
    case kDevice:
      return take_text(h.device, value);
    case kLanguage:
      return take_text(h.language, value);
    case kTicket:
      return take_raw(h.ticket, value, kMaxHandoffTicket);
    default:
      return {};  // section 2.2.7: unknown types are skipped
  }
}

}  // namespace

std::string_view name(Service service) {
  switch (service) {
    case Service::Imap:
      return "imap";
    case Service::Pop3:
      return "pop3";
    case Service::Submission:
      return "submission";
    case Service::Mx:
      return "mx";
    case Service::Lmtp:
      return "lmtp";
  }
  return "unknown";
}

std::string Handoff::encode() const {
  if (tag.size() > kMaxHandoffText || !is_text(tag) || ticket.size() > kMaxHandoffTicket) return {};
  const ProxyBlock block = proxy_block({peer_address, local_address, peer_port, local_port});
  const size_t overhead = kProxyFixed + block.bytes.size();
  std::string body;  // the TLVs
  const char session[] = {static_cast<char>(kFormat), static_cast<char>(service), static_cast<char>(esmtp ? kBitEsmtp : 0)};
  put_tlv(body, kSession, std::string_view(session, sizeof session));
  put_text(body, kSessionId, session_id);
  put_text(body, kAuthority, tls_sni);
  if (!tls_version.empty()) put_tlv(body, kSsl, tls_bytes(*this));
  put_raw(body, kCertificateHash, tls_client_certificate_sha256);
  put_raw(body, kExporter, tls_exporter);
  put_text(body, kTag, tag);
  put_text(body, kEhlo, ehlo);
  if (!ticket.empty()) put_tlv(body, kTicket, ticket);
  put_text(body, kMechanism, mechanism);
  put_text(body, kAccount, account);
  put_text(body, kDevice, device);
  put_text(body, kLanguage, language);
  std::string ids = id_bytes(*this);
  if (!ids.empty() && overhead + body.size() + 3 + ids.size() <= kMaxHandoff) put_tlv(body, kIdPairs, ids);
  if (overhead + body.size() > kMaxHandoff) return {};
  return proxy_v2_header(kProxyCommandProxy, block, body);
}

Result<std::optional<ParsedHandoff>> parse_handoff(std::string_view bytes) {
  size_t shown = std::min(bytes.size(), kProxySignature.size());
  if (bytes.substr(0, shown) != kProxySignature.substr(0, shown))
    return fail(Errc::Invalid, "hand-over: no PROXY v2 header");
  if (bytes.size() < kProxyFixed) return std::optional<ParsedHandoff>();
  base::Reader head(bytes.substr(kProxySignature.size(), 4));
  uint8_t version = head.u8(), family = head.u8();
  size_t total = kProxyFixed + head.be16();
  if (version != kProxyCommandProxy) return fail(Errc::Invalid, "hand-over: version or command");
  if (total > kMaxHandoff) return fail(Errc::Invalid, "hand-over: over-long header");
  if (bytes.size() < total) return std::optional<ParsedHandoff>();

  ParsedHandoff parsed;
  parsed.consumed = total;
  base::Reader in(bytes.substr(kProxyFixed, total - kProxyFixed));
  BZ_TRY(auto addresses, take_proxy_block(family, in));
  parsed.handoff.peer_address = std::move(addresses.peer_address);
  parsed.handoff.local_address = std::move(addresses.local_address);
  parsed.handoff.peer_port = addresses.peer_port;
  parsed.handoff.local_port = addresses.local_port;
  std::bitset<256> seen;
  parsed.handoff.esmtp = false;
  while (in.ok() && !in.at_end()) {
    uint8_t type = in.u8();
    std::string_view value = in.take(in.be16());
    if (!in.ok()) break;
    if (seen[type]) return fail(Errc::Invalid, "hand-over: a TLV twice");
    seen[type] = true;
    BZ_TRY_VOID(take_tlv(parsed.handoff, type, value));
  }
  if (!in.ok()) return fail(Errc::Invalid, "hand-over: a TLV beyond the header");
  if (!seen[kSession]) return fail(Errc::Invalid, "hand-over: no session TLV");
  return std::optional<ParsedHandoff>(std::move(parsed));
}

}  // namespace bz::wire

#include "sasl/ntlm.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/md4.h"
#include "sasl/mechanism.h"

namespace bz::sasl::ntlm {

namespace {

using crypto::Hash;
using namespace std::string_view_literals;

constexpr std::string_view kSignature = "NTLMSSP\0"sv;
constexpr size_t kNegotiateSize = 16, kChallengeSize = 56, kAuthenticateSize = 64;
constexpr size_t kMicAt = 72, kMicSize = 16;
constexpr size_t kProof = 16, kTempSize = 28;  // of the fixed part of NTLMv2_CLIENT_CHALLENGE
constexpr uint32_t kMicPresent = 2;

void put16(std::string& out, size_t v) {
  out += static_cast<char>(v);
  out += static_cast<char>(v >> 8);
}
void put32(std::string& out, uint32_t v) {
  put16(out, v & 0xffff);
  put16(out, v >> 16);
}
// `at` + 4 (2) must lie within the bytes: callers have checked the header's size.
uint16_t get16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<unsigned char>(bytes[at]) | static_cast<unsigned char>(bytes[at + 1]) << 8);
}
uint32_t get32(std::string_view bytes, size_t at) { return get16(bytes, at) | uint32_t{get16(bytes, at + 2)} << 16; }

bool is_message(std::string_view message, uint32_t type, size_t header) {
  return message.size() >= header && message.starts_with(kSignature) && get32(message, 8) == type;
}

// Len, MaxLen, BufferOffset (2.2.2). nullopt: it leaves the message or lies in the header. `first`: least offset of all
// fields.
std::optional<std::string_view> field(std::string_view message, size_t at, size_t header, size_t& first) {
  size_t size = get16(message, at), offset = get32(message, at + 4);
  if (size == 0) return std::string_view();
  if (offset < header || offset > message.size() || size > message.size() - offset) return std::nullopt;
  first = std::min(first, offset);
  return message.substr(offset, size);
}

// Of clients that offer no Unicode in the code page of their system, which nobody tells us: ASCII is the same in all.
std::optional<std::string> from_oem(std::string_view bytes) {
  if (std::any_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return std::nullopt;
  return std::string(bytes);
}

std::optional<std::string> name_of(std::string_view bytes, bool unicode) {
  auto name = unicode ? from_utf16(bytes) : from_oem(bytes);
  if (!name || name->size() > kMaxField || name->find('\0') != name->npos) return std::nullopt;
  return name;
}

char32_t upper(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  if ((c >= 0xe0 && c <= 0xfe && c != 0xf7) || (c >= 0x3b1 && c <= 0x3c9 && c != 0x3c2) || (c >= 0x430 && c <= 0x44f))
    return c - 32;
  if (c == 0xff) return 0x178;
  if (c >= 0x450 && c <= 0x45f) return c - 80;
  // Latin Extended-A and the later Cyrillic letters stand in pairs, capital first.
  bool even_first = (c >= 0x100 && c <= 0x137 && c != 0x131) || (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x481) ||
                    (c >= 0x48a && c <= 0x4bf) || (c >= 0x4d0 && c <= 0x52f);
  bool odd_first = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
  if (even_first) return c & ~char32_t{1};
  if (odd_first) return c % 2 == 0 ? c - 1 : c;
  return c;
}

// Well-formed UTF-8 only.
char32_t take_code_point(std::string_view& rest) {
  unsigned char lead = static_cast<unsigned char>(rest[0]);
  size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  char32_t c = size == 1 ? lead : lead & (0x7f >> size);
  for (size_t i = 1; i < size; ++i) c = c << 6 | (static_cast<unsigned char>(rest[i]) & 0x3f);
  rest.remove_prefix(size);
  return c;
}

}  // namespace

std::string to_utf16(std::string_view utf8) {
  BZ_CHECK(base::is_utf8(utf8), "UTF-8");
  std::string out;
  while (!utf8.empty()) {
    char32_t c = take_code_point(utf8);
    if (c >= 0x10000) {
      put16(out, 0xd800 + ((c - 0x10000) >> 10));
      c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    put16(out, c);
  }
  return out;
}

std::optional<std::string> from_utf16(std::string_view bytes) {
  if (bytes.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 2) {
    char32_t c = get16(bytes, at);
    if (c >= 0xdc00 && c < 0xe000) return std::nullopt;
    if (c >= 0xd800 && c < 0xdc00) {
      at += 2;
      char32_t low = at < bytes.size() ? get16(bytes, at) : 0;
      if (low < 0xdc00 || low > 0xdfff) return std::nullopt;
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    base::append_utf8(out, c);
  }
  return out;
}

std::string upper(std::string_view utf8) {
  BZ_CHECK(base::is_utf8(utf8), "UTF-8");
  std::string out;
  while (!utf8.empty()) base::append_utf8(out, upper(take_code_point(utf8)));
  return out;
}

std::string encode_av_pairs(const std::vector<AvPair>& pairs) {
  std::string out;
  for (const AvPair& pair : pairs) {
    put16(out, static_cast<uint16_t>(pair.id));
    put16(out, pair.value.size());
    out += pair.value;
  }
  put32(out, 0);
  return out;
}

Result<std::vector<AvPair>> parse_av_pairs(std::string_view bytes) {
  std::vector<AvPair> pairs;
  while (bytes.size() >= 4) {
    Av id = static_cast<Av>(get16(bytes, 0));
    size_t size = get16(bytes, 2);
    bytes.remove_prefix(4);
    if (id == Av::End) return pairs;
    if (size > bytes.size() || pairs.size() == kMaxAvPairs) break;
    pairs.push_back({id, std::string(bytes.substr(0, size))});
    bytes.remove_prefix(size);
  }
  return fail(Errc::Invalid, "NTLM: target information");
}

Result<uint32_t> parse_negotiate(std::string_view message) {
  // The fields behind the flags (domain, workstation) came later and are of no use to us.
  if (!is_message(message, 1, kNegotiateSize)) return fail(Errc::Invalid, "NTLM: not a NEGOTIATE message");
  return get32(message, 12);
}

std::string ChallengeMessage::encode() const {
  std::string name = to_utf16(target), info = encode_av_pairs(target_info);
  std::string out(kSignature);
  put32(out, 2);
  put16(out, name.size()), put16(out, name.size()), put32(out, kChallengeSize);
  put32(out, flags);
  out += server_challenge;
  out.append(8, '\0');
  put16(out, info.size()), put16(out, info.size()), put32(out, kChallengeSize + static_cast<uint32_t>(name.size()));
  out += "\x06\x01\0\0\0\0\0\x0f"sv;  // version 6.1, NTLM revision 15: for people who read traces
  return out + name + info;
}

Result<Challenged> parse_challenge(std::string_view message) {
  Error bad(Errc::Invalid, "NTLM: not a CHALLENGE message");
  constexpr size_t kHeader = kChallengeSize - 8;  // old servers send no version
  if (!is_message(message, 2, kHeader)) return bad;
  size_t first = message.size();
  auto target = field(message, 12, kHeader, first), info = field(message, 40, kHeader, first);
  if (!target || !info) return bad;
  Challenged out;
  out.flags = get32(message, 20);
  out.server_challenge = message.substr(24, 8);
  if (!info->empty()) {
    BZ_TRY(out.target_info, parse_av_pairs(*info));
  }
  return out;
}

std::string filetime(const base::Clock& clock) {
  constexpr uint64_t kSecondsTo1970 = 11'644'473'600;
  uint64_t time = (kSecondsTo1970 * 1000 + static_cast<uint64_t>(clock.unix_millis())) * 10'000;
  std::string out;
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(time >> shift);
  return out;
}

Result<Authenticate> parse_authenticate(std::string_view message) {
  Error bad(Errc::Invalid, "NTLM: AUTHENTICATE message");
  if (!is_message(message, 3, kAuthenticateSize)) return bad;
  size_t first = message.size();
  auto lm = field(message, 12, kAuthenticateSize, first), nt = field(message, 20, kAuthenticateSize, first);
  auto domain = field(message, 28, kAuthenticateSize, first), user = field(message, 36, kAuthenticateSize, first);
  auto workstation = field(message, 44, kAuthenticateSize, first), key = field(message, 52, kAuthenticateSize, first);
  if (!lm || !nt || !domain || !user || !workstation || !key) return bad;
  Authenticate out;
  out.flags = get32(message, 60);
  const bool unicode = (out.flags & kUnicode) != 0;
  auto its_domain = name_of(*domain, unicode), its_user = name_of(*user, unicode);
  if (!its_domain || !its_user) return fail(Errc::Invalid, "NTLM: name");
  out.domain = std::move(*its_domain);
  out.user = std::move(*its_user);
  out.nt_response = *nt;
  if (first >= kMicAt + kMicSize && message.size() >= kMicAt + kMicSize) out.mic = message.substr(kMicAt, kMicSize);
  return out;
}

Result<Response> parse_response(std::string_view bytes) {
  // 24 bytes: LM, NTLMv1 or NTLM2 session, which can be computed back to the password's hash in a day.
  if (bytes.size() < kProof + kTempSize) return fail(Errc::Unsupported, "NTLM: NTLMv1 and LM are not taken, NTLMv2 only");
  std::string_view temp = bytes.substr(kProof);
  if (temp[0] != 1 || temp[1] != 1) return fail(Errc::Invalid, "NTLM: response version");
  BZ_TRY(auto pairs, parse_av_pairs(temp.substr(kTempSize)));
  Response out{std::string(bytes.substr(0, kProof)), std::string(temp)};
  for (const AvPair& pair : pairs) {
    if (pair.id == Av::Flags && pair.value.size() == 4) out.has_mic = (get32(pair.value, 0) & kMicPresent) != 0;
    if (pair.id != Av::ChannelBindings) continue;
    if (pair.value.size() != 16) return fail(Errc::Invalid, "NTLM: channel bindings");
    if (pair.value.find_first_not_of('\0') != pair.value.npos) out.channel_bindings = pair.value;
  }
  return out;
}

std::string nt_hash(const Secret& password) {
  std::string text = to_utf16(password.reveal());
  std::string hash = crypto::md4(text);
  base::wipe(text.data(), text.size());
  return hash;
}

Secret response_key(const Secret& nt_hash, std::string_view user, std::string_view domain) {
  return Secret(crypto::hmac(Hash::Md5, nt_hash.reveal(), to_utf16(upper(user)) + to_utf16(domain)));
}

std::string proof(const Secret& response_key, std::string_view server_challenge, std::string_view temp) {
  return crypto::hmac(Hash::Md5, response_key.reveal(), std::string(server_challenge) + std::string(temp));
}

std::string mic(const Secret& response_key, std::string_view proof, std::string_view negotiate, std::string_view challenge,
                std::string_view authenticate) {
  std::string last(authenticate);
  last.replace(kMicAt, kMicSize, kMicSize, '\0');
  Secret session(crypto::hmac(Hash::Md5, response_key.reveal(), proof));
  return crypto::hmac(Hash::Md5, session.reveal(), std::string(negotiate) + std::string(challenge) + last);
}

std::string channel_bindings_hash(std::string_view server_end_point) {
  std::string data = "tls-server-end-point:" + std::string(server_end_point);
  std::string bindings(16, '\0');  // no addresses
  put32(bindings, static_cast<uint32_t>(data.size()));
  return crypto::md5(bindings + data);
}

}  // namespace bz::sasl::ntlm

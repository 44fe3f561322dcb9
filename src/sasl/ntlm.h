// NTLM's three messages and NTLMv2's arithmetic ([MS-NLMP] 2.2.1, 2.2.2, 3.3.2). Integers are little-endian; texts are
// UTF-16LE on the wire and UTF-8 here. Fields may lie anywhere behind the header: each is checked against the message's
// end.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

namespace bz::sasl::ntlm {

// NegotiateFlags (2.2.2.5), those that matter to us.
enum Flag : uint32_t {
  kUnicode = 0x00000001,
  kRequestTarget = 0x00000004,
  kNtlm = 0x00000200,
  kAnonymous = 0x00000800,
  kAlwaysSign = 0x00008000,
  kTargetTypeServer = 0x00020000,
  kExtendedSessionSecurity = 0x00080000,
  kTargetInfo = 0x00800000,
  kVersion = 0x02000000,
  k128 = 0x20000000,
  kKeyExchange = 0x40000000,
  k56 = 0x80000000,
};

enum class Av : uint16_t {
  End = 0,
  NbComputerName = 1,
  NbDomainName = 2,
  DnsComputerName = 3,
  DnsDomainName = 4,
  Flags = 6,
  Timestamp = 7,
  ChannelBindings = 10,
};
struct AvPair {
  Av id;
  std::string value;  // as on the wire
};
inline constexpr size_t kMaxAvPairs = 32;
std::string encode_av_pairs(const std::vector<AvPair>& pairs);  // closed by MsvAvEOL
// Up to MsvAvEOL, which must be there; what lies behind it (padding of some clients) is not looked at.
Result<std::vector<AvPair>> parse_av_pairs(std::string_view bytes);

Result<uint32_t> parse_negotiate(std::string_view message);  // its flags

struct ChallengeMessage {
  uint32_t flags = 0;
  std::string target;            // UTF-8
  std::string server_challenge;  // 8 bytes
  std::vector<AvPair> target_info;
  std::string encode() const;
};

struct Challenged {
  uint32_t flags = 0;
  std::string server_challenge;     // 8 bytes
  std::vector<AvPair> target_info;  // empty: none
};
Result<Challenged> parse_challenge(std::string_view message);
std::string filetime(const base::Clock& clock);  // 100 ns since 1601, as on the wire

struct Authenticate {
  uint32_t flags = 0;
  std::string domain, user;  // UTF-8, 1 KiB at most
  std::string nt_response;
  std::string mic;  // 16 bytes at offset 72; empty: the fields leave no room for it
};
Result<Authenticate> parse_authenticate(std::string_view message);

// NTLMv2_CLIENT_CHALLENGE behind the proof. Invalid: an NTLMv1 or LM response, or nonsense.
struct Response {
  std::string proof;               // NTProofStr, 16 bytes
  std::string temp;                // what it proves, as sent
  bool has_mic = false;            // MsvAvFlags bit 1
  std::string channel_bindings{};  // 16 bytes; empty: none sent, or all zero
};
Result<Response> parse_response(std::string_view nt_response);

std::string nt_hash(const Secret& password);  // NTOWFv1: MD4(UTF-16LE(password)); the password is UTF-8
// NTOWFv2: HMAC-MD5(nt_hash, UTF-16LE(uppercase(user) + domain)).
Secret response_key(const Secret& nt_hash, std::string_view user, std::string_view domain);
std::string proof(const Secret& response_key, std::string_view server_challenge, std::string_view temp);
// Its key is the session base key, which without key exchange is the exported one; its own 16 bytes count as zero.
std::string mic(const Secret& response_key, std::string_view proof, std::string_view negotiate, std::string_view challenge,
                std::string_view authenticate);
std::string channel_bindings_hash(std::string_view server_end_point);  // RFC 5929 4 in a gss_channel_bindings_struct, MD5

std::string to_utf16(std::string_view utf8);
std::optional<std::string> from_utf16(std::string_view bytes);  // nullopt: odd length, lone surrogates
// Simple upper case of Latin, Greek and Cyrillic letters; others stay.
std::string upper(std::string_view utf8);

}  // namespace bz::sasl::ntlm

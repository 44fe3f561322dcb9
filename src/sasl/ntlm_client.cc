#include "sasl/ntlm_client.h"

#include <algorithm>

#include "sasl/ntlm.h"

namespace bz::sasl::ntlm {

namespace {

using namespace std::string_view_literals;

constexpr uint32_t kFlags = kUnicode | kRequestTarget | kNtlm | kExtendedSessionSecurity | kTargetInfo | k128 | k56;
constexpr size_t kHeader = 64;

void put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

// NTLMv2_CLIENT_CHALLENGE (2.2.2.7) with the server's own words about itself, which a domain controller compares with the
// machine that asks it.
std::string client_challenge(const Challenged& challenge, const base::Clock& clock, base::Random& random) {
  auto at = std::find_if(challenge.target_info.begin(), challenge.target_info.end(),
                         [](const AvPair& pair) { return pair.id == Av::Timestamp && pair.value.size() == 8; });
  std::string out("\1\1\0\0\0\0\0\0"sv);
  out += at != challenge.target_info.end() ? at->value : filetime(clock);
  out += random.bytes(8);
  out.append(4, '\0');
  return out + encode_av_pairs(challenge.target_info) + std::string(4, '\0');
}

}  // namespace

std::string negotiate_message() {
  std::string out("NTLMSSP\0\1\0\0\0"sv);
  put(out, kFlags, 4);
  return out.append(16, '\0');  // no domain, no workstation
}

Result<std::string> authenticate_message(const Login& login, std::string_view challenge, const base::Clock& clock,
                                         base::Random& random) {
  BZ_TRY(Challenged its, parse_challenge(challenge));
  if (its.target_info.empty()) return fail(Errc::Invalid, "NTLM: a challenge without target information");
  const std::string temp = client_challenge(its, clock, random);
  const Secret key = response_key(Secret(nt_hash(login.password)), login.user, login.domain);
  std::string header("NTLMSSP\0\3\0\0\0"sv), payload;
  auto field = [&](const std::string& bytes) {
    put(header, bytes.size(), 2), put(header, bytes.size(), 2), put(header, kHeader + payload.size(), 4);
    payload += bytes;
  };
  field(std::string(24, '\0'));  // no LMv2 beside NTLMv2 (3.1.5.1.2)
  field(proof(key, its.server_challenge, temp) + temp);
  field(to_utf16(login.domain)), field(to_utf16(login.user)), field(""), field("");
  put(header, its.flags & kFlags, 4);
  return header + payload;
}

}  // namespace bz::sasl::ntlm

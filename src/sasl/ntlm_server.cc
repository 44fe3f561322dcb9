// NTLM, server side, without a domain controller: NEGOTIATE, our CHALLENGE, AUTHENTICATE checked against the NT hash.
// NTLMv2 only. No signing or sealing follows, so no key is exchanged. A message integrity code (MIC) is checked when the
// client says it sent one, channel bindings when they are not empty; both are covered by the proof, so nobody on the way
// can take them out.
#include "base/text.h"
#include "sasl/machines.h"
#include "sasl/ntlm.h"

namespace bz::sasl {

namespace {

using namespace ntlm;

constexpr size_t kNetbiosName = 15;

// 100 ns since 1601.
std::string filetime(const base::Clock& clock) {
  constexpr uint64_t kSecondsTo1970 = 11'644'473'600;
  uint64_t time = (kSecondsTo1970 * 1000 + static_cast<uint64_t>(clock.unix_millis())) * 10'000;
  std::string out;
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(time >> shift);
  return out;
}

class Ntlm : public ServerMechanism {
 public:
  Ntlm(ServerOptions options, const base::Clock& clock, base::Random& random) : options_(std::move(options)) {
    challenge_.server_challenge = options_.nonce.empty() ? random.bytes(8) : options_.nonce;
    std::string_view host = options_.host.empty() ? "localhost" : std::string_view(options_.host);
    size_t dot = host.find('.');
    std::string_view domain = dot == host.npos ? host : host.substr(dot + 1);
    auto netbios = [](std::string_view name) {
      return base::upper(name.substr(0, name.find('.')).substr(0, kNetbiosName));
    };
    challenge_.target = netbios(host);
    challenge_.target_info = {{Av::NbDomainName, to_utf16(netbios(domain))},
                              {Av::NbComputerName, to_utf16(challenge_.target)},
                              {Av::DnsDomainName, to_utf16(domain)},
                              {Av::DnsComputerName, to_utf16(host)},
                              {Av::Timestamp, filetime(clock)}};
  }

 private:
  Step on_start() override { return Challenge{}; }
  Step on_message(std::string_view message) override {
    return negotiate_.empty() ? on_negotiate(message) : on_authenticate(message);
  }

  Step on_negotiate(std::string_view message) {
    auto asked = parse_negotiate(message);
    if (!asked) return malformed(asked.error().text());
    negotiate_ = message;
    constexpr uint32_t kEcho = kAlwaysSign | k128 | k56;
    challenge_.flags = kUnicode | kRequestTarget | kNtlm | kTargetTypeServer | kExtendedSessionSecurity | kTargetInfo |
                       kVersion | (*asked & kEcho);
    encoded_ = challenge_.encode();
    return Challenge{encoded_};
  }

  Step on_authenticate(std::string_view message) {
    auto parsed = parse_authenticate(message);
    if (!parsed) return malformed(parsed.error().text());
    if (parsed->user.empty() || (parsed->flags & kAnonymous)) return refused("NTLM: anonymous");
    auto response = parse_response(parsed->nt_response);
    if (!response) {
      bool old = response.error().code() == Errc::Unsupported;
      return old ? refused(response.error().text()) : malformed(response.error().text());
    }
    if (response->has_mic && parsed->mic.empty()) return malformed("NTLM: no room for the MIC");
    authenticate_ = message;
    said_ = std::move(*parsed);
    response_ = std::move(*response);
    return NeedCredentials{account_name()};
  }

  // People write their address as the name; a domain beside a bare name counts if it is a DNS name and not this host's.
  std::string account_name() const {
    bool complete = said_.user.find('@') != std::string::npos;
    bool other = said_.domain.find('.') != std::string::npos && !base::iequals(said_.domain, options_.host);
    return complete || !other ? said_.user : said_.user + "@" + said_.domain;
  }

  Step on_supply(const Credentials& credentials) override {
    if (!credentials.nt_hash) return refused("no NTLM secret");
    Secret key = response_key(*credentials.nt_hash, said_.user, said_.domain);
    std::string wanted = proof(key, challenge_.server_challenge, response_.temp);
    bool right = base::equal_constant_time(wanted, response_.proof);
    if (!right || !credentials.known) return refused("wrong password or unknown user");
    if (response_.has_mic && !base::equal_constant_time(mic(key, wanted, negotiate_, encoded_, authenticate_), said_.mic))
      return refused("NTLM: the messages were changed on their way (MIC)");
    const std::string& end_point = options_.bindings.server_end_point;
    if (!response_.channel_bindings.empty() && !end_point.empty() &&
        !base::equal_constant_time(channel_bindings_hash(end_point), response_.channel_bindings))
      return refused("NTLM: channel bindings do not match");
    return Done{account_name(), {}, {}};
  }

  ServerOptions options_;
  ChallengeMessage challenge_;
  std::string negotiate_, encoded_, authenticate_;  // as they travelled, for the MIC
  Authenticate said_;
  Response response_;
};

}  // namespace

Machine make_ntlm(ServerOptions options, const base::Clock& clock, base::Random& random) {
  return std::make_unique<Ntlm>(std::move(options), clock, random);
}

}  // namespace bz::sasl

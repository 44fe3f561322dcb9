// NTLM, server side: NEGOTIATE, CHALLENGE, AUTHENTICATE. Without a domain controller the challenge is ours and the answer
// is checked against the NT hash; with one both are its affair, and what may come to it is ours. NTLMv2 only. No signing or
// sealing follows, so no key is exchanged. A message integrity code (MIC) is checked when the client says it sent one,
// channel bindings when they are not empty; both are covered by the proof, so nobody on the way can take them out.
#include "base/text.h"
#include "sasl/machines.h"
#include "sasl/ntlm.h"

namespace bz::sasl {

namespace {

using namespace ntlm;

constexpr size_t kNetbiosName = 15;

// What any AUTHENTICATE must be before somebody judges it.
struct Said {
  Authenticate message;
  Response response;
};
std::variant<Failure, Said> read_said(std::string_view message) {
  using Why = Failure::Why;
  auto parsed = parse_authenticate(message);
  if (!parsed) return Failure{Why::Malformed, parsed.error().text()};
  if (parsed->user.empty() || (parsed->flags & kAnonymous)) return Failure{Why::Refused, "NTLM: anonymous"};
  auto response = parse_response(parsed->nt_response);
  if (!response) {
    bool old = response.error().code() == Errc::Unsupported;
    return Failure{old ? Why::Refused : Why::Malformed, response.error().text()};
  }
  if (response->has_mic && parsed->mic.empty()) return Failure{Why::Malformed, "NTLM: no room for the MIC"};
  return Said{std::move(*parsed), std::move(*response)};
}

// Only once the proof is known to be good does this tell more than the client's word.
bool is_bound_elsewhere(const Response& response, const ChannelBindings& bindings) {
  return !response.channel_bindings.empty() && !bindings.server_end_point.empty() &&
         !base::equal_constant_time(channel_bindings_hash(bindings.server_end_point), response.channel_bindings);
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
    auto read = read_said(message);
    if (auto* failure = std::get_if<Failure>(&read)) return std::move(*failure);
    authenticate_ = message;
    said_ = std::move(std::get<Said>(read).message);
    response_ = std::move(std::get<Said>(read).response);
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
    if (is_bound_elsewhere(response_, options_.bindings)) return refused("NTLM: channel bindings do not match");
    return Done{account_name(), {}, {}};
  }

  ServerOptions options_;
  ChallengeMessage challenge_;
  std::string negotiate_, encoded_, authenticate_;  // as they travelled, for the MIC
  Authenticate said_;
  Response response_;
};

// The MIC is for the domain's side to check: its key comes from the NT hash. The bindings are for us, who know the
// connection, and are covered by the proof that is judged there.
class NtlmElsewhere : public ServerMechanism {
 public:
  explicit NtlmElsewhere(ServerOptions options) : bindings_(std::move(options.bindings)) {}

 private:
  Step on_start() override { return Challenge{}; }
  Step on_message(std::string_view message) override {
    return challenged_ ? on_authenticate(message) : on_negotiate(message);
  }

  Step on_negotiate(std::string_view message) {
    if (auto asked = parse_negotiate(message); !asked) return malformed(asked.error().text());
    return NeedNtlm{NeedNtlm::Call::Negotiate, std::string(message)};
  }

  Step on_answered(Result<GssAnswer> answer) override {
    if (!answer) return refused(answer.error().text());
    if (auto good = parse_challenge(answer->bytes); !good) return refused(good.error().text());
    challenged_ = true;
    return Challenge{std::move(answer->bytes)};
  }

  Step on_authenticate(std::string_view message) {
    auto read = read_said(message);
    if (auto* failure = std::get_if<Failure>(&read)) return std::move(*failure);
    Said& said = std::get<Said>(read);
    if (is_bound_elsewhere(said.response, bindings_)) return refused("NTLM: channel bindings do not match");
    return NeedNtlm{NeedNtlm::Call::Authenticate, std::string(message), std::move(said.message.domain),
                    std::move(said.message.user)};
  }

  Step on_identified(std::optional<std::string> user) override {
    if (!user) return refused("wrong password or unknown user");
    return Done{std::move(*user), {}, {}};
  }

  ChannelBindings bindings_;
  bool challenged_ = false;
};

}  // namespace

Machine make_ntlm(ServerOptions options, const base::Clock& clock, base::Random& random) {
  if (options.ntlm_elsewhere) return std::make_unique<NtlmElsewhere>(std::move(options));
  return std::make_unique<Ntlm>(std::move(options), clock, random);
}

}  // namespace bz::sasl

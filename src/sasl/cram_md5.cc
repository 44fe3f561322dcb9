// RFC 2195: a message-id of ours, then "name hex(HMAC-MD5(secret, challenge))". And its older cousin APOP, which POP3's own
// command brings in one piece (RFC 1939 section 7).
#include "base/text.h"
#include "sasl/apop.h"
#include "sasl/machines.h"

namespace bz::sasl {

namespace {

class CramMd5 : public ServerMechanism {
 public:
  CramMd5(const ServerOptions& options, const base::Clock& clock, base::Random& random)
      : challenge_(options.nonce.empty() ? make_timestamp(options.host, clock, random) : options.nonce) {}

 private:
  Step on_start() override { return Challenge{challenge_}; }
  Step on_message(std::string_view message) override {
    size_t space = message.rfind(' ');
    if (space == message.npos || !is_field(message.substr(0, space))) return malformed("CRAM-MD5 answer");
    user_ = message.substr(0, space);
    auto answer = base::from_hex(message.substr(space + 1));
    if (!answer || answer->size() != 16) return malformed("CRAM-MD5 digest");
    answer_ = *answer;
    return NeedCredentials{user_};
  }
  Step on_supply(const Credentials& credentials) override {
    if (!credentials.cram) return refused("no CRAM-MD5 secret");
    bool equal = base::equal_constant_time(crypto::hmac_md5(*credentials.cram, challenge_), answer_);
    if (!equal || !credentials.known) return refused("wrong password or unknown user");
    return Done{user_, {}, {}};
  }
  std::string challenge_, user_, answer_;
};

class Apop : public ServerMechanism {
  Step on_start() override { return malformed("APOP comes in one piece"); }
  Step on_message(std::string_view message) override {
    auto answer = ApopAnswer::decode(message);
    if (!answer) return malformed(answer.error().text());
    answer_ = std::move(*answer);
    return NeedCredentials{answer_.user};
  }
  Step on_supply(const Credentials& credentials) override {
    if (!credentials.password) return refused("no APOP secret");
    std::string text = answer_.timestamp + std::string(credentials.password->reveal());
    bool equal = base::equal_constant_time(base::hex(crypto::md5(text)), answer_.digest);
    base::wipe(text.data(), text.size());
    if (!equal || !credentials.known) return refused("wrong password or unknown user");
    return Done{answer_.user, {}, {}};
  }
  ApopAnswer answer_;
};

}  // namespace

std::string make_timestamp(std::string_view host, const base::Clock& clock, base::Random& random) {
  return "<" + std::to_string(random.u64()) + std::to_string(random.u64()) + "." + std::to_string(clock.unix_seconds()) +
         "@" + (host.empty() ? "localhost" : std::string(host)) + ">";
}

std::string ApopAnswer::encode() const { return timestamp + '\0' + user + '\0' + digest; }

Result<ApopAnswer> ApopAnswer::decode(std::string_view bytes) {
  auto parts = base::split(bytes, '\0');
  if (parts.size() != 3 || !is_field(parts[0]) || !is_field(parts[1])) return fail(Errc::Invalid, "APOP message");
  if (!parts[0].starts_with('<') || !parts[0].ends_with('>')) return fail(Errc::Invalid, "APOP timestamp");
  if (parts[2].size() != 32 || !base::from_hex(parts[2])) return fail(Errc::Invalid, "APOP digest");
  return ApopAnswer{std::string(parts[0]), std::string(parts[1]), base::lower(parts[2])};
}

Machine make_cram_md5(const ServerOptions& options, const base::Clock& clock, base::Random& random) {
  return std::make_unique<CramMd5>(options, clock, random);
}
Machine make_apop() { return std::make_unique<Apop>(); }

}  // namespace bz::sasl

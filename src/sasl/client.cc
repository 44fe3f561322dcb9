#include "sasl/client.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "crypto/digest.h"

namespace bz::sasl {

namespace {

using crypto::Hash;

class PlainClient : public ClientMechanism {
 public:
  explicit PlainClient(ClientOptions options) : options_(std::move(options)) {}
  std::optional<std::string> initial() override {
    answered_ = true;
    return options_.authzid + '\0' + options_.user + '\0' + std::string(options_.password.reveal());
  }
  Result<std::string> next(std::string_view) override {
    if (answered_) return fail(Errc::Invalid, "PLAIN: a second challenge");
    return *initial();
  }
  bool may_succeed() const override { return answered_; }

 private:
  ClientOptions options_;
  bool answered_ = false;
};

// The order of the two questions is the mechanism; their words differ between servers.
class LoginClient : public ClientMechanism {
 public:
  explicit LoginClient(ClientOptions options) : options_(std::move(options)) {}
  std::optional<std::string> initial() override { return std::nullopt; }
  Result<std::string> next(std::string_view) override {
    switch (asked_++) {
      case 0:
        return options_.user;
      case 1:
        return std::string(options_.password.reveal());
      default:
        return fail(Errc::Invalid, "LOGIN: a third challenge");
    }
  }
  bool may_succeed() const override { return asked_ == 2; }

 private:
  ClientOptions options_;
  int asked_ = 0;
};

class CramMd5Client : public ClientMechanism {
 public:
  explicit CramMd5Client(ClientOptions options) : options_(std::move(options)) {}
  std::optional<std::string> initial() override { return std::nullopt; }
  Result<std::string> next(std::string_view challenge) override {
    if (answered_ || challenge.empty() || challenge.size() > kMaxMessage) return fail(Errc::Invalid, "CRAM-MD5 challenge");
    answered_ = true;
    return options_.user + " " + base::hex(crypto::hmac(Hash::Md5, options_.password.reveal(), challenge));
  }
  bool may_succeed() const override { return answered_; }

 private:
  ClientOptions options_;
  bool answered_ = false;
};

class ScramClient : public ClientMechanism {
 public:
  ScramClient(Kind kind, ClientOptions options, base::Random& random)
      : hash_(scram_hash(kind)),
        options_(std::move(options)),
        gs2_(std::string(is_plus(kind) ? "p=tls-exporter," : "n,") +
             (options_.authzid.empty() ? "" : "a=" + scram_name(options_.authzid)) + ","),
        binding_(is_plus(kind) ? options_.channel_binding : ""),
        nonce_(options_.nonce.empty() ? base::base64(random.bytes(18)) : options_.nonce) {}

  std::optional<std::string> initial() override {
    first_bare_ = "n=" + scram_name(options_.user) + ",r=" + nonce_;
    state_ = State::SentFirst;
    return gs2_ + first_bare_;
  }
  Result<std::string> next(std::string_view challenge) override {
    if (challenge.size() > kMaxMessage) return fail(Errc::TooLarge, "SCRAM challenge");
    switch (state_) {
      case State::Idle:
        return *initial();
      case State::SentFirst:
        return answer_first(challenge);
      case State::SentFinal:
        return check_final(challenge);
      case State::Proved:
        break;
    }
    return fail(Errc::Invalid, "SCRAM: a challenge too many");
  }
  bool may_succeed() const override { return state_ == State::Proved; }

 private:
  enum class State : uint8_t { Idle, SentFirst, SentFinal, Proved };

  Result<std::string> answer_first(std::string_view challenge) {
    BZ_TRY(ScramServerFirst first, parse_server_first(challenge));
    if (!first.nonce.starts_with(nonce_) || first.nonce.size() == nonce_.size())
      return fail(Errc::Invalid, "SCRAM: the server's nonce does not continue ours");
    if (first.iterations < 4096 || first.iterations > kMaxScramIterations)  // RFC 7677 4
      return fail(Errc::Limit, "SCRAM: iteration count " + std::to_string(first.iterations));
    const size_t size = crypto::digest_size(hash_);
    Secret salted(crypto::pbkdf2(hash_, options_.password.reveal(), first.salt, first.iterations, size));
    Secret client_key(crypto::hmac(hash_, salted.reveal(), "Client Key"));
    std::string without_proof = "c=" + base::base64(gs2_ + binding_) + ",r=" + first.nonce;
    std::string auth_message = first_bare_ + "," + std::string(challenge) + "," + without_proof;
    std::string signature = crypto::hmac(hash_, crypto::digest(hash_, client_key.reveal()), auth_message);
    std::string server_key = crypto::hmac(hash_, salted.reveal(), "Server Key");
    server_signature_ = crypto::hmac(hash_, server_key, auth_message);
    state_ = State::SentFinal;
    return without_proof + ",p=" + base::base64(xor_bytes(client_key.reveal(), signature));
  }

  Result<std::string> check_final(std::string_view challenge) {
    if (challenge.starts_with("e="))
      return fail(Errc::AuthFailed, "SCRAM: server says " + std::string(challenge.substr(2)));
    auto signature =
        challenge.starts_with("v=") ? base::from_base64(challenge.substr(2, challenge.find(',') - 2)) : std::nullopt;
    if (!signature) return fail(Errc::Invalid, "SCRAM: server-final");
    if (!base::equal_constant_time(*signature, server_signature_))
      return fail(Errc::Denied, "SCRAM: the server does not know the password");
    state_ = State::Proved;
    return std::string();
  }

  crypto::Hash hash_;
  ClientOptions options_;
  std::string gs2_, binding_, nonce_, first_bare_, server_signature_;
  State state_ = State::Idle;
};

}  // namespace

std::unique_ptr<ClientMechanism> make_client(Kind kind, ClientOptions options, base::Random& random) {
  if (is_scram(kind)) return std::make_unique<ScramClient>(kind, std::move(options), random);
  switch (kind) {
    case Kind::Plain:
      return std::make_unique<PlainClient>(std::move(options));
    case Kind::Login:
      return std::make_unique<LoginClient>(std::move(options));
    case Kind::CramMd5:
      return std::make_unique<CramMd5Client>(std::move(options));
    default:
      return nullptr;
  }
}

std::optional<Kind> choose_mechanism(std::string_view offered, bool tls) {
  std::vector<Kind> has;
  for (std::string_view word : base::split(offered, ' '))
    if (auto kind = mechanism_of(base::trim(word))) has.push_back(*kind);
  for (Kind kind : {Kind::ScramSha512, Kind::ScramSha256, Kind::ScramSha1, Kind::CramMd5, Kind::Plain, Kind::Login}) {
    bool shows_password = kind == Kind::Plain || kind == Kind::Login;
    if (std::find(has.begin(), has.end(), kind) != has.end() && (tls || !shows_password)) return kind;
  }
  return std::nullopt;
}

}  // namespace bz::sasl

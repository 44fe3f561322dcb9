#include "sasl/mechanism.h"

#include "base/text.h"

namespace bz::sasl {

namespace {

constexpr std::string_view kNames[] = {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};

bool is_field(std::string_view text) {
  return !text.empty() && text.size() <= kMaxField && text.find('\0') == text.npos && base::is_utf8(text);
}

// RFC 4616: [authzid] NUL authcid NUL passwd
class Plain : public ServerMechanism {
  Step on_start() override { return Challenge{}; }
  Step on_message(std::string_view message) override {
    auto parts = base::split(message, '\0');
    if (parts.size() != 3 || !is_field(parts[1]) || !is_field(parts[2]) || (!parts[0].empty() && !is_field(parts[0])))
      return malformed("PLAIN message");
    authzid_ = parts[0];
    user_ = parts[1];
    return NeedPassword{user_, Secret(std::string(parts[2]))};
  }
  Step on_verified(bool ok) override {
    if (!ok) return refused("wrong password or unknown user");
    return Done{user_, authzid_, {}};
  }
  std::string user_, authzid_;
};

// draft-murchison-sasl-login: two questions, whose wording old clients compare; the name may come as initial response.
class Login : public ServerMechanism {
  Step on_start() override { return Challenge{"Username:"}; }
  Step on_message(std::string_view message) override {
    if (!is_field(message)) return malformed("LOGIN answer");
    if (user_.empty()) {
      user_ = message;
      return Challenge{"Password:"};
    }
    return NeedPassword{user_, Secret(std::string(message))};
  }
  Step on_verified(bool ok) override {
    if (!ok) return refused("wrong password or unknown user");
    return Done{user_, {}, {}};
  }
  std::string user_;
};

// RFC 2195: a message-id of ours, then "name hex(HMAC-MD5(secret, challenge))".
class CramMd5 : public ServerMechanism {
 public:
  CramMd5(const ServerOptions& options, const base::Clock& clock, base::Random& random)
      : challenge_(options.nonce.empty() ? "<" + std::to_string(random.u64()) + std::to_string(random.u64()) + "." +
                                               std::to_string(clock.unix_seconds()) + "@" +
                                               (options.host.empty() ? "localhost" : options.host) + ">"
                                         : options.nonce) {}

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

// RFC 5802: client-first, (credentials), server-first, client-final, server-final with Done.
class Scram : public ServerMechanism {
 public:
  Scram(bool plus, ServerOptions options, base::Random& random)
      : plus_(plus),
        options_(std::move(options)),
        nonce_(options_.nonce.empty() ? base::base64(random.bytes(18)) : options_.nonce) {}

 private:
  Step on_start() override { return Challenge{}; }
  Step on_message(std::string_view message) override { return keys_ ? on_final(message) : on_first(message); }

  Step on_first(std::string_view message) {
    auto first = parse_client_first(message);
    if (!first) return malformed(first.error().text());
    if (plus_ != (first->binding == 'p')) return malformed("SCRAM: channel binding flag");
    if (plus_ && (first->binding_name != "tls-exporter" || options_.channel_binding.empty()))
      return malformed("SCRAM: channel binding type " + first->binding_name);
    // The client believes we offer no -PLUS although we do: somebody changed the list on its way.
    if (first->binding == 'y' && options_.offers_plus) return refused("SCRAM: channel binding downgrade");
    if (first->user.size() > kMaxField || first->authzid.size() > kMaxField) return malformed("SCRAM: name too long");
    first_ = std::move(*first);
    return NeedCredentials{first_.user};
  }

  Step on_supply(const Credentials& credentials) override {
    if (!credentials.scram) return refused("no SCRAM keys");
    keys_ = credentials.scram;
    known_ = credentials.known;
    nonce_ = first_.nonce + nonce_;
    server_first_ = "r=" + nonce_ + ",s=" + base::base64(keys_->salt) + ",i=" + std::to_string(keys_->iterations);
    return Challenge{server_first_};
  }

  Step on_final(std::string_view message) {
    auto final = parse_client_final(message);
    if (!final) return malformed(final.error().text());
    if (final->nonce != nonce_) return malformed("SCRAM: another nonce");
    if (!base::equal_constant_time(final->binding, first_.gs2_header + (plus_ ? options_.channel_binding : "")))
      return refused("SCRAM: channel bindings do not match");
    std::string auth_message = first_.bare + "," + server_first_ + "," + final->without_proof;
    using crypto::Hash;
    std::string client_signature = crypto::hmac(Hash::Sha256, keys_->stored_key, auth_message);
    std::string client_key = xor_bytes(final->proof, client_signature);
    bool equal = base::equal_constant_time(crypto::sha256(client_key), keys_->stored_key);
    base::wipe(client_key.data(), client_key.size());
    std::string server_signature = crypto::hmac(Hash::Sha256, keys_->server_key, auth_message);
    if (!equal || !known_) return refused("wrong password or unknown user");
    return Done{first_.user, first_.authzid, "v=" + base::base64(server_signature)};
  }

  bool plus_;
  ServerOptions options_;
  std::string nonce_;  // ours; from the server's first message on the client's and ours
  ScramClientFirst first_;
  std::optional<ScramKeys> keys_;
  bool known_ = false;
  std::string server_first_;
};

}  // namespace

std::string_view name(Kind kind) { return kNames[static_cast<size_t>(kind)]; }

std::optional<Kind> mechanism_of(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (base::iequals(kNames[i], name)) return static_cast<Kind>(i);
  return std::nullopt;
}

Step ServerMechanism::settle(Step step) {
  if (std::holds_alternative<Challenge>(step)) expect_ = Expect::Message;
  if (std::holds_alternative<NeedPassword>(step)) expect_ = Expect::Verdict;
  if (std::holds_alternative<NeedCredentials>(step)) expect_ = Expect::Credentials;
  if (std::holds_alternative<Done>(step) || std::holds_alternative<Failure>(step)) expect_ = Expect::Nothing;
  return step;
}

Step ServerMechanism::start(std::optional<std::string_view> initial) {
  if (expect_ != Expect::Start) return broken();
  if (!initial) return settle(on_start());
  expect_ = Expect::Message;
  return next(*initial);
}

Step ServerMechanism::next(std::string_view message) {
  if (expect_ != Expect::Message) return broken();
  if (++messages_ > kMaxSteps) return settle(malformed("too many steps"));
  if (message.size() > kMaxMessage) return settle(malformed("message too long"));
  return settle(on_message(message));
}

Step ServerMechanism::verified(bool ok) {
  if (expect_ != Expect::Verdict) return broken();
  return settle(on_verified(ok));
}

Step ServerMechanism::supply(const Credentials& credentials) {
  if (expect_ != Expect::Credentials) return broken();
  return settle(on_supply(credentials));
}

std::unique_ptr<ServerMechanism> make_server(Kind kind, ServerOptions options, const base::Clock& clock,
                                             base::Random& random) {
  switch (kind) {
    case Kind::Plain:
      return std::make_unique<Plain>();
    case Kind::Login:
      return std::make_unique<Login>();
    case Kind::CramMd5:
      return std::make_unique<CramMd5>(options, clock, random);
    case Kind::ScramSha256:
    case Kind::ScramSha256Plus:
      return std::make_unique<Scram>(kind == Kind::ScramSha256Plus, std::move(options), random);
  }
  BZ_CHECK(false, "unknown mechanism");
  return nullptr;
}

}  // namespace bz::sasl

// RFC 5802, server side: client-first, (credentials), server-first, client-final, server-final with Done.
#include "base/text.h"
#include "sasl/machines.h"

namespace bz::sasl {

namespace {

class Scram : public ServerMechanism {
 public:
  Scram(Kind kind, ServerOptions options, base::Random& random)
      : hash_(scram_hash(kind)),
        plus_(is_plus(kind)),
        options_(std::move(options)),
        nonce_(options_.nonce.empty() ? base::base64(random.bytes(18)) : options_.nonce) {}

 private:
  Step on_start() override { return Challenge{}; }
  Step on_message(std::string_view message) override { return keys_ ? on_final(message) : on_first(message); }

  Step on_first(std::string_view message) {
    auto first = parse_client_first(message);
    if (!first) return malformed(first.error().text());
    if (plus_ != (first->binding == 'p')) return malformed("SCRAM: channel binding flag");
    if (plus_) {
      const std::string* data = options_.bindings.find(first->binding_name);
      if (!data) return malformed("SCRAM: channel binding type " + first->binding_name);
      binding_ = *data;
    }
    // The client believes we offer no -PLUS although we do: somebody changed the list on its way.
    if (first->binding == 'y' && options_.offers_plus) return refused("SCRAM: channel binding downgrade");
    if (first->user.size() > kMaxField || first->authzid.size() > kMaxField) return malformed("SCRAM: name too long");
    first_ = std::move(*first);
    return NeedCredentials{first_.user};
  }

  Step on_supply(const Credentials& credentials) override {
    if (!credentials.scram_keys(hash_)) return refused("no SCRAM keys");
    keys_ = credentials.scram_keys(hash_);
    known_ = credentials.known;
    nonce_ = first_.nonce + nonce_;
    server_first_ = "r=" + nonce_ + ",s=" + base::base64(keys_->salt) + ",i=" + std::to_string(keys_->iterations);
    return Challenge{server_first_};
  }

  Step on_final(std::string_view message) {
    auto final = parse_client_final(hash_, message);
    if (!final) return malformed(final.error().text());
    if (final->nonce != nonce_) return malformed("SCRAM: another nonce");
    if (!base::equal_constant_time(final->binding, first_.gs2_header + binding_))
      return refused("SCRAM: channel bindings do not match");
    std::string auth_message = first_.bare + "," + server_first_ + "," + final->without_proof;
    std::string client_signature = crypto::hmac(hash_, keys_->stored_key, auth_message);
    std::string client_key = xor_bytes(final->proof, client_signature);
    bool equal = base::equal_constant_time(crypto::digest(hash_, client_key), keys_->stored_key);
    base::wipe(client_key.data(), client_key.size());
    std::string server_signature = crypto::hmac(hash_, keys_->server_key, auth_message);
    if (!equal || !known_) return refused("wrong password or unknown user");
    return Done{first_.user, first_.authzid, "v=" + base::base64(server_signature)};
  }

  crypto::Hash hash_;
  bool plus_;
  ServerOptions options_;
  std::string nonce_;    // ours; from the server's first message on the client's and ours
  std::string binding_;  // what the channel is known by; empty without -PLUS
  ScramClientFirst first_;
  std::optional<ScramKeys> keys_;
  bool known_ = false;
  std::string server_first_;
};

}  // namespace

Machine make_scram(Kind kind, ServerOptions options, base::Random& random) {
  return std::make_unique<Scram>(kind, std::move(options), random);
}

}  // namespace bz::sasl

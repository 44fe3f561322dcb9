// GSSAPI (RFC 4752), which is Kerberos V5 by itself, and GSS-SPNEGO, where client and server negotiate it (RFC 4178). The
// calls of the GSS-API are the caller's; here is the order of the messages:
//   GSSAPI      token ... token, "" ; then wrapped (layers offered) -> wrapped (layer chosen, authorization identity)
//   GSS-SPNEGO  token ... token; the last one of the server goes with the good answer, and there is no second part
// The one layer offered is none: TLS is outside, and bytes are moved, not wrapped, after a login.
#include "base/text.h"
#include "sasl/machines.h"

namespace bz::sasl {

namespace {

constexpr char kNoLayer = 1;  // RFC 4752 section 3.3: bit mask of security layers
constexpr size_t kLayerBytes = 4;

class Gss : public ServerMechanism {
 public:
  explicit Gss(bool negotiated) : negotiated_(negotiated) {}

 private:
  enum class State : uint8_t { Token, Acknowledge, Offer, Choice };

  size_t max_message() const override { return kMaxGssMessage; }
  Step on_start() override { return Challenge{}; }

  Step on_message(std::string_view message) override {
    if (state_ == State::Token && message.empty()) return malformed("no token");
    if (state_ == State::Token) return NeedGss{NeedGss::Call::Accept, std::string(message)};
    if (state_ == State::Choice) return NeedGss{NeedGss::Call::Unwrap, std::string(message)};
    // RFC 4752 section 3.1: a client that has all it needs answers the last token with nothing.
    if (!message.empty()) return malformed("a token after the last one");
    return offer();
  }

  Step on_answered(Result<GssAnswer> answer) override {
    if (!answer && answer.error().code() == Errc::Invalid) return malformed(answer.error().text());
    if (!answer) return refused(answer.error().text());
    if (state_ == State::Choice) return choose(answer->bytes);
    if (state_ == State::Offer) {
      state_ = State::Choice;
      return Challenge{std::move(answer->bytes)};
    }
    if (!answer->complete) return Challenge{std::move(answer->bytes)};
    if (negotiated_) {
      last_token_ = std::move(answer->bytes);
      return NeedPrincipal{};
    }
    if (answer->bytes.empty()) return offer();
    state_ = State::Acknowledge;
    return Challenge{std::move(answer->bytes)};
  }

  // RFC 4752 section 3.2: the layers, and the largest wrapped message we would take: none.
  Step offer() {
    state_ = State::Offer;
    return NeedGss{NeedGss::Call::Wrap, std::string{kNoLayer, 0, 0, 0}};
  }

  // Section 3.3. The size is of no use without a layer; there are clients that fill it in all the same.
  Step choose(std::string_view choice) {
    if (choice.size() < kLayerBytes) return malformed("no choice of a security layer");
    if (choice[0] != kNoLayer) return malformed("a security layer that was not offered");
    authzid_ = choice.substr(kLayerBytes);
    if (!authzid_.empty() && !is_field(authzid_)) return malformed("authorization identity");
    return NeedPrincipal{authzid_};
  }

  Step on_identified(std::optional<std::string> user) override {
    if (!user) return refused("the principal is nobody here");
    return Done{std::move(*user), std::move(authzid_), std::move(last_token_)};
  }

  bool negotiated_;
  State state_ = State::Token;
  std::string authzid_, last_token_;
};

}  // namespace

Machine make_gss(Kind kind) { return std::make_unique<Gss>(kind == Kind::GssSpnego); }

}  // namespace bz::sasl

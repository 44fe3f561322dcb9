// EXTERNAL (RFC 4422 appendix A): the client certificate of the TLS connection says who comes; the message is the
// authorization identity alone, empty: whom the certificate names.
#include "base/text.h"
#include "sasl/machines.h"

namespace bz::sasl {

namespace {

class External : public ServerMechanism {
  Step on_start() override { return Challenge{}; }
  Step on_message(std::string_view message) override {
    if (!message.empty() && !is_field(message)) return malformed("EXTERNAL message");
    authzid_ = message;
    return NeedCertificate{authzid_};
  }
  Step on_identified(std::optional<std::string> user) override {
    if (!user) return refused("no certificate, or one that names nobody here");
    return Done{std::move(*user), authzid_, {}};
  }
  std::string authzid_;
};

}  // namespace

Machine make_external() { return std::make_unique<External>(); }

}  // namespace bz::sasl

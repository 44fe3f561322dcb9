// The mechanisms that show the password: PLAIN and LOGIN. Only ever under TLS.
#include "base/text.h"
#include "sasl/machines.h"

namespace bz::sasl {

namespace {

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

}  // namespace

Machine make_plain() { return std::make_unique<Plain>(); }
Machine make_login() { return std::make_unique<Login>(); }

}  // namespace bz::sasl

// NTLMv2, client side, for questions of our own: `buzon directory test` asks the domain as a client would ([MS-NLMP]
// 3.1.5.1). No signing, no sealing, no MIC: the messages go nowhere but to our own helper.
#pragma once
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

namespace bz::sasl::ntlm {

std::string negotiate_message();
struct Login {
  std::string user, domain;  // UTF-8; the domain may be empty
  Secret password;           // UTF-8
};
// The AUTHENTICATE message. Invalid: `challenge` is none, or without target information.
Result<std::string> authenticate_message(const Login& login, std::string_view challenge, const base::Clock& clock,
                                         base::Random& random);

}  // namespace bz::sasl::ntlm

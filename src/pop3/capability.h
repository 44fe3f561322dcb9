// The one definition of what buzon's POP3 can do (RFC 2449). The gateway shows it before login, the session after it; what
// depends on the listener and on TLS is said by who knows it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace bz::pop3 {

// Both states; one line each. EXPIRE NEVER: we delete nothing by ourselves. UTF8 USER, LANG: RFC 6856.
inline constexpr std::string_view kCapabilities[] = {
    "TOP",          "UIDL",          "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING",
    "EXPIRE NEVER", "LOGIN-DELAY 0", "UTF8 USER",  "LANG",           "IMPLEMENTATION buzon"};
// What nearly every server can do, shown while it is not known whose session it will be.
inline constexpr std::string_view kCapabilitiesOfAnyServer[] = {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE"};

// USER and SASL are shown in both states, STLS only where it is possible (RFC 2449 section 5, RFC 2595 section 4).
struct CapabilityFacts {
  bool stls = false;
  bool any_server = false;
  std::vector<std::string> mechanisms{};  // of the listener; APOP is none of SASL and is not shown
};

// The whole response to CAPA.
void capabilities(std::string& out, const CapabilityFacts& facts);
// The mechanisms that AUTH knows among those of a listener.
std::vector<std::string> sasl_mechanisms(const std::vector<std::string>& mechanisms);

}  // namespace bz::pop3

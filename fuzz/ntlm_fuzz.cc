// rooms: base crypto sasl
// NTLM's messages from a client. The input is one message of any kind, and the second message of an exchange.
// Held: no crash; names come out as UTF-8 within limits; what a response says it proves is a part of it; nobody gets in
// without the password.
#include <cstdint>

#include "base/check.h"
#include "base/text.h"
#include "sasl/mechanism.h"
#include "sasl/ntlm.h"

using namespace bz;
using namespace bz::sasl;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)ntlm::parse_negotiate(bytes).has_value();
  if (auto said = ntlm::parse_authenticate(bytes)) {
    BZ_CHECK(base::is_utf8(said->user) && said->user.size() <= kMaxField, "user");
    BZ_CHECK(base::is_utf8(said->domain) && said->domain.size() <= kMaxField, "domain");
    BZ_CHECK(bytes.find(said->nt_response) != bytes.npos, "a response from nowhere");
    if (auto response = ntlm::parse_response(said->nt_response))
      BZ_CHECK(response->proof + response->temp == said->nt_response, "parts of the response");
    (void)ntlm::upper(said->user);
  }
  if (auto pairs = ntlm::parse_av_pairs(bytes)) {
    auto again = ntlm::parse_av_pairs(ntlm::encode_av_pairs(*pairs));
    BZ_CHECK(again && again->size() == pairs->size(), "target information");
  }
  if (auto text = ntlm::from_utf16(bytes)) BZ_CHECK(ntlm::to_utf16(*text) == bytes, "UTF-16 both ways");
  base::ManualClock clock;
  base::SeededRandom random(1);
  auto machine = make_server(Kind::Ntlm, {.host = "mail.example.org", .nonce = "12345678"}, clock, random);
  (void)machine->start(std::string_view("NTLMSSP\0\1\0\0\0\7\202\10\0", 16));
  Step step = machine->next(bytes);
  if (std::holds_alternative<NeedCredentials>(step)) {
    Credentials secret{.known = true};
    secret.nt_hash = Secret("unguessable-hash");
    step = machine->supply(secret);
  }
  BZ_CHECK(std::holds_alternative<Failure>(step), "a success nobody earned");
  return 0;
}

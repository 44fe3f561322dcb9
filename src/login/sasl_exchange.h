// One SASL exchange between a client and `auth`. The mechanisms live in auth; here challenges go out and responses come in,
// in whatever clothes the protocol has for them (Prompter).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "login/client.h"

namespace bz::login {

class Prompter {
 public:
  virtual ~Prompter() = default;
  // Sends the challenge and gives the client's decoded response. Cancelled: the client said "*"; Invalid: not base64 or too
  // long; anything else: the connection is of no use.
  virtual Task<Result<std::string>> ask(std::string_view challenge) = 0;
};

struct SaslOutcome {
  enum class Kind : uint8_t { Done, Failed, Temporary, Malformed, NotOffered, NotAllowed, Cancelled, Lost };
  Kind kind = Kind::Temporary;
  wire::SaslDone done;  // of Done
  std::string reason;   // for the log; of NotAllowed for the client as well
};

// After Done the client waits for our last word: nobody has sent anything since its last response.
Task<SaslOutcome> sasl_exchange(Client& client, wire::SaslStart start, Prompter& prompter);

}  // namespace bz::login

// The line protocol of Samba's `ntlm_auth --helper-protocol=squid-2.5-ntlmssp`, our side, without I/O. The helper holds one
// conversation, in this order:
//   YR base64(NEGOTIATE)     -> TT base64(CHALLENGE)
//   KK base64(AUTHENTICATE)  -> AF DOMAIN\user | NA reason
// and to both also BH reason: it could not do it. A new YR forgets what was before. One request at a time, one line of
// answer for each; what else it says is an error, after which the helper is of no more use. A line has at most 16 KiB,
// which holds the largest NTLM message.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::sasl::ntlm {

inline constexpr size_t kMaxHelperLine = 16 << 10;

struct HelperAnswer {
  enum class Kind : uint8_t {
    Challenge,    // text: the CHALLENGE message
    Accepted,     // text: who it is, as winbind writes it; UTF-8 without controls, at most 1 KiB
    Refused,      // text: why, for the log
    Unavailable,  // the domain could not be asked; text: why
  };
  Kind kind;
  std::string text;
};

class HelperTalk {
 public:
  // Lines to send. Not while an answer is awaited.
  std::string negotiate(std::string_view message);
  std::string authenticate(std::string_view message);
  bool waiting() const { return asked_ != Asked::Nothing; }

  // Bytes of the helper. nullopt: not the whole answer yet. Invalid: not what was asked for, or too long.
  Result<std::optional<HelperAnswer>> take(std::string_view bytes);

 private:
  enum class Asked : uint8_t { Nothing, Challenge, Verdict };
  std::string ask(Asked what, std::string_view verb, std::string_view message);
  Result<HelperAnswer> answer(std::string_view line) const;

  Asked asked_ = Asked::Nothing;
  bool broken_ = false;
  std::string line_;
};

}  // namespace bz::sasl::ntlm

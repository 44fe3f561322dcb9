#include "sasl/ntlm_helper.h"

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "sasl/mechanism.h"

namespace bz::sasl::ntlm {

namespace {

constexpr size_t kMaxReason = 200;

// NTSTATUS names of a helper that says NA although nobody has judged the password. All others are refusals, and count as
// guesses: a name that is missing here costs a user of a broken domain a delay, one too many would be a free guess.
constexpr std::string_view kNotJudged[] = {"NO_LOGON_SERVERS",
                                           "DOMAIN_CONTROLLER_NOT_FOUND",
                                           "IO_TIMEOUT",
                                           "CANT_ACCESS_DOMAIN_INFO",
                                           "TRUSTED_RELATIONSHIP_FAILURE",
                                           "TRUSTED_DOMAIN_FAILURE",
                                           "NO_TRUST_SAM_ACCOUNT",
                                           "NO_TRUST_LSA_SECRET",
                                           "INVALID_SERVER_STATE",
                                           "NO_MEMORY",
                                           "INTERNAL_ERROR",
                                           "HOST_UNREACHABLE",
                                           "NETWORK_UNREACHABLE",
                                           "CONNECTION_REFUSED",
                                           "CONNECTION_DISCONNECTED",
                                           "CONNECTION_RESET",
                                           "PIPE_NOT_AVAILABLE",
                                           "PIPE_BROKEN",
                                           "PIPE_DISCONNECTED"};

std::string reason_of(std::string_view text) {
  std::string out(text.substr(0, kMaxReason));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return out.empty() ? "no reason given" : out;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxField && base::is_utf8(text) &&
         std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Error odd(std::string_view what) { return fail(Errc::Invalid, "NTLM helper: " + std::string(what)); }

}  // namespace

std::string HelperTalk::negotiate(std::string_view message) { return ask(Asked::Challenge, "YR ", message); }
std::string HelperTalk::authenticate(std::string_view message) { return ask(Asked::Verdict, "KK ", message); }

std::string HelperTalk::ask(Asked what, std::string_view verb, std::string_view message) {
  BZ_CHECK(!waiting() && !broken_, "one request at a time, and none after an error");
  BZ_CHECK(message.size() <= kMaxMessage, "the mechanism takes no larger message");
  asked_ = what;
  return std::string(verb) + base::base64(message) + "\n";
}

Result<std::optional<HelperAnswer>> HelperTalk::take(std::string_view bytes) {
  const size_t end = bytes.find('\n');
  const size_t size = line_.size() + std::min(end, bytes.size());
  const bool asked = waiting();
  broken_ =
      broken_ || (!bytes.empty() && !asked) || size > kMaxHelperLine || (end != bytes.npos && end + 1 != bytes.size());
  if (broken_) return odd(!asked ? "speaks unasked" : size > kMaxHelperLine ? "line too long" : "more than one answer");
  line_ += bytes.substr(0, end);
  if (end == bytes.npos) return std::optional<HelperAnswer>();
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  auto its = answer(line);
  asked_ = Asked::Nothing;
  line_.clear();
  if (!its) {
    broken_ = true;
    return std::move(its).error();
  }
  return std::optional(std::move(*its));
}

Result<HelperAnswer> HelperTalk::answer(std::string_view line) const {
  using Kind = HelperAnswer::Kind;
  const std::string_view verb = line.substr(0, line.find(' '));
  const std::string_view rest = base::trim(line.substr(verb.size()));
  if (verb == "TT" && asked_ == Asked::Challenge) {
    auto message = base::from_base64(rest);
    if (!message || message->empty() || message->size() > kMaxMessage) return odd("no challenge behind TT");
    return HelperAnswer{Kind::Challenge, std::move(*message)};
  }
  if (verb == "AF" && asked_ == Asked::Verdict) {
    if (!is_name(rest)) return odd("no user behind AF");
    return HelperAnswer{Kind::Accepted, std::string(rest)};
  }
  if (verb == "BH") return HelperAnswer{Kind::Unavailable, reason_of(rest)};
  if (verb != "NA") return odd("an answer to another question");
  const bool judged = std::none_of(std::begin(kNotJudged), std::end(kNotJudged),
                                   [&](std::string_view name) { return rest.find(name) != rest.npos; });
  return HelperAnswer{judged ? Kind::Refused : Kind::Unavailable, reason_of(rest)};
}

}  // namespace bz::sasl::ntlm

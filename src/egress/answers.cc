#include "egress/answers.h"

#include "imap/response.h"

namespace bz::egress {
namespace {
constexpr char kWrong[] = "The mail server does not accept this name and password";
constexpr char kAway[] = "The mail server cannot be reached now, try again later";
}  // namespace

std::string welcome(const wire::Handoff& handoff, std::string_view capabilities) {
  if (handoff.service == wire::Service::Pop3) return "+OK Logged in\r\n";
  if (handoff.service == wire::Service::Submission) return "235 2.7.0 Logged in\r\n";
  std::string out, code;
  if (!capabilities.empty()) code = "CAPABILITY " + std::string(capabilities);
  imap::tagged(out, handoff.tag, imap::Condition::Ok, code, "Logged in");
  return out;
}

std::string refusal(const wire::Handoff& handoff, Verdict verdict) {
  const bool wrong = verdict == Verdict::Refused;
  const std::string text = wrong ? kWrong : kAway;
  if (handoff.service == wire::Service::Pop3) return (wrong ? "-ERR [AUTH] " : "-ERR [SYS/TEMP] ") + text + "\r\n";
  if (handoff.service == wire::Service::Submission) {
    return (wrong ? "535 5.7.8 " : "454 4.7.0 ") + text + "\r\n421 4.7.0 Please connect again\r\n";
  }
  std::string out;
  imap::tagged(out, handoff.tag, imap::Condition::No, wrong ? "AUTHENTICATIONFAILED" : "UNAVAILABLE", text);
  imap::untagged(out, imap::Condition::Bye, "", "Please connect again");
  return out;
}

std::string farewell(wire::Service service, std::string_view reason) {
  std::string out;
  if (service == wire::Service::Imap) imap::untagged(out, imap::Condition::Bye, "", reason);
  if (service == wire::Service::Submission) out = "421 4.3.2 Please connect again\r\n";
  return out;
}

}  // namespace bz::egress

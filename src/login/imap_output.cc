#include "login/imap_output.h"

#include "imap/response.h"

namespace bz::login {
namespace {
constexpr std::string_view kBye = "* BYE [UNAVAILABLE] The mail store has ended the session, please connect again\r\n";
}

std::string ImapOutput::last_words() {
  if (!said_.at_line_start() || said_.said_bye()) return {};
  if (farewell_.empty()) return std::string(kBye);
  std::string bye;
  imap::untagged(bye, imap::Condition::Bye, "", farewell_);
  return bye;
}

}  // namespace bz::login

#include "login/imap_output.h"

namespace bz::login {
namespace {
constexpr std::string_view kBye = "* BYE [UNAVAILABLE] The mail store has ended the session, please connect again\r\n";
}

std::string ImapOutput::last_words() {
  return said_.at_line_start() && !said_.said_bye() ? std::string(kBye) : std::string();
}

}  // namespace bz::login

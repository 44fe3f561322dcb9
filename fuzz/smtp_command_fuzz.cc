// rooms: base model smtp
// Whatever is understood can be written and read back the same; refusals are permanent replies.
#include <cstdlib>
#include <string>

#include "smtp/command.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using namespace bz::smtp;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const CommandRules all{.smtputf8 = true, .dsn = true, .buzon = true};
  const auto again = [&](std::string text) {
    if (!text.ends_with("\r\n")) std::abort();
    text.resize(text.size() - 2);
    if (text.find_first_of("\r\n") != std::string::npos) std::abort();
    return parse_command(text, all);
  };
  const auto command = parse_command(line, all);
  if (command.refusal) {
    if (!command.refusal->permanent()) std::abort();
    return 0;
  }
  if (const auto* mail = std::get_if<MailFrom>(&command.args)) {
    const auto back = again(encode(*mail));
    if (back.refusal || std::get<MailFrom>(back.args) != *mail) std::abort();
  }
  if (const auto* rcpt = std::get_if<RcptTo>(&command.args)) {
    const auto back = again(encode(*rcpt));
    if (back.refusal || std::get<RcptTo>(back.args) != *rcpt) std::abort();
  }
  if (const auto address = parse_address(line)) {
    const auto back = parse_address(address->to_string());
    if (!back || *back != *address) std::abort();
  }
  return 0;
}

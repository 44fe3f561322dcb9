#include "pop3/command.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace bz::pop3 {
namespace {

enum class Form : uint8_t { None, Text, TextAndMore, OptionalText, AuthStart, Message, OptionalMessage, MessageAndLines };

struct Row {
  std::string_view name;
  Verb verb;
  Form form;
};
constexpr Row kVerbs[] = {
    {"APOP", Verb::Apop, Form::TextAndMore},   {"AUTH", Verb::Auth, Form::AuthStart},
    {"PASS", Verb::Pass, Form::Text},          {"STLS", Verb::Stls, Form::None},
    {"USER", Verb::User, Form::Text},          {"UTF8", Verb::Utf8, Form::None},
    {"DELE", Verb::Dele, Form::Message},       {"LIST", Verb::List, Form::OptionalMessage},
    {"NOOP", Verb::Noop, Form::None},          {"RETR", Verb::Retr, Form::Message},
    {"RSET", Verb::Rset, Form::None},          {"STAT", Verb::Stat, Form::None},
    {"TOP", Verb::Top, Form::MessageAndLines}, {"UIDL", Verb::Uidl, Form::OptionalMessage},
    {"CAPA", Verb::Capa, Form::None},          {"LANG", Verb::Lang, Form::OptionalText},
    {"QUIT", Verb::Quit, Form::None},
};

constexpr std::string_view kNoArgument = "No argument is expected", kNeedsArgument = "An argument is missing",
                           kTooMany = "Too many arguments", kNoNumber = "A message number is expected";

std::string_view trim_end(std::string_view text) {
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}
std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  return trim_end(text);
}

// The word at the front of `rest`, which goes on behind the spaces that follow it.
std::string_view take_word(std::string_view& rest) {
  const size_t end = std::min(rest.find(' '), rest.size());
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return word;
}

// Any number of digits; what is beyond 32 bits names no message and asks for every line.
std::optional<uint32_t> number(std::string_view word) {
  if (word.empty() || !std::all_of(word.begin(), word.end(), base::is_digit)) return std::nullopt;
  word.remove_prefix(std::min(word.find_first_not_of('0'), word.size() - 1));
  return base::parse_number<uint32_t>(word).value_or(std::numeric_limits<uint32_t>::max());
}

void parse_numbers(Command& command, Form form, std::string_view rest) {
  rest = trim(rest);
  if (rest.empty() && form == Form::OptionalMessage) return;
  auto message = number(take_word(rest));
  if (!message || *message == 0) {
    command.refusal = kNoNumber;
    return;
  }
  command.message = message;
  if (form == Form::MessageAndLines) {
    auto lines = number(take_word(rest));
    if (!lines) command.refusal = "A number of lines is expected";
    command.lines = lines.value_or(0);
  }
  if (!rest.empty()) command.refusal = kTooMany;
}

// RFC 5034 section 5: "AUTH" SP sasl-mech [SP initial-response]. AUTH alone lists the mechanisms, which clients older than
// CAPA rely on.
void parse_auth(Command& command, std::string_view rest) {
  rest = trim(rest);
  command.text = take_word(rest);
  if (rest.empty()) return;
  if (rest.find(' ') != rest.npos)
    command.refusal = kTooMany;
  else
    command.second = rest;
}

}  // namespace

std::string_view name(Verb verb) {
  const auto* row = std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const Row& r) { return r.verb == verb; });
  return row == std::end(kVerbs) ? "?" : row->name;
}

Command parse_command(std::string_view line) {
  Command command;
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view keyword = line.substr(0, end);
  // Exactly one space: a password may begin with the second one (RFC 1939 section 7, PASS).
  std::string_view rest = line.substr(std::min(end + 1, line.size()));
  const auto* row =
      std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const Row& r) { return base::iequals(r.name, keyword); });
  if (row == std::end(kVerbs)) {
    command.refusal = "Unknown command";
    return command;
  }
  command.verb = row->verb;
  switch (row->form) {
    case Form::None:
      if (!trim_end(rest).empty()) command.refusal = kNoArgument;
      break;
    case Form::Text:
      command.text = rest;
      if (rest.empty()) command.refusal = kNeedsArgument;
      if (!base::is_utf8(rest)) command.refusal = "The argument is not UTF-8";  // RFC 6856 section 2.2
      break;
    case Form::TextAndMore: {
      rest = trim(rest);
      const size_t last = rest.rfind(' ');
      command.text = trim_end(rest.substr(0, last));
      if (last == rest.npos || command.text.empty())
        command.refusal = kNeedsArgument;
      else
        command.second = rest.substr(last + 1);
      if (!base::is_utf8(rest)) command.refusal = "The argument is not UTF-8";
      break;
    }
    case Form::OptionalText:
      command.text = trim(rest);
      break;
    case Form::AuthStart:
      parse_auth(command, rest);
      break;
    case Form::Message:
    case Form::OptionalMessage:
    case Form::MessageAndLines:
      parse_numbers(command, row->form, rest);
      break;
  }
  return command;
}

}  // namespace bz::pop3

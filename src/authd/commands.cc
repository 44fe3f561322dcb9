#include "authd/commands.h"

#include <algorithm>

#include "authd/device_command.h"
#include "base/log.h"
#include "base/text.h"

namespace bz::authd {

namespace {

struct Shape {
  std::string_view noun, verb;
  size_t least, most;  // positional arguments
};
constexpr Shape kShapes[] = {
    {"account", "add", 1, 1},     {"account", "passwd", 1, 1},
    {"account", "list", 0, 0},    {"account", "show", 1, 1},
    {"account", "disable", 1, 1}, {"account", "enable", 1, 1},
    {"account", "remove", 1, 1},  {"account", "purge", 1, 1},
    {"account", "quota", 1, 2},   {"account", "send-as", 1, 1 + directory::kMaxSendAs},
    {"account", "route", 2, 2},   {"alias", "add", 2, 1 + directory::kMaxAliasTargets},
    {"alias", "remove", 1, 2},    {"alias", "list", 0, 0},
    {"directory", "test", 1, 1},  {"guard", "list", 0, 0},
    {"guard", "stale", 0, 0},     {"guard", "allow", 1, 1},
    {"guard", "deny", 1, 1},      {"guard", "forget", 1, 1},
};
constexpr size_t kMaxArguments = 1100, kMaxArgument = 1024;

std::string json_list(const std::vector<std::string>& list) {
  std::vector<std::string> quoted;
  for (const std::string& item : list) quoted.push_back(json_text(item));
  return "[" + joined(quoted, ",") + "]";
}

}  // namespace

std::string command_usage() {
  return "usage: buzon account add NAME --password-stdin [--name TEXT] [--secrets KIND,...|none]\n"
         "           [--quota SIZE] [--messages N] [--mailboxes N]\n"
         "           [--send-as ADDRESS,...]    \"*\": anybody, for a host whose mail is relayed\n"
         "       buzon account passwd NAME --password-stdin [--secrets KIND,...|none]\n"
         "       buzon account list [--all] | show NAME\n"
         "       buzon account disable|enable|remove|purge NAME\n"
         "       buzon account quota NAME [SIZE] [--messages N] [--mailboxes N]    0: the default of the mail store\n"
         "       buzon account send-as NAME [ADDRESS...]\n"
         "       buzon account route NAME SERVER|-     the mailbox is on that [[server]]; -: as the [[route]]s say\n"
         "       buzon alias add ADDRESS ACCOUNT... | remove ADDRESS [ACCOUNT] | list\n"
         "       buzon directory test USER [--password-stdin]\n"
         "       buzon guard list | stale [--all] | allow|deny NETWORK [--for TIME] | forget ADDRESS|NETWORK|ACCOUNT\n"
         "       KIND: scram-sha-1, scram-sha-512, cram-md5, digest-md5, ntlm, apop; beside Argon2id and SCRAM-SHA-256\n"
         "       --json everywhere\n";
}

Result<ParsedCommand> parse_command(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return fail(Errc::Invalid, "a command is missing");
  if (arguments.size() > kMaxArguments) return fail(Errc::Invalid, "too many arguments");
  ParsedCommand out;
  out.noun = arguments[0];
  out.verb = arguments[1];
  for (size_t i = 2; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() > kMaxArgument) return fail(Errc::Invalid, "an argument is longer than 1024 bytes");
    if (!argument.starts_with("--")) {
      out.names.push_back(argument);
      continue;
    }
    std::optional<std::string>* value = argument == "--name"        ? &out.display_name
                                        : argument == "--quota"     ? &out.quota
                                        : argument == "--messages"  ? &out.messages
                                        : argument == "--mailboxes" ? &out.mailboxes
                                        : argument == "--secrets"   ? &out.secrets
                                        : argument == "--send-as"   ? &out.send_as
                                        : argument == "--for"       ? &out.time
                                                                    : nullptr;
    if (value) {
      if (++i == arguments.size()) return fail(Errc::Invalid, argument + " needs a value");
      *value = arguments[i];
    } else if (argument == "--json") {
      out.json = true;
    } else if (argument == "--all") {
      out.all = true;
    } else if (argument != "--password-stdin") {  // the only way there is
      return fail(Errc::Invalid, "unknown option " + argument);
    }
  }
  for (const Shape& shape : kShapes) {
    if (shape.noun != out.noun || shape.verb != out.verb) continue;
    if (out.names.size() < shape.least) return fail(Errc::Invalid, "an argument is missing");
    if (out.names.size() > shape.most) return fail(Errc::Invalid, "an argument too many: " + out.names[shape.most]);
    return out;
  }
  return fail(Errc::Invalid, "unknown command: " + out.noun + " " + out.verb);
}

std::optional<uint64_t> parse_quota(std::string_view text) {
  std::string word = base::upper(text);
  if (word.ends_with("IB")) word.resize(word.size() - 2);
  if (word.ends_with("B")) word.pop_back();
  unsigned shift = 0;
  constexpr std::string_view kUnits = "KMGT";
  if (!word.empty() && kUnits.find(word.back()) != kUnits.npos) {
    shift = 10 * (static_cast<unsigned>(kUnits.find(word.back())) + 1);
    word.pop_back();
  }
  auto number = base::parse_number<uint64_t>(word);
  if (!number || *number > (uint64_t{1} << 62) >> shift) return std::nullopt;
  return *number << shift;
}

std::string joined(const std::vector<std::string>& list, std::string_view between) {
  std::string out;
  for (const std::string& item : list) {
    if (!out.empty()) out += between;
    out += item;
  }
  return out;
}

Result<Secret> password_from(std::string_view input) {
  std::string_view line = input.substr(0, input.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return fail(Errc::Invalid, "no password on standard input");
  return Secret(std::string(line));
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00" + base::hex(std::string_view(&c, 1));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_of(const directory::Account& a) {
  return "{\"name\":" + json_text(a.name) + ",\"id\":" + std::to_string(a.id.value()) +
         ",\"state\":" + json_text(directory::name(a.state)) + ",\"display_name\":" + json_text(a.display_name) +
         ",\"quota_bytes\":" + std::to_string(a.quota.bytes) + ",\"quota_messages\":" + std::to_string(a.quota.messages) +
         ",\"quota_mailboxes\":" + std::to_string(a.quota.mailboxes) + ",\"created\":" + std::to_string(a.created) +
         ",\"changed\":" + std::to_string(a.changed) + ",\"secrets\":" + json_list(a.secret_kinds) +
         ",\"send_as\":" + json_list(a.send_as) + ",\"mail_host\":" + json_text(a.mail_host) + "}";
}

Task<wire::ControlAnswer> Service::command(wire::ControlRequest request) {
  if (!request.arguments.empty() && request.arguments[0] == "device") {
    DeviceCommand devices(*this, std::move(request));
    auto running = devices.run();
    auto answer = co_await std::move(running);
    co_return std::move(answer);
  }
  Commands commands(*this, std::move(request));
  auto running = commands.run();
  auto answer = co_await std::move(running);
  co_return std::move(answer);
}

Task<wire::ControlAnswer> Commands::run() {
  wire::ControlAnswer answer;
  auto parsed = parse_command(request_.arguments);
  if (!parsed) {
    answer.exit_status = 2;
    answer.error = "buzon: " + parsed.error().text() + "\n" + command_usage();
    co_return std::move(answer);
  }
  command_ = std::move(*parsed);
  Task<Text> running;
  if (command_.noun == "account") {
    running = account();
  } else if (command_.noun == "alias") {
    running = alias();
  } else if (command_.noun == "guard") {
    running = guard();
  } else {
    running = directory_test();
  }
  auto text = co_await std::move(running);
  base::wipe(request_.input.data(), request_.input.size());
  log::Event event(text ? log::Info : log::Warn, "command");
  event.field("noun", command_.noun).field("verb", command_.verb);
  if (!command_.names.empty()) event.field("name", command_.names[0]);
  event.field("status", text ? status_ : 1);
  if (text) {
    answer.output = std::move(*text);
    answer.exit_status = status_;
  } else {
    event.error(text.error());
    answer.exit_status = 1;
    answer.error =
        command_.json ? "{\"error\":" + json_text(text.error().text()) + "}\n" : "buzon: " + text.error().text() + "\n";
  }
  co_return std::move(answer);
}

std::string Commands::done(std::string_view what, const directory::Account& account) const {
  return command_.json ? json_of(account) + "\n" : std::string(what) + " " + account.name + "\n";
}

Task<Commands::Text> Commands::alias() {
  std::vector<directory::Alias> aliases;
  if (command_.verb == "add") {
    std::vector<std::string> accounts(command_.names.begin() + 1, command_.names.end());
    auto adding = service_.directory_.alias_add(command_.names[0], std::move(accounts));
    BZ_CO_TRY(directory::Alias alias, co_await std::move(adding));
    aliases.push_back(std::move(alias));
  } else if (command_.verb == "remove") {
    std::string account = command_.names.size() > 1 ? command_.names[1] : "";
    auto removing = service_.directory_.alias_remove(command_.names[0], std::move(account));
    BZ_CO_TRY_VOID(co_await std::move(removing));
    co_return command_.json ? std::string("{}\n") : "removed " + command_.names[0] + "\n";
  } else {
    auto listing = service_.directory_.aliases();
    BZ_CO_TRY(aliases, co_await std::move(listing));
  }
  std::vector<std::string> rows;
  for (const directory::Alias& alias : aliases) {
    if (command_.json) {
      rows.push_back("{\"address\":" + json_text(alias.address) + ",\"accounts\":" + json_list(alias.accounts) + "}");
    } else {
      rows.push_back(alias.address + " -> " + joined(alias.accounts, ", ") + "\n");
    }
  }
  if (!command_.json) co_return joined(rows, "");
  co_return command_.verb == "add" ? rows[0] + "\n" : "[" + joined(rows, ",\n ") + "]\n";
}

}  // namespace bz::authd

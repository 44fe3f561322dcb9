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

// What --secrets names; without it, `otherwise`.
Result<directory::SecretKinds> wanted_secrets(const std::optional<std::string>& text, directory::SecretKinds otherwise) {
  if (!text) return otherwise;
  return directory::SecretKinds::parse(*text);
}

std::string quota_text(const directory::Quota& quota) {
  std::string out = quota.bytes == 0 ? "default" : std::to_string(quota.bytes) + " bytes";
  if (quota.messages != 0) out += ", " + std::to_string(quota.messages) + " messages";
  if (quota.mailboxes != 0) out += ", " + std::to_string(quota.mailboxes) + " mailboxes";
  return out;
}

// What an option says, else `otherwise`.
Result<uint64_t> wanted_count(const std::optional<std::string>& text, uint64_t otherwise) {
  if (!text) return otherwise;
  auto number = base::parse_number<uint32_t>(*text);
  if (!number) return fail(Errc::Invalid, "not a number of messages or mailboxes: " + *text);
  return uint64_t{*number};
}

std::string joined(const std::vector<std::string>& list, std::string_view between) {
  std::string out;
  for (const std::string& item : list) {
    if (!out.empty()) out += between;
    out += item;
  }
  return out;
}

std::string json_list(const std::vector<std::string>& list) {
  std::vector<std::string> quoted;
  for (const std::string& item : list) quoted.push_back(json_text(item));
  return "[" + joined(quoted, ",") + "]";
}

std::string line_of(const directory::Account& a) {
  return a.name + "  " + std::string(directory::name(a.state)) + "  id " + std::to_string(a.id.value()) + "  quota " +
         quota_text(a.quota) + (a.mail_host.empty() ? "" : "  on " + a.mail_host) +
         (a.display_name.empty() ? "" : "  \"" + a.display_name + "\"") + "\n";
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

Task<Result<directory::Secrets>> Commands::make_secrets(std::string account, directory::SecretKinds kinds) {
  BZ_CO_TRY(Secret password, password_from(request_.input));
  if (kinds.need_seal() && !service_.directory_.can_seal())
    co_return fail(Errc::Denied, "secrets of " + kinds.to_string() + " need a key file (setting auth.secrets_key_file)");
  directory::SecretsPolicy policy = service_.options_.secrets;
  policy.kinds = kinds;
  base::Random* random = &service_.world_.random;
  std::string name = service_.directory_.login_name(account);
  std::function<Result<directory::Secrets>()> work = [name, password, policy, random] {
    return directory::make_secrets(name, password, policy, *random);
  };
  auto making = service_.world_.pool.run<directory::Secrets>(service_.world_.loop, std::move(work));
  auto secrets = co_await making;
  co_return std::move(secrets);
}

Task<Commands::Text> Commands::account() {
  Task<Text> task;
  const std::string& verb = command_.verb;
  if (verb == "add") task = account_add();
  if (verb == "passwd") task = account_passwd();
  if (verb == "list" || verb == "show") task = account_list();
  if (verb == "disable") task = account_state(directory::State::Disabled);
  if (verb == "enable") task = account_state(directory::State::Active);
  if (verb == "remove") task = account_state(directory::State::Removed);
  if (verb == "purge") task = account_purge();
  if (verb == "quota") task = account_quota();
  if (verb == "send-as") task = account_send_as();
  if (verb == "route") task = account_route();
  auto text = co_await std::move(task);
  co_return std::move(text);
}

Task<Commands::Text> Commands::account_add() {
  directory::NewAccount wanted{command_.names[0], command_.display_name.value_or(""), {}, {}};
  if (command_.send_as) {
    for (std::string_view address : base::split(*command_.send_as, ',')) wanted.send_as.emplace_back(base::trim(address));
  }
  BZ_CO_TRY(wanted.quota, wanted_quota(command_.quota, {}));
  BZ_CO_TRY(directory::SecretKinds kinds, wanted_secrets(command_.secrets, service_.options_.secrets.kinds));
  auto making = make_secrets(command_.names[0], kinds);
  BZ_CO_TRY(directory::Secrets secrets, co_await std::move(making));
  auto adding = service_.directory_.add(std::move(wanted), std::move(secrets));
  BZ_CO_TRY(directory::Account account, co_await std::move(adding));
  co_return done("added", account);
}

Task<Commands::Text> Commands::account_passwd() {
  auto looking = service_.directory_.by_name(command_.names[0]);
  BZ_CO_TRY(directory::Account before, co_await std::move(looking));
  auto had = directory::SecretKinds::of(before.secret_kinds);
  BZ_CO_TRY(directory::SecretKinds kinds, wanted_secrets(command_.secrets, had));
  auto making = make_secrets(before.name, kinds);
  BZ_CO_TRY(directory::Secrets secrets, co_await std::move(making));
  auto setting = service_.directory_.set_secrets(command_.names[0], std::move(secrets));
  BZ_CO_TRY(directory::Account account, co_await std::move(setting));
  service_.end_sessions(account.id, "password changed");
  co_return done("new password for", account);
}

Task<Commands::Text> Commands::account_list() {
  std::vector<directory::Account> accounts;
  if (command_.verb == "show") {
    auto looking = service_.directory_.by_name(command_.names[0]);
    BZ_CO_TRY(directory::Account account, co_await std::move(looking));
    accounts.push_back(std::move(account));
  } else {
    auto listing = service_.directory_.list(command_.all);
    BZ_CO_TRY(accounts, co_await std::move(listing));
  }
  std::vector<std::string> rows;
  for (const directory::Account& account : accounts) rows.push_back(command_.json ? json_of(account) : line_of(account));
  if (!command_.json) co_return joined(rows, "");
  if (command_.verb == "show") co_return rows[0] + "\n";
  co_return "[" + joined(rows, ",\n ") + "]\n";
}

Task<Commands::Text> Commands::account_state(directory::State state) {
  auto setting = service_.directory_.set_state(command_.names[0], state);
  BZ_CO_TRY(directory::Account account, co_await std::move(setting));
  if (state != directory::State::Active) {
    std::string reason = "account " + std::string(directory::name(state));
    service_.end_sessions(account.id, reason);
    service_.tasks_.spawn(service_.end_late_sessions(account.id, reason));
  }
  co_return done(state == directory::State::Active ? "enabled" : directory::name(state), account);
}

Task<Commands::Text> Commands::account_purge() {
  auto purging = service_.directory_.purge(command_.names[0]);
  BZ_CO_TRY(directory::Account account, co_await std::move(purging));
  service_.end_sessions(account.id, "account purged");
  service_.purge_mail(account.id);
  co_return done("purged", account);
}

Result<directory::Quota> Commands::wanted_quota(const std::optional<std::string>& size, directory::Quota otherwise) const {
  directory::Quota quota = otherwise;
  if (size) {
    auto bytes = parse_quota(*size);
    if (!bytes) return fail(Errc::Invalid, "not a size: " + *size);
    quota.bytes = *bytes;
  }
  BZ_TRY(quota.messages, wanted_count(command_.messages, otherwise.messages));
  BZ_TRY(quota.mailboxes, wanted_count(command_.mailboxes, otherwise.mailboxes));
  return quota;
}

Task<Commands::Text> Commands::account_quota() {
  std::optional<std::string> size;
  if (command_.names.size() > 1) size = command_.names[1];
  if (!size && !command_.messages && !command_.mailboxes)
    co_return fail(Errc::Invalid, "a quota needs a size, --messages or --mailboxes");
  auto looking = service_.directory_.by_name(command_.names[0]);
  BZ_CO_TRY(directory::Account before, co_await std::move(looking));
  BZ_CO_TRY(directory::Quota quota, wanted_quota(size, before.quota));
  auto setting = service_.directory_.set_quota(command_.names[0], quota);
  BZ_CO_TRY(directory::Account account, co_await std::move(setting));
  service_.account_changed(account.id);
  co_return done("new quota for", account);
}

Task<Commands::Text> Commands::account_send_as() {
  std::vector<std::string> addresses(command_.names.begin() + 1, command_.names.end());
  auto setting = service_.directory_.set_send_as(command_.names[0], std::move(addresses));
  BZ_CO_TRY(directory::Account account, co_await std::move(setting));
  co_return done("new addresses for", account);
}

// Where sessions of the account go from now on; those that run end, since they are with the server of before.
Task<Commands::Text> Commands::account_route() {
  const std::string server = command_.names[1] == "-" ? "" : command_.names[1];
  auto looking = service_.directory_.by_name(command_.names[0]);
  BZ_CO_TRY(directory::Account account, co_await std::move(looking));
  account.mail_host = server;
  account.server_type.clear();
  if (!server.empty()) {
    BZ_CO_TRY_VOID(service_.options_.routes.place_of(account));
  }
  auto setting = service_.directory_.set_route(command_.names[0], server, "");
  BZ_CO_TRY(account, co_await std::move(setting));
  service_.end_sessions(account.id, "the mailbox has moved");
  co_return done("new route for", account);
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

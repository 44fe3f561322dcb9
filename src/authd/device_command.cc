#include "authd/device_command.h"

#include <algorithm>
#include <chrono>

#include "authd/commands.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/client_certificate.h"

namespace bz::authd {

namespace {

constexpr int64_t kHour = 3600, kDay = 24 * kHour, kMaxDays = 36'500;
constexpr size_t kFingerprint = 32;

constexpr std::string_view kUsage =
    "usage: buzon device add ACCOUNT --name NAME [--protocols imap,pop3,submission] [--expires 2027-01-01|90d]\n"
    "           [--secrets KIND,...|none] [--certificate FILE | --fingerprint SHA256]\n"
    "       buzon device list ACCOUNT\n"
    "       buzon device revoke ACCOUNT NAME\n"
    "       buzon device only ACCOUNT on|off     on: the account's own password opens no mail protocol\n"
    "       KIND: scram-sha-1, scram-sha-512, cram-md5, digest-md5, ntlm, apop; beside SCRAM-SHA-256\n"
    "       --json everywhere\n";

struct Shape {
  std::string_view verb;
  size_t names;
};
constexpr Shape kShapes[] = {{"add", 1}, {"list", 1}, {"revoke", 2}, {"only", 2}};

std::optional<int64_t> day_of(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  auto year = base::parse_number<unsigned>(text.substr(0, 4)), month = base::parse_number<unsigned>(text.substr(5, 2)),
       day = base::parse_number<unsigned>(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * kDay;
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string number_text(unsigned number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::string json_of(const directory::Device& d, const directory::DeviceUse& use, size_t sessions) {
  return "{\"name\":" + json_text(d.name) + ",\"label\":" + json_text(d.label) +
         ",\"protocols\":" + json_text(directory::protocols_text(d.protocols)) +
         ",\"created\":" + std::to_string(d.created) + ",\"expires\":" + std::to_string(d.expires) +
         ",\"certificate\":" + json_text(base::hex(d.certificate)) + ",\"last_use\":" + std::to_string(use.at) +
         ",\"address\":" + json_text(use.address) + ",\"client\":" + json_text(use.client) +
         ",\"sessions\":" + std::to_string(sessions) + "}";
}

std::string lines_of(const directory::Device& d, const directory::DeviceUse& use, size_t sessions, int64_t now) {
  std::string out = padded(d.name, 24) + " " + padded(d.label, 20) + " " + directory::protocols_text(d.protocols);
  if (d.expires != 0) out += std::string(d.expired(now) ? ", expired " : ", until ") + time_text(d.expires);
  if (!d.certificate.empty()) out += ", certificate " + base::hex(d.certificate);
  out += "\n    created " + time_text(d.created) + ", " +
         (use.at == 0 ? "never used" : "last use " + time_text(use.at) + " from " + use.address);
  if (!use.client.empty()) out += " by " + use.client;
  return out + ", sessions now " + std::to_string(sessions) + "\n";
}

}  // namespace

Result<ParsedDeviceCommand> parse_device_command(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return fail(Errc::Invalid, "a command is missing");
  ParsedDeviceCommand out;
  out.verb = arguments[1];
  for (size_t i = 2; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() > 1024) return fail(Errc::Invalid, "an argument is longer than 1024 bytes");
    if (!argument.starts_with("--")) {
      out.names.push_back(argument);
      continue;
    }
    std::optional<std::string>* value = argument == "--name"          ? &out.name
                                        : argument == "--protocols"   ? &out.protocols
                                        : argument == "--expires"     ? &out.expires
                                        : argument == "--secrets"     ? &out.secrets
                                        : argument == "--fingerprint" ? &out.fingerprint
                                                                      : nullptr;
    if (value != nullptr) {
      if (++i == arguments.size()) return fail(Errc::Invalid, argument + " needs a value");
      *value = arguments[i];
    } else if (argument == "--json") {
      out.json = true;
    } else if (argument == "--certificate-stdin") {
      out.certificate = true;
    } else {
      return fail(Errc::Invalid, "unknown option " + argument);
    }
  }
  for (const Shape& shape : kShapes) {
    if (shape.verb != out.verb) continue;
    if (out.names.size() < shape.names) return fail(Errc::Invalid, "an argument is missing");
    if (out.names.size() > shape.names) return fail(Errc::Invalid, "an argument too many: " + out.names[shape.names]);
    const bool options = out.name || out.protocols || out.expires || out.secrets || out.fingerprint || out.certificate;
    if (out.verb != "add" && options) return fail(Errc::Invalid, "only \"device add\" takes such options");
    if (out.verb == "add" && !out.name) return fail(Errc::Invalid, "the device needs a --name");
    if (out.certificate && out.fingerprint) return fail(Errc::Invalid, "--certificate or --fingerprint, not both");
    if ((out.certificate || out.fingerprint) && out.secrets)
      return fail(Errc::Invalid, "a device with a certificate has no password, and no --secrets");
    return out;
  }
  return fail(Errc::Invalid, "unknown command: device " + out.verb);
}

Result<int64_t> parse_expiry(std::string_view text, int64_t now) {
  const Error wrong(Errc::Invalid, "not an end: \"" + std::string(text.substr(0, 64)) + "\"; say 2027-01-01 or 90d");
  if (auto day = day_of(text)) {
    if (*day <= now) return fail(Errc::Invalid, "the end " + std::string(text) + " is past");
    return *day;
  }
  if (text.size() < 2) return wrong;
  const int64_t unit = text.back() == 'd' ? kDay : text.back() == 'h' ? kHour : 0;
  auto number = base::parse_number<int64_t>(text.substr(0, text.size() - 1));
  if (unit == 0 || !number || *number < 1 || *number > kMaxDays * kDay / unit) return wrong;
  return now + *number * unit;
}

std::string time_text(int64_t unix_seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return std::to_string(static_cast<int>(date.year())) + "-" + number_text(static_cast<unsigned>(date.month())) + "-" +
         number_text(static_cast<unsigned>(date.day())) + " " + number_text(static_cast<unsigned>(clock.hours().count())) +
         ":" + number_text(static_cast<unsigned>(clock.minutes().count())) + "Z";
}

Task<wire::ControlAnswer> DeviceCommand::run() {
  wire::ControlAnswer answer;
  auto parsed = parse_device_command(request_.arguments);
  if (!parsed) {
    answer.exit_status = 2;
    answer.error = "buzon: " + parsed.error().text() + "\n" + std::string(kUsage);
    co_return std::move(answer);
  }
  command_ = std::move(*parsed);
  const std::string& verb = command_.verb;
  Task<Text> running = verb == "add" ? add() : verb == "list" ? list() : verb == "revoke" ? revoke() : only();
  auto text = co_await std::move(running);
  log::Event event(text ? log::Info : log::Warn, "command");
  event.field("noun", "device").field("verb", verb).field("name", command_.names[0]).field("status", text ? 0 : 1);
  if (text) {
    answer.output = std::move(*text);
  } else {
    event.error(text.error());
    answer.exit_status = 1;
    const std::string& why = text.error().text();
    answer.error = command_.json ? "{\"error\":" + json_text(why) + "}\n" : "buzon: " + why + "\n";
  }
  co_return std::move(answer);
}

Task<Result<DeviceCommand::Who>> DeviceCommand::account(bool gone) {
  const std::string name = service_.directory_.login_name(command_.names[0]);
  auto looking = service_.source_.login(command_.names[0]);
  auto record = co_await std::move(looking);
  if (record && record->account.id.is_set()) co_return Who{record->account.id, record->account.name};
  if (!gone) {
    if (!record) co_return std::move(record).error();
    co_return fail(Errc::NotFound, "no account " + name.substr(0, 254));
  }
  auto searching = service_.directory_.devices().account_of(name);
  BZ_CO_TRY(AccountId id, co_await std::move(searching));
  co_return Who{id, name};
}

// The digest of the certificate that was given; empty: none was.
Result<std::string> DeviceCommand::certificate() const {
  if (command_.certificate) return crypto::certificate_sha256(request_.input);
  if (!command_.fingerprint) return std::string();
  std::string digits;
  for (char c : *command_.fingerprint)
    if (c != ':') digits += c;
  auto bytes = base::from_hex(base::lower(digits));
  if (!bytes || bytes->size() != kFingerprint)
    return fail(Errc::Invalid, "a fingerprint is the SHA-256 of the certificate: 64 hex digits, colons allowed");
  return std::move(*bytes);
}

// Argon2id would add nothing to 85 random bits; the record that accounts have is used without it.
Task<Result<Secret>> DeviceCommand::make_secrets(std::string login, Secret password) {
  directory::SecretsPolicy policy = service_.options_.secrets;
  if (command_.secrets) {
    BZ_CO_TRY(policy.kinds, directory::SecretKinds::parse(*command_.secrets));
  }
  if (policy.kinds.need_seal() && !service_.directory_.can_seal())
    co_return fail(Errc::Denied,
                   "secrets of " + policy.kinds.to_string() + " need a key file (setting auth.secrets_key_file)");
  policy.cost = {.memory_kib = 64, .passes = 1, .lanes = 1};
  base::Random* random = &service_.world_.random;
  std::function<Result<Secret>()> work = [login, password, policy, random]() -> Result<Secret> {
    BZ_TRY(directory::Secrets secrets, directory::make_secrets(login, password, policy, *random));
    secrets.argon2id = "-";
    return secrets.encode();
  };
  auto making = service_.world_.pool.run<Secret>(service_.world_.loop, std::move(work));
  auto secrets = co_await making;
  co_return std::move(secrets);
}

Task<DeviceCommand::Text> DeviceCommand::add() {
  directory::NewDevice wanted;
  wanted.name = *command_.name;
  if (command_.protocols) {
    BZ_CO_TRY(wanted.protocols, directory::parse_protocols(*command_.protocols));
  }
  if (command_.expires) {
    BZ_CO_TRY(wanted.expires, parse_expiry(*command_.expires, service_.world_.clock.unix_seconds()));
  }
  BZ_CO_TRY(wanted.certificate, certificate());
  auto looking = account(false);
  BZ_CO_TRY(Who who, co_await std::move(looking));
  directory::Devices& devices = service_.directory_.devices();
  auto reading = devices.book(who.id);
  BZ_CO_TRY(directory::DeviceBook book, co_await std::move(reading));
  BZ_CO_TRY(wanted.label, directory::Devices::label_for(book, wanted.name));
  const std::string login = who.name + "/" + wanted.label;
  if (wanted.certificate.empty()) {
    wanted.password = directory::make_device_password(service_.world_.random);
    auto making = make_secrets(login, wanted.password);
    BZ_CO_TRY(wanted.secrets, co_await std::move(making));
  }
  const Secret password = wanted.password;
  auto adding = devices.add(who.id, who.name, std::move(wanted));
  BZ_CO_TRY(directory::Device device, co_await std::move(adding));
  if (command_.json)
    co_return "{\"account\":" + json_text(who.name) + ",\"login\":" + json_text(login) +
        ",\"device\":" + json_of(device, {}, 0) + ",\"password\":" + json_text(password.reveal()) + "}\n";
  std::string out = "added the device \"" + device.name + "\" of " + who.name + "\n";
  if (password.empty()) co_return out + "certificate  " + base::hex(device.certificate) + "\n";
  co_return out + "user name    " + who.name + "\n" + "             " + login +
      "   for SCRAM, CRAM-MD5, DIGEST-MD5, NTLM, APOP\n" + "password     " + std::string(password.reveal()) +
      "   shown this once\n";
}

Task<DeviceCommand::Text> DeviceCommand::list() {
  auto looking = account(true);
  BZ_CO_TRY(Who who, co_await std::move(looking));
  directory::Devices& devices = service_.directory_.devices();
  auto reading = devices.book(who.id);
  BZ_CO_TRY(directory::DeviceBook book, co_await std::move(reading));
  auto asking = devices.uses(who.id);
  BZ_CO_TRY(auto uses, co_await std::move(asking));
  auto counting = service_.live_sessions(who.id);
  DeviceSessions sessions = co_await std::move(counting);
  std::string out;
  for (const directory::Device& device : book.devices) {
    const directory::DeviceUse& use = uses[device.number];
    const size_t count = sessions.count[device.label];
    if (command_.json)
      out += (out.empty() ? "" : ",\n ") + json_of(device, use, count);
    else
      out += lines_of(device, use, count, service_.world_.clock.unix_seconds());
  }
  const std::string own = std::to_string(sessions.count[""]);
  if (command_.json)
    co_return "{\"account\":" + json_text(who.name) + ",\"devices_only\":" + (book.devices_only ? "true" : "false") +
        ",\"own_sessions\":" + own + ",\"complete\":" + (sessions.complete ? "true" : "false") + ",\"devices\":[" + out +
        "]}\n";
  out += book.devices_only ? "devices only: the account's own password is refused" : "the account's own password";
  out += ", sessions now " + own + "\n";
  if (!sessions.complete) out += "a gateway did not answer: there may be more sessions\n";
  co_return out;
}

Task<DeviceCommand::Text> DeviceCommand::revoke() {
  auto looking = account(true);
  BZ_CO_TRY(Who who, co_await std::move(looking));
  auto revoking = service_.directory_.devices().revoke(who.id, command_.names[1]);
  BZ_CO_TRY(directory::Device device, co_await std::move(revoking));
  service_.end_device_sessions(who.id, device.label, "the device is revoked");
  service_.tasks_.spawn(service_.end_late_device_sessions(who.id, device.label));
  if (command_.json) co_return "{\"account\":" + json_text(who.name) + ",\"revoked\":" + json_text(device.name) + "}\n";
  co_return "revoked the device \"" + device.name + "\" of " + who.name + "\n";
}

// On: whoever came by the account's own password goes; the devices come back by themselves.
Task<DeviceCommand::Text> DeviceCommand::only() {
  const std::string& word = command_.names[1];
  if (word != "on" && word != "off") co_return fail(Errc::Invalid, "on or off, not " + word);
  auto looking = account(false);
  BZ_CO_TRY(Who who, co_await std::move(looking));
  auto setting = service_.directory_.devices().set_devices_only(who.id, who.name, word == "on");
  BZ_CO_TRY_VOID(co_await std::move(setting));
  if (word == "on") service_.end_sessions(who.id, "only devices may log in");
  if (command_.json)
    co_return "{\"account\":" + json_text(who.name) + ",\"devices_only\":" + (word == "on" ? "true" : "false") + "}\n";
  co_return who.name + (word == "on" ? ": only devices may log in\n" : ": the account's own password is taken\n");
}

}  // namespace bz::authd

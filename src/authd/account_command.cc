// `buzon account ...`.
#include <algorithm>

#include "authd/commands.h"
#include "base/text.h"

namespace bz::authd {

namespace {

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

std::string line_of(const directory::Account& a) {
  return a.name + "  " + std::string(directory::name(a.state)) + "  id " + std::to_string(a.id.value()) + "  quota " +
         quota_text(a.quota) + (a.mail_host.empty() ? "" : "  on " + a.mail_host) +
         (a.display_name.empty() ? "" : "  \"" + a.display_name + "\"") + "\n";
}

}  // namespace

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

}  // namespace bz::authd

// Administration of accounts: each change is one commit, guarded by the records it read.
#include <algorithm>

#include "base/text.h"
#include "directory/embedded.h"
#include "directory/keys.h"

namespace bz::directory {

namespace {

Result<void> normalize_send_as(std::vector<std::string>& addresses) {
  if (addresses.size() > kMaxSendAs) return fail(Errc::Limit, "at most 100 addresses");
  for (std::string& address : addresses) {
    if (address == kAnybody) continue;
    auto normal = normal_address(address);
    if (!normal || normal->starts_with('@')) return fail(Errc::Invalid, "not an address: " + address);
    address = *normal;
  }
  return {};
}

}  // namespace

Task<Result<std::vector<Account>>> Embedded::list(bool with_purged) {
  std::vector<Account> out;
  std::string begin = "A/", end = after("A/");
  for (;;) {
    auto scanning = partition_->scan(begin, end);
    BZ_CO_TRY(kv::Page page, co_await scanning);
    for (const kv::KeyValue& item : page.items) {
      BZ_CO_TRY(Account account, Account::decode(item.value));
      if (with_purged || account.state != State::Purged) out.push_back(std::move(account));
    }
    if (!page.more) break;
    begin = page.next;
  }
  co_return std::move(out);
}

// Adds the changed account to `batch`, guarded by what it was.
Task<Result<void>> Embedded::save(Stored stored, kv::Batch batch) {
  stored.account.changed = clock_.unix_seconds();
  std::string key = account_key(stored.account.id);
  batch.put(key, stored.account.encode());
  auto done = partition_->commit(std::move(batch), {{key, stored.bytes}});
  BZ_CO_TRY_VOID(co_await done);
  co_return Result<void>();
}

Task<Result<Account>> Embedded::add(NewAccount wanted, Secrets secrets) {
  BZ_CO_TRY(std::string address, our_address(login_name(wanted.name)));
  if (address.starts_with('@')) co_return fail(Errc::Invalid, "an account needs a name before the @");
  if (local_part(address).find('+') != std::string_view::npos)
    co_return fail(Errc::Invalid, "an account's name has no \"+\": what follows it is a tag");
  if (wanted.display_name.size() > 255 || !base::is_utf8(wanted.display_name))
    co_return fail(Errc::Invalid, "the display name is at most 255 bytes of UTF-8");
  BZ_CO_TRY_VOID(normalize_send_as(wanted.send_as));
  auto got = partition_->get(kHeaderKey);
  BZ_CO_TRY(std::optional<kv::Bytes> header_bytes, co_await got);
  if (!header_bytes) co_return fail(Errc::Corrupt, "directory header");
  BZ_CO_TRY(Header header, Header::decode(*header_bytes));
  auto finding = find_name(address);
  BZ_CO_TRY(std::optional<Name> taken, co_await std::move(finding));
  if (taken)
    co_return fail(Errc::Exists,
                   address + (taken->alias ? " is an alias" : " is an account (perhaps removed and not purged)"));
  Account account;
  account.id = AccountId(header.next_id++);
  account.name = address;
  account.display_name = wanted.display_name;
  account.quota = wanted.quota;
  account.send_as = std::move(wanted.send_as);
  account.verifier_version = 1;
  account.created = account.changed = clock_.unix_seconds();
  account.secret_kinds = secrets.kinds();
  BZ_CO_TRY(std::string sealed, seal_secrets(account.id, secrets));
  kv::Batch batch;
  batch.put(kHeaderKey, header.encode()).put(account_key(account.id), account.encode());
  batch.put(secrets_key(account.id), sealed).put(name_key(address), Name{false, {account.id}}.encode());
  auto done =
      partition_->commit(std::move(batch), {{std::string(kHeaderKey), *header_bytes}, {name_key(address), std::nullopt}});
  BZ_CO_TRY_VOID(co_await done);
  co_return std::move(account);
}

Task<Result<Account>> Embedded::set_secrets(std::string name, Secrets secrets) {
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  if (stored.account.state == State::Removed) co_return fail(Errc::Denied, "the account is removed; enable it first");
  ++stored.account.verifier_version;
  stored.account.secret_kinds = secrets.kinds();
  BZ_CO_TRY(std::string sealed, seal_secrets(stored.account.id, secrets));
  kv::Batch batch;
  batch.put(secrets_key(stored.account.id), sealed);
  auto saving = save(stored, std::move(batch));
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(stored.account);
}

Task<Result<Account>> Embedded::set_state(std::string name, State state) {
  BZ_CHECK(state != State::Purged, "purge() does that");
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  if (stored.account.state == State::Removed && state == State::Disabled)
    co_return fail(Errc::Denied, "the account is removed; enable it first");
  ++stored.account.verifier_version;
  stored.account.state = state;
  auto saving = save(stored, kv::Batch());
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(stored.account);
}

Task<Result<Account>> Embedded::set_quota(std::string name, Quota quota) {
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  stored.account.quota = quota;
  auto saving = save(stored, kv::Batch());
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(stored.account);
}

Task<Result<Account>> Embedded::set_route(std::string name, std::string mail_host, std::string server_type) {
  if (mail_host.size() > kMaxMailHost || server_type.size() > kMaxServerType)
    co_return fail(Errc::Invalid, "the name of a mail host is too long");
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  stored.account.mail_host = std::move(mail_host);
  stored.account.server_type = std::move(server_type);
  auto saving = save(stored, kv::Batch());
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(stored.account);
}

Task<Result<Account>> Embedded::set_send_as(std::string name, std::vector<std::string> addresses) {
  BZ_CO_TRY_VOID(normalize_send_as(addresses));
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  stored.account.send_as = std::move(addresses);
  auto saving = save(stored, kv::Batch());
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(stored.account);
}

Task<Result<Account>> Embedded::purge(std::string name) {
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  if (stored.account.state != State::Removed)
    co_return fail(Errc::Denied, "only a removed account is purged: remove it first");
  auto dropping = drop_aliases(stored.account.id);
  BZ_CO_TRY_VOID(co_await std::move(dropping));
  auto forgetting = devices_->forget(stored.account.id);
  BZ_CO_TRY_VOID(co_await std::move(forgetting));
  stored.account.state = State::Purged;
  stored.account.send_as.clear();
  stored.account.secret_kinds.clear();
  ++stored.account.verifier_version;
  kv::Batch batch;
  batch.del(secrets_key(stored.account.id)).del(name_key(stored.account.name));
  auto saving = save(stored, std::move(batch));
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(stored.account);
}

}  // namespace bz::directory

// Administration of aliases.
#include <algorithm>

#include "base/text.h"
#include "directory/embedded.h"
#include "directory/keys.h"

namespace bz::directory {

// Aliases one by one, each with its own commit: a purge cut short is finished by the next one.
Task<Result<void>> Embedded::drop_aliases(AccountId id) {
  std::string prefix = alias_prefix(id);
  for (;;) {
    auto scanning = partition_->scan(prefix, after(prefix), 100);
    BZ_CO_TRY(kv::Page page, co_await scanning);
    if (page.items.empty()) co_return Result<void>();
    for (const kv::KeyValue& item : page.items) {
      std::string address = item.key.substr(prefix.size());
      auto got = partition_->get(name_key(address));
      BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
      kv::Batch batch;
      batch.del(item.key);
      if (bytes) {
        BZ_CO_TRY(Name name, Name::decode(*bytes));
        std::erase(name.accounts, id);
        if (name.accounts.empty()) {
          batch.del(name_key(address));
        } else {
          batch.put(name_key(address), name.encode());
        }
      }
      auto done = partition_->commit(std::move(batch), {{name_key(address), bytes}});
      BZ_CO_TRY_VOID(co_await done);
    }
  }
}

Task<Result<Alias>> Embedded::alias_add(std::string text, std::vector<std::string> accounts) {
  BZ_CO_TRY(std::string address, our_address(text));
  if (accounts.empty()) co_return fail(Errc::Invalid, "an alias needs an account");
  auto got = partition_->get(name_key(address));
  BZ_CO_TRY(std::optional<kv::Bytes> before, co_await got);
  Name name;
  name.alias = true;
  if (before) {
    BZ_CO_TRY(name, Name::decode(*before));
    if (!name.alias) co_return fail(Errc::Exists, address + " is an account");
  }
  kv::Batch batch;
  std::vector<kv::Guard> guards{{name_key(address), before}};
  for (const std::string& account : accounts) {
    auto loading = load_by_name(account);
    BZ_CO_TRY(Stored stored, co_await std::move(loading));
    guards.push_back({account_key(stored.account.id), stored.bytes});  // not purged meanwhile
    AccountId id = stored.account.id;
    if (std::find(name.accounts.begin(), name.accounts.end(), id) == name.accounts.end()) name.accounts.push_back(id);
    batch.put(alias_key(id, address), "");
  }
  if (name.accounts.size() > kMaxAliasTargets) co_return fail(Errc::Limit, "an alias stands for at most 1000 accounts");
  batch.put(name_key(address), name.encode());
  auto done = partition_->commit(std::move(batch), std::move(guards));
  BZ_CO_TRY_VOID(co_await done);
  Alias alias{address, {}};
  for (AccountId id : name.accounts) {
    auto loading = load(id);
    BZ_CO_TRY(Stored stored, co_await std::move(loading));
    alias.accounts.push_back(stored.account.name);
  }
  co_return std::move(alias);
}

Task<Result<void>> Embedded::alias_remove(std::string text, std::string account) {
  auto address = normal_address(text);
  Error none(Errc::NotFound, "no alias " + text.substr(0, 254));
  if (!address) co_return none;
  auto got = partition_->get(name_key(*address));
  BZ_CO_TRY(std::optional<kv::Bytes> before, co_await got);
  if (!before) co_return none;
  BZ_CO_TRY(Name name, Name::decode(*before));
  if (!name.alias) co_return none;
  std::vector<AccountId> leaving = name.accounts;
  if (!account.empty()) {
    auto loading = load_by_name(account);
    BZ_CO_TRY(Stored stored, co_await std::move(loading));
    leaving = {stored.account.id};
    if (std::erase(name.accounts, stored.account.id) == 0)
      co_return fail(Errc::NotFound, *address + " does not stand for " + stored.account.name);
  } else {
    name.accounts.clear();
  }
  kv::Batch batch;
  for (AccountId id : leaving) batch.del(alias_key(id, *address));
  if (name.accounts.empty()) {
    batch.del(name_key(*address));
  } else {
    batch.put(name_key(*address), name.encode());
  }
  auto done = partition_->commit(std::move(batch), {{name_key(*address), before}});
  BZ_CO_TRY_VOID(co_await done);
  co_return Result<void>();
}

Task<Result<std::vector<Alias>>> Embedded::aliases() {
  std::vector<Alias> out;
  std::string begin = "N/", end = after("N/");
  for (;;) {
    auto scanning = partition_->scan(begin, end);
    BZ_CO_TRY(kv::Page page, co_await scanning);
    for (const kv::KeyValue& item : page.items) {
      BZ_CO_TRY(Name name, Name::decode(item.value));
      if (!name.alias) continue;
      Alias alias{item.key.substr(2), {}};
      for (AccountId id : name.accounts) {
        auto loading = load(id);
        BZ_CO_TRY(Stored stored, co_await std::move(loading));
        alias.accounts.push_back(stored.account.name);
      }
      out.push_back(std::move(alias));
    }
    if (!page.more) break;
    begin = page.next;
  }
  co_return std::move(out);
}

}  // namespace bz::directory

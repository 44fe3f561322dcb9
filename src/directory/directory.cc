#include "directory/directory.h"

#include <algorithm>

#include "base/coding.h"
#include "base/text.h"
#include "crypto/seal.h"
#include "intl/idna.h"

namespace bz::directory {

namespace {

constexpr kv::PartitionId kPartition{kv::kDirectoryPartition, 1};
constexpr std::string_view kHeaderKey = "H";
constexpr uint8_t kVersion = 1, kPlain = 0, kSealed = 1;

std::string id_key(std::string_view prefix, AccountId id) {
  std::string key(prefix);
  base::put_be64(key, id.value());
  return key;
}
std::string account_key(AccountId id) { return id_key("A/", id); }
std::string secrets_key(AccountId id) { return id_key("S/", id); }
std::string name_key(std::string_view address) { return "N/" + std::string(address); }
std::string alias_prefix(AccountId id) { return id_key("R/", id) + "/"; }
std::string alias_key(AccountId id, std::string_view address) { return alias_prefix(id) + std::string(address); }
std::string after(std::string prefix) {  // the first key that does not begin with it; prefixes end in '/'
  ++prefix.back();
  return prefix;
}

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

bool takes_part(const Account& account) { return account.state == State::Active; }

std::string untagged(std::string_view address) {
  std::string_view local = local_part(address);
  size_t plus = local.find('+');
  if (plus == local.npos || plus == 0) return {};
  return std::string(local.substr(0, plus)) + std::string(address.substr(local.size()));
}

}  // namespace

std::string Directory::Header::encode() const {
  std::string out;
  base::put_u8(out, kVersion);
  base::put_varint(out, next_id);
  base::put_bytes(out, fake_key);
  return out;
}

Result<Directory::Header> Directory::Header::decode(std::string_view bytes) {
  base::Reader in(bytes);
  Header h;
  bool known = in.u8() == kVersion;
  h.next_id = in.varint();
  h.fake_key = in.bytes();
  if (!known || !in.ok() || h.next_id == 0 || h.fake_key.size() != 32) return fail(Errc::Corrupt, "directory header");
  return h;
}

Directory::Directory(Options options, const base::Clock& clock, base::Random& random)
    : options_(std::move(options)),
      clock_(clock),
      random_(random),
      decoy_verifier_(crypto::decoy_verifier(options_.cost, random)) {}

Task<Result<std::unique_ptr<Directory>>> Directory::open(kv::Store& store, base::Executor& executor, Options options,
                                                         const base::Clock& clock, base::Random& random) {
  if (!options.seal_key.empty() && options.seal_key.reveal().size() != crypto::kSealKeySize)
    co_return fail(Errc::Invalid, "the key file for secrets does not hold 32 bytes");
  std::unique_ptr<Directory> directory(new Directory(std::move(options), clock, random));
  auto opened = store.open(kPartition, true, executor);
  BZ_CO_TRY(directory->partition_, co_await opened);
  auto got = directory->partition_->get(kHeaderKey);
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  Header header;
  if (bytes) {
    BZ_CO_TRY(header, Header::decode(*bytes));
  } else {
    header.fake_key = random.bytes(32);
    kv::Batch batch;
    batch.put(kHeaderKey, header.encode());
    auto done = directory->partition_->commit(std::move(batch), {{std::string(kHeaderKey), std::nullopt}});
    BZ_CO_TRY_VOID(co_await done);
  }
  directory->fake_key_ = Secret(header.fake_key);
  co_return std::move(directory);
}

bool Directory::is_our_domain(std::string_view domain) const {
  return std::any_of(options_.domains.begin(), options_.domains.end(),
                     [&](const std::string& ours) { return intl::same_domain(ours, domain); });
}

Result<std::string> Directory::our_address(std::string_view text) const {
  auto address = normal_address(text);
  if (!address) return fail(Errc::Invalid, "not an address: " + std::string(text.substr(0, 254)));
  if (!is_our_domain(domain_part(*address)))
    return fail(Errc::Invalid, std::string(domain_part(*address)) + " is not one of our domains (setting `domains`)");
  return *address;
}

// Secrets ---------------------------------------------------------------------------------------------------------------

Result<std::string> Directory::seal_secrets(AccountId id, const Secrets& secrets) {
  Secret plain = secrets.encode();
  if (can_seal()) {
    BZ_TRY(std::string sealed,
           crypto::seal(options_.seal_key, "buzon account " + std::to_string(id.value()), plain.reveal(), random_));
    return static_cast<char>(kSealed) + sealed;
  }
  if (SecretKinds kinds = secrets.optional_kinds(); kinds.need_seal())
    return fail(Errc::Invalid, "secrets of " + kinds.to_string() + " need a key file (auth.secrets_key_file)");
  return static_cast<char>(kPlain) + std::string(plain.reveal());
}

Result<Secrets> Directory::open_secrets(AccountId id, std::string_view bytes) const {
  if (bytes.empty()) return fail(Errc::Corrupt, "secrets record");
  uint8_t form = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  if (form == kPlain) return Secrets::decode(bytes);
  if (form != kSealed) return fail(Errc::Corrupt, "secrets record");
  if (!can_seal()) return fail(Errc::Corrupt, "secrets are sealed and no key file is set (auth.secrets_key_file)");
  BZ_TRY(Secret plain, crypto::open_sealed(options_.seal_key, "buzon account " + std::to_string(id.value()), bytes));
  return Secrets::decode(plain.reveal());
}

Secrets Directory::decoy(std::string_view name) const {
  return Secrets{decoy_verifier_, sasl::fake_credentials(fake_key_, name)};
}

// Reading ---------------------------------------------------------------------------------------------------------------

std::string Directory::login_name(std::string_view user) const {
  std::string name = normal_login(user);
  if (name.find('@') == name.npos && !options_.domains.empty()) name += "@" + options_.domains[0];
  return name;
}

Task<Result<std::optional<Name>>> Directory::find_name(std::string address) {
  auto got = partition_->get(name_key(address));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  if (!bytes) co_return std::optional<Name>();
  BZ_CO_TRY(Name name, Name::decode(*bytes));
  co_return std::optional<Name>(std::move(name));
}

Task<Result<Directory::Stored>> Directory::load(AccountId id) {
  auto got = partition_->get(account_key(id));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  if (!bytes) co_return fail(Errc::NotFound, "no account with the number " + std::to_string(id.value()));
  Stored stored;
  BZ_CO_TRY(stored.account, Account::decode(*bytes));
  stored.bytes = std::move(*bytes);
  co_return std::move(stored);
}

Task<Result<Directory::Stored>> Directory::load_by_name(std::string name) {
  std::string address = login_name(name);
  Error none(Errc::NotFound, "no account " + address.substr(0, 254));
  if (!normal_address(address)) co_return none;
  auto finding = find_name(address);
  BZ_CO_TRY(std::optional<Name> found, co_await std::move(finding));
  if (!found || found->alias) co_return none;
  auto loading = load(found->accounts[0]);
  auto stored = co_await std::move(loading);
  co_return std::move(stored);
}

Task<Result<LoginRecord>> Directory::login(std::string user) {
  LoginRecord record;
  record.account.name = login_name(user);
  record.secrets = decoy(record.account.name);
  auto loading = load_by_name(user);
  auto stored = co_await std::move(loading);
  if (!stored && stored.error().code() == Errc::NotFound) {
    // As many reads as for a known user: SCRAM's first answer has no Argon2id to hide the difference behind.
    std::vector<kv::Bytes> keys{account_key(AccountId()), secrets_key(AccountId())};
    for (const kv::Bytes& key : keys) {
      auto missing = partition_->get(key);
      BZ_CO_TRY_VOID(co_await missing);
    }
    co_return std::move(record);
  }
  if (!stored) co_return std::move(stored).error();
  auto got = partition_->get(secrets_key(stored->account.id));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  record.account = stored->account;
  if (!bytes) co_return std::move(record);  // an account that has never had a password: nobody opens it
  BZ_CO_TRY(Secrets secrets, open_secrets(stored->account.id, *bytes));
  // What the account lacks stays a decoy, so that the mechanism takes its usual course and fails at its end.
  record.known = true;
  record.secrets.argon2id = std::move(secrets.argon2id);
  record.secrets.credentials.take(std::move(secrets.credentials));
  co_return std::move(record);
}

Task<Result<std::optional<Name>>> Directory::find_recipient(std::string address) {
  const std::vector<std::string> candidates{address, untagged(address), "@" + std::string(domain_part(address))};
  for (const std::string& candidate : candidates) {
    if (candidate.empty()) continue;
    auto finding = find_name(candidate);
    BZ_CO_TRY(std::optional<Name> found, co_await std::move(finding));
    if (found) co_return std::move(found);
  }
  co_return std::optional<Name>();
}

Task<Result<RecipientAnswer>> Directory::recipients(std::string text) {
  RecipientAnswer answer;
  if (!is_our_domain(domain_part(text))) co_return std::move(answer);
  answer.kind = RecipientAnswer::Kind::NoSuchAddress;
  auto address = normal_address(text);
  if (!address || address->starts_with('@')) co_return std::move(answer);
  auto finding = find_recipient(*address);
  BZ_CO_TRY(std::optional<Name> found, co_await std::move(finding));
  if (!found) co_return std::move(answer);
  bool disabled = false;
  for (AccountId id : found->accounts) {
    auto loading = load(id);
    BZ_CO_TRY(Stored stored, co_await std::move(loading));
    if (takes_part(stored.account)) answer.recipients.push_back({id, stored.account.name, *address});
    disabled = disabled || stored.account.state == State::Disabled;
  }
  if (!answer.recipients.empty()) {
    answer.kind = RecipientAnswer::Kind::Local;
  } else if (disabled) {
    answer.kind = RecipientAnswer::Kind::Disabled;
  }
  co_return std::move(answer);
}

Task<Result<bool>> Directory::may_send_as(AccountId account, std::string text) {
  auto loading = load(account);
  auto stored = co_await std::move(loading);
  if (!stored && stored.error().code() == Errc::NotFound) co_return false;
  if (!stored) co_return std::move(stored).error();
  if (!takes_part(stored->account)) co_return false;
  const auto& listed = stored->account.send_as;
  if (std::find(listed.begin(), listed.end(), kAnybody) != listed.end()) co_return true;
  auto address = normal_address(text);
  if (!address || address->starts_with('@')) co_return false;
  if (std::find(listed.begin(), listed.end(), *address) != listed.end()) co_return true;
  if (!is_our_domain(domain_part(*address))) co_return false;
  const std::vector<std::string> candidates{*address, untagged(*address)};
  for (const std::string& candidate : candidates) {
    if (candidate.empty()) continue;
    auto finding = find_name(candidate);
    BZ_CO_TRY(std::optional<Name> found, co_await std::move(finding));
    if (!found) continue;
    co_return std::find(found->accounts.begin(), found->accounts.end(), account) != found->accounts.end();
  }
  co_return false;
}

Task<Result<Account>> Directory::by_name(std::string name) {
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  co_return std::move(stored.account);
}

Task<Result<Account>> Directory::by_id(AccountId id) {
  auto loading = load(id);
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  co_return std::move(stored.account);
}

Task<Result<std::vector<Account>>> Directory::list(bool with_purged) {
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

Task<Result<std::vector<Alias>>> Directory::aliases() {
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

// Writing ---------------------------------------------------------------------------------------------------------------

// Adds the changed account to `batch`, guarded by what it was.
Task<Result<void>> Directory::save(Stored stored, kv::Batch batch) {
  stored.account.changed = clock_.unix_seconds();
  std::string key = account_key(stored.account.id);
  batch.put(key, stored.account.encode());
  auto done = partition_->commit(std::move(batch), {{key, stored.bytes}});
  BZ_CO_TRY_VOID(co_await done);
  co_return Result<void>();
}

Task<Result<Account>> Directory::add(NewAccount wanted, Secrets secrets) {
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
  account.quota_bytes = wanted.quota_bytes;
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

Task<Result<Account>> Directory::set_secrets(std::string name, Secrets secrets) {
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

Task<Result<Account>> Directory::set_state(std::string name, State state) {
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

Task<Result<Account>> Directory::set_quota(std::string name, uint64_t bytes) {
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  stored.account.quota_bytes = bytes;
  auto saving = save(stored, kv::Batch());
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(stored.account);
}

Task<Result<Account>> Directory::set_send_as(std::string name, std::vector<std::string> addresses) {
  BZ_CO_TRY_VOID(normalize_send_as(addresses));
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  stored.account.send_as = std::move(addresses);
  auto saving = save(stored, kv::Batch());
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(stored.account);
}

// Aliases one by one, each with its own commit: a purge cut short is finished by the next one.
Task<Result<void>> Directory::drop_aliases(AccountId id) {
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

Task<Result<Account>> Directory::purge(std::string name) {
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  if (stored.account.state != State::Removed)
    co_return fail(Errc::Denied, "only a removed account is purged: remove it first");
  auto dropping = drop_aliases(stored.account.id);
  BZ_CO_TRY_VOID(co_await std::move(dropping));
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

Task<Result<Alias>> Directory::alias_add(std::string text, std::vector<std::string> accounts) {
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

Task<Result<void>> Directory::alias_remove(std::string text, std::string account) {
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

}  // namespace bz::directory
